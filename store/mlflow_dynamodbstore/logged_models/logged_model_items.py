"""From the items of a logged model's partition to MLflow's entity, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dynamodbstore_events.entities import FORM, MODEL
from dynamodbstore_events.keys import META, model_pk, models_listing, newest_first
from dynamodbstore_events.metric_values import decode
from dynamodbstore_events.places import in_place
from dynamodbstore_table.items.forms import current, newest_form
from dynamodbstore_table.items.texts import require_texts, texts
from dynamodbstore_table.port import Item
from dynamodbstore_table.shaped import require_shape
from mlflow.entities import LoggedModel, LoggedModelStatus, Metric

from mlflow_dynamodbstore.core.lifecycle import ACTIVE, DELETED

_OPTIONAL = ("model_type", "source_run_id", "status_message")


@dataclass(slots=True)
class ModelItems:
    """A logged model's partition, sorted by kind."""

    meta: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str | None] = field(default_factory=dict)
    params: Mapping[str, str | None] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)


def model_meta(
    model_id: str,
    experiment_id: str,
    name: str,
    artifact_location: str,
    now_ms: int,
    *,
    model_type: str | None,
    source_run_id: str | None,
) -> Item:
    """The META item of a new logged model, pending."""
    item: Item = {
        "PK": model_pk(model_id),
        "SK": META,
        FORM: newest_form(MODEL),
        "experiment_id": experiment_id,
        "name": name,
        "artifact_location": artifact_location,
        "created": now_ms,
        "updated": now_ms,
        "status": LoggedModelStatus.PENDING.to_int(),
        "stage": ACTIVE,
        "gsi1pk": models_listing(experiment_id),
        "gsi1sk": newest_first(now_ms, model_id),
    }
    if model_type is not None:
        item["model_type"] = str(model_type)
    if source_run_id is not None:
        item["source_run_id"] = str(source_run_id)
    return item


def model_id_of(item: Mapping[str, Any]) -> str:
    """The model's id, from any item of its partition."""
    return item["PK"].partition("#")[2]


def is_deleted(meta: Mapping[str, Any]) -> bool:
    """Whether a META item is that of a deleted model."""
    return meta["stage"] == DELETED


def model_metric(item: Mapping[str, Any]) -> Metric:
    """The metric of a ``METRIC#`` item."""
    require_shape(item)
    dataset = (item["dataset_name"], item["dataset_digest"]) if _has_dataset(item) else (None, None)
    return Metric(
        key=item["key"],
        value=decode(item["v"]),
        timestamp=item["t"],
        step=item["s"],
        model_id=model_id_of(item),
        dataset_name=dataset[0],
        dataset_digest=dataset[1],
        run_id=item["run_id"],
    )


def _has_dataset(metric: Mapping[str, Any]) -> bool:
    return "dataset_name" in metric or "dataset_digest" in metric


def model_items(items: Iterable[Mapping[str, Any]]) -> ModelItems | None:
    """Sort the items of one partition; None if there is no model (any more). Metrics come in
    the order in which they were logged."""
    model = ModelItems()
    tags: list[Mapping[str, Any]] = []
    params: list[Mapping[str, Any]] = []
    metrics: list[Mapping[str, Any]] = []
    for item in items:
        kind = item["SK"].partition("#")[0]
        if kind == "METRIC":
            metrics.append(item)
        elif kind == "TAG":
            tags.append(item)
        elif kind == "PARAM":
            params.append(item)
        elif kind == META:
            model.meta = current(MODEL, item)
    if not model.meta:
        return None
    model.tags, model.params = texts(tags), texts(params)
    model.metrics = list(map(model_metric, in_place(metrics)))
    return model


def _by_name(named: Mapping[str, str | None]) -> dict[str, str | None]:
    return dict(sorted(named.items()))


def logged_model(model: ModelItems) -> LoggedModel:
    """MLflow's logged model; tags and params by name, as the SQL store's key gives them."""
    meta = require_shape(model.meta)
    require_texts(model.tags, model.params)
    return LoggedModel(
        experiment_id=meta["experiment_id"],
        model_id=model_id_of(meta),
        name=meta["name"],
        artifact_location=meta["artifact_location"],
        creation_timestamp=meta["created"],
        last_updated_timestamp=meta["updated"],
        status=LoggedModelStatus.from_int(meta["status"]),
        tags=_by_name(model.tags),
        params=_by_name(model.params),
        metrics=model.metrics or None,
        **{name: meta.get(name) for name in _OPTIONAL},
    )
