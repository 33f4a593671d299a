"""Model versions: create, get, update, delete, and where their files are."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Item, Put, Table, Update
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL, STAGE_NONE
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import _validate_model_name, _validate_model_version_tag

from mlflow_dynamodbstore.core.long_texts import (
    StoredText,
    TextReplaced,
    remove_texts,
    replace_texts,
    stored_texts,
)
from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.core.text_values import as_text_or_none, required_text_or_none
from mlflow_dynamodbstore.registered_models.model_items import (
    DESCRIPTION,
    LATEST,
    PROMPT_VERSIONS,
    is_prompt,
)
from mlflow_dynamodbstore.registered_models.model_lookup import ModelLookup
from mlflow_dynamodbstore.registered_models.stage_moves import StageMove, move_stages
from mlflow_dynamodbstore.registered_models.version_items import (
    LISTED,
    NOT_DELETED,
    REDACTED,
    model_version,
    touched,
    version_item,
)
from mlflow_dynamodbstore.versioned.items import TAG, has_name
from mlflow_dynamodbstore.versioned.lookup import Found
from mlflow_dynamodbstore.versioned.numbers import give_number, next_number


class ModelVersions:
    """The versions of models. Numbers are 1, 2, 3, … and never given twice, whoever creates.

    ``tracking_uri`` is where logged models and their runs are looked up; None leaves it to MLflow.
    """

    serves = ("_await_model_version_creation",)

    def __init__(self, table: Table, models: ModelLookup, tracking_uri: str | None) -> None:
        self._table = table
        self._models = models
        self._tracking_uri = tracking_uri

    def _await_model_version_creation(self, mv: ModelVersion, await_creation_for: float) -> None:
        """There is nothing to wait for: a version is ready when it is created."""

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Iterable[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Create the model's next version; of a tag key given twice the last value counts.

        A ``source`` ``models:/<id>`` or ``models:/<name>/<version>`` stands for where that model's
        files are. Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such registered model, and
        ``INTERNAL_ERROR`` if a ``models:`` source can't be found.
        """
        _validate_model_name(name)
        texts: dict[str, str | None] = {DESCRIPTION: description}
        for tag in tags or []:
            _validate_model_version_tag(tag.key, tag.value)
            texts[TAG + tag.key] = tag.value
        location, run_id = self._source_of(required_text_or_none(source, "source"), run_id)
        if not run_id and model_id:
            run_id = self._logged_model(model_id).source_run_id
        attributes = {
            "source": source,
            "storage_location": location,
            "run_id": as_text_or_none(run_id, "run_id"),
            "run_link": as_text_or_none(run_link, "run_link"),
        }
        found: Found | None = None

        def create() -> ModelVersion:
            nonlocal found
            found = found or self._models.require(name)
            try:
                return self._add_version(found, attributes, texts)
            except ConditionFailed as failed:
                # The item that was met holds the next number, unless it is no longer the model.
                met = failed.failures.get(0)
                found = replace(found, meta=dict(met)) if met and has_name(met, name) else None
                raise

        return self._models.changing(name, create, on=(ConditionFailed, TransactionConflict))

    def _source_of(self, source: str | None, run_id: str | None) -> tuple[str | None, str | None]:
        """Where the files of a source are, and the run that made them; MLflow's SQL store keeps
        None for a source too."""
        if source is None or urllib.parse.urlparse(source).scheme != "models":
            return source, run_id
        try:
            parsed = _parse_model_uri(source)
            if parsed.model_id is None:
                return self.get_model_version_download_uri(parsed.name, parsed.version), run_id
            model = self._logged_model(parsed.model_id)
        except Exception as error:
            raise MlflowException(
                f"Unable to fetch model from model URI source artifact location {source!r}: {error}"
            ) from error
        return model.artifact_location, run_id or model.source_run_id

    def _logged_model(self, model_id: str) -> Any:
        from mlflow.tracking.client import MlflowClient

        return MlflowClient(tracking_uri=self._tracking_uri).get_logged_model(model_id)

    def _add_version(
        self,
        found: Found,
        attributes: Mapping[str, str | None],
        texts: Mapping[str, str | None],
    ) -> ModelVersion:
        """Give a new version the model's next number; ``ConditionFailed`` if it has been given."""
        meta, now = found.meta, get_current_time_millis()
        number = next_number(found)
        stored = stored_texts(found.pk, texts)
        item = version_item(
            found.key, meta["workspace"], number, now, attributes, stored.attributes
        )
        given = give_number(
            found,
            number,
            set={LATEST + STAGE_NONE: number, "updated": now},
            add={PROMPT_VERSIONS: 1} if is_prompt(item) else {},
        )
        with stored.written(self._table):
            self._table.write(given, Put(item, condition=ITEM_MISSING))
        return model_version(meta, item, stored.long)

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """The version with its tags and aliases; raises ``RESOURCE_DOES_NOT_EXIST``."""

        def read() -> ModelVersion:
            return self._models.version_entity(*self._models.require_version(name, version))

        return retried(f"version {version} of {name!r}", read, on=(TextReplaced,))

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Where the version's files are; raises ``RESOURCE_DOES_NOT_EXIST``."""
        _, item = self._models.require_version(name, version)
        uri: str = item.get("storage_location") or item["source"]
        return uri

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None
    ) -> ModelVersion:
        """Replace the description (None clears it); raises ``RESOURCE_DOES_NOT_EXIST``."""

        def update() -> ModelVersion:
            found, item = self._models.require_version(name, version)
            new = touched(found.key, item["number"], get_current_time_millis())

            def write(texts: dict[str, StoredText]) -> None:
                key = (item["PK"], item["SK"])
                self._table.write(Update(key, set={**texts, **new}, condition=NOT_DELETED))

            stored = replace_texts(self._table, item, {DESCRIPTION: description}, write)
            return self._models.version_entity(found, {**item, **new, **stored.attributes})

        return retried(f"version {version} of {name!r}", update, on=(ConditionFailed, TextReplaced))

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete the version and the aliases to it; its number stays taken.

        Raises ``RESOURCE_DOES_NOT_EXIST``.
        """

        def delete() -> Item:
            found, item = self._models.require_version(name, version)
            now = get_current_time_millis()
            deleted = StageMove(
                item, STAGE_DELETED_INTERNAL, set={**REDACTED, "updated": now}, remove=LISTED
            )
            move_stages(self._table, found, [deleted], now)
            return item

        item = retried(f"version {version} of {name!r}", delete, on=(ConditionFailed,))
        remove_texts(self._table, item, [DESCRIPTION])
