"""Page tokens: base64 of a JSON object with a readable ``offset``.

MLflow's authorization layer takes tokens apart and makes bare ``{"offset": N}`` ones itself, so a
bare offset is a good token. Ours say more: the ``query`` they belong to, and where the listing's
own order allows it the ``cursor``, the (time in ms, id) of the last result.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from dynamodbstore_table.op_rules import is_unicode
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

RULE = (
    "A page token is the next_page_token of the page before, used with the same query (what is "
    "searched, filter, order); or base64 of a JSON object whose 'offset' is a positive whole number"
)


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page starts: after ``offset`` results, the last of which stands at ``cursor``."""

    offset: int = 0
    cursor: tuple[int, str] | None = None


FIRST_PAGE = PageStart()


def fingerprint(*query: Any) -> str:
    """16 hex digits that stand for everything (as JSON) that makes two queries the same."""
    text = json.dumps(query, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def encode(query: str, start: PageStart) -> str:
    """The token of the page that starts there; ``query`` is the query's fingerprint."""
    token: dict[str, Any] = {"offset": start.offset, "query": query}
    if start.cursor is not None:
        token["cursor"] = list(start.cursor)
    return base64.b64encode(json.dumps(token).encode()).decode()


def decode(query: str, token: str | bytes | None) -> PageStart:
    """Where the page of a token starts; no token means the first page.

    Raises ``INVALID_PARAMETER_VALUE`` for a malformed token and for one of another query.
    """
    if not token:
        return FIRST_PAGE
    parsed = _parse(token)
    if parsed.get("query", query) != query:
        _refuse("it belongs to another query")
    return PageStart(_offset(parsed.get("offset")), _cursor(parsed))


def _parse(token: str | bytes) -> dict[str, Any]:
    try:
        decoded = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError, TypeError):
        _refuse("it is not base64")
    try:
        parsed = json.loads(decoded)
    except (ValueError, RecursionError):
        _refuse("it does not hold JSON")
    if not isinstance(parsed, dict):
        _refuse("it does not hold a JSON object")
    return parsed


def _offset(offset: Any) -> int:
    if isinstance(offset, str) and offset.isascii() and offset.isdigit() and len(offset) < 20:
        offset = int(offset)
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 < offset < 2**63:
        _refuse(f"its offset is {offset!r}")
    return offset


def _cursor(parsed: dict[str, Any]) -> tuple[int, str] | None:
    cursor = parsed.get("cursor")
    if cursor is None:
        return None
    # Without the query that it belongs to, a cursor says nothing.
    if "query" in parsed and isinstance(cursor, list) and len(cursor) == 2:
        time_ms, entity_id = cursor
        told = type(time_ms) is int and abs(time_ms) < 2**63
        if told and isinstance(entity_id, str) and is_unicode(entity_id):
            return time_ms, entity_id
    return _refuse("its cursor is not a time and an id of the query")


def _refuse(reason: str) -> NoReturn:
    raise MlflowException(f"Invalid page token: {reason}. {RULE}.", INVALID_PARAMETER_VALUE)
