"""Filters and orders of the registry as typed values, and the tags that they are on.

MLflow's parsers read the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.entities import REGISTERED_MODEL
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import NAME_FIELD
from dynamodbstore_projections.fts.reader import NARROWING, Posted, posted
from dynamodbstore_table.conditions import Condition, Either, IsMap
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from mlflow_dynamodbstore.core.long_texts import long_text_keys, texts_in
from mlflow_dynamodbstore.search.clause import (
    ATTRIBUTE,
    Clause,
    Field,
    Row,
    check_comparator,
    clause,
)
from mlflow_dynamodbstore.search.order import Order
from mlflow_dynamodbstore.search.pushdown import like_prefix, text_condition
from mlflow_dynamodbstore.search.values import Candidate, Place, Values
from mlflow_dynamodbstore.versioned.items import TAG

TAGS: Final = "tags"
NAME: Final = Field(ATTRIBUTE, "name")
IS_PROMPT: Final = Field(TAGS, IS_PROMPT_TAG_KEY)
TAG_COMPARATORS: Final = ("=", "!=", "LIKE", "ILIKE")
TEXT_COMPARATORS: Final = (*TAG_COMPARATORS, "IN", "NOT IN")


def registry_clauses(
    parser: Any, filter_string: str | None, attribute: Callable[[str, str, Any], Clause]
) -> tuple[Clause, ...]:
    """The clauses of a filter as one of MLflow's ``Search…Utils`` reads it; ``attribute`` makes
    those on attributes.

    Prompts are found only by a filter for them: without a clause on the tag ``IS_PROMPT`` they are
    left out. Raises ``INVALID_PARAMETER_VALUE`` for what is not a filter or has a wrong comparator,
    ``BAD_REQUEST`` for a comparator that does not go with its value.
    """
    try:
        found = parser.parse_search_filter(filter_string)
    except ValueError as error:
        # The parsers let IS NULL and lists of bare words through to where these can't be read.
        raise MlflowException.invalid_parameter_value(
            f"Invalid filter {filter_string!r}. A clause is a name, a comparator "
            f"({', '.join(TEXT_COMPARATORS)}) and a quoted value, or for IN and NOT IN a list of "
            "quoted values; tags and attributes of the registry can't be tested for NULL."
        ) from error
    clauses: list[Clause] = []
    for one in found:
        key, comparator, value = one["key"], one["comparator"], one["value"]
        if one["type"] == "attribute":
            clauses.append(attribute(key, comparator, value))
        else:
            check_comparator("tag", comparator, TAG_COMPARATORS)
            clauses.append(clause(Field(TAGS, key), comparator, value))
    for_prompts = _is_for_prompts(found)
    return tuple(one for one in clauses if for_prompts or one.on != IS_PROMPT)


def _is_for_prompts(found: Iterable[Mapping[str, Any]]) -> bool:
    """Whether prompts are searched for: the first clause on their tag decides, in any case."""
    for one in found:
        if one["type"] == "tag" and one["key"] == IS_PROMPT_TAG_KEY:
            compared = one["comparator"], one["value"].lower()
            return compared in (("=", "true"), ("!=", "false"))
    return False


def hides_prompts(clauses: Iterable[Clause]) -> bool:
    """Whether a search with these clauses leaves prompts out."""
    return all(one.on != IS_PROMPT for one in clauses)


def registry_orders(
    order_by: Iterable[str], parse: Callable[[str], Order], *last: Order
) -> tuple[Order, ...]:
    """The orders, most important first, down to the last ones, which leave no ties.

    Raises as ``parse``, and ``INTERNAL_ERROR`` as MLflow does for two orders by the same.
    """
    texts = list(order_by)
    orders: list[Order] = []
    for text in texts:
        order = parse(text)
        if any(order.on == other.on for other in orders):
            raise MlflowException(f"`order_by` contains duplicate fields: {texts}")
        orders.append(order)
    fields = [order.on for order in orders]
    return (*orders, *(order for order in last if order.on not in fields))


def on_name(clauses: Iterable[Clause]) -> list[Clause]:
    """The clauses on names."""
    return [one for one in clauses if one.on == NAME]


def prefix_of(clauses: Iterable[Clause]) -> str:
    """What every name that passes begins with, as far as a LIKE shows it."""
    prefixes = (like_prefix(one.value) for one in on_name(clauses) if one.comparator == "LIKE")
    return max(prefixes, key=len, default="")


def posted_names(
    workspace: str, clauses: Iterable[Clause], config: Callable[[], Config]
) -> Posted | None:
    """The postings of the names that pass the clauses, where they narrow more than a listing of
    names in a range does; only then is ``config`` read."""
    patterns: list[tuple[str, str]] = []
    for one in on_name(clauses):
        if one.comparator in NARROWING:
            behind = one.value
            if one.comparator == "LIKE":
                behind = behind[len(like_prefix(behind)) :]
            if behind.strip("%_"):
                patterns.append((NAME_FIELD, one.value))
    return posted(config(), REGISTERED_MODEL, [workspace], patterns) if patterns else None


class RegistryTags(Values):
    """Of the tags that models and versions have in their items: only long values are read."""

    def sort_key(self, on: Field) -> str:
        return f"{TAG}{on.key}"

    def decided(self, clause: Clause) -> tuple[Place, Condition | None]:
        name = f"{TAG}{clause.on.key}"
        condition = text_condition(name, clause.comparator, clause.value)
        # In the place of a long value stands a reference, a map: the value is read then.
        return Place.LISTED, None if condition is None else Either((condition, IsMap(name)))

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        names = {f"{TAG}{on.key}": on for on in fields}
        stored = [_some(candidate.row, names) for candidate in candidates]
        keys = long_text_keys(stored)
        texts = texts_in(table.batch_get(keys), stored) if keys else {}
        for candidate, tags in zip(candidates, stored, strict=True):
            for name, on in names.items():
                value = tags.get(name)
                if isinstance(value, Mapping):
                    # One that has gone was replaced meanwhile: it is passed over.
                    value = texts.get(value["text"])
                if value is not None:
                    candidate.values[on] = value


def _some(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {"PK": row["PK"], **{name: row[name] for name in names if name in row}}
