"""What botocore raises, as the table's own errors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynamodbstore_table.dynamodb.actions import ON_TABLES, actions_of
from dynamodbstore_table.dynamodb.codec import decode_item
from dynamodbstore_table.dynamodb.sdk import place
from dynamodbstore_table.errors import (
    AccessDenied,
    ConditionFailed,
    InvalidOps,
    ItemTooLarge,
    TableError,
    TableMissing,
    TableUnavailable,
    TableUnfit,
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
    {
        "TransactionConflictException",
        "TransactionConflict",
        "TransactionInProgressException",
        # Another region writes to the item: a global table with multi-region strong consistency.
        "ReplicatedWriteConflictException",
        "ReplicatedWriteConflict",
    }
)
_DENIALS: Mapping[str, str] = {
    "ExpiredTokenException": "the session token has expired: sign in again",
    "IncompleteSignatureException": "check the AWS credentials",
    "InvalidClientTokenId": "check the AWS credentials",
    "InvalidSignatureException": "check the AWS secret access key and this machine's clock",
    "MissingAuthenticationTokenException": "configure AWS credentials",
    "UnrecognizedClientException": "check the AWS credentials and the region",
}
_ACCESS_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_ACTION = re.compile(r"(?:dynamodb|kms):\w+")
# What AWS writes behind the action: whose policy it was that did not allow it, or forbade it.
_NOT_ALLOWED = re.compile(r"because no (?P<policy>[\w -]+?) allows")
_FORBIDDEN = re.compile(r"with an explicit deny in (?:an? )?(?P<policy>[\w -]*\w)")
_OF_THE_IDENTITY = "identity-based policy"
_OF_ANOTHER_LAYOUT = (
    "specified index",
    "does not match the schema",
    "missed key schema element",
    "Missing the key",
    "Type mismatch for key",
)
_UNSUPPORTED = frozenset(
    {"UnknownOperationException", "UnknownOperation", "NotImplementedException"}
)


class Unsupported(TableError):
    """The engine does not know this operation (a local one: streams, backups, time to live)."""


class ResourceInUse(TableError):
    """The table is being created, changed or deleted by someone at this moment."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which table, and where: for messages, and for the commands that they suggest."""

    table: str
    region: str | None = None
    endpoint_url: str | None = None

    @property
    def where(self) -> str:
        """``DynamoDB in`` the region or endpoint."""
        return place("dynamodb", self.endpoint_url or self.region)

    @property
    def options(self) -> str:
        """The options that name the table to a command, quoted for a shell."""
        named = ("--table", self.table)
        if self.endpoint_url is not None:
            return shlex.join((*named, "--endpoint-url", self.endpoint_url))
        return shlex.join((*named, "--region", self.region)) if self.region else shlex.join(named)


def translate(error: Exception, at: Place) -> TableError:
    """The table's own error for an answer of DynamoDB's (a botocore ``ClientError``).

    Positions in a ``ConditionFailed`` are those of the request's ops, and its items are as stored,
    an expired one included.
    """
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    if code == "ConditionalCheckFailedException":
        return ConditionFailed({0: _item(response)})
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons") or [], message, at)
    if code in ("ResourceNotFoundException", "TableNotFoundException"):
        return TableMissing(at.table)
    return _of_code(code, message, at)


def is_transient(answer: Mapping[str, Any] | None, exception: Exception | None) -> str:
    """Why the SDK would make a request again, in a word; empty if it would not."""
    if exception is not None:
        return type(exception).__name__
    code = str((answer or {}).get("Error", {}).get("Code", ""))
    if code in _THROTTLES:
        return "Throttled"
    status = _status(answer)
    return code or str(status) if status >= 500 else ""


def is_lost(answer: Mapping[str, Any] | None, exception: Exception | None) -> bool:
    """Whether one HTTP request may have been done although no answer confirms it."""
    from botocore.exceptions import ConnectionError

    if exception is not None:
        # The SDK raises a ConnectionError where there was no connection to send anything over.
        return not isinstance(exception, ConnectionError)
    return _status(answer) >= 500


def _status(answer: Mapping[str, Any] | None) -> int:
    return int((answer or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 200))


def _of_code(code: str, message: str, at: Place) -> TableError:
    table = at.table
    if code in _THROTTLES:
        return Throttled(f"DynamoDB throttles the table {table!r}: {message or code}")
    if code in _CONFLICTS:
        return TransactionConflict(message or code)
    if code in ("ValidationException", "ValidationError"):
        return _invalid(message, at)
    if code == "SerializationException":
        # JSON from the SDK can be wrong in one way only.
        return InvalidOps(f"a key or value is not valid Unicode text: {message or code}")
    if code == "ItemCollectionSizeLimitExceeded":
        return ItemTooLarge(message)
    if code in ("ResourceInUseException", "ContinuousBackupsUnavailableException"):
        return ResourceInUse(message)
    if code in _UNSUPPORTED:
        return Unsupported(message or code)
    if code in _ACCESS_DENIED:
        return AccessDenied(_denied(message, code, at))
    if code in _DENIALS:
        return TableUnavailable(
            f"{at.where} denies access to the table {table!r} ({_reason(code, message)}): "
            f"{_DENIALS[code]}"
        )
    return TableUnavailable(f"{at.where} answered for the table {table!r}: {code}: {message}")


def _reason(code: str, message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    return f"{code}: {text}" if text else code


def _denied(message: str, code: str, at: Place) -> str:
    found = _ACTION.search(message)
    action = found[0] if found else ""
    return (
        f"{at.where} denies {action or 'access'} on the table {at.table!r} "
        f"({_reason(code, message)}): {_allowing(action, message, at)}"
    )


def _allowing(action: str, message: str, at: Place) -> str:
    """Who has to allow what was denied; by AWS's own reason, where it gives one."""
    forbidden, missing = _FORBIDDEN.search(message), _NOT_ALLOWED.search(message)
    if forbidden is not None:
        return f"the {forbidden['policy']} forbids it: it has to be changed there"
    if missing is not None and missing["policy"] != _OF_THE_IDENTITY:
        return f"the {missing['policy']} has to allow it"
    if action.startswith("kms:") or "KMS" in message:
        return (
            f"this identity has to be allowed {action or 'the use'} of the KMS key that encrypts "
            "the table, by its own policy or by the key's"
        )
    role = " --for operator" if action in actions_of(ON_TABLES) else ""
    named = f" {at.options}" if at.region is not None and at.endpoint_url is None else ""
    return f"grant what `mlflow-dynamodbstore iam-policy{named}{role}` prints"


def _invalid(message: str, at: Place) -> TableError:
    if "size has exceeded" in message or "Item size to update" in message:
        return ItemTooLarge(message)
    if any(part in message for part in _OF_ANOTHER_LAYOUT):
        return TableUnfit(
            f"the table {at.table!r} does not fit this store ({message}): what to do about it is "
            f"described by `mlflow-dynamodbstore status {at.options}`"
        )
    return InvalidOps(message)


def _cancelled(reasons: Sequence[Mapping[str, Any]], message: str, at: Place) -> TableError:
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
            return _of_code(str(reason["Code"]), str(reason.get("Message", "")), at)
    if codes & _THROTTLES:
        return Throttled(message)
    return TransactionConflict(message)


def _item(response: Mapping[str, Any]) -> dict[str, Any] | None:
    attributes = response.get("Item")
    return decode_item(attributes) if attributes else None
