"""What botocore raises, as the table's own errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dynamodbstore_table.dynamodb.codec import decode_item
from dynamodbstore_table.errors import (
    ConditionFailed,
    InvalidOps,
    ItemTooLarge,
    TableError,
    TableMissing,
    TableUnavailable,
    Throttled,
    TransactionConflict,
)

_THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
    }
)
_CONFLICTS = frozenset(
    {"TransactionConflictException", "TransactionConflict", "TransactionInProgressException"}
)
_DENIALS: Mapping[str, str] = {
    "AccessDeniedException": "grant what `mlflow-dynamodbstore iam-policy` prints",
    "ExpiredTokenException": "the session token has expired: sign in again",
    "IncompleteSignatureException": "check the AWS credentials",
    "InvalidClientTokenId": "check the AWS credentials",
    "InvalidSignatureException": "check the AWS secret access key and this machine's clock",
    "MissingAuthenticationTokenException": "configure AWS credentials",
    "UnrecognizedClientException": "check the AWS credentials and the region",
}
_ACTION = re.compile(r"dynamodb:\w+")
_UNSUPPORTED = frozenset(
    {"UnknownOperationException", "UnknownOperation", "NotImplementedException"}
)


class Unsupported(TableError):
    """The engine does not know this operation (a local one: streams, backups, time to live)."""


class ResourceInUse(TableError):
    """The table is being created, changed or deleted by someone at this moment."""


def translate(error: Exception, table: str, where: str) -> TableError:
    """The table's own error for one of botocore's.

    ``where`` names the region or endpoint, for the message. Positions in a ``ConditionFailed`` are
    those of the request's ops, and its items are as stored, an expired one included.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return TableUnavailable(_unreachable(error, where))
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    if code == "ConditionalCheckFailedException":
        attempts = response.get("ResponseMetadata", {}).get("RetryAttempts")
        return ConditionFailed({0: _item(response)}, repeated=bool(attempts))
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons") or [], message)
    if code in ("ResourceNotFoundException", "TableNotFoundException"):
        return TableMissing(table)
    return _of_code(code, message, table, where)


def is_transient(answer: Mapping[str, Any] | None, exception: Exception | None) -> str:
    """Why the SDK would make a request again, in a word; empty if it would not."""
    if exception is not None:
        return type(exception).__name__
    code = str((answer or {}).get("Error", {}).get("Code", ""))
    if code in _THROTTLES:
        return "Throttled"
    status = (answer or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
    return code or str(status) if status >= 500 else ""


def _of_code(code: str, message: str, table: str, where: str) -> TableError:
    if code in _THROTTLES:
        return Throttled(f"DynamoDB throttles the table {table!r}: {message or code}")
    if code in _CONFLICTS:
        return TransactionConflict(message or code)
    if code in ("ValidationException", "ValidationError"):
        return _invalid(message, table)
    if code == "SerializationException":
        # JSON from the SDK can be wrong in one way only.
        return InvalidOps(f"a key or value is not valid Unicode text: {message or code}")
    if code == "ItemCollectionSizeLimitExceeded":
        return ItemTooLarge(message)
    if code in ("ResourceInUseException", "ContinuousBackupsUnavailableException"):
        return ResourceInUse(message)
    if code in _UNSUPPORTED:
        return Unsupported(message or code)
    if code in _DENIALS:
        return TableUnavailable(
            f"DynamoDB in {where} denies {_denied(message)} the table {table!r} ({code}): "
            f"{_DENIALS[code]}"
        )
    return TableUnavailable(
        f"DynamoDB in {where} answered for the table {table!r}: {code}: {message}"
    )


def _denied(message: str) -> str:
    found = _ACTION.search(message)
    return f"{found[0]} on" if found else "access to"


def _invalid(message: str, table: str) -> TableError:
    if "size has exceeded" in message or "Item size to update" in message:
        return ItemTooLarge(message)
    if "specified index" in message:
        return TableUnavailable(
            f"the table {table!r} lacks an index ({message}): "
            "create it with `mlflow-dynamodbstore create-table` or `sam deploy`"
        )
    return InvalidOps(message)


def _cancelled(reasons: Sequence[Mapping[str, Any]], message: str) -> TableError:
    failures = {
        position: _item(reason)
        for position, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    if failures:
        return ConditionFailed(failures)
    codes = {str(reason.get("Code", "None")) for reason in reasons}
    for reason in reasons:
        if reason.get("Code") in ("ValidationError", "ItemCollectionSizeLimitExceeded"):
            return _of_code(str(reason["Code"]), str(reason.get("Message", "")), "", "")
    if codes & _THROTTLES:
        return Throttled(message)
    return TransactionConflict(message)


def _item(response: Mapping[str, Any]) -> dict[str, Any] | None:
    attributes = response.get("Item")
    return decode_item(attributes) if attributes else None


def _unreachable(error: Exception, where: str) -> str:
    kind = type(error).__name__
    detail = " ".join(str(error).split())
    if "Credential" in kind or "Token" in kind or "SSO" in kind or "Profile" in kind:
        return (
            f"no usable AWS credentials for DynamoDB in {where} ({kind}: {detail}): configure them"
        )
    if kind == "NoRegionError":
        return "no AWS region is configured: name one in the store URI, dynamodb://<region>/<table>"
    return (
        f"DynamoDB in {where} can't be reached ({kind}: {detail}): "
        "check the endpoint or region, and the network"
    )
