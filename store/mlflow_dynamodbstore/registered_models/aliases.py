"""Aliases of registered models: names that stand for a version."""

from __future__ import annotations

from dynamodbstore_events.keys import Key
from dynamodbstore_table.port import Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.utils.validation import (
    _REGISTERED_MODEL_ALIAS_LATEST,
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_name,
    _validate_model_version,
)

from mlflow_dynamodbstore.core.long_texts import Gone, TextReplaced
from mlflow_dynamodbstore.registered_models.model_items import latest_of
from mlflow_dynamodbstore.registered_models.model_lookup import ModelLookup, raise_version_missing
from mlflow_dynamodbstore.registered_models.version_items import (
    NOT_DELETED,
    can_be_number,
    is_deleted,
    version_key,
)
from mlflow_dynamodbstore.versioned.aliases import remove_alias, set_alias
from mlflow_dynamodbstore.versioned.items import aliases_of
from mlflow_dynamodbstore.versioned.lookup import Found


class Aliases:
    """Aliases: each is an attribute of its model."""

    def __init__(self, table: Table, models: ModelLookup) -> None:
        self._table = table
        self._models = models

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Let an alias stand for a version, whatever it stood for before.

        Raises ``INVALID_PARAMETER_VALUE`` for a name that no alias can have, and
        ``RESOURCE_DOES_NOT_EXIST`` without the version.
        """
        _validate_model_name(name)
        _validate_model_alias_name(alias)
        _validate_model_alias_name_reserved(alias)
        number: int = _validate_model_version(version)

        def point() -> None:
            found = self._models.find(name)
            if found is None or not can_be_number(number):
                raise_version_missing(name, version)
            key = version_key(found.key, number)
            if not set_alias(self._table, found, alias, number, key, NOT_DELETED):
                raise_version_missing(name, version)

        self._models.changing(name, point)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias away, if there is such.

        Raises ``RESOURCE_DOES_NOT_EXIST`` without the model.
        """
        _validate_model_name(name)
        _validate_model_alias_name(alias)

        def remove() -> None:
            remove_alias(self._table, self._models.require(name), alias)

        self._models.changing(name, remove)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias stands for; ``latest`` is the one with the highest number.

        Raises ``RESOURCE_DOES_NOT_EXIST`` without the model (or a latest version), and
        ``INVALID_PARAMETER_VALUE`` without the alias.
        """
        _validate_model_name(name)
        _validate_model_alias_name(alias)

        def read() -> ModelVersion:
            found = self._models.require(name)
            meant = _version_meant(found, alias)
            item = self._table.get(meant)
            if item is None or is_deleted(item):
                raise _Moved(meant[1])
            return self._models.version_entity(found, item)

        return self._models.changing(name, read, on=(_Moved, TextReplaced))


class _Moved(Gone):
    """The alias stands for another version since the model was read."""


def _version_meant(found: Found, alias: str) -> Key:
    if alias.lower() == _REGISTERED_MODEL_ALIAS_LATEST:
        number = max(latest_of(found.meta).values(), default=None)
        if number is None:
            raise MlflowException(
                f"Latest version not found for model {found.meta['name']}.",
                RESOURCE_DOES_NOT_EXIST,
            )
    else:
        number = aliases_of(found.meta).get(alias)
        if number is None:
            raise MlflowException(
                f"Registered model alias {alias} not found.", INVALID_PARAMETER_VALUE
            )
    return version_key(found.key, number)
