"""Creating the table on first use, by as many servers at once as there are."""

from __future__ import annotations

import logging
import time
from typing import Any

from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.errors import ResourceInUse, Unsupported
from dynamodbstore_table.dynamodb.layout import check_layout, lacks
from dynamodbstore_table.errors import (
    AccessDenied,
    InvalidOps,
    TableError,
    TableMissing,
    TableUnavailable,
)
from dynamodbstore_table.facts import TableFacts
from dynamodbstore_table.schema import STREAM, TIME_TO_LIVE, TTL, table_definition

_DEADLINE_S = 300.0
_FIRST_POLL_S = 0.05
_SLOWEST_POLL_S = 2.0

_log = logging.getLogger(__name__)


def table_exists(client: Client) -> bool:
    """Whether the table is there, be it still in creation."""
    return _describe(client) is not None


def create_table(client: Client) -> None:
    """Create the table if it is missing, wait for it, and switch on what the engine supports of
    time to live and point-in-time recovery.

    Raises ``TableUnfit`` for one that is there already and laid out in another way.
    """
    found = _describe(client)
    created = found is None and _create(client)
    check_layout(_wait_until_active(client, found), client.place)
    _enable_time_to_live(client)
    if created:
        _enable_backups(client)


def check_table(client: Client) -> None:
    """One request; raises ``TableMissing``, and ``TableUnfit`` with the remedy."""
    check_layout(client.call("describe_table")["Table"], client.place)


def table_facts(client: Client) -> TableFacts:
    """Two requests; raises as ``check_table``."""
    description = client.call("describe_table")["Table"]
    check_layout(description, client.place)
    stream = bool((description.get("StreamSpecification") or {}).get("StreamEnabled"))
    return TableFacts(
        items=description.get("ItemCount"),
        bytes=description.get("TableSizeBytes"),
        stream=stream,
        stream_arn=description.get("LatestStreamArn") if stream else None,
        arn=description.get("TableArn"),
        table_id=description.get("TableId"),
        lacks=lacks(description, _time_to_live(client), client.place),
    )


def _create(client: Client) -> bool:
    definition = table_definition(client.table)
    try:
        try:
            client.send("create_table", **definition, StreamSpecification=STREAM)
        except (InvalidOps, Unsupported):
            # A local engine without streams. Any other cause makes this call fail too.
            client.send("create_table", **definition)
    except ResourceInUse:
        return False
    return True


def _wait_until_active(client: Client, found: dict[str, Any] | None) -> dict[str, Any]:
    """The description of the table once it and its indexes can be used."""
    deadline = time.monotonic() + _DEADLINE_S
    poll = _FIRST_POLL_S
    while found is None or not _is_active(found):
        if time.monotonic() > deadline:
            raise TableUnavailable(
                f"the table {client.table!r} is not active {_DEADLINE_S:.0f} seconds after its "
                "creation: look at it in the AWS console"
            )
        if found is not None:
            time.sleep(poll)
            poll = min(poll * 2, _SLOWEST_POLL_S)
        found = _describe(client)
    return found


def _is_active(description: dict[str, Any]) -> bool:
    if description["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return False
    indexes = description.get("GlobalSecondaryIndexes", ())
    return all(index.get("IndexStatus", "ACTIVE") == "ACTIVE" for index in indexes)


def _enable_time_to_live(client: Client) -> None:
    try:
        if not _has_time_to_live(client):
            client.call("update_time_to_live", TimeToLiveSpecification=TIME_TO_LIVE)
    except (InvalidOps, ResourceInUse, Unsupported) as error:
        # Another server may have been quicker; an engine without it only keeps items longer.
        _log.debug("time to live of %s: %s", client.table, error)


def _time_to_live(client: Client) -> bool | None:
    """Whether time to live is on; None where the engine, or the right to look at it, is lacking."""
    try:
        return _has_time_to_live(client)
    except (AccessDenied, InvalidOps, ResourceInUse, Unsupported):
        return None


def _has_time_to_live(client: Client) -> bool:
    found = client.call("describe_time_to_live").get("TimeToLiveDescription", {})
    on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return on and found.get("AttributeName", TTL) == TTL


def _enable_backups(client: Client) -> None:
    try:
        client.call(
            "update_continuous_backups",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
    except Unsupported as error:
        _log.debug("point-in-time recovery of %s: %s", client.table, error)
    except TableError as error:
        _log.warning(
            "The table %s was created, but without point-in-time recovery: %s", client.table, error
        )


def _describe(client: Client) -> dict[str, Any] | None:
    try:
        description: dict[str, Any] = client.call("describe_table")["Table"]
    except TableMissing:
        return None
    return description
