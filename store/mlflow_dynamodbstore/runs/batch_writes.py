"""Writing what one call logs to a run: in one transaction where it fits, else in steps.

A failed condition on a metric's item returns the item, and the metric is planned again from it;
any other that fails ends the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dynamodbstore_events.keys import META, param_sk
from dynamodbstore_table.apply import allowed
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.texts import TextItems
from dynamodbstore_table.port import MAX_OPS, Op, Put, Table, Update

from mlflow_dynamodbstore.core.lookup import raise_run_missing
from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.logged_models.model_metrics import model_metric_conflict
from mlflow_dynamodbstore.runs.metrics.metric_writes import (
    MetricPlan,
    MetricPoints,
    advancing,
    first_plan,
    is_advance,
    next_plan,
)
from mlflow_dynamodbstore.runs.params import param_conflicts

_PARAM = param_sk("")


class Tag(NamedTuple):
    """A tag's text, and the place that it gets unless it has one."""

    text: TextItems
    place: int


@dataclass(slots=True)
class Batch:
    """What one call logs: params, the run's new name, items of model metrics (these may conflict
    with what is there); markers of models and tags (these never do); metrics."""

    run_id: str
    params: Sequence[Update] = ()
    rename: Update | None = None
    markers: Sequence[Put] = ()
    model_metrics: Sequence[Update] = ()
    tags: Sequence[Tag] = ()
    metrics: Sequence[MetricPoints] = field(default_factory=tuple)

    @property
    def fewest_ops(self) -> int:
        """How many ops these are, at least: a metric may take more than one."""
        parts = (self.params, self.model_metrics, self.markers, self.tags, self.metrics)
        return sum(map(len, parts)) + (self.rename is not None)

    @property
    def only_advances(self) -> bool:
        """Whether there is nothing but metrics that move on."""
        return 0 < len(self.metrics) == self.fewest_ops and all(map(is_advance, self.metrics))


def write_metric(table: Table, metric: MetricPoints) -> None:
    """Write one metric's points alone: one plain request where they are in order."""
    plan = first_plan(metric)
    for _ in attempts(metric.run_id):
        for put in plan.history:
            table.write(put)
        if plan.latest is None:
            return
        try:
            table.write(plan.latest)
            return
        except ConditionFailed as failure:
            plan = _replanned(metric, failure.item)


def write_batch(table: Table, batch: Batch) -> None:
    """Write all of the batch.

    Raises MLflow's error, with nothing written, if a param has another value in the run, or a
    model's metric another value at its place. (Of more than 100 writes, those before it stay where
    another writer brings that value while they are made.)
    """
    if batch.fewest_ops > MAX_OPS:
        _write_in_steps(table, batch)
        return
    refused: Mapping[int, Mapping[str, Any] | None] = {}
    if batch.only_advances:
        try:
            table.write(advancing(batch.metrics))
            return
        except ConditionFailed as failure:
            refused = failure.failures
    plans = [
        _replanned(metric, refused[n]) if n in refused else first_plan(metric)
        for n, metric in enumerate(batch.metrics)
    ]
    for _ in attempts(batch.run_id):
        ops: list[Op] = [*batch.params, *batch.model_metrics, *batch.markers]
        ops += [text.update(place) for text, place in batch.tags]
        if batch.rename is not None:
            ops.append(batch.rename)
        guarded = len(ops)
        owners: list[int] = []
        for number, plan in enumerate(plans):
            ops += plan.history
            owners += [number] * len(plan.history)
            if plan.latest is not None:
                ops.append(plan.latest)
                owners.append(number)
        if not ops:
            return
        if len(ops) > MAX_OPS:
            _write_in_steps(table, batch)
            return
        try:
            table.write(*ops)
            return
        except ConditionFailed as failure:
            failed = failure.failures
            _raise_conflicts(batch.run_id, [(ops[n], i) for n, i in failed.items() if n < guarded])
            for position, item in failed.items():
                number = owners[position - guarded]
                plans[number] = _replanned(batch.metrics[number], item)


