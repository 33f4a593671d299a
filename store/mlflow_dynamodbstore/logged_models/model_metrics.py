"""Metrics that belong to a logged model as well: an item in the model's partition each.

``LM#<model>`` / ``METRIC#<key>#<time>#<step>#<run>`` holds ``key``, the value ``v`` (8 ordered
bytes; NaN is 0 here), time ``t`` (ms), step ``s``, ``run_id`` and, where given, ``dataset_name``
and ``dataset_digest``, and its place ``o`` (``dynamodbstore_events.places``). The run keeps a
marker ``MODEL#<model>`` for each of its models, so that what removes the run finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dynamodbstore_events.keys import (
    META,
    Key,
    metric_sk,
    model_metrics_marker_sk,
    model_pk,
    part,
    run_pk,
)
from dynamodbstore_events.metric_values import decode, encode
from dynamodbstore_events.places import PLACE
from dynamodbstore_table.conditions import ITEM_MISSING, Both, Condition, Either, Missing, equals
from dynamodbstore_table.port import Item, Put, Table, Update
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.memory import Memory, remembered_seconds
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.runs.metrics.metric_points import Point, ordered_text

_DATASET = ("dataset_name", "dataset_digest")
_MARKER_SECONDS = 3600.0


def model_metric_ops(
    run_id: str, metrics: Sequence[tuple[Metric, Point]], places: Places
) -> list[Update]:
    """The items of those metrics that have a model; each op accepts a repeat of itself.

    Raises ``BAD_REQUEST`` where two of them differ at one (model, key, time, step).
    """
    ops: dict[Key, Update] = {}
    for (metric, point), place in zip(metrics, places.take(len(metrics)), strict=True):
        if metric.model_id is None:
            continue
        op = _model_metric(run_id, metric, point, place)
        known = ops.setdefault(op.key, op)
        if known.set != op.set:
            raise model_metric_conflict(op, known.set)
    return list(ops.values())


def model_metric_conflict(op: Update, known: Mapping[str, Any] | None) -> MlflowException:
    """The error of logging ``op`` where ``known`` is logged already."""
    new = op.set
    before = "" if known is None else f" It has the value {decode(known['v'])!r}"
    if known is not None and known.get(_DATASET[0]) != new.get(_DATASET[0]):
        before += f" and the dataset {known.get(_DATASET[0])!r}"
    return MlflowException(
        f"The metric {new['key']!r} of the logged model {op.key[0].partition('#')[2]!r} is already "
        f"logged by run {new['run_id']!r} at step {new['s']} and timestamp {new['t']}.{before}; "
        f"the new value is {decode(new['v'])!r}. Log it at another step or timestamp.",
        BAD_REQUEST,
    )


class ModelMetrics:
    """Which models exist, and which runs carry their markers, as far as this process knows."""

    def __init__(self, table: Table, lookup: Lookup) -> None:
        self._table = table
        self._lookup = lookup.logged_models
        self._models = Memory(remembered_seconds(table), table)
        self._markers = Memory(_MARKER_SECONDS, table)

    def require(self, model_ids: Iterable[str]) -> None:
        """Raise ``BAD_REQUEST`` unless each model exists, in any stage."""
        for model_id, meta in self._found(list(dict.fromkeys(model_ids))):
            if meta is None or not self._lookup.owns(meta):
                raise MlflowException(
                    f"There is no logged model with ID {model_id!r} to log a metric for.",
                    BAD_REQUEST,
                )

    def _found(self, model_ids: list[str]) -> Iterator[tuple[str, Item | None]]:
        """The models with the META items of those that exist, as far as they are needed."""
        known: dict[str, Item | None] = {m: self._models.get(m) for m in model_ids}
        keys = {m: (model_pk(m), META) for m in model_ids if known[m] is None}
        if keys:
            found = self._table.batch_get(keys.values(), attributes=("PK", "experiment_id"))
            for model_id, key in keys.items():
                if meta := found.get(key):
                    known[model_id] = meta
                    self._models.put(model_id, meta)
        yield from known.items()

    def forget_models(self) -> None:
        """Some may have gone: look again at each."""
        self._models.forget_all()

    def markers(self, run_id: str, model_ids: Iterable[str]) -> list[Put]:
        """The markers that the run may lack; ``marked`` ends that once they are written."""
        return [
            Put({"PK": run_pk(run_id), "SK": model_metrics_marker_sk(m), "model_id": m})
            for m in dict.fromkeys(model_ids)
            if not self._markers.get(f"{run_id}#{m}")
        ]

    def marked(self, run_id: str, markers: Iterable[Put]) -> None:
        """The markers are written: a run keeps them as long as it exists."""
        for marker in markers:
            self._markers.put(f"{run_id}#{marker.item['model_id']}", True)


def _model_metric(run_id: str, metric: Metric, point: Point, place: int) -> Update:
    time, step = ordered_text(point.time), ordered_text(point.step)
    sk = f"{metric_sk(metric.key)}#{time}#{step}#{part(run_id)}"
    item: dict[str, Any] = {
        "key": metric.key,
        "v": encode(point.value),
        "t": point.time,
        "s": point.step,
        "run_id": run_id,
    }
    for name in _DATASET:
        if (text := getattr(metric, name)) is not None:
            item[name] = text
    same: list[Condition] = [equals("v", item["v"])]
    same += [equals(n, item[n]) if n in item else Missing(n) for n in _DATASET]
    unless = Either((ITEM_MISSING, Both(tuple(same))))
    key = model_pk(metric.model_id), sk
    return Update(key, item, condition=unless, default={PLACE: place})
