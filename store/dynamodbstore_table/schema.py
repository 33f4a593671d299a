"""The one table's schema: keys, indexes, billing, stream, and the time-to-live attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.keys import GSI1, GSI2

from dynamodbstore_table.port import Index

TTL: Final = "ttl"

TABLE_KEYS: Final = ("PK", "SK")
INDEX_KEYS: Final[Mapping[Index, tuple[str, str]]] = {
    "GSI1": ("gsi1pk", "gsi1sk"),
    "GSI2": ("gsi2pk", "gsi2sk"),
}

LOOKUP_ATTRIBUTES: Final = ("PK", "SK", "gsi2pk", "gsi2sk")
"""What a query of ``GSI2`` returns. The index holds ``ttl`` too, or it would show expired items."""

STREAM: Final = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
TIME_TO_LIVE: Final = {"Enabled": True, "AttributeName": TTL}


def table_definition(name: str) -> dict[str, Any]:
    """The parameters of CreateTable, on demand, without the stream (see ``STREAM``)."""
    attributes = [*TABLE_KEYS, *INDEX_KEYS["GSI1"], *INDEX_KEYS["GSI2"]]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        "KeySchema": _key_schema(TABLE_KEYS),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": GSI1,
                "KeySchema": _key_schema(INDEX_KEYS["GSI1"]),
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": GSI2,
                "KeySchema": _key_schema(INDEX_KEYS["GSI2"]),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [TTL]},
            },
        ],
    }


def _key_schema(keys: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"AttributeName": keys[0], "KeyType": "HASH"},
        {"AttributeName": keys[1], "KeyType": "RANGE"},
    ]
