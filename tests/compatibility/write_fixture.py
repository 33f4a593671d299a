"""Writes a fixture with the version of the project that is installed: see README.md here.

python -m tests.compatibility.write_fixture FOLDER
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.compatibility.answers import aging_answers, condensed, registry_answers, tracking_answers
from tests.compatibility.clock import days_from_now, ms
from tests.compatibility.contents import (
    ENCRYPTION_KEY,
    WRITTEN,
    Ids,
    write_contents,
    write_expiring,
    write_old_history,
)
from tests.engines import running_dynoxide

ARTIFACT_ROOT = "s3://bucket/artifacts"
TABLE = "fixture"
_ENVIRONMENT = {
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": ENCRYPTION_KEY,
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def main(folder: Path) -> None:
    """Write the file, the dump, and what the stores on both answer."""
    os.environ.update(_ENVIRONMENT)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        _write_file(Path(aside) / "file.ddb", folder)
        with running_dynoxide(Path(aside)) as url:
            _write_table(url, folder)


def _write_file(path: Path, folder: Path) -> None:
    ids = fill(f"dynamodb:///{path}")
    with sqlite3.connect(path) as connection:
        # What is in the write-ahead log goes into the file, and what was deleted leaves no room.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("rb") as file, _compressed(folder / "file.ddb.gz") as kept:
        shutil.copyfileobj(file, kept)
    _record(f"dynamodb:///{path}", ids, folder / "file.json.gz")


def _write_table(url: str, folder: Path) -> None:
    ids = fill(f"dynamodb://{url}/{TABLE}")
    with days_from_now(WRITTEN):
        _stop_beating(f"dynamodb://{url}/{TABLE}")
    client = boto3.client("dynamodb", endpoint_url=url)
    with _compressed(folder / "table.jsonl.gz") as kept:
        for page in client.get_paginator("scan").paginate(TableName=TABLE):
            for item in page["Items"]:
                line = json.dumps({"Item": item}, default=_base64, sort_keys=True)
                kept.write(line.encode() + b"\n")
    _record(f"dynamodb://{url}/{TABLE}", ids, folder / "table.json.gz")


def fill(uri: str) -> tuple[Ids, Ids]:
    """Write everything to a new store, each part on its day: what lasts, and what ages."""
    from mlflow_dynamodbstore.entry import registry_store, tracking_store

    with days_from_now(-400):
        tracking = tracking_store(uri, ARTIFACT_ROOT)
        aging = write_old_history(tracking)
    with days_from_now(-200):
        aging |= write_expiring(tracking, "swept")
    with days_from_now(-95):
        aging |= write_expiring(tracking, "expired")
    with days_from_now(WRITTEN):
        _configure(uri, aging["exp-aged"])
        tracking, registry = tracking_store(uri, ARTIFACT_ROOT), registry_store(uri)
        lasting = write_contents(tracking, registry)
        # As `mlflow gc` begins: what has expired is removed, and leaves tombstones.
        tracking._get_deleted_runs()
    return lasting, aging


def _configure(uri: str, experiment_id: str) -> None:
    store = ("--store-uri", uri)
    command("fts-trigrams", "set", *store, "--field", "description")
    command("denormalize-tags", "set", *store, "--pattern", "team")
    own = ("--experiment-id", experiment_id, "--pattern", "own.*")
    command("denormalize-tags", "set", *store, *own)
    command("replay", *store)


def command(*arguments: str) -> None:
    """Run a command of the project in this process, whose time may be shifted."""
    from mlflow_dynamodbstore.cli import main as run

    try:
        run(arguments)
    except SystemExit as ended:
        if ended.code:
            raise


def _stop_beating(uri: str) -> None:
    """Leave the heartbeats of stream functions that have been stopped since."""
    from dynamodbstore_projections.heartbeat import beat
    from mlflow_dynamodbstore.entry import tracking_store

    table = tracking_store(uri, ARTIFACT_ROOT)._table
    table.write(beat("search", ms(WRITTEN)), beat("lifecycle", ms(WRITTEN)))


def _record(uri: str, ids: tuple[Ids, Ids], path: Path) -> None:
    from mlflow_dynamodbstore.entry import registry_store, tracking_store

    lasting, aging = ids
    with days_from_now(0):
        tracking, registry = tracking_store(uri, ARTIFACT_ROOT), registry_store(uri)
        answers = {
            "lasting": lasting,
            "aging": aging,
            "tracking answers": tracking_answers(tracking, lasting),
            "registry answers": registry_answers(registry, lasting),
            "aging answers": aging_answers(tracking, aging),
        }
    with _compressed(path) as kept:
        kept.write(json.dumps(condensed(answers), indent=1, sort_keys=True).encode())


@contextmanager
def _compressed(path: Path) -> Iterator[Any]:
    # Without a time, so that the same contents make the same file.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as file:
        yield file


def _base64(value: bytes) -> str:
    return base64.b64encode(bytes(value)).decode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
