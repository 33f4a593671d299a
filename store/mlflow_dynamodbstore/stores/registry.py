"""The model registry: its parts put together."""

from __future__ import annotations

from typing import Final

from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Table
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.tracking._tracking_service.utils import _get_store

from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.prompts.prompts import Prompts
from mlflow_dynamodbstore.registered_models.aliases import Aliases
from mlflow_dynamodbstore.registered_models.model_lookup import ModelLookup
from mlflow_dynamodbstore.registered_models.model_versions import ModelVersions
from mlflow_dynamodbstore.registered_models.registered_models import RegisteredModels
from mlflow_dynamodbstore.registered_models.search import SearchRegisteredModels
from mlflow_dynamodbstore.registered_models.stages import Stages
from mlflow_dynamodbstore.registered_models.tags import RegistryTags
from mlflow_dynamodbstore.registered_models.version_search import SearchModelVersions
from mlflow_dynamodbstore.stores.assemble import assembled, by_class
from mlflow_dynamodbstore.webhooks.webhooks import Webhooks

_PARTS: Final = (
    *(RegisteredModels, ModelVersions, Stages, Aliases, RegistryTags),
    *(SearchRegisteredModels, SearchModelVersions, Prompts, Webhooks),
)


@assembled(AbstractStore, _PARTS)
class DynamoRegistryStore(AbstractStore):
    """MLflow's model registry on one table.

    ``tracking_uri`` is where logged models and their runs are looked up; None leaves it to MLflow.
    Without ``config`` the configuration is the table's alone, without ``scope`` the workspace is
    the default one, and the only one.
    """

    def __init__(
        self,
        table: Table,
        tracking_uri: str | None = None,
        config: ConfigSource | None = None,
        scope: Scope | None = None,
    ) -> None:
        super().__init__(tracking_uri=tracking_uri)
        self._table = table
        self._config = config = config or ConfigSource(table)
        scope = scope or Scope()
        self._models = lookup = ModelLookup(table, scope)
        models = RegisteredModels(table, lookup)
        versions = ModelVersions(table, lookup, tracking_uri)
        aliases = Aliases(table, lookup)
        self._parts = by_class(
            models,
            versions,
            Stages(table, lookup),
            aliases,
            RegistryTags(table, lookup),
            SearchRegisteredModels(table, scope, config),
            SearchModelVersions(table, scope, config),
            Prompts(models, versions, aliases, _get_store),
            Webhooks(table, scope),
        )
