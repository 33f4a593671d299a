"""Many updates of one partition that are alike but for their values, told as columns.

A table does them like any updates. An engine in this process may do them in a third of the time,
for it need neither make nor test them one by one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.values import value

from dynamodbstore_table.checks import INDEXED, check_keys
from dynamodbstore_table.conditions import Both, Compare, Condition, Either, Length, Missing
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import MAX_OPS, Table, Update

_NEVER_CHANGED: Final = INDEXED | {"PK", "SK"}


@value
class Advances:
    """The item under each of ``sks`` moves on.

    It gets its one of ``marks`` as the attribute ``mark``, has its one of ``values`` put behind
    the list ``values_in``, and loses ``drop``: if its mark was lower, or missing, and the list
    shorter than ``room``, or missing. Where ``once`` names an attribute that the item lacks, it
    gets its one of ``defaults`` as that.
    """

    pk: str
    sks: Sequence[str]
    mark: str
    marks: Sequence[bytes]
    values_in: str
    values: Sequence[str]
    room: int
    drop: str
    once: str
    defaults: Sequence[int]

    def updates(self) -> Iterator[Update]:
        """All of the updates, as they are needed."""
        return map(self.update, range(len(self.sks)))

    def update(self, number: int) -> Update:
        """One of the updates."""
        mark = self.marks[number]
        return Update(
            (self.pk, self.sks[number]),
            {self.mark: mark},
            (self.drop,),
            append={self.values_in: [self.values[number]]},
            condition=Both((below(self.mark, mark), shorter(self.values_in, self.room))),
            default={self.once: self.defaults[number]},
        )


class AdvancingTable(Table):
    """A table whose engine does ``Advances`` in a way of its own; they have been checked."""

    @abstractmethod
    def write_advances(self, ops: Advances) -> list[ChangeEvent]:
        """What ``write`` does with the updates, any number of them."""

    @abstractmethod
    def bulk_advances(self, ops: Advances) -> list[ChangeEvent]:
        """What ``bulk`` does with the updates."""


def write_advances(table: Table, ops: Advances) -> list[ChangeEvent]:
    """Do all of the updates (1 to 100) or none.

    Raises ``ConditionFailed`` as ``write`` does, and ``InvalidOps``, before anything is written,
    for a wrong key, one that is there twice, columns that are not of one length, or names that no
    update could change together.
    """
    _check(ops)
    if not 1 <= len(ops.sks) <= MAX_OPS:
        raise InvalidOps(f"a write takes 1 to {MAX_OPS} ops, not {len(ops.sks)}")
    if isinstance(table, AdvancingTable):
        return table.write_advances(ops)
    return table.write(*ops.updates())


def bulk_advances(table: Table, ops: Advances) -> list[ChangeEvent]:
    """Do any number of the updates, each for itself; raises as ``bulk`` and ``write_advances``."""
    _check(ops)
    if isinstance(table, AdvancingTable):
        return table.bulk_advances(ops)
    return table.bulk(ops.updates())


def below(name: str, value: bytes) -> Condition:
    """The attribute is lower than the value, or missing."""
    return Either((Compare(name, "<", value), Missing(name)))


def shorter(name: str, length: int) -> Condition:
    """The list has fewer elements, or is missing."""
    return Either((Length(name, "<", length), Missing(name)))


def _check(ops: Advances) -> None:
    names = {ops.mark, ops.values_in, ops.drop, ops.once}
    if len(names) < 4 or not _NEVER_CHANGED.isdisjoint(names):
        raise InvalidOps(
            f"advances can't change {ops.mark!r}, {ops.values_in!r}, {ops.drop!r} and "
            f"{ops.once!r}: these must be four attributes, and neither keys nor the time to live"
        )
    if not len(ops.sks) == len(ops.marks) == len(ops.values) == len(ops.defaults):
        raise InvalidOps(
            f"{len(ops.sks)} items can't get {len(ops.marks)} marks, {len(ops.values)} values and "
            f"{len(ops.defaults)} defaults"
        )
    check_keys(ops.pk, ops.sks)
    if len(set(ops.sks)) < len(ops.sks):
        raise InvalidOps("advances may name a key only once")
