"""The tracking store: its parts put together."""

from __future__ import annotations

from mlflow_dynamodbstore.errors import translate_public_methods
from mlflow_dynamodbstore.tracking.experiments import ExperimentsMixin
from mlflow_dynamodbstore.tracking.garbage import GarbageMixin
from mlflow_dynamodbstore.tracking.inputs import InputsMixin
from mlflow_dynamodbstore.tracking.links import LinksMixin
from mlflow_dynamodbstore.tracking.log_batch import LogBatchMixin
from mlflow_dynamodbstore.tracking.logged_models import LoggedModelsMixin
from mlflow_dynamodbstore.tracking.metrics import MetricsMixin
from mlflow_dynamodbstore.tracking.model_search.search import LoggedModelSearchMixin
from mlflow_dynamodbstore.tracking.params import ParamsMixin
from mlflow_dynamodbstore.tracking.runs import RunsMixin
from mlflow_dynamodbstore.tracking.search.experiment_search import SearchExperimentsMixin
from mlflow_dynamodbstore.tracking.search.run_search import SearchRunsMixin
from mlflow_dynamodbstore.tracking.tags import TagsMixin
from mlflow_dynamodbstore.tracking.unbuilt import UnbuiltMixin


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
