"""The ttl projection: the time to live of soft-deleted experiments and runs.

``ttl`` and ``expires`` (Unix seconds, the same) on a META item are written in one transaction with
the record of its expiry (see ``expiry.records``), and go with it. Only META is stamped: what hangs
below goes after it. A run that is deleted with its experiment has no time to live of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity
from dynamodbstore_events.keys import GSI1, META, experiment_pk, expiring_listing
from dynamodbstore_table.conditions import ITEM_EXISTS, Condition, Missing, both, equals
from dynamodbstore_table.port import MAX_OPS, Delete, Item, Op, Put, Update

from dynamodbstore_projections.config import DAY_SECONDS, Config
from dynamodbstore_projections.expiry.records import due_experiment, due_run, record_key
from dynamodbstore_projections.projection import LIFECYCLE, Projection, Writes, ops_of
from dynamodbstore_projections.view import View

DELETED: Final = "deleted"
_LATEST: Final = 10**12
_STAMPS: Final = ("ttl", "expires")


class TtlProjection(Projection):
    """Stamps what is soft-deleted, and takes the stamp off what is not."""

    name = "ttl"
    function = LIFECYCLE
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys((EXPERIMENT, RUN), (META,))

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        return not event.removed

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        if entity.kind not in self.watches:
            return []
        meta = view.meta(entity.pk)
        if meta is None:
            return []
        days = config.ttl.soft_deleted_retention_days
        if entity.kind == EXPERIMENT:
            outdated = self._outdated_runs(meta, view, days)
            return [*outdated, *_done(self._experiment(meta, days, view.table.now()))]
        if meta["stage"] != DELETED and not _stamped(meta):
            return []
        experiment = view.meta(experiment_pk(meta["experiment_id"]))
        if experiment is None:
            return []
        return _done(self._run(meta, experiment, days, view.table.now()))

    def lacks(self, entity: Entity, view: View, config: Config) -> Writes:
        """The writes, but those that take off stamps which the table ignores: they stand until the
        sweeper comes to them, and for its readers they are not there."""
        writes = self.writes(entity, view, config)
        if not config.ignores_stamps:
            return writes
        return _done(tuple(op for op in ops_of(writes) if not _takes_off(op)))

    def _experiment(self, meta: Item, days: int, now: float) -> tuple[Op, ...]:
        expires = _expires(meta, days, now) if meta["stage"] == DELETED else None
        return _restamped(meta, expires, lambda at: due_experiment(meta, at))

    def _run(self, meta: Item, experiment: Item, days: int, now: float) -> tuple[Op, ...]:
        by_itself = meta["stage"] == DELETED and meta["epoch"] == experiment["epoch"]
        expires = _expires(meta, days, now) if by_itself else None
        return _restamped(meta, expires, lambda at: due_run(meta, experiment, at))

    def _outdated_runs(self, experiment: Item, view: View, days: int) -> Writes:
        """Runs that were deleted by themselves before the experiment changed its stage follow the
        experiment from then on, and may be in use again: their own time no longer counts."""
        experiment_id = experiment["PK"].partition("#")[2]
        outdated = [
            (record["PK"].partition("#")[2], META)
            for record in view.table.query_all(
                expiring_listing(experiment_id), index=GSI1, consistent=False
            )
            if record["epoch"] != experiment["epoch"]
        ]
        view.prefetch(outdated)
        ops: list[Op] = []
        for key in outdated:
            meta = view.get(key)
            if meta is not None:
                ops += self._run(meta, experiment, days, view.table.now())
        return [tuple(ops[n : n + MAX_OPS]) for n in range(0, len(ops), MAX_OPS)]


def _expires(meta: Mapping[str, Any], days: int, now: float) -> int | None:
    """When what is deleted expires, rounded up; not in the past, as DynamoDB lets alone what
    should have gone five years ago. None where it is kept."""
    if not days or "deleted" not in meta:
        return None
    expires: int = -(-meta["deleted"] // 1000) + days * DAY_SECONDS
    return min(max(expires, int(now)), _LATEST)


def _stamped(meta: Mapping[str, Any]) -> bool:
    return any(name in meta for name in _STAMPS)


def _restamped(meta: Item, expires: int | None, record: Callable[[int], Item]) -> tuple[Op, ...]:
    """The ops that set the stamp and the record to ``expires``: two, or no op."""
    if all(meta.get(name) == expires for name in _STAMPS):
        return ()
    key = (meta["PK"], META)
    if expires is None:
        unstamp = Update(key, remove=_STAMPS, condition=_as_read(meta))
        return unstamp, Delete(record_key(meta["PK"]))
    stamp = Update(key, set=dict.fromkeys(_STAMPS, expires), condition=_as_read(meta))
    return stamp, Put(record(expires))


def _takes_off(op: Op) -> bool:
    """Whether an op takes off a stamp, or removes its record."""
    return isinstance(op, Delete) or (isinstance(op, Update) and op.remove == _STAMPS)


def _as_read(meta: Mapping[str, Any]) -> Condition:
    deleted = equals("deleted", meta["deleted"]) if "deleted" in meta else Missing("deleted")
    stage, epoch = equals("stage", meta["stage"]), equals("epoch", meta["epoch"])
    return both(ITEM_EXISTS, stage, epoch, deleted)


def _done(ops: tuple[Op, ...]) -> Writes:
    return [ops] if ops else []
