"""The tracking store: its parts put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dynamodbstore_events.entities import MODEL, RUN
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Table
from mlflow.store.tracking.abstract_store import AbstractStore

from mlflow_dynamodbstore.core.housekeeping import Housekeeping
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.evaluation.no_datasets import NoDatasets
from mlflow_dynamodbstore.experiments.experiments import Experiments
from mlflow_dynamodbstore.experiments.search import SearchExperiments
from mlflow_dynamodbstore.garbage.garbage import Garbage
from mlflow_dynamodbstore.garbage.tombstones import Tombstones
from mlflow_dynamodbstore.logged_models.logged_models import LoggedModels
from mlflow_dynamodbstore.logged_models.model_metrics import ModelMetrics
from mlflow_dynamodbstore.logged_models.search import SearchLoggedModels
from mlflow_dynamodbstore.runs.inputs import Inputs
from mlflow_dynamodbstore.runs.links import Links
from mlflow_dynamodbstore.runs.log_batch import LogBatch
from mlflow_dynamodbstore.runs.metrics.history_expiry import history_ends
from mlflow_dynamodbstore.runs.metrics.metrics import Metrics
from mlflow_dynamodbstore.runs.params import Params
from mlflow_dynamodbstore.runs.runs import Runs
from mlflow_dynamodbstore.runs.search import SearchRuns
from mlflow_dynamodbstore.runs.tags import RunTags
from mlflow_dynamodbstore.stores.assemble import assembled, by_class
from mlflow_dynamodbstore.traces.assessments import Assessments
from mlflow_dynamodbstore.traces.deletion import TraceDeletion
from mlflow_dynamodbstore.traces.info_texts import InfoTexts
from mlflow_dynamodbstore.traces.links import TraceLinks
from mlflow_dynamodbstore.traces.matching import Matching
from mlflow_dynamodbstore.traces.merging import TraceMerging
from mlflow_dynamodbstore.traces.metrics import TraceMetrics
from mlflow_dynamodbstore.traces.removal import TraceRemoval
from mlflow_dynamodbstore.traces.run_assessments import RunAssessments
from mlflow_dynamodbstore.traces.search import SearchTraces
from mlflow_dynamodbstore.traces.sessions import TraceAnalysis
from mlflow_dynamodbstore.traces.traces import Traces
from mlflow_dynamodbstore.traces.version_two import TracesOfVersionTwo
from mlflow_dynamodbstore.traces.writing import Heads, Retention

_PARTS: Final = (
    *(Experiments, SearchExperiments),
    *(Runs, RunTags, Params, Metrics, LogBatch, Inputs, Links, SearchRuns),
    *(LoggedModels, SearchLoggedModels),
    *(
        Traces,
        TracesOfVersionTwo,
        Assessments,
        TraceLinks,
        TraceDeletion,
        SearchTraces,
        TraceMetrics,
        TraceAnalysis,
    ),
    *(Garbage, NoDatasets),
)

BEYOND_THE_BASE: Final = (
    *("deprecated_start_trace_v2", "deprecated_end_trace_v2", "resolve_endpoint_in_scorer"),
    *("search_entities_by_destination", "search_entities_by_source"),
)
"""Methods of MLflow's SQL store that its abstract class does not name and that no part offers."""


@assembled(AbstractStore, _PARTS, BEYOND_THE_BASE)
class DynamoTrackingStore(AbstractStore):
    """MLflow's tracking store on one table.

    ``artifact_root_uri`` is where experiments without a location of their own keep artifacts;
    without ``config`` the configuration is the table's alone, without ``scope`` the workspace is
    the default one, and the only one.
    """

    def __init__(
        self,
        table: Table,
        artifact_root_uri: str,
        config: ConfigSource | None = None,
        scope: Scope | None = None,
    ) -> None:
        super().__init__()
        self.artifact_root_uri = artifact_root_uri
        self._table = table
        self._config = config = config or ConfigSource(table)
        self._housekeeping = Housekeeping()
        lookup = Lookup(table, scope or Scope())
        expired_runs = Tombstones(table, RUN, lookup.scope)
        expired_models = Tombstones(table, MODEL, lookup.scope)
        model_metrics = ModelMetrics(table, lookup)
        places = Places()
        ends = history_ends(config, table)
        heads, retention = Heads(table, lookup), Retention(lookup.experiments, config)
        infos = InfoTexts(table)
        merging = TraceMerging(table, lookup.experiments, heads, infos, retention)
        traces = Traces(table, lookup.experiments, heads, infos, retention, merging)
        assessments = Assessments(table, heads, retention)
        matching = Matching(table, lookup.experiments)
        removal = TraceRemoval(table, heads)
        of_run = RunAssessments(table, assessments)
        runs = Runs(table, lookup, expired_runs, self._housekeeping, of_run.remove, places)
        self._parts = by_class(
            Experiments(table, lookup, config, self._housekeeping, artifact_root_uri, places),
            SearchExperiments(table, lookup.scope, config),
            runs,
            RunTags(table, lookup, runs, places),
            Params(table, lookup, places),
            Metrics(table, lookup, model_metrics, ends, places),
            LogBatch(table, lookup, model_metrics, ends, places),
            Inputs(table, lookup),
            Links(table, lookup, places),
            SearchRuns(table, lookup, config),
            LoggedModels(table, lookup, expired_models, places),
            SearchLoggedModels(table, lookup),
            Garbage(
                *(table, lookup, config, expired_runs, expired_models, model_metrics),
                remove_traces=removal.delete_all,
            ),
            traces,
            TracesOfVersionTwo(traces, merging),
            assessments,
            TraceLinks(table, heads, lookup.runs),
            TraceDeletion(lookup.experiments, removal),
            SearchTraces(table, lookup, config),
            TraceMetrics(table, lookup.experiments, matching),
            TraceAnalysis(table, matching),
            NoDatasets(),
        )

    def keep_house(self, now_and_then: Callable[[], None]) -> None:
        """Let calls that begin or end something also do a little of this work beside it."""
        self._housekeeping.use(now_and_then)
