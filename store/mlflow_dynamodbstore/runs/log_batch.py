"""log_batch: params, metrics and tags of a run in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dynamodbstore_events.keys import META, run_pk, tag_sk
from dynamodbstore_table.conditions import ITEM_EXISTS
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Table, Update
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.validation import _validate_run_id

from mlflow_dynamodbstore.core.gc_pause import collector_paused
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.text_values import required_text_or_none
from mlflow_dynamodbstore.logged_models.model_metrics import ModelMetrics, model_metric_ops
from mlflow_dynamodbstore.runs.batch_checks import checked_batch
from mlflow_dynamodbstore.runs.batch_writes import Batch, Tag, write_batch
from mlflow_dynamodbstore.runs.metrics.history_expiry import HistoryEnds
from mlflow_dynamodbstore.runs.metrics.metric_checks import metric_points
from mlflow_dynamodbstore.runs.params import param_op

_OBJECTS_A_METRIC = 8


class LogBatch:
    """Log many things to a run at once."""

    def __init__(
        self,
        table: Table,
        lookup: Lookup,
        model_metrics: ModelMetrics,
        history_ends: HistoryEnds,
        places: Places,
    ) -> None:
        self._table = table
        self._places = places
        self._runs = lookup.runs
        self._model_metrics = model_metrics
        self._history_ends = history_ends

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        """Log all of it to an active run: at most 1,000 metrics, 100 params, 100 tags.

        Up to about 100 items it is one transaction. A larger batch is written in steps, params
        first: a param that conflicts leaves nothing of it; a crash in between leaves a part, and
        the same batch may be logged again.

        Raises ``INVALID_PARAMETER_VALUE`` for bad data, a deleted run, or a param that has another
        value; ``BAD_REQUEST`` for a metric of an unknown model, or one that differs at its place.
        """
        with collector_paused(_OBJECTS_A_METRIC * len(metrics or ())):
            self._log_batch(run_id, metrics, params, tags)

    def _log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        required_text_or_none(run_id, "run_id")
        _validate_run_id(run_id)
        logged, params, tags = checked_batch(metrics, params, tags)
        self._runs.require_active(run_id)
        models = [m.model_id for m, _ in logged if m.model_id is not None]
        places = iter(self._places.take(len(params) + len(tags) + len(logged)))
        batch = Batch(
            run_id,
            params=[param_op(run_id, param, next(places)) for param in params],
            rename=_rename(run_id, tags),
            tags=_tags(run_id, tags, places),
            metrics=metric_points(run_id, logged, places, self._history_ends),
        )
        if not models:
            write_batch(self._table, batch)
            return
        self._model_metrics.require(models)
        batch.model_metrics = model_metric_ops(run_id, logged, self._places)
        batch.markers = self._model_metrics.markers(run_id, models)
        write_batch(self._table, batch)
        self._model_metrics.marked(run_id, batch.markers)


def _tags(run_id: str, tags: Iterable[RunTag], places: Iterator[int]) -> list[Tag]:
    """The last tag of each key; an empty name of the run changes nothing."""
    pk = run_pk(run_id)
    values = {t.key: t.value for t in tags if t.key != MLFLOW_RUN_NAME or t.value}
    return [Tag(text_items(pk, tag_sk(k), k, v), next(places)) for k, v in values.items()]


def _rename(run_id: str, tags: Iterable[RunTag]) -> Update | None:
    names = [t.value for t in tags if t.key == MLFLOW_RUN_NAME and t.value]
    if not names:
        return None
    return Update((run_pk(run_id), META), set={"name": names[-1]}, condition=ITEM_EXISTS)
