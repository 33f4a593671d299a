"""Page tokens: base64 of a JSON object with a readable ``offset``.

MLflow's authorization layer takes tokens apart and makes bare ``{"offset": N}`` ones itself, so a
bare offset is a good token. Ours hold more: the ``query`` they belong to, and where the listing's
own order allows it the ``cursor``, which is the place of the last result in that order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dynamodbstore_table.checks import is_unicode
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.search.order import Cursor

_RULE = (
    "A page token is the next_page_token of the page before, used with the same query (what is "
    "searched, filter, order); or base64 of a JSON object whose 'offset' is a positive whole number"
)


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page starts: after ``offset`` results, the last of which stands at ``cursor``."""

    offset: int = 0
    cursor: Cursor | None = None


FIRST_PAGE = PageStart()


def fingerprint(*query: Any) -> str:
    """16 hex digits that stand for everything (as JSON) that makes two queries the same."""
    text = json.dumps(query, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The page tokens of one query.

    ``query`` is its fingerprint, and ``types`` are those of a cursor's values: none where the order
    is no listing's own. ``envelope`` is what MLflow's own token of such a query holds beside the
    offset, which may then be 0.
    """

    query: str
    types: tuple[type, ...] = ()
    envelope: Mapping[str, Any] = field(default_factory=dict)

    def encode(self, start: PageStart) -> str:
        """The token of the page that starts there."""
        token = {**self.envelope, "offset": start.offset, "query": self.query}
        if start.cursor is not None:
            token["cursor"] = list(start.cursor)
        return base64.b64encode(json.dumps(token).encode()).decode()

    def decode(self, token: str | bytes | None) -> PageStart:
        """Where the page of a token starts; no token means the first page.

        Raises ``INVALID_PARAMETER_VALUE`` for a malformed token and for one of another query.
        """
        if not token:
            return FIRST_PAGE
        parsed = _parse(token)
        # As MLflow compares them: a query with an empty text or list has no second page.
        own = all((parsed.get(name) or None) == v for name, v in self.envelope.items())
        if not own or parsed.get("query", self.query) != self.query:
            _refuse("it belongs to another query")
        cursor = self._cursor(parsed)
        # A page may end before its first result, at a cursor; and MLflow's own token may lack it.
        least = 0 if self.envelope or cursor is not None else 1
        offset = parsed.get("offset", 0 if self.envelope else None)
        return PageStart(self._offset(offset, least), cursor)

    def _offset(self, offset: Any, least: int) -> int:
        if isinstance(offset, str) and offset.isascii() and offset.isdigit() and len(offset) < 20:
            offset = int(offset)
        if not isinstance(offset, int) or isinstance(offset, bool) or not least <= offset < 2**63:
            _refuse(f"its offset is {offset!r}")
        return offset

    def _cursor(self, parsed: Mapping[str, Any]) -> Cursor | None:
        cursor = parsed.get("cursor")
        if cursor is None:
            return None
        # Without the query that it belongs to, a cursor means nothing.
        if (
            "query" in parsed
            and isinstance(cursor, list)
            and len(cursor) == len(self.types)
            and all(map(_is_valid, cursor, self.types))
        ):
            return tuple(cursor)
        return _refuse("its cursor is not a place in the order of the query")


def _is_valid(value: Any, expected: type) -> bool:
    if isinstance(value, str):
        return expected is str and value != "" and is_unicode(value)
    return expected is int and type(value) is int and abs(value) < 2**63


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


def _refuse(reason: str) -> NoReturn:
    raise MlflowException.invalid_parameter_value(f"Invalid page token: {reason}. {_RULE}.")
