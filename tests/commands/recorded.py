"""What IAM would be asked for: every request of the adapter, as actions on resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dynamodbstore_table.dynamodb.client import Client

Need = tuple[str, str]
"""An action, and what it is on: ``table``, or an index of it."""

_OF_A_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@contextmanager
def recorded_needs() -> Iterator[set[Need]]:
    """What every request needs that a client made here makes."""
    needs: set[Need] = set()

    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        needs.update(needs_of(model.name, params))

    connect = Client._connect

    def connect_recording(self: Client) -> Any:
        connection = connect(self)
        connection.client.meta.events.register("before-parameter-build.dynamodb", record)
        return connection

    with mock.patch.object(Client, "_connect", connect_recording):
        yield needs


def needs_of(operation: str, params: Mapping[str, Any]) -> set[Need]:
    """What DynamoDB asks IAM for one request, by the service authorization reference."""
    if operation == "TransactWriteItems":
        kinds = {kind for entry in params["TransactItems"] for kind in entry}
        return {(f"dynamodb:{_OF_A_TRANSACTION[kind]}", "table") for kind in kinds}
    index = params.get("IndexName")
    return {(f"dynamodb:{operation}", "table" if index is None else f"table/index/{index}")}


def granted(policy: Mapping[str, Any], table_arn: str) -> set[Need]:
    """What a policy grants, which is a list of actions on the table and its indexes."""
    found: set[Need] = set()
    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert resource.startswith(table_arn), resource
            on = resource.replace(table_arn, "table", 1)
            found |= {(action, on) for action in statement["Action"]}
    return found
