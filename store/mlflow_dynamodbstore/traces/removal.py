"""Deleting traces: METAs are marked first, so that no reader finds them; then what lies below goes,
and META last. What a process leaves undone the next deletion in the experiment finishes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import (
    META,
    newest_first,
    parse_newest_first,
    trace_pk,
    traces_listing,
    unpart,
)
from dynamodbstore_projections.cascade import trace_partitions
from dynamodbstore_table.conditions import Exists, Missing, both, equals
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Delete, Item, SortRange, Table, Update

from mlflow_dynamodbstore.traces.writing import Heads

_AT_ONCE: Final = 100
_LISTED: Final = ("PK", "SK", "gsi1sk")


def deleting_lookup(experiment_id: str) -> str:
    """The traces of an experiment that are being removed."""
    return f"EXP#{experiment_id}#DELETING_TRACES"


class TraceRemoval:
    """Removes traces of experiments, whoever wants them gone."""

    def __init__(self, table: Table, heads: Heads) -> None:
        self._table = table
        self._heads = heads

    def finish(self, experiment_id: str) -> None:
        """Remove what is left of traces that another process began to remove."""
        self._remove(self._left_over(experiment_id))

    def delete(self, experiment_id: str, trace_ids: Iterable[str]) -> int:
        """Delete these traces as far as they are in the experiment; returns how many were."""
        count = 0
        for chunk in _chunks(trace_ids):
            marked = self._mark(experiment_id, chunk)
            self._remove(marked)
            count += len(marked)
        return count

    def delete_all(self, experiment_id: str, shards: int) -> int:
        """Delete every trace of an experiment; returns how many there were."""
        self.finish(experiment_id)
        return self.delete(experiment_id, self.oldest(experiment_id, shards))

    def oldest(
        self,
        experiment_id: str,
        shards: int,
        until_ms: int | None = None,
        most: int | None = None,
    ) -> list[str]:
        """The ids of an experiment's traces, oldest first, ties by id; at most ``most``."""
        wanted = SortRange() if until_ms is None else SortRange(newest_first(until_ms, ""))
        found: list[tuple[int, str]] = []
        for shard in range(shards):
            pk = traces_listing(experiment_id, shard)
            items = self._table.query_all(
                pk, index="GSI1", sk=wanted, reverse=True, consistent=False, attributes=_LISTED
            )
            found += _first(items, most)
        return [trace_id for _, trace_id in sorted(found)[:most]]

    def _mark(self, experiment_id: str, trace_ids: Sequence[str]) -> list[str]:
        marks = [
            Update(
                (trace_pk(trace_id), META),
                set={
                    DELETING: True,
                    "gsi2pk": deleting_lookup(experiment_id),
                    "gsi2sk": trace_pk(trace_id),
                },
                add={"change": 1},
                remove=("gsi1pk", "gsi1sk"),
                condition=both(equals("experiment_id", experiment_id), Missing(DELETING)),
            )
            for trace_id in trace_ids
        ]
        failures: Iterable[int] = ()
        try:
            self._table.bulk(marks)
        except ConditionFailed as failed:
            failures = failed.failures
        refused = set(failures)
        for trace_id in trace_ids:
            self._heads.forget(trace_id)
        return [trace_id for n, trace_id in enumerate(trace_ids) if n not in refused]

    def _left_over(self, experiment_id: str) -> list[str]:
        items = self._table.query_all(
            deleting_lookup(experiment_id), index="GSI2", consistent=False
        )
        return [unpart(item["PK"].partition("#")[2]) for item in items]

    def _remove(self, trace_ids: Sequence[str]) -> None:
        """Remove what is below the marked traces, then their METAs."""
        for chunk in _chunks(trace_ids):
            pks = [pk for trace_id in chunk for pk in trace_partitions(trace_pk(trace_id))]
            found = self._table.partitions(pks, attributes=("PK", "SK"))
            self._table.bulk(Delete((item["PK"], item["SK"])) for item in _below(found.values()))
            self._remove_metas([Delete((trace_pk(t), META), Exists(DELETING)) for t in chunk])

    def _remove_metas(self, deletes: Sequence[Delete]) -> None:
        """A META that is not marked stays: another process has removed the trace, and there is a
        new one of its id."""
        try:
            self._table.write(*deletes)
        except (ConditionFailed, TransactionConflict):
            if len(deletes) > 1:
                for delete in deletes:
                    self._remove_metas([delete])


def _first(listed: Iterable[Item], most: int | None) -> list[tuple[int, str]]:
    """The (time, id) of the first items, and of all more of the time of the last of them: those of
    one time come in no order of their ids."""
    found: list[tuple[int, str]] = []
    for item in listed:
        entry = parse_newest_first(item["gsi1sk"])
        if most is not None and len(found) >= most and entry[0] != found[-1][0]:
            break
        found.append(entry)
    return found


def _below(partitions: Iterable[list[Item]]) -> Iterator[Item]:
    for items in partitions:
        for item in items:
            if item["SK"] != META:
                yield item


def _chunks(trace_ids: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for trace_id in trace_ids:
        chunk.append(trace_id)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
