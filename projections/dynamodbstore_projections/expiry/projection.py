"""The expiry projection: when a run or an experiment has expired, what hangs below it goes too.

It works on a due record (see ``expiry.records``). A call does a bounded part of it: tombstones
first, then what hangs below, META items last (DynamoDB may take two days to remove one that has
expired, and nobody sees it meanwhile); then it changes the record, whose event brings the next
call, until the record of a run becomes its tombstone and that of an experiment goes. A crash in
between leaves the record, and what is left is found again.

It is for the stream and for ``expiry.sweep``, not for a table's observer, which does not see its
own writes: the other projections would miss these removals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, EXPIRED, RUN, Entity, entity_of
from dynamodbstore_events.keys import DEFAULT_TRACE_SHARDS, META, NAME, experiment_pk, name_pk
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, Missing, both, equals
from dynamodbstore_table.port import Delete, Item, Op, Put, Update, now_ms

from dynamodbstore_projections.cascade import (
    Harvest,
    below_experiment,
    below_model,
    below_run,
    below_trace,
    models_of,
    runs_of,
    side_by_side,
    traces_of,
)
from dynamodbstore_projections.config import DAY_SECONDS, Config
from dynamodbstore_projections.expiry.records import (
    buried,
    experiment_id_of,
    is_due,
    record_key,
    tombstone,
)
from dynamodbstore_projections.projection import LIFECYCLE, Bulk, PassOn, Projection, Writes
from dynamodbstore_projections.view import View

MOST_ITEMS: Final = 2000
CLOCK_MARGIN_SECONDS: Final = 300
"""How far the clocks of servers and handlers may be apart."""
EVENT_DAYS: Final = 3
"""DynamoDB removes what has expired within two days; its stream is kept for one more."""

_NOT_BEGUN: Final = Missing("gone")


class ExpiryProjection(Projection):
    """Removes what hangs below expired runs and experiments, ``most_items`` items a call."""

    name = "expiry"
    function = LIFECYCLE
    inline = False
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        (EXPERIMENT, RUN, EXPIRED), (META,)
    )

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        self._most_items = most_items

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        if event.pk.partition("#")[0] == EXPIRED:
            return not event.removed
        return event.removed and event.expired

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        gone = entity_of(entity.id) if entity.kind == EXPIRED else entity
        if gone is None or gone.kind not in (EXPERIMENT, RUN):
            return []
        if entity.kind != EXPIRED and view.meta(gone.pk) is not None:
            return []
        record = view.get(record_key(gone.pk))
        if record is None or not is_due(record) or view.meta(gone.pk) is not None:
            return []
        if "gone" not in record:
            seen = view.removed.get(gone)
            if gone.kind == RUN and _is_outdated(record, view):
                if seen:
                    return [_restored(gone, seen)]
                if seen is None and not _is_past(record, EVENT_DAYS * DAY_SECONDS, view):
                    return []
            margin = CLOCK_MARGIN_SECONDS if view.table.remote else 0
            if seen is None and not _is_past(record, margin, view):
                return []
        if gone.kind == RUN:
            return self._run(gone, record, view)
        return self._experiment(gone, record, view)

    def _run(self, run: Entity, record: Item, view: View) -> Writes:
        harvest = Harvest(self._most_items)
        all_of_it = harvest.take(below_run(view.table, run.pk))
        if all_of_it:
            harvest.take_meta((run.pk, META))
        last = (buried(run.pk, record),) if all_of_it else _more(run)
        return [*_begun(run, record, view), *harvest.removals(), last]

    def _experiment(self, experiment: Entity, record: Item, view: View) -> Writes:
        harvest = Harvest(self._most_items)
        tombstones: list[Item] = []
        all_of_it = self._below(experiment.id, record, view, harvest, tombstones)
        last = _finished(experiment, record, view) if all_of_it else _more(experiment)
        puts = [Bulk(tuple(map(Put, tombstones)))] if tombstones else []
        return [*_begun(experiment, record, view), *puts, *harvest.removals(), last]

    def _below(
        self,
        experiment_id: str,
        record: Item,
        view: View,
        harvest: Harvest,
        tombstones: list[Item],
    ) -> bool:
        """Take what is below an experiment as far as there is room; whether that was all."""
        table = view.table
        deleted_ms = now_ms(table)
        trace_shards = record.get("trace_shards", DEFAULT_TRACE_SHARDS)
        entities = (
            ("artifact_uri", runs_of(table, experiment_id, record["run_shards"]), below_run),
            ("artifact_location", models_of(table, experiment_id), below_model),
            # MLflow's garbage collector knows no traces: they leave no tombstones.
            (None, traces_of(table, experiment_id, trace_shards), below_trace),
        )
        for artifacts, metas, below in entities:
            for meta, keys in side_by_side(table, metas, below, self._most_items):
                if artifacts is not None:
                    tombstones.append(tombstone(meta["PK"], meta[artifacts], record, deleted_ms))
                if not harvest.take(keys) or harvest.room <= 0:
                    return False
                harvest.take_meta((meta["PK"], META))
        if not harvest.take(below_experiment(table, experiment_pk(experiment_id))):
            return False
        harvest.take_meta((experiment_pk(experiment_id), META))
        return True


def _is_past(record: Mapping[str, Any], seconds: int, view: View) -> bool:
    """Whether the entity expired at least ``seconds`` ago."""
    return bool(record["expires"] + seconds <= view.table.now())


def _begun(gone: Entity, record: Item, view: View) -> Writes:
    """The write that records that the entity is gone; from then on it can't come back."""
    if "gone" in record:
        return []
    begun = Update(
        record_key(gone.pk),
        set={"gone": now_ms(view.table)},
        remove=("gsi1pk", "gsi1sk"),
        condition=both(ITEM_EXISTS, _NOT_BEGUN),
    )
    return [(begun,)]


def _is_outdated(record: Item, view: View) -> bool:
    """Whether a run's experiment has changed its stage since the run was stamped: then it should
    not have expired, and only did because the stamp was not yet taken off."""
    experiment = view.meta(experiment_pk(experiment_id_of(record)))
    return experiment is not None and bool(experiment["epoch"] != record["epoch"])


def _restored(gone: Entity, seen: Mapping[str, Any]) -> tuple[Op, ...]:
    meta = {name: value for name, value in seen.items() if name not in ("ttl", "expires")}
    return (
        Put(meta, condition=ITEM_MISSING),
        Delete(record_key(gone.pk), condition=both(ITEM_EXISTS, _NOT_BEGUN)),
    )


def _more(gone: Entity) -> PassOn:
    return PassOn((Update(record_key(gone.pk), add={"passes": 1}, condition=ITEM_EXISTS),))


def _finished(experiment: Entity, record: Item, view: View) -> tuple[Op, ...]:
    """The last write for an experiment. Its name may be another's by now."""
    done = Delete(record_key(experiment.pk))
    key = name_pk(record["workspace"], EXPERIMENT, record["name"]), NAME
    claim = view.get(key)
    if claim is None or claim["id"] != experiment.id:
        return (done,)
    return done, Delete(key, condition=equals("id", experiment.id))
