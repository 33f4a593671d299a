"""Tags of registered models and of model versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_events.keys import tag_sk
from dynamodbstore_table.conditions import Condition, Not, both, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Delete, Item, Op, Put, Table, Update
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.utils.validation import (
    _validate_model_name,
    _validate_model_version,
    _validate_model_version_tag,
    _validate_registered_model_tag,
    _validate_tag_name,
)

from mlflow_dynamodbstore.core.long_texts import StoredText
from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.registered_models.model_items import (
    PROMPT,
    PROMPT_TAG,
    PROMPT_VERSIONS,
    is_prompt,
    listing,
    tag_lookup_item,
)
from mlflow_dynamodbstore.registered_models.model_lookup import ModelLookup
from mlflow_dynamodbstore.registered_models.version_items import NOT_DELETED
from mlflow_dynamodbstore.versioned.items import still_named
from mlflow_dynamodbstore.versioned.lookup import Found
from mlflow_dynamodbstore.versioned.tags import TagOps, remove_tag, set_tag


class RegistryTags:
    """Tags. The one that makes a model a prompt also decides where the model is listed."""

    def __init__(self, table: Table, models: ModelLookup) -> None:
        self._table = table
        self._models = models

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag of a model; raises ``RESOURCE_DOES_NOT_EXIST`` without the model."""
        _validate_model_name(name)
        _validate_registered_model_tag(tag.key, tag.value)
        key, value = tag.key, tag.value

        def change() -> None:
            found = self._models.require(name)
            lookup = Put(tag_lookup_item(found.key, found.meta["workspace"], key, value))
            set_tag(self._table, found.meta, key, value, _model_ops(found, key, value, lookup))

        self._models.changing(name, change)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a model, if it has it; raises ``RESOURCE_DOES_NOT_EXIST`` without the
        model."""
        _validate_model_name(name)
        _validate_tag_name(key)

        def change() -> None:
            found = self._models.require(name)
            lookup = Delete((found.pk, tag_sk(key)))
            remove_tag(self._table, found.meta, key, _model_ops(found, key, None, lookup))

        self._models.changing(name, change)

    def set_model_version_tag(self, name: str, version: str | int, tag: ModelVersionTag) -> None:
        """Set a tag of a version; raises ``RESOURCE_DOES_NOT_EXIST`` without the version."""
        _validate_model_name(name)
        _validate_model_version(version)
        _validate_model_version_tag(tag.key, tag.value)

        def change() -> None:
            found, item = self._models.require_version(name, version)
            set_tag(self._table, item, tag.key, tag.value, _version_ops(found, item, tag.key))

        retried(f"version {version} of {name!r}", change, on=(ConditionFailed,))

    def delete_model_version_tag(self, name: str, version: str | int, key: str) -> None:
        """Delete a tag of a version, if it has it; raises ``RESOURCE_DOES_NOT_EXIST`` without the
        version."""
        _validate_model_name(name)
        _validate_model_version(version)
        _validate_tag_name(key)

        def change() -> None:
            found, item = self._models.require_version(name, version)
            remove_tag(self._table, item, key, _version_ops(found, item, key))

        retried(f"version {version} of {name!r}", change, on=(ConditionFailed,))


def _model_ops(found: Found, key: str, value: str | None, lookup: Op) -> TagOps:
    """Changes a tag of a model with the item by which it is found, and its listing."""

    def ops(set: Mapping[str, StoredText], remove: tuple[str, ...]) -> list[Op]:
        new = {**set, **_relisted(found, key, value)}
        condition = still_named(found.name)
        return [Update(found.meta_key, set=new, remove=remove, condition=condition), lookup]

    return ops


def _relisted(found: Found, key: str, value: str | None) -> dict[str, Any]:
    """Where a model is listed when it has this value of the tag (None: not the tag)."""
    if key != IS_PROMPT_TAG_KEY:
        return {}
    return {"gsi1pk": listing(found.meta["workspace"], value == PROMPT)}


def _version_ops(found: Found, item: Item, key: str) -> TagOps:
    """Changes a tag of a version, and counts its model's versions of a prompt."""

    def ops(set: Mapping[str, StoredText], remove: tuple[str, ...]) -> list[Op]:
        condition: Condition = NOT_DELETED
        counted: list[Op] = []
        if key == IS_PROMPT_TAG_KEY:
            before, after = is_prompt(item), is_prompt(set)
            was = equals(PROMPT_TAG, PROMPT)
            condition = both(NOT_DELETED, was if before else Not(was))
            if after != before:
                add = {PROMPT_VERSIONS: after - before}
                still = still_named(found.name)
                counted = [Update(found.meta_key, add=add, condition=still)]
        version = (item["PK"], item["SK"])
        return [*counted, Update(version, set=set, remove=remove, condition=condition)]

    return ops
