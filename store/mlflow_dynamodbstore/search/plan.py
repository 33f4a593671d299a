"""How a search will be answered, as a value: no table is needed to make, compare or print it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from dynamodbstore_table.conditions import Condition, both
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Column, Field, Row
from mlflow_dynamodbstore.search.comparisons import IS_NULL
from mlflow_dynamodbstore.search.joins import MOST_JOINED, having
from mlflow_dynamodbstore.search.order import Order, RowOrder
from mlflow_dynamodbstore.search.pushdown import RANGED, condition_of
from mlflow_dynamodbstore.search.sources import Source
from mlflow_dynamodbstore.search.tokens import PageStart, Tokens
from mlflow_dynamodbstore.search.values import Candidate, ItemValues, Place, Values

if TYPE_CHECKING:
    from mlflow_dynamodbstore.search.searchable import Searchable

E = TypeVar("E")

Kinds: TypeAlias = Mapping[str, Values]
"""By the kind of a field: what finds its values."""

RowTest: TypeAlias = Callable[[Row], bool]

# An expression of DynamoDB has at most 300 operators and 4 KB.
_MOST_FILTERED: Final = 20


@dataclass(frozen=True, slots=True)
class Query:
    """A search, parsed and checked.

    ``comes`` is the order in which candidates come; they are then sorted by ``orders``, where there
    are any (those of equal value stay as they came).
    """

    clauses: tuple[Clause, ...]
    comes: RowOrder
    orders: tuple[Order, ...]
    limit: int | None
    tokens: Tokens
    start: PageStart

    @property
    def fields(self) -> list[Field]:
        """The fields that clauses and orders are on."""
        return [clause.on for clause in self.clauses] + [order.on for order in self.orders]


@dataclass(frozen=True, slots=True)
class Step:
    """A clause, the one place where it is decided, and a condition by which the table filters
    while it lists, which is true wherever the clause holds."""

    clause: Clause
    place: Place
    condition: Condition | None = None


def steps_of(
    clauses: Iterable[Clause],
    columns: Mapping[str, Column],
    kinds: Kinds,
    *,
    listed: bool = True,
    ranged: Field | None = None,
    joins: bool = False,
) -> tuple[Step, ...]:
    """Where each clause is decided, those on attributes first.

    The table's keys and filter decide nothing unless candidates may be ``listed``; the times of
    the listing are those of the field ``ranged``. ``joins`` is whether the table joins a listing
    with items.
    """
    steps: list[Step] = []
    filtered = 0
    for clause in sorted(clauses, key=lambda clause: clause.on.kind != ATTRIBUTE):
        if clause.on.kind != ATTRIBUTE:
            place, condition = kinds[clause.on.kind].decided(clause)
        elif listed and clause.on == ranged and clause.comparator in RANGED:
            place, condition = Place.KEYS, None
        else:
            attribute = columns[clause.on.key].filtered
            condition = None if attribute is None else condition_of(attribute, clause)
            place = Place.LISTED if condition is None else Place.TABLE
        if not listed or filtered == _MOST_FILTERED:
            place, condition = Place.LISTED if place is Place.TABLE else place, None
        filtered += condition is not None
        steps.append(Step(clause, place, condition))
    return _joined(steps, kinds) if joins else tuple(steps)


def _joined(steps: Iterable[Step], kinds: Kinds) -> tuple[Step, ...]:
    """The steps, with those on the items of the first few sort keys left to a joining table."""
    found: list[Step] = []
    sort_keys: set[str] = set()
    for step in steps:
        values = kinds.get(step.clause.on.kind)
        # Only what an item must be there for can be joined.
        can = isinstance(values, ItemValues) and step.clause.comparator != IS_NULL
        if can and step.place is Place.ITEMS and values is not None:
            sk = values.sort_key(step.clause.on)
            if sk in sort_keys or len(sort_keys) < MOST_JOINED:
                sort_keys.add(sk)
                step = replace(step, place=Place.JOINED)
        found.append(step)
    return tuple(found)


def table_filter(steps: Iterable[Step], *views: Condition | None) -> Condition | None:
    """What the table filters a listing by: the view, and the conditions of the steps."""
    conditions = [*views, *(step.condition for step in steps)]
    found = [condition for condition in conditions if condition is not None]
    return both(*found) if found else None


def joined(steps: Iterable[Step], kinds: Kinds) -> tuple[Having, ...]:
    """What a joining table joins a listing with."""
    clauses = [step.clause for step in steps if step.place is Place.JOINED]
    return having([(kinds[clause.on.kind].sort_key(clause.on), clause) for clause in clauses])


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a search that opens bodies looks at: after this many candidates or seconds its page
    ends with what it has, and a token that goes on behind the last candidate."""

    candidates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan(Generic[E]):
    """How one page of a search is read.

    ``visible`` is whether a row is in the scope and the view of the search. ``read`` makes entities
    of candidates; what it reads again it leaves out unless the test that it is given holds.
    """

    of: Searchable[E]
    query: Query
    sources: tuple[Source, ...]
    steps: tuple[Step, ...]
    visible: RowTest = field(compare=False, repr=False)
    read: Callable[[Table, Sequence[Candidate], RowTest], list[E]] = field(
        compare=False, repr=False
    )
    then: str
    """What ``read`` does, in words."""
    kinds: Kinds = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What else the plan does, in words."""
    bounds: Bounds | None = None
    """Only for a plan whose candidates come in the order of the answer."""

    def row_test(self, *, decided: bool = False) -> RowTest | None:
        """Whether a row is visible and passes the clauses on attributes.

        With ``decided`` what is left of that when a listing has decided its part; None: nothing.
        """
        tests = [
            (self.of.columns[step.clause.on.key].value, step.clause.test)
            for step in self.steps
            if step.clause.on.kind == ATTRIBUTE
            and not (decided and step.place in (Place.KEYS, Place.TABLE))
        ]
        if decided:
            return (lambda row: all(test(value(row)) for value, test in tests)) if tests else None
        visible = self.visible
        if not tests:
            return visible
        return lambda row: visible(row) and all(test(value(row)) for value, test in tests)

    def stages(self) -> list[tuple[Values, list[Clause]]]:
        """The clauses that need more than an attribute, by what finds their values.

        What rows have comes first: it leaves fewer candidates to read items of.
        """
        stages: dict[tuple[bool, int], tuple[Values, list[Clause]]] = {}
        steps = [step for step in self.steps if step.clause.on.kind != ATTRIBUTE]
        for step in sorted(steps, key=lambda step: _reads(step.place)):
            values = self.kinds[step.clause.on.kind]
            stage = stages.setdefault((_reads(step.place), id(values)), (values, []))
            stage[1].append(step.clause)
        return list(stages.values())

    def lines(self) -> Iterator[str]:
        """The plan in words, a line a step."""
        query, noun = self.query, self.of.noun
        if query.limit is not None and query.limit < 1:
            yield f"nothing is read: the page has room for {query.limit} {noun}"
            return
        for source in self.sources:
            yield from source.lines(noun)
        yield from self.notes
        filtered = [step.clause for step in self.steps if step.condition is not None]
        if filtered:
            yield f"table filters: {_listed(filtered)}"
        for (place, _), steps in self._groups().items():
            fields = (step.clause.on for step in steps)
            where = self.of.rows if place in (Place.LISTED, Place.TAG) else self._keys(fields)
            yield f"{place.value.format(where)}: {_listed(step.clause for step in steps)}"
        if query.orders:
            yield f"order: {_listed(query.orders, ', ')}; every candidate is collected, then sorted"
            if keys := self._keys(order.on for order in query.orders):
                yield f"sorted by items {keys}, read of each that passes"
        elif self.sources[-1].in_order:
            yield f"order: the listing's, {query.comes}; reading stops when the page is full"
        else:
            yield f"order: {query.comes}; every candidate is collected, then sorted"
        if self.bounds is not None:
            yield (
                f"a page ends after {self.bounds.candidates} candidates or {self.bounds.seconds:g} "
                "seconds with what it has"
            )
        limit = "no limit" if query.limit is None else f"{query.limit} {noun}"
        after = f" after {query.start.offset}" if query.start.offset else ""
        where = " (from a cursor)" if query.start.cursor is not None else ""
        yield f"page: {limit}{after}{where}; {self.then}"

    def _groups(self) -> dict[tuple[Place, int], list[Step]]:
        """The steps that the table's filter does not decide, by their places, and by what finds
        the values."""
        groups: dict[tuple[Place, int], list[Step]] = {}
        for place in Place:
            for step in self.steps:
                if step.place is place and place is not Place.TABLE:
                    read = id(self.kinds[step.clause.on.kind]) if place is Place.ITEMS else 0
                    groups.setdefault((place, read), []).append(step)
        return groups

    def _keys(self, fields: Iterable[Field]) -> str:
        """The sort keys of the items that hold these fields."""
        keyed = [on for on in fields if on.kind != ATTRIBUTE]
        return _listed(dict.fromkeys(self.kinds[on.kind].sort_key(on) for on in keyed), ", ")


def _reads(place: Place) -> bool:
    return place in (Place.JOINED, Place.ITEMS)


def _listed(values: Iterable[object], between: str = "; ") -> str:
    return between.join(map(str, values))
