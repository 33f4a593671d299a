"""What docs/file.md shows is done while a store writes to the file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, run
from tests.docs import markdown

PAGE = "docs/file.md"


def copies() -> list[str]:
    """The commands that back up a file."""
    blocks = markdown.blocks(markdown.section(PAGE, "## Backing it up"), "sh")
    return [block.strip() for block in blocks]


def names(store: DynamoTrackingStore) -> set[str]:
    return {e.name for e in store.search_experiments(ViewType.ACTIVE_ONLY, 10_000)}


@pytest.mark.parametrize("number", [0, 1], ids=["sqlite3", "python"])
def test_a_copy_made_while_a_store_writes_is_whole(tmp_path: Path, number: int) -> None:
    # Given the page's command, for a file and a copy of ours
    command = copies()[number].replace("/data", str(tmp_path)).replace("/backup", f"{tmp_path}/b")
    program = command.split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    command = command.replace("python ", f"{sys.executable} ", 1)
    (tmp_path / "b").mkdir()
    store = build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", "memory:/")
    for n in range(20):
        store.create_experiment(f"before {n}")

    # When it is run while another thread goes on writing
    done = threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set():
            store.create_experiment(f"during {n}")
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        subprocess.run(["bash", "-c", command], check=True, timeout=60)
    finally:
        done.set()
        writer.join()
    store._table.close()

    # Then the copy is a store with all that was there before
    uri = f"dynamodb:///{tmp_path}/b/mlflow.ddb"
    assert run("status", "--store-uri", uri).exit_code == DONE
    copy = build_tracking_store(uri, "memory:/")
    assert {f"before {n}" for n in range(20)} <= names(copy)
    copy.create_experiment("after")
    copy._table.close()


def test_there_are_two_ways_to_make_a_copy() -> None:
    assert [command.split()[0] for command in copies()] == ["sqlite3", "python"]
