"""The model registry: its parts put together."""

from __future__ import annotations

from mlflow_dynamodbstore.core.errors import translate_public_methods
from mlflow_dynamodbstore.prompts.prompts import PromptsMixin
from mlflow_dynamodbstore.registered_models.aliases import AliasesMixin
from mlflow_dynamodbstore.registered_models.model_versions import ModelVersionsMixin
from mlflow_dynamodbstore.registered_models.registered_models import RegisteredModelsMixin
from mlflow_dynamodbstore.registered_models.search.model_version_search import (
    ModelVersionSearchMixin,
)
from mlflow_dynamodbstore.registered_models.search.registered_model_search import (
    RegisteredModelSearchMixin,
)
from mlflow_dynamodbstore.registered_models.stages import StagesMixin
from mlflow_dynamodbstore.registered_models.tags import RegistryTagsMixin
from mlflow_dynamodbstore.webhooks.webhooks import WebhooksMixin


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
