"""Reading summaries: those that still describe their runs."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from dynamodbstore_table.port import Item, Table

from dynamodbstore_projections.summary.projection import ENDED, summary_key


def summaries(table: Table, ended: Mapping[str, Mapping[str, Any]]) -> dict[str, Item]:
    """The summaries that still describe these runs, by partition key; ``ended`` has the runs'
    META items.

    Summaries are read eventually consistent, for half the price: they follow the run's writes
    anyway. A run whose summary is missing, outdated or was too large is left out.
    """
    keys = {pk: summary_key(pk.partition("#")[2]) for pk in ended}
    items = table.batch_get(keys.values(), consistent=False)
    return {
        pk: items[key]
        for pk, key in keys.items()
        if key in items and describes(items[key], ended[pk])
    }


def unpacked(item: Mapping[str, Any]) -> bytes | str:
    """The JSON of a summary: ``params`` and ``tags`` by key, ``metrics`` as [key, value (null is
    NaN), time in ms, step], ``edges`` the items of inputs and outputs."""
    if "json" in item:
        text: str = item["json"]
        return text
    return zlib.decompress(item["z"])


def describes(item: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
    """Whether a summary was made when the run had ended as ``meta`` has it."""
    return bool(
        isinstance(item.get("json", item.get("z")), str | bytes)
        and meta["status"] in ENDED
        and item.get("status") == meta["status"]
        and item.get("end_time") == meta.get("end_time")
    )
