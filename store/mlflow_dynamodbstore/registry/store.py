"""The model registry: its parts put together."""

from __future__ import annotations

from mlflow_dynamodbstore.errors import translate_public_methods
from mlflow_dynamodbstore.registry.aliases import AliasesMixin
from mlflow_dynamodbstore.registry.model_versions import ModelVersionsMixin
from mlflow_dynamodbstore.registry.prompts import PromptsMixin
from mlflow_dynamodbstore.registry.registered_models import RegisteredModelsMixin
from mlflow_dynamodbstore.registry.search.model_version_search import ModelVersionSearchMixin
from mlflow_dynamodbstore.registry.search.registered_model_search import (
    RegisteredModelSearchMixin,
)
from mlflow_dynamodbstore.registry.stages import StagesMixin
from mlflow_dynamodbstore.registry.tags import RegistryTagsMixin
from mlflow_dynamodbstore.registry.webhooks import WebhooksMixin


@translate_public_methods
class DynamoRegistryStore(
    RegisteredModelSearchMixin,
    ModelVersionSearchMixin,
    PromptsMixin,
    WebhooksMixin,
    RegisteredModelsMixin,
    ModelVersionsMixin,
    StagesMixin,
    AliasesMixin,
    RegistryTagsMixin,
):
    """MLflow's model registry on one table."""
