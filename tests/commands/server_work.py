"""What a server does, each operation of a store at least once: for IAM, which must allow it all."""

from __future__ import annotations

from typing import Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.model_registry.prompt_version import PromptVersion
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.entities.trace_status import TraceStatus
from mlflow.entities.webhook import WebhookEvent
from mlflow.models import Model
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY
from mlflow_dynamodbstore.evaluation.no_datasets import NoDatasets

from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info

# What is not kept makes no request: it lists nothing, or is refused.
NOT_KEPT = (NoDatasets,)
# They make no request, or are not called by MLflow.
NOT_MLFLOWS = {"ensure_default_experiment", "_await_model_version_creation"}


def operations_of(store_class: type) -> set[str]:
    """The names of the operations that MLflow may ask of a store, and that ask its table."""
    offered: dict[str, type] = store_class.offered  # type: ignore[attr-defined]
    return {name for name, part in offered.items() if part not in NOT_KEPT} - NOT_MLFLOWS


class Recorded:
    """A store that keeps the names of what was asked of it."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._store, name)


def work_of_tracking(store: Any) -> None:
    """Each operation of the tracking store."""
    store.search_experiments(filter_string="name LIKE '%fault%'")
    experiment = store.create_experiment("lions", tags=[ExperimentTag("team", "cats")])
    store.set_experiment_tag(experiment, ExperimentTag("stage", "new"))
    store.delete_experiment_tag(experiment, "stage")
    store.get_experiment(experiment)
    store.get_experiment_by_name("lions")
    run_id = store.create_run(experiment, "ada", 1, [RunTag("team", "cats")], "lion").info.run_id
    other = store.create_run(experiment, "ada", 2, [], "tiger").info.run_id
    _log(store, run_id)
    _log_models(store, experiment, run_id)
    store.update_run_info(run_id, RunStatus.FINISHED, 5, None)
    store.update_run_info(other, RunStatus.FINISHED, 5, "zebra")
    for asked in ("run_name LIKE '%lion%'", "params.depth = '3'", "tags.team LIKE 'c%'"):
        store.search_runs([experiment], asked, ViewType.ALL, 10)
    store._search_runs([experiment], None, ViewType.ALL, 10, ["metrics.loss"], None)
    store.get_run(run_id)
    store.rename_experiment(experiment, "tigers")
    store.delete_run(other)
    store.restore_run(other)
    store.delete_run(run_id)
    store._get_deleted_runs()
    store._hard_delete_run(run_id)
    store.delete_experiment(experiment)
    store.restore_experiment(experiment)
    _trace(store, experiment, other)
    store.delete_experiment(experiment)
    store._hard_delete_experiment(experiment)


def _log(store: Any, run_id: str) -> None:
    store.log_metric(run_id, Metric("loss", 0.5, 1, 1))
    store.log_metric(run_id, Metric("loss", 0.4, 0, 0))
    store.log_param(run_id, Param("depth", "3"))
    many = [Metric(f"m{number}", 1.0, 1, 1) for number in range(150)]
    store.log_batch(run_id, many, [Param("width", "4")], [RunTag("stage", "fitted")])
    store.set_tag(run_id, RunTag("mlflow.note.content", "x"))
    store.delete_tag(run_id, "team")
    dataset = Dataset("faces", "abc123", "local", "{}")
    store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    store._search_datasets([store.get_run(run_id).info.experiment_id])
    store.get_metric_history(run_id, "loss")
    store.get_metric_history_bulk([run_id], "loss", 10)
    store.get_metric_history_bulk_interval([run_id], "loss", 10, None, None)
    store.get_metric_history_bulk_interval_from_steps(run_id, "loss", [0, 1], 10)
    store.get_max_step_for_metric(run_id, "loss")


def _trace(store: Any, experiment: str, run_id: str) -> None:
    trace_ids = [new_trace_id(), new_trace_id()]
    spans = [new_span(trace_id, outputs="x" * 9_000) for trace_id in trace_ids]
    store.log_spans(experiment, spans[:1])
    store.log_spans(experiment, spans)
    for trace_id in trace_ids:
        store.start_trace(new_trace_info(trace_id, experiment))
        store.set_trace_tag(trace_id, "team", "cats")
        store.delete_trace_tag(trace_id, "team")
        store.get_trace_info(trace_id)
        store.get_trace(trace_id)
    store.batch_get_traces(trace_ids)
    store.batch_get_trace_infos(trace_ids)
    store.link_traces_to_run(trace_ids, run_id)
    for asked in (None, f"run_id = '{run_id}'", "tags.team = 'cats'", "feedback.quality = 'yes'"):
        store.search_traces(locations=[experiment], filter_string=asked)
    store.search_traces(filter_string="trace.text LIKE '%x%'")
    count = [MetricAggregation(AggregationType.COUNT)]
    store.query_trace_metrics([experiment], MetricViewType.SPANS, "span_count", count)
    store.query_trace_metrics([experiment], MetricViewType.ASSESSMENTS, "assessment_count", count)
    store.find_completed_sessions(experiment, 0, 2**50)
    store.calculate_trace_filter_correlation([experiment], "status = 'OK'", "status = 'ERROR'")
    store.link_prompts_to_trace(trace_ids[0], [PromptVersion("greeting", 1, "hi")])
    given = store.create_assessment(new_feedback(trace_ids[0], "yes", run_id=run_id))
    store.update_assessment(trace_ids[0], given.assessment_id, rationale="because")
    store.get_assessment(trace_ids[0], given.assessment_id)
    store.delete_assessment(trace_ids[0], given.assessment_id)
    begun = store.deprecated_start_trace_v2(experiment, NOW_MS, {}, {})
    store.deprecated_end_trace_v2(begun.request_id, NOW_MS + 1, TraceStatus.OK, {}, {})
    store._delete_traces(experiment, max_timestamp_millis=2)
    store._delete_traces(experiment, trace_ids=trace_ids)


def _log_models(store: Any, experiment: str, run_id: str) -> None:
    model_id = store.create_logged_model(experiment, name="m", source_run_id=run_id).model_id
    store.log_logged_model_params(model_id, [LoggedModelParameter("depth", "3")])
    store.set_logged_model_tags(model_id, [LoggedModelTag("team", "cats")])
    store.delete_logged_model_tag(model_id, "team")
    store.log_inputs(run_id, models=[LoggedModelInput(model_id)])
    store.log_outputs(run_id, [LoggedModelOutput(model_id, 1)])
    store.log_metric(run_id, Metric("loss", 0.3, 2, 2, model_id=model_id))
    store.record_logged_model(run_id, Model(artifact_path="m", run_id=run_id))
    store.set_model_versions_tags("lion", "1", model_id)
    store.link_prompt_versions_to_model(model_id, [])
    store.link_prompt_versions_to_run(run_id, [])
    store.finalize_logged_model(model_id, LoggedModelStatus.READY)
    store.get_logged_model(model_id)
    store.search_logged_models([experiment])
    store.delete_logged_model(model_id)
    store._get_deleted_logged_models()
    store._hard_delete_logged_model(model_id)


def work_of_registry(store: Any, run_id: str, model_id: str) -> None:
    """Each operation of the registry; ``run_id`` and ``model_id`` are of the tracking store."""
    store.create_registered_model("lion", [RegisteredModelTag("team", "cats")], "roars")
    store.update_registered_model("lion", "roars loudly")
    store.set_registered_model_tag("lion", RegisteredModelTag("stage", "new"))
    store.delete_registered_model_tag("lion", "stage")
    store.create_model_version("lion", "file:///m", run_id=None)
    store.update_model_version("lion", "1", "x" * 20_000)
    store.transition_model_version_stage("lion", "1", "Production", True)
    store.set_registered_model_alias("lion", "best", "1")
    store.get_model_version_by_alias("lion", "best")
    store.delete_registered_model_alias("lion", "best")
    store.set_model_version_tag("lion", "1", ModelVersionTag("stage", "fitted"))
    store.delete_model_version_tag("lion", "1", "stage")
    store.get_registered_model("lion")
    store.get_model_version("lion", "1")
    store.get_model_version_download_uri("lion", "1")
    store.get_latest_versions("lion")
    for asked in ("name LIKE '%lion%'", "tags.team = 'cats'"):
        store.search_registered_models(asked)
    for asked in ("name = 'lion'", f"run_id = '{run_id}'", "tags.stage = 'fitted'"):
        store.search_model_versions(asked)
    store.rename_registered_model("lion", "tiger")
    store.delete_model_version("tiger", "1")
    store.delete_registered_model("tiger")
    _work_with_prompts(store, run_id, model_id)
    _work_with_webhooks(store)


def _work_with_prompts(store: Any, run_id: str, model_id: str) -> None:
    store.create_registered_model("greeting", [RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")])
    tags = [ModelVersionTag(IS_PROMPT_TAG_KEY, "true"), ModelVersionTag(PROMPT_TEXT_TAG_KEY, "Hi")]
    store.create_model_version("greeting", "none", tags=tags)
    store.get_prompt("greeting")
    store.link_prompt_version_to_run("greeting", "1", run_id)
    store.link_prompt_version_to_model("greeting", "1", model_id)


def _work_with_webhooks(store: Any) -> None:
    event = WebhookEvent.from_str("registered_model.created")
    # A name that there is none of: nothing is sent.
    webhook_id = store.create_webhook("hook", "https://hooks.invalid/a", [event]).webhook_id
    store.update_webhook(webhook_id, description="tells of lions")
    store.get_webhook(webhook_id)
    store.list_webhooks()
    store.list_webhooks_by_event(event)
    store.test_webhook(webhook_id)
    store.delete_webhook(webhook_id)
