"""What IAM has to grant for the requests of the DynamoDB adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "batch_get_item": ("BatchGetItem",),
    "batch_write_item": ("BatchWriteItem",),
    "create_table": ("CreateTable",),
    "delete_item": ("DeleteItem",),
    "describe_table": ("DescribeTable",),
    "describe_time_to_live": ("DescribeTimeToLive",),
    "get_item": ("GetItem",),
    "put_item": ("PutItem",),
    "query": ("Query",),
    "scan": ("Scan",),
    # A transaction has no action of its own: each of its entries needs its own.
    "transact_write_items": ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"),
    "update_continuous_backups": ("UpdateContinuousBackups",),
    "update_item": ("UpdateItem",),
    "update_time_to_live": ("UpdateTimeToLive",),
}
"""The actions (of the service ``dynamodb``) that each request needs, by the SDK's method."""

ON_ITEMS: Final = (
    "batch_get_item",
    "batch_write_item",
    "delete_item",
    "get_item",
    "put_item",
    "query",
    "transact_write_items",
    "update_item",
)
"""The requests of a table in use."""

AT_START: Final = ("describe_table",)
"""The request by which a server checks, when it starts, that the table fits."""

ON_TABLES: Final = (
    "create_table",
    "describe_time_to_live",
    "scan",
    "update_continuous_backups",
    "update_time_to_live",
)
"""The requests that create a table, look at it as a whole, and read all of it."""

ON_INDEXES: Final = ("query",)
"""The requests that name an index."""


def actions_of(requests: tuple[str, ...]) -> list[str]:
    """The actions for these requests, as policies name them, sorted."""
    return sorted({f"dynamodb:{action}" for name in requests for action in ACTIONS[name]})
