"""Clauses on tags, params and metrics that the engine of a file decides while it lists.

It lets through whatever has a text in parts; the clauses are evaluated again on what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from dynamodbstore_events.metric_values import VALUE_AT, encode
from dynamodbstore_table.conditions import Condition, Exists, both, either
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Item

from mlflow_dynamodbstore.search.clause import Clause
from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, RELATIONS, Predicate
from mlflow_dynamodbstore.search.pushdown import text_condition
from mlflow_dynamodbstore.search.values import in_parts, value_of

_Test: TypeAlias = Callable[[Item], bool]

MOST_JOINED: Final = 10
"""Sort keys that one listing is joined with."""


def having(clauses: Sequence[tuple[str, Clause]]) -> tuple[Having, ...]:
    """What the partitions of matching entities have, an entry for each sort key; ``clauses`` come
    with the sort keys of the items they are on."""
    by_key: dict[str, list[Clause]] = {}
    for sk, clause in clauses:
        by_key.setdefault(sk, []).append(clause)
    return tuple(_having(sk, found) for sk, found in by_key.items())


def _having(sk: str, clauses: Sequence[Clause]) -> Having:
    tested = [clause for clause in clauses if clause.comparator != IS_NOT_NULL]
    if sk.startswith("METRIC#"):
        return Having(sk, _all([_metric_test(c.comparator, c.value) for c in tested]))
    known = [c for clause in tested if (c := _condition(clause)) is not None]
    test = _all([_text_test(clause.test) for clause in tested])
    return Having(sk, test, both(*known) if known else None)


def _condition(clause: Clause) -> Condition | None:
    """A condition on the item of a text that is true wherever the clause holds."""
    plain = text_condition("v", clause.comparator, clause.value)
    return None if plain is None else either(plain, Exists("z"), Exists("parts"))


def _text_test(test: Predicate) -> _Test:
    return lambda item: in_parts(item) or test(value_of(item))


def _metric_test(comparator: str, value: float) -> _Test:
    """As ``metric_predicate``, but of the bytes of the latest point, in a third of its time: of a
    metric, the item of every run is tested."""
    compare, bound = RELATIONS[comparator], encode(value + 0.0)
    if comparator == "!=":
        return lambda item: "nan" in item or compare(item["last"][VALUE_AT:], bound)
    return lambda item: "nan" not in item and compare(item["last"][VALUE_AT:], bound)


def _all(tests: Sequence[_Test]) -> _Test:
    if len(tests) == 1:
        return tests[0]
    return lambda item: all(test(item) for test in tests)
