"""The clauses of a filter as typed values; all clauses of a filter must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, IS_NULL, Predicate, predicate

ATTRIBUTE: Final = "attribute"
_MISSING: Final = object()

Row: TypeAlias = Mapping[str, Any]
"""An item that a search looks at: META, or what is listed in its place."""


class Field(NamedTuple):
    """What a clause or an order is on: an attribute, or a tag, a metric, … by its key."""

    kind: str
    key: str

    def __str__(self) -> str:
        return self.key if self.kind == ATTRIBUTE else f"{self.kind}.{self.key}"


class Column(NamedTuple):
    """An attribute of an entity: its value on a row (None: NULL), and the attribute of the item
    by which the table can filter with the same meaning, if there is one."""

    value: Callable[[Row], Any]
    filtered: str | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """A comparison. ``test`` takes the value that was found; a field without any passes only
    ``IS NULL``."""

    on: Field
    comparator: str
    value: Any
    test: Predicate = field(compare=False, repr=False)

    def holds(self, values: Mapping[Field, Any]) -> bool:
        """Whether the clause holds of a candidate with these values."""
        found = values.get(self.on, _MISSING)
        return self.comparator == IS_NULL if found is _MISSING else self.test(found)

    def __str__(self) -> str:
        compared = f"{self.on} {self.comparator}"
        null = self.comparator in (IS_NULL, IS_NOT_NULL)
        return compared if null else f"{compared} {self.value!r}"


def clause(on: Field, comparator: str, value: Any) -> Clause:
    """A clause with the plain meaning of its comparator; raises as ``predicate`` does."""
    if comparator in (IS_NULL, IS_NOT_NULL):
        return Clause(on, comparator, None, lambda found: comparator == IS_NOT_NULL)
    return Clause(on, comparator, value, predicate(comparator, value))


def check_comparator(what: str, comparator: str, valid: Sequence[str]) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` unless the comparator is one of the valid ones."""
    if comparator not in valid:
        raise MlflowException.invalid_parameter_value(
            f"Invalid comparator for {what}: {comparator}. Valid ones are {', '.join(valid)}."
        )


def only_values(clauses: Sequence[Clause], on: Field) -> tuple[Any, ...] | None:
    """The only values of a field that can pass the clauses, where one with ``=`` or ``IN`` names
    them."""
    named: dict[Any, None] | None = None
    for one in clauses:
        if one.on == on and one.comparator in ("=", "IN"):
            values = one.value if one.comparator == "IN" else (one.value,)
            named = dict.fromkeys(v for v in values if named is None or v in named)
    return None if named is None else tuple(named)
