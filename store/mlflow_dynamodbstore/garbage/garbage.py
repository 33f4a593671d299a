"""What ``mlflow gc`` calls: which runs and models are deleted, and their permanent removal.

Everything below an entity goes first, its META item and its name last: what a crash leaves can be
deleted again. What has expired is found by its tombstone, and only by the store that listed what
is deleted: all that is left to delete are the artifacts, which MLflow does, and the tombstone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from dynamodbstore_events.entities import EXPERIMENT, FORM, MODEL, RUN
from dynamodbstore_events.keys import (
    DELETED_MODELS,
    DELETED_RUNS,
    GSI1,
    GSI2,
    META,
    experiment_pk,
    models_listing,
    oldest_first,
    runs_listing,
    unpart,
)
from dynamodbstore_projections.cascade import remove_below
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.expiry.records import record_key
from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_table.conditions import equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.forms import check_form
from dynamodbstore_table.port import Delete, Item, SortRange, Table, now_ms

from mlflow_dynamodbstore.core.claims import EXPERIMENT_KIND
from mlflow_dynamodbstore.core.lifecycle import DELETED, ExperimentState, run_deleted_time
from mlflow_dynamodbstore.core.lookup import Lookup, raise_experiment_missing
from mlflow_dynamodbstore.experiments.experiment_items import given_id
from mlflow_dynamodbstore.garbage.tombstones import Tombstones
from mlflow_dynamodbstore.logged_models.logged_model_items import is_deleted, model_id_of
from mlflow_dynamodbstore.logged_models.model_metrics import ModelMetrics

_CHUNK = 1000
_SECONDS_OF_EXPIRY = 3600.0
_LAST = "\U0010ffff"


class Garbage:
    """Find and remove for good what has been deleted."""

    serves = (
        *("_get_deleted_runs", "_get_deleted_logged_models"),
        *("_hard_delete_run", "_hard_delete_experiment", "_hard_delete_logged_model"),
    )

    def __init__(
        self,
        table: Table,
        lookup: Lookup,
        config: ConfigSource,
        expired_runs: Tombstones,
        expired_models: Tombstones,
        model_metrics: ModelMetrics,
        remove_traces: Callable[[str, int], int],
    ) -> None:
        self._table = table
        self._scope = lookup.scope
        self._experiments = lookup.experiments
        self._runs = lookup.runs
        self._models = lookup.logged_models
        self._config = config
        self._expired_runs = expired_runs
        self._expired_models = expired_models
        self._model_metrics = model_metrics
        self._remove_traces = remove_traces

    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        """Ids of the runs deleted at least ``older_than`` ms ago, alone or with an experiment, the
        expired ones too."""
        remove_expired(self._table, self._config.current, seconds=_SECONDS_OF_EXPIRY)
        deadline = now_ms(self._table) - older_than
        deleted = dict.fromkeys(self._deleted_before(DELETED_RUNS, deadline))
        for experiment in self._deleted_experiments():
            deleted |= dict.fromkeys(self._listed_runs(experiment))
        found: list[str] = []
        remaining = iter(deleted)
        while chunk := list(islice(remaining, _CHUNK)):
            found += self._runs_deleted_before(chunk, deadline)
        return found + self._expired_runs.deleted_before(deadline)

    def _deleted_before(self, lookup: str, deadline_ms: int) -> Iterator[str]:
        """Partition keys of what a lookup of deleted entities holds up to a time."""
        if deadline_ms < 0:
            return
        upto = SortRange(high=oldest_first(deadline_ms, _LAST))
        for item in self._table.query_all(lookup, index=GSI2, sk=upto, consistent=False):
            yield item["PK"]

    def _deleted_experiments(self) -> Iterator[ExperimentState]:
        for item in self._table.query_all(
            self._scope.experiments_listing,
            index=GSI1,
            filter=equals("stage", DELETED),
            consistent=False,
        ):
            yield ExperimentState.from_item(item)

    def _listed_runs(self, experiment: ExperimentState) -> Iterator[str]:
        """Partition keys of every run of an experiment, in any stage."""
        for shard in range(experiment.run_shards):
            for item in self._table.query_all(
                runs_listing(experiment.experiment_id, shard),
                index=GSI1,
                consistent=False,
                attributes=("PK", "SK"),
            ):
                yield item["PK"]

    def _runs_deleted_before(self, pks: Iterable[str], deadline_ms: int) -> list[str]:
        """Run ids of those partitions whose run is deleted since the deadline or longer, now."""
        metas = self._table.batch_get(
            [(pk, META) for pk in pks], attributes=("experiment_id", "stage", "epoch", "deleted")
        )
        experiments = self._experiments_having(metas.values())
        found: list[str] = []
        for meta in metas.values():
            experiment = experiments.get(meta["experiment_id"])
            if experiment is None:
                continue
            deleted = run_deleted_time(meta, experiment)
            if deleted is not None and deleted <= deadline_ms:
                found.append(_run_id(meta["PK"]))
        return found

    def _experiments_having(self, metas: Iterable[Item]) -> dict[str, ExperimentState]:
        """The experiments that runs or models belong to, by id."""
        wanted = list(dict.fromkeys(meta["experiment_id"] for meta in metas))
        if not wanted:
            return {}
        return self._experiments.find_many(wanted)

    def _hard_delete_run(self, run_id: str) -> None:
        """Remove a run, its history and what it logged to models; ``RESOURCE_DOES_NOT_EXIST``."""
        if not self._expired_runs.remove(run_id):
            self._delete_run(self._runs.meta(run_id))

    def _delete_run(self, meta: Item) -> None:
        pk = meta["PK"]
        run_id = _run_id(pk)
        remove_below(self._table, RUN, pk)
        self._delete_meta(meta)
        self._runs.forget(run_id)

    def _delete_meta(self, meta: Item) -> None:
        self._table.write(Delete((meta["PK"], META)))
        if "expires" in meta:
            self._table.write(Delete(record_key(meta["PK"])))

    def _hard_delete_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment with all of its runs, models, traces and datasets.

        Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such experiment or it is not deleted.
        """
        canonical = given_id(experiment_id)
        state = self._experiments.require(canonical, fresh=True)
        if state.stage != DELETED:
            raise_experiment_missing(canonical)
        pk = experiment_pk(canonical)
        for run_pk_ in list(self._listed_runs(state)):
            run = self._table.get((run_pk_, META), attributes=("PK", "expires", FORM))
            if run is not None:
                check_form(RUN, run)
                self._delete_run(run)
        for meta in list(
            self._table.query_all(
                models_listing(canonical),
                index=GSI1,
                consistent=False,
                attributes=("PK", "SK", FORM),
            )
        ):
            check_form(MODEL, meta)
            self._delete_model(meta["PK"])
        self._remove_traces(canonical, state.trace_shards)
        remove_below(self._table, EXPERIMENT, pk)
        self._delete_experiment_and_claim(state)
        self._experiments.forget(canonical)
        self._runs.forget_all()
        self._model_metrics.forget_models()

    def _delete_experiment_and_claim(self, state: ExperimentState) -> None:
        pk = experiment_pk(state.experiment_id)
        meta = Delete((pk, META))
        try:
            self._table.write(
                self._scope.release(EXPERIMENT_KIND, state.name, state.experiment_id), meta
            )
        except ConditionFailed:
            # The name is another experiment's by now.
            self._table.write(meta)
        self._table.write(Delete(record_key(pk)))

    def _hard_delete_logged_model(self, model_id: str) -> None:
        """Remove a model with its tags, params and metrics; ``RESOURCE_DOES_NOT_EXIST``."""
        if self._expired_models.remove(model_id):
            return
        self._delete_model(self._models.meta(model_id)["PK"])
        self._model_metrics.forget_models()

    def _delete_model(self, pk: str) -> None:
        remove_below(self._table, MODEL, pk)
        self._table.write(Delete((pk, META)))

    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        """Ids of the deleted models that last changed at least ``older_than`` ms ago."""
        deadline = now_ms(self._table) - older_than
        found: list[str] = []
        remaining = self._deleted_before(DELETED_MODELS, deadline)
        while chunk := list(islice(remaining, _CHUNK)):
            metas = self._table.batch_get(
                [(pk, META) for pk in chunk], attributes=("experiment_id", "stage", "updated")
            )
            experiments = self._experiments_having(metas.values())
            found += [
                model_id_of(meta)
                for meta in metas.values()
                if is_deleted(meta)
                and meta["updated"] <= deadline
                and meta["experiment_id"] in experiments
            ]
        return found + self._expired_models.deleted_before(deadline)


def _run_id(pk: str) -> str:
    return unpart(pk.partition("#")[2])
