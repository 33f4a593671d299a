"""``CONFIG`` items as an operator or a server has left them."""

from __future__ import annotations

from typing import Any

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import (
    BUILT,
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    ConfigSource,
)
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Delete, Item, Put, Table

TABLE_DAYS = {
    "trace_retention_days": 30,
    "soft_deleted_retention_days": 90,
    "metric_history_retention_days": 365,
}
"""The defaults of a table, which older versions wrote into files as well."""
FILE_DAYS = dict.fromkeys(TABLE_DAYS, 0)


def default_days(table: Table) -> dict[str, int]:
    """The retentions of a table or a file for which nobody has set any."""
    return TABLE_DAYS if table.remote else FILE_DAYS


def write_item(table: Table, sk: str, **fields: Any) -> None:
    """Write one by hand, in place of what is there."""
    table.write(Put({"PK": CONFIG, "SK": sk, **fields}))


def remove_item(table: Table, sk: str) -> None:
    table.write(Delete((CONFIG, sk)))


def item(table: Table, sk: str) -> Item | None:
    return table.get((CONFIG, sk))


def config_items(table: Table) -> dict[str, Item]:
    """Every item of the configuration, by its sort key."""
    return {found["SK"]: found for found in table.query_all(CONFIG)}


def write_as_in_the_console(table: DynamoDBTable, sk: str, **attributes: Any) -> None:
    """Write an item with values of types that the console offers and the store never writes, such
    as ``{"SS": [...]}``."""
    table.client.call("put_item", Item={"PK": {"S": CONFIG}, "SK": {"S": sk}, **attributes})


def built_marks(table: Table) -> frozenset[str]:
    """The marks of what searches may rely on."""
    return ConfigSource(table).read().built


def patterns(table: Table, sk: str = DENORMALIZE_TAGS) -> list[str]:
    found = item(table, sk)
    assert found is not None
    listed: list[str] = found["patterns"]
    return listed


def days(table: Table) -> dict[str, int]:
    found = item(table, TTL_POLICY)
    assert found is not None
    return {name: value for name, value in found.items() if name not in ("PK", "SK")}


__all__ = [
    "BUILT",
    "DENORMALIZE_TAGS",
    "FILE_DAYS",
    "FTS_TRIGRAM_FIELDS",
    "TABLE_DAYS",
    "TTL_POLICY",
    "built_marks",
    "config_items",
    "days",
    "default_days",
    "item",
    "patterns",
    "remove_item",
    "write_as_in_the_console",
    "write_item",
]
