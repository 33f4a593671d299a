"""Exports of a table as DynamoDB writes them to S3, copied to a directory."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from dynamodbstore_table.port import Item

TABLE_ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/mlflow"
TABLE_ID = "b116b490-6460-4d4a-9a6b-5d360abf4fb3"
_EXPORT = "export/01695097218000-d6299cbd"
_PLACE = "AWSDynamoDB/01695097218000-d6299cbd"


def export(
    directory: Path,
    items: Iterable[Item],
    at_ms: int,
    files: int = 3,
    table_arn: str = TABLE_ARN,
    table_id: str = TABLE_ID,
) -> Path:
    """A full export of a table that has these items at that time, in several data files."""
    lines = [json.dumps({"Item": _image(item)}, default=_base64) for item in items]
    of = {"exportType": "FULL_EXPORT", "tableArn": table_arn, "tableId": table_id}
    return _write(directory, lines, files, at_ms, of)


def incremental_export(directory: Path, items: Iterable[Item], at_ms: int) -> Path:
    """An export of changes alone."""
    lines = [
        json.dumps(
            {
                "Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}},
                "Keys": _image({"PK": item["PK"], "SK": item["SK"]}),
                "NewImage": _image(item),
            },
            default=_base64,
        )
        for item in items
    ]
    return _write(
        directory,
        lines,
        1,
        at_ms,
        {"exportType": "INCREMENTAL_EXPORT", "tableArn": TABLE_ARN, "tableId": TABLE_ID},
    )


def _write(
    directory: Path, lines: list[str], files: int, at_ms: int, more: Mapping[str, str]
) -> Path:
    (directory / "data").mkdir(parents=True)
    entries = []
    for number in range(files):
        mine = lines[number::files]
        name = f"a{number}kqgrtiyk4.json.gz"
        with gzip.open(directory / "data" / name, "wt", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in mine)
        entries.append({"itemCount": len(mine), "dataFileS3Key": f"{_PLACE}/data/{name}"})
    time = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
    summary = {
        "version": "2020-06-30",
        "exportArn": f"{more['tableArn']}/{_EXPORT}",
        "exportTime": time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "manifestFilesS3Key": f"{_PLACE}/manifest-files.json",
        "itemCount": len(lines),
        "outputFormat": "DYNAMODB_JSON",
        **more,
    }
    (directory / "manifest-summary.json").write_text(json.dumps(summary))
    (directory / "manifest-files.json").write_text("\n".join(map(json.dumps, entries)) + "\n")
    return directory


def _image(item: Mapping[str, Any]) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


def _base64(value: bytes) -> str:
    return base64.b64encode(bytes(value)).decode()
