"""The tracking store: its parts put together."""

from __future__ import annotations

from typing import Final

from mlflow.store.tracking.abstract_store import AbstractStore

from mlflow_dynamodbstore.core.errors import translate_public_methods
from mlflow_dynamodbstore.evaluation.no_datasets import NoDatasetsMixin
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
from mlflow_dynamodbstore.stores.refusals import refuse_the_rest
from mlflow_dynamodbstore.traces.no_traces import NoTracesMixin

# Methods of MLflow's SQL store that its abstract class does not name.
BEYOND_THE_BASE: Final = (
    *("deprecated_start_trace_v2", "deprecated_end_trace_v2", "resolve_endpoint_in_scorer"),
    *("search_entities_by_destination", "search_entities_by_source"),
)


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
    NoTracesMixin,
    NoDatasetsMixin,
):
    """MLflow's tracking store on one table."""


refuse_the_rest(DynamoTrackingStore, AbstractStore, BEYOND_THE_BASE)
