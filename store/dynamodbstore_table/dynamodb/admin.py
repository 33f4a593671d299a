"""Creating the table on first use, by as many servers at once as there are."""

from __future__ import annotations

import logging
import time
from typing import Any

from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.errors import ResourceInUse, Unsupported
from dynamodbstore_table.errors import InvalidOps, TableError, TableMissing, TableUnavailable
from dynamodbstore_table.schema import STREAM, TIME_TO_LIVE, table_definition

_DEADLINE_S = 300.0
_FIRST_POLL_S = 0.05
_SLOWEST_POLL_S = 2.0

_log = logging.getLogger(__name__)


def table_exists(client: Client) -> bool:
    """Whether the table is there, be it still in creation."""
    return _describe(client) is not None


def create_table(client: Client) -> None:
    """Create the table if it is missing, wait for it, and switch on what the engine supports of
    time to live and point-in-time recovery."""
    created = False
    if _describe(client) is None:
        created = _create(client)
    _wait_until_active(client)
    _enable_time_to_live(client)
    if created:
        _enable_backups(client)


def _create(client: Client) -> bool:
    definition = table_definition(client.table)
    try:
        try:
            client.send("create_table", **definition, StreamSpecification=STREAM)
        except (InvalidOps, Unsupported):
            # A local engine without streams; without the rest, this fails as well and says why.
            client.send("create_table", **definition)
    except ResourceInUse:
        return False
    return True


def _wait_until_active(client: Client) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    poll = _FIRST_POLL_S
    while not _is_active(_describe(client)):
        if time.monotonic() > deadline:
            raise TableUnavailable(
                f"the table {client.table!r} is not active {_DEADLINE_S:.0f} seconds after its "
                "creation: look at it in the AWS console"
            )
        time.sleep(poll)
        poll = min(poll * 2, _SLOWEST_POLL_S)


def _is_active(description: dict[str, Any] | None) -> bool:
    if description is None or description["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return False
    indexes = description.get("GlobalSecondaryIndexes", ())
    return all(index.get("IndexStatus", "ACTIVE") == "ACTIVE" for index in indexes)


def _enable_time_to_live(client: Client) -> None:
    try:
        found = client.call("describe_time_to_live").get("TimeToLiveDescription", {})
        if found.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            client.call("update_time_to_live", TimeToLiveSpecification=TIME_TO_LIVE)
    except (InvalidOps, ResourceInUse, Unsupported) as error:
        # Another server may have been quicker; an engine without it only keeps items longer.
        _log.debug("time to live of %s: %s", client.table, error)


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
