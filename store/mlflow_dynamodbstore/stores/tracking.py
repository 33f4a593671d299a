"""The tracking store: its parts put together."""

from __future__ import annotations

from mlflow_dynamodbstore.core.errors import translate_public_methods
from mlflow_dynamodbstore.experiments.experiments import ExperimentsMixin
from mlflow_dynamodbstore.experiments.search.experiment_search import SearchExperimentsMixin
from mlflow_dynamodbstore.garbage.garbage import GarbageMixin
from mlflow_dynamodbstore.logged_models.logged_models import LoggedModelsMixin
from mlflow_dynamodbstore.logged_models.search.search import LoggedModelSearchMixin
from mlflow_dynamodbstore.runs.inputs import InputsMixin
from mlflow_dynamodbstore.runs.links import LinksMixin
from mlflow_dynamodbstore.runs.log_batch import LogBatchMixin
from mlflow_dynamodbstore.runs.metrics.metrics import MetricsMixin
from mlflow_dynamodbstore.runs.params import ParamsMixin
from mlflow_dynamodbstore.runs.runs import RunsMixin
from mlflow_dynamodbstore.runs.search.run_search import SearchRunsMixin
from mlflow_dynamodbstore.runs.tags import TagsMixin
from mlflow_dynamodbstore.stores.unbuilt import UnbuiltMixin


@translate_public_methods
class DynamoTrackingStore(
    SearchRunsMixin,
    SearchExperimentsMixin,
    LoggedModelSearchMixin,
    LinksMixin,
    LoggedModelsMixin,
    InputsMixin,
    LogBatchMixin,
    MetricsMixin,
    ParamsMixin,
    TagsMixin,
    RunsMixin,
    ExperimentsMixin,
    GarbageMixin,
    UnbuiltMixin,
):
    """MLflow's tracking store on one table."""
