"""Logged models: create, get, finalize, delete, and their tags and params."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dynamodbstore_events.keys import (
    DELETED_MODELS,
    META,
    model_pk,
    oldest_first,
    param_sk,
    run_pk,
    tag_sk,
)
from dynamodbstore_table.conditions import ITEM_EXISTS, both, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.texts import TextItems, parts_of, text_items
from dynamodbstore_table.port import MAX_OPS, Check, Delete, Item, Put, Table, Update, now_ms
from mlflow.entities import LoggedModel, LoggedModelParameter, LoggedModelStatus, LoggedModelTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.uri import append_to_uri_path
from mlflow.utils.validation import _validate_logged_model_name, _validate_tag

from mlflow_dynamodbstore.core.errors import WrongType
from mlflow_dynamodbstore.core.insertions import insert_all
from mlflow_dynamodbstore.core.lifecycle import DELETED
from mlflow_dynamodbstore.core.lookup import Lookup, raise_logged_model_missing
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.core.tag_changes import change_tag
from mlflow_dynamodbstore.core.text_values import as_text
from mlflow_dynamodbstore.experiments.experiment_items import canonical_id
from mlflow_dynamodbstore.garbage.tombstones import Tombstones, expired_model
from mlflow_dynamodbstore.logged_models.logged_model_items import (
    ModelItems,
    is_deleted,
    logged_model,
    model_items,
    model_meta,
)

MODELS_FOLDER = "models"
ARTIFACTS_FOLDER = "artifacts"


class LoggedModels:
    """Logged models. Their stage is their own: their experiment's does not touch it."""

    serves = ("log_logged_model_params",)

    def __init__(self, table: Table, lookup: Lookup, expired: Tombstones, places: Places) -> None:
        self._table = table
        self._places = places
        self._experiments = lookup.experiments
        self._runs = lookup.runs
        self._models = lookup.logged_models
        self._expired_models = expired

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: list[LoggedModelTag] | None = None,
        params: list[LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Create a pending model in an active experiment; without a name it gets a random one.

        Raises ``BAD_REQUEST`` if a tag or param key is given twice, and
        ``INVALID_PARAMETER_VALUE`` for a bad name or a deleted experiment.
        """
        _validate_logged_model_name(name)
        if experiment_id is None or experiment_id == "":
            raise MlflowException(
                f"A logged model needs an experiment: experiment_id is {experiment_id!r}.",
                BAD_REQUEST,
            )
        experiment = self._experiments.require_active(canonical_id(experiment_id))
        model_id = f"m-{uuid.uuid4().hex}"
        tag_texts, param_texts = _distinct("tag", tags or []), _distinct("param", params or [])
        meta = model_meta(
            model_id,
            experiment.experiment_id,
            name or _generate_random_name(),
            append_to_uri_path(
                experiment.artifact_location, MODELS_FOLDER, model_id, ARTIFACTS_FOLDER
            ),
            get_current_time_millis(),
            model_type=model_type,
            source_run_id=source_run_id,
        )
        pk = model_pk(model_id)
        self._write_model(
            meta,
            [text_items(pk, tag_sk(key), key, text) for key, text in tag_texts.items()]
            + [text_items(pk, param_sk(key), key, text) for key, text in param_texts.items()],
        )
        return logged_model(ModelItems(meta, tag_texts, param_texts))

    def _write_model(self, meta: Item, texts: Sequence[TextItems]) -> None:
        puts = [Put(text.item) for text in texts]
        before = parts_of(texts)
        if len(puts) >= MAX_OPS:
            before += puts
            puts = []
        if before:
            self._table.bulk(before)
        self._table.write(Put(meta), *puts)

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> LoggedModel:
        """The model with its tags, params and metrics; a deleted one only if that is allowed, and
        then also an expired one that this store has already reported to ``mlflow gc``.

        Raises ``RESOURCE_DOES_NOT_EXIST``.
        """
        tombstone = self._expired_models.get(model_id) if allow_deleted else None
        if tombstone is not None:
            return expired_model(tombstone)
        model = self._read_model(model_id)
        if is_deleted(model.meta) and not allow_deleted:
            raise_logged_model_missing(model_id)
        return logged_model(model)

    def _read_model(self, model_id: str) -> ModelItems:
        pk = model_pk(str(model_id))
        model = model_items(self._table.partitions([pk])[pk])
        if model is None or not self._models.owns(model.meta):
            raise_logged_model_missing(model_id)
        return model

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the model's status, also a deleted one's, and return the model."""
        if not isinstance(status, LoggedModelStatus):
            raise MlflowException(
                f"Invalid status {status!r}: it must be a LoggedModelStatus.", INTERNAL_ERROR
            )
        contention = Contention(f"the logged model {model_id!r}")
        while True:
            model = self._read_model(model_id)
            now = now_ms(self._table)
            changed: dict[str, Any] = {"status": status.to_int(), "updated": now}
            if is_deleted(model.meta):
                changed["gsi2sk"] = oldest_first(now, model_id)
            same_stage = both(ITEM_EXISTS, equals("stage", model.meta["stage"]))
            try:
                self._table.write(Update(_meta_key(model_id), set=changed, condition=same_stage))
            except ConditionFailed:
                contention.wait()
                continue
            model.meta = {**model.meta, **changed}
            return logged_model(model)

    def delete_logged_model(self, model_id: str) -> None:
        """Mark the model deleted, from now; a deleted one is deleted again."""
        self._models.check(model_id)
        now = now_ms(self._table)
        changed = {
            "stage": DELETED,
            "updated": now,
            "gsi2pk": DELETED_MODELS,
            "gsi2sk": oldest_first(now, model_id),
        }
        try:
            self._table.write(Update(_meta_key(model_id), set=changed, condition=ITEM_EXISTS))
        except ConditionFailed:
            raise_logged_model_missing(model_id)

    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Set tags of a model in any stage; of a key given twice the last value counts."""
        _check_values("tag", tags)
        self._models.meta(model_id)
        pk = model_pk(model_id)
        distinct = dict(_texts("tag", tags))
        texts = [text_items(pk, tag_sk(key), key, text) for key, text in distinct.items()]
        if parts := parts_of(texts):
            self._table.bulk(parts)
        if len(texts) == 1:
            self._table.write(Put(texts[0].item))
        elif texts:
            self._table.bulk([Put(text.item) for text in texts])

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Delete a tag of a model in any stage; ``RESOURCE_DOES_NOT_EXIST`` if it has none."""
        self._models.check(model_id)
        guard = Check(_meta_key(model_id), ITEM_EXISTS)
        tag_key = (model_pk(str(model_id)), tag_sk(str(key)))
        try:
            self._table.write(guard, Delete(tag_key, condition=ITEM_EXISTS))
        except ConditionFailed as failed:
            if 0 in failed.failures:
                raise_logged_model_missing(model_id)
            raise MlflowException(
                f"No tag with key {key!r} found for model with ID {model_id!r}.",
                RESOURCE_DOES_NOT_EXIST,
            ) from None

    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Add params to a model in any stage, all of them or none.

        Raises ``BAD_REQUEST`` if the model already has one of them, with any value.
        """
        if not params:
            self._models.meta(model_id)
            return
        self._models.check(model_id)
        pk = model_pk(str(model_id))
        texts = [
            text_items(pk, param_sk(key), key, text)
            for key, text in _distinct("param", params).items()
        ]
        parts = parts_of(texts)
        if parts:
            self._table.bulk(parts)
        try:
            insert_all(
                self._table,
                Check(_meta_key(model_id), ITEM_EXISTS),
                [text.item for text in texts],
            )
        except ConditionFailed as failed:
            self._table.bulk([Delete(part.key) for part in parts])
            first = min(failed.failures)
            if first == 0:
                raise_logged_model_missing(model_id)
            raise MlflowException(
                f"Model {model_id!r} already has the param {params[first - 1].key!r}; a model's "
                "params are logged once and can't be changed.",
                BAD_REQUEST,
            ) from None

    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        """Add a model's description to the run's tag ``mlflow.log-model.history``.

        Nothing that another writer adds meanwhile is lost.
        """
        from mlflow.models import Model

        if not isinstance(mlflow_model, Model):
            raise WrongType(
                f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'"
            )
        described = mlflow_model.get_tags_dict()
        self._runs.require_active(run_id)

        def with_model(history: str | None) -> str:
            value = json.dumps([*_history(run_id, history), described])
            _validate_tag(MLFLOW_LOGGED_MODELS, value)
            return value

        place = self._places.next()
        change_tag(self._table, run_pk(run_id), MLFLOW_LOGGED_MODELS, with_model, place)


def _history(run_id: str, text: str | None) -> list[Any]:
    """The descriptions that the tag holds so far."""
    try:
        history = json.loads(text or "[]")
    except ValueError:
        history = None
    if not isinstance(history, list):
        raise MlflowException(
            f"The tag {MLFLOW_LOGGED_MODELS!r} of run {run_id!r} is no JSON list: {text!r:.100}. "
            "Delete it, then log the model again.",
            INTERNAL_ERROR,
        )
    return history


def _meta_key(model_id: str) -> tuple[str, str]:
    return model_pk(str(model_id)), META


def _distinct(kind: str, texts: Sequence[Any]) -> dict[str, str | None]:
    """Tags or params by key; raises ``BAD_REQUEST`` for a key given twice or without a value."""
    _check_values(kind, texts)
    distinct: dict[str, str | None] = {}
    for key, value in _texts(kind, texts):
        if key in distinct:
            raise MlflowException(
                f"The {kind} key {key!r} is given twice. Give each key once.", BAD_REQUEST
            )
        distinct[key] = value
    return distinct


def _texts(kind: str, texts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for text in texts:
        key = as_text(text.key, f"{kind} key")
        yield key, as_text(text.value, f"value of the {kind} {key!r}")


def _check_values(kind: str, texts: Sequence[Any]) -> None:
    for text in texts:
        if text.key is None or text.value is None:
            raise MlflowException(
                f"A logged model's {kind} needs a key and a value, got key {text.key!r} and value "
                f"{text.value!r}.",
                BAD_REQUEST,
            )
