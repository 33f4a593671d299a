"""What every part of the registry stands on: the table, and who has which name in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from dynamodbstore_events.keys import version_sk
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Item, Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils.validation import _validate_model_name, _validate_model_version
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.long_texts import read_texts
from mlflow_dynamodbstore.registered_models.model_items import aliases_for
from mlflow_dynamodbstore.registered_models.model_lookup import FoundModel, ModelLookup
from mlflow_dynamodbstore.registered_models.version_items import (
    can_be_number,
    is_deleted,
    model_version,
)


class RegistryBase(AbstractStore):
    """The state that the parts of the registry share.

    ``tracking_uri`` is where logged models and their runs are looked up; None leaves it to MLflow.
    Without ``config`` the configuration is the table's alone.
    """

    def __init__(
        self,
        table: Table,
        tracking_uri: str | None = None,
        config: ConfigSource | None = None,
    ) -> None:
        super().__init__(tracking_uri=tracking_uri)
        self._table = table
        self._tracking_uri = tracking_uri
        self._config = config or ConfigSource(table)
        self._models = ModelLookup(table)

    def _await_model_version_creation(self, mv: ModelVersion, await_creation_for: float) -> None:
        """There is nothing to wait for: a version is ready when it is created."""

    def _workspace(self) -> str:
        """The workspace that names are claimed and listed in."""
        return DEFAULT_WORKSPACE_NAME

    def _find_model(self, name: str, sort_keys: Sequence[str] = ()) -> FoundModel | None:
        """The model that has the name, or None; raises for what no model can be called."""
        _validate_model_name(name)
        return self._models.find(self._workspace(), name, sort_keys)

    def _require_model(self, name: str, sort_keys: Sequence[str] = ()) -> FoundModel:
        """The model that has the name, with the items asked for that exist.

        Raises ``RESOURCE_DOES_NOT_EXIST`` where there is none.
        """
        found = self._find_model(name, sort_keys)
        if found is None:
            raise_model_missing(name)
        return found

    def _require_version(self, name: str, version: str | int) -> tuple[FoundModel, Item]:
        """The model and the item of a version that has not been deleted.

        Raises ``INVALID_PARAMETER_VALUE`` for a version that is no number, and
        ``RESOURCE_DOES_NOT_EXIST`` where there is no such model or version.
        """
        _validate_model_name(name)
        number: int = _validate_model_version(version)
        if not can_be_number(number):
            raise_version_missing(name, version)
        sk = version_sk(number)
        found = self._find_model(name, [sk])
        item = None if found is None else found.items.get(sk)
        if found is None or item is None or is_deleted(item):
            raise_version_missing(name, version)
        return found, item

    def _version_entity(self, found: FoundModel, item: Item) -> ModelVersion:
        """MLflow's version, with its aliases; raises ``TextReplaced`` if it has just changed."""
        texts = read_texts(self._table, [item])
        return model_version(found.meta, item, texts, aliases_for(found.meta, item["number"]))


def raise_model_missing(name: str) -> NoReturn:
    """Raise what MLflow says of a registered model that is not there."""
    raise MlflowException(f"Registered Model with name={name} not found", RESOURCE_DOES_NOT_EXIST)


def raise_version_missing(name: str, version: str | int) -> NoReturn:
    """Raise what MLflow says of a model version that is not there."""
    raise MlflowException(
        f"Model Version (name={name}, version={version}) not found", RESOURCE_DOES_NOT_EXIST
    )
