"""Registered models: create, get, update, rename, delete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from dynamodbstore_events.keys import (
    name_listed,
    newest_first,
    registered_model_pk,
    renamed_models_lookup,
)
from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.port import MAX_OPS, Item, Put, Table, Update
from mlflow.entities.model_registry import ModelVersion, RegisteredModel, RegisteredModelTag
from mlflow.entities.model_registry.model_version_stages import ALL_STAGES, get_canonical_stage
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.prompt.registry_utils import handle_resource_already_exist_error
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import (
    _validate_model_name,
    _validate_model_renaming,
    _validate_registered_model_tag,
)

from mlflow_dynamodbstore.core.long_texts import StoredText, replace_texts, stored_texts
from mlflow_dynamodbstore.registered_models.latest_versions import ModelWithLatest, read_latest
from mlflow_dynamodbstore.registered_models.model_items import (
    DESCRIPTION,
    PROMPT_TAG,
    model_meta,
    registered_model,
    tag_lookup_item,
)
from mlflow_dynamodbstore.registered_models.model_lookup import MODELS, ModelLookup
from mlflow_dynamodbstore.versioned.items import TAG, aliases_for, has_name, still_named
from mlflow_dynamodbstore.versioned.lookup import Found
from mlflow_dynamodbstore.versioned.naming import Naming

_TAGS_IN_ONE_WRITE: Final = MAX_OPS - 2


class RegisteredModels:
    """Registered models by name. A name is a claim item: unique whoever else is writing."""

    def __init__(self, table: Table, models: ModelLookup) -> None:
        self._table = table
        self._models = models
        self._scope = models.scope
        self._naming = Naming(table, models)

    def create_registered_model(
        self,
        name: str,
        tags: Iterable[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Create a model without versions; of a tag key given twice the last value counts.

        Raises ``RESOURCE_ALREADY_EXISTS`` if a model or prompt has the name.
        """
        _validate_model_name(name)
        values: dict[str, str | None] = {}
        for tag in tags or []:
            _validate_registered_model_tag(tag.key, tag.value)
            values[tag.key] = tag.value

        def refuse(holder: Found) -> None:
            handle_resource_already_exist_error(
                name, PROMPT_TAG in holder.meta, IS_PROMPT_TAG_KEY in values
            )

        return self._naming.create(
            name,
            lambda key: self._create_model(key, name, description, values),
            refuse,
            # With more tags the model takes more than one write.
            alone=len(values) <= _TAGS_IN_ONE_WRITE,
        )

    def _create_model(
        self, key: str, name: str, description: str | None, tags: dict[str, str | None]
    ) -> RegisteredModel:
        workspace, pk = self._scope.workspace, registered_model_pk(key)
        named = {TAG + tag: value for tag, value in tags.items()}
        texts = stored_texts(pk, {DESCRIPTION: description, **named})
        meta = model_meta(key, workspace, name, get_current_time_millis(), texts.attributes)
        lookups = [Put(tag_lookup_item(key, workspace, tag, v)) for tag, v in tags.items()]
        beside = lookups if len(lookups) > _TAGS_IN_ONE_WRITE else []
        texts.puts.extend(beside)
        with texts.written(self._table):
            self._table.write(
                MODELS.claim(workspace, name, key),
                Put(meta, condition=ITEM_MISSING),
                *([] if beside else lookups),
            )
        return registered_model(meta, texts.long, [])

    def get_registered_model(self, name: str) -> RegisteredModel:
        """The model with its tags, aliases and the latest version of each stage.

        Raises ``RESOURCE_DOES_NOT_EXIST``.
        """
        return self._model_with_latest(name).entity()

    def get_latest_versions(
        self, name: str, stages: Iterable[str] | None = None
    ) -> list[ModelVersion]:
        """The latest version of each of the stages (of all, if none is given), with its aliases.

        Raises ``RESOURCE_DOES_NOT_EXIST`` without the model, and ``INVALID_PARAMETER_VALUE`` for
        an unknown stage.
        """
        found = self._model_with_latest(name)
        wanted = {get_canonical_stage(stage) for stage in list(stages or ()) or ALL_STAGES}
        versions = [v for v in found.entity().latest_versions if v.current_stage in wanted]
        for version in versions:
            version.aliases = aliases_for(found.meta, version.version)
        return versions

    def _model_with_latest(self, name: str) -> ModelWithLatest:
        def read() -> ModelWithLatest:
            found = self._models.require(name)
            latest = read_latest(self._table, [found.meta]).get(found.pk)
            if latest is None or not has_name(latest.meta, name):
                raise _Renamed
            return latest

        return self._models.changing(name, read, on=(_Renamed,))

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Replace the description (None clears it); raises ``RESOURCE_DOES_NOT_EXIST``."""

        def update() -> Item:
            found = self._models.require(name)
            updated = {"updated": get_current_time_millis()}

            def write(texts: dict[str, StoredText]) -> None:
                new = {**texts, **updated}
                self._table.write(Update(found.meta_key, set=new, condition=still_named(name)))

            stored = replace_texts(self._table, found.meta, {DESCRIPTION: description}, write)
            return {**found.meta, **updated, **stored.attributes}

        return self._as_changed(self._models.changing(name, update))

    def _as_changed(self, meta: Item) -> RegisteredModel:
        """The model whose META item is now this, as long as nobody else has changed it."""
        read = read_latest(self._table, [meta]).get(meta["PK"])
        return self.get_registered_model(meta["name"]) if read is None else read.entity()

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give the model another name: one write, however many versions it has.

        Raises ``RESOURCE_ALREADY_EXISTS`` if another model has the new name, and
        ``RESOURCE_DOES_NOT_EXIST`` if none has the old one.
        """
        _validate_model_renaming(new_name)

        def refuse() -> NoReturn:
            raise MlflowException(
                f"Registered Model (name={new_name}) already exists. Choose another name.",
                RESOURCE_ALREADY_EXISTS,
            )

        renamed = self._naming.rename(
            name, new_name, lambda found: _named(found, new_name, get_current_time_millis()), refuse
        )
        return self._as_changed(renamed)

    def delete_registered_model(self, name: str) -> None:
        """Delete the model with its versions; raises ``RESOURCE_DOES_NOT_EXIST``.

        It has gone with the first write, whatever it takes to remove what is left.
        """
        self._naming.delete(name)


class _Renamed(LookupError):
    """The model has another name since it was looked up, or has gone."""


def _named(found: Found, name: str, now_ms: int) -> dict[str, Any]:
    """The attributes of a META item that a rename sets, also one to the same name."""
    return {
        "name": name,
        "updated": now_ms,
        "renamed": now_ms,
        "gsi1sk": name_listed(name),
        "gsi2pk": renamed_models_lookup(found.meta["workspace"]),
        "gsi2sk": newest_first(now_ms, found.key),
    }
