"""From a registered model's name to its items, and to those of its versions."""

from __future__ import annotations

from typing import Final, NoReturn

from dynamodbstore_events.entities import REGISTERED_MODEL
from dynamodbstore_events.keys import DELETED_REGISTERED_MODELS, registered_model_key, version_sk
from dynamodbstore_table.port import Item, Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.utils.validation import _validate_model_name, _validate_model_version

from mlflow_dynamodbstore.core.long_texts import read_texts
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.version_items import (
    can_be_number,
    is_deleted,
    model_version,
)
from mlflow_dynamodbstore.versioned.items import aliases_for
from mlflow_dynamodbstore.versioned.kind import Kind
from mlflow_dynamodbstore.versioned.lookup import Found, NamedLookup


def model_missing(name: str) -> MlflowException:
    """MLflow's error for a registered model that is not there."""
    return MlflowException(f"Registered Model with name={name} not found", RESOURCE_DOES_NOT_EXIST)


def raise_version_missing(name: str, version: str | int) -> NoReturn:
    """Raise MLflow's error for a model version that is not there."""
    raise MlflowException(
        f"Model Version (name={name}, version={version}) not found", RESOURCE_DOES_NOT_EXIST
    )


MODELS: Final = Kind(
    code=REGISTERED_MODEL,
    word="model",
    first_key=registered_model_key,
    deleted_lookup=DELETED_REGISTERED_MODELS,
    validate=_validate_model_name,
    missing=model_missing,
)
"""Registered models, prompts among them."""


class ModelLookup(NamedLookup):
    """Finds registered models, and their versions by number."""

    def __init__(self, table: Table, scope: Scope) -> None:
        super().__init__(table, scope, MODELS)

    def require_version(self, name: str, version: str | int) -> tuple[Found, Item]:
        """The model and the item of a version that has not been deleted.

        Raises ``INVALID_PARAMETER_VALUE`` for a version that is not a number, and
        ``RESOURCE_DOES_NOT_EXIST`` where there is no such model or version.
        """
        _validate_model_name(name)
        number: int = _validate_model_version(version)
        if not can_be_number(number):
            raise_version_missing(name, version)
        sk = version_sk(number)
        found = self.find(name, [sk])
        item = None if found is None else found.items.get(sk)
        if found is None or item is None or is_deleted(item):
            raise_version_missing(name, version)
        return found, item

    def version_entity(self, found: Found, item: Item) -> ModelVersion:
        """MLflow's version, with its aliases; raises ``TextReplaced`` if it has just changed."""
        texts = read_texts(self._table, [item])
        return model_version(found.meta, item, texts, aliases_for(found.meta, item["number"]))
