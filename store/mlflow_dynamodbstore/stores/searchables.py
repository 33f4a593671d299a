"""Every kind of entity that can be searched for."""

from __future__ import annotations

from typing import Any, Final

from mlflow_dynamodbstore.experiments.search import EXPERIMENTS
from mlflow_dynamodbstore.logged_models.search import LOGGED_MODELS
from mlflow_dynamodbstore.registered_models.search import REGISTERED_MODELS
from mlflow_dynamodbstore.registered_models.version_search import MODEL_VERSIONS
from mlflow_dynamodbstore.runs.search import RUNS
from mlflow_dynamodbstore.search.searchable import Searchable
from mlflow_dynamodbstore.traces.search import TRACES
from mlflow_dynamodbstore.webhooks.search import WEBHOOKS

SEARCHABLES: Final[tuple[Searchable[Any], ...]] = (
    *(RUNS, EXPERIMENTS, LOGGED_MODELS, REGISTERED_MODELS, MODEL_VERSIONS, WEBHOOKS, TRACES),
)
