"""Page tokens of a search for logged models.

They are MLflow's own (its authorization layer takes them apart and makes new ones with another
offset), and say two things more: the ``query`` they belong to and, where the listing's own order
allows it, the ``cursor``: (time in ms, id) of the last result.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchLoggedModelsPaginationToken

from mlflow_dynamodbstore.search.tokens import FIRST_PAGE, PageStart, fingerprint

_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What a page token belongs to, as the caller gave it."""

    experiment_ids: list[str]
    filter_string: str | None
    order_by: list[dict[str, Any]] | None
    datasets: Sequence[Mapping[str, Any]] | None

    def fingerprint(self) -> str:
        return fingerprint(self.experiment_ids, self.filter_string, self.order_by, self.datasets)


def encode(query: ModelQuery, start: PageStart) -> str:
    """The token of the page that starts there."""
    token = SearchLoggedModelsPaginationToken(
        query.experiment_ids, query.filter_string, query.order_by, start.offset
    )
    fields = {**asdict(token), "query": query.fingerprint()}
    if start.cursor is not None:
        fields["cursor"] = list(start.cursor)
    return base64.b64encode(json.dumps(fields).encode()).decode()


def decode(query: ModelQuery, page_token: str | None) -> PageStart:
    """Where the page of a token starts; no token means the first page.

    Raises ``INVALID_PARAMETER_VALUE`` for a malformed token and for one of another query.
    """
    if not page_token:
        return FIRST_PAGE
    try:
        token = SearchLoggedModelsPaginationToken.decode(page_token)
        fields = json.loads(base64.b64decode(page_token))
    except (ValueError, AttributeError, RecursionError):
        _refuse(page_token, "it is not base64 of a JSON object")
    token.validate(query.experiment_ids, query.filter_string, query.order_by)
    ours = fields.get("query")
    if ours is not None and ours != query.fingerprint():
        _refuse(page_token, "it belongs to another query")
    return PageStart(
        _offset(page_token, token.offset),
        _cursor(page_token, fields["cursor"]) if ours and "cursor" in fields else None,
    )


def _offset(page_token: str, offset: Any) -> int:
    try:
        number = int(offset)
    except (ValueError, TypeError, OverflowError):
        _refuse(page_token, f"its offset is {offset!r}")
    if number >= _LARGEST:
        _refuse(page_token, f"its offset is {offset!r}")
    return max(number, 0)


def _cursor(page_token: str, cursor: Any) -> tuple[int, str]:
    match cursor:
        case [int(time_ms), str(model_id)] if abs(time_ms) < _LARGEST:
            return time_ms, model_id
    return _refuse(page_token, "its cursor is not a time and an id")


def _refuse(page_token: str, reason: str) -> NoReturn:
    raise MlflowException.invalid_parameter_value(
        f"Invalid page token: {page_token!r}: {reason}. A token is the one of the page before, "
        "used with the same experiments, filter, datasets and order."
    )