def _write_in_steps(table: Table, batch: Batch) -> None:
    _refuse_conflicts(table, batch)
    # Params first and together, so that one that conflicts leaves nothing of the batch.
    if batch.params:
        _guarded(batch.run_id, batch.params, lambda: table.write(*batch.params))
    if batch.markers:
        # Before what they mark, so that whatever removes the run finds it.
        table.bulk(batch.markers)
    guarded = [*batch.model_metrics, *([batch.rename] if batch.rename else [])]
    if guarded:
        _guarded(batch.run_id, guarded, lambda: table.bulk(guarded))
    harmless = _tag_ops(table, batch.tags)
    pending = _first_plans(table, batch.metrics)
    for _ in attempts(batch.run_id):
        # History goes before the items that point at it: a reader reads it after them.
        ops = [*harmless, *(put for _, plan in pending for put in plan.history)]
        harmless = []
        if ops:
            table.bulk(ops)
        pending = [(metric, plan) for metric, plan in pending if plan.latest is not None]
        if not pending:
            return
        try:
            table.bulk([plan.latest for _, plan in pending if plan.latest is not None])
            return
        except ConditionFailed as failure:
            pending = [
                (pending[n][0], _replanned(pending[n][0], item))
                for n, item in failure.failures.items()
            ]


def _tag_ops(table: Table, tags: Sequence[Tag]) -> Sequence[Put | Update]:
    """A tag that is there keeps its place in a file. Over a network it gets the new one: 25 puts
    are one request, and an update is one each."""
    if table.remote:
        return [text.put(place) for text, place in tags]
    return [text.update(place) for text, place in tags]


def _refuse_conflicts(table: Table, batch: Batch) -> None:
    """Raise where a model's metric conflicts with what is there, before anything is written. The
    conditions of the writes still stand, for those who write meanwhile."""
    if not batch.model_metrics:
        return
    found = table.batch_get([op.key for op in batch.model_metrics])
    refused = [(op, found.get(op.key)) for op in batch.model_metrics]
    _raise_conflicts(batch.run_id, [(op, item) for op, item in refused if not allowed(op, item)])


def _first_plans(
    table: Table, metrics: Sequence[MetricPoints]
) -> list[tuple[MetricPoints, MetricPlan]]:
    """Write those metrics that are mere advances; the others, and those that were none, with what
    to write for them."""
    advances: list[MetricPoints] = []
    others: list[tuple[MetricPoints, MetricPlan]] = []
    for metric in metrics:
        if is_advance(metric):
            advances.append(metric)
        else:
            others.append((metric, first_plan(metric)))
    if not advances:
        return others
    try:
        table.bulk(advancing(advances))
    except ConditionFailed as failure:
        others += [(advances[n], _replanned(advances[n], i)) for n, i in failure.failures.items()]
    return others


def _guarded(run_id: str, ops: Sequence[Op], write: Callable[[], object]) -> None:
    try:
        write()
    except ConditionFailed as failure:
        _raise_conflicts(run_id, [(ops[n], item) for n, item in failure.failures.items()])


def _raise_conflicts(run_id: str, conflicts: list[tuple[Op, Mapping[str, Any] | None]]) -> None:
    updates = [(op, item) for op, item in conflicts if isinstance(op, Update)]
    params = [(op, item) for op, item in updates if op.key[1].startswith(_PARAM)]
    if params:
        raise param_conflicts(run_id, params)
    for op, item in updates:
        if op.key[1] == META:
            raise_run_missing(run_id)
        raise model_metric_conflict(op, item)


def _replanned(metric: MetricPoints, item: Mapping[str, Any] | None) -> MetricPlan:
    return first_plan(metric) if item is None else next_plan(metric, item)


def attempts(run_id: str) -> Iterator[None]:
    """One for each attempt, with pauses between them; raises as ``Contention``."""
    contention = Contention(f"the metrics of the run {run_id!r}")
    while True:
        yield
        contention.wait()
