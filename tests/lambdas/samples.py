"""The sample events, and what they tell of put into a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dynamodbstore_events.attribute_values import decode_image
from dynamodbstore_table.port import Delete, Put, Table

FOLDER = Path(__file__).parents[2] / "events" / "samples"

EXPERIMENT_ID = "1764000000000000"
MODEL_KEY = "77acdd787d040f889bd3ce0f18e83968"
RUN_ID = "5c0ffee05c0ffee05c0ffee05c0ffee0"


def sample(name: str) -> dict[str, Any]:
    """A sample event by its name; the caller may change it."""
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return event


def stream_samples() -> list[str]:
    """The names of the samples that are batches of the stream."""
    names = sorted(file.stem for file in FOLDER.glob("*.json"))
    return [name for name in names if name not in ("redrive", "schedule")]


def happen(table: Table, event: dict[str, Any]) -> None:
    """Do to the table what the records of a stream event tell of."""
    for record in event["Records"]:
        change = record["dynamodb"]
        if record["eventName"] == "REMOVE":
            key = decode_image(change["Keys"])
            table.write(Delete((key["PK"], key["SK"])))
        else:
            table.write(Put(decode_image(change["NewImage"])))
