"""Calls of the methods that take an id or a name: what a store does for those of another workspace.

Each call gets the store and ``ids``; ``OWN`` has the ids of the caller's own entities, for
arguments that are not what is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
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
from mlflow.entities.model_registry import ModelVersionTag, PromptVersion, RegisteredModelTag
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.entities.trace_status import TraceStatus
from mlflow.entities.webhook import WebhookEvent
from mlflow.models import Model
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY

from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info

COUNT: Final = [MetricAggregation(AggregationType.COUNT)]
NEW_TRACE: Final = "tr-" + "5" * 32
EVENT: Final = WebhookEvent.from_str("registered_model.created")
PROMPT: Final = PromptVersion("greeting", 1, "Hi")


@dataclass(frozen=True)
class Ids:
    """Ids of entities that belong together: of one workspace, or of none."""

    experiment: str = "4711000000000001"
    deleted_experiment: str = "4711000000000002"
    run: str = "0" * 32
    deleted_run: str = "1" * 32
    model: str = "m-" + "2" * 32
    trace: str = "tr-" + "3" * 32
    assessment: str = "a-" + "4" * 32
    registered: str = "no such model"
    prompt: str = "no such prompt"
    webhook: str = "00000000-0000-0000-0000-000000000000"

    def hidden(self, text: str) -> str:
        """The text without these ids."""
        for name, value in vars(self).items():
            text = text.replace(value, f"<{name}>")
        return text


Call = Callable[[Any, Ids, Ids], object]

TRACKING: Final[dict[str, Call]] = {
    "get_experiment": lambda s, i, own: s.get_experiment(i.experiment),
    "rename_experiment": lambda s, i, own: s.rename_experiment(i.experiment, "stolen"),
    "delete_experiment": lambda s, i, own: s.delete_experiment(i.experiment),
    "restore_experiment": lambda s, i, own: s.restore_experiment(i.deleted_experiment),
    "set_experiment_tag": lambda s, i, own: s.set_experiment_tag(
        i.experiment, ExperimentTag("team", "thieves")
    ),
    "delete_experiment_tag": lambda s, i, own: s.delete_experiment_tag(i.experiment, "team"),
    "create_run": lambda s, i, own: s.create_run(i.experiment, "ada", 1, [], "run"),
    "create_logged_model": lambda s, i, own: s.create_logged_model(i.experiment, "m"),
    "_search_runs": lambda s, i, own: s._search_runs([i.experiment], "", 3, 10, [], None),
    "search_logged_models": lambda s, i, own: list(s.search_logged_models([i.experiment])),
    "_search_datasets": lambda s, i, own: s._search_datasets([i.experiment]),
    "_hard_delete_experiment": lambda s, i, own: s._hard_delete_experiment(i.deleted_experiment),
    "get_run": lambda s, i, own: s.get_run(i.run),
    "update_run_info": lambda s, i, own: s.update_run_info(i.run, RunStatus.FAILED, 5, "stolen"),
    "delete_run": lambda s, i, own: s.delete_run(i.run),
    "restore_run": lambda s, i, own: s.restore_run(i.deleted_run),
    "_hard_delete_run": lambda s, i, own: s._hard_delete_run(i.deleted_run),
    "set_tag": lambda s, i, own: s.set_tag(i.run, RunTag("team", "thieves")),
    "delete_tag": lambda s, i, own: s.delete_tag(i.run, "team"),
    "log_param": lambda s, i, own: s.log_param(i.run, Param("new", "1")),
    "log_metric": lambda s, i, own: s.log_metric(i.run, Metric("loss", 9.0, 9, 9)),
    "log_batch": lambda s, i, own: s.log_batch(
        i.run, [Metric("loss", 9.0, 9, 9)], [Param("new", "1")], [RunTag("team", "thieves")]
    ),
    "log_inputs": lambda s, i, own: s.log_inputs(
        i.run, [DatasetInput(Dataset("d", "1", "local", "{}"), [])], [LoggedModelInput(own.model)]
    ),
    "log_outputs": lambda s, i, own: s.log_outputs(i.run, [LoggedModelOutput(own.model, 1)]),
    "record_logged_model": lambda s, i, own: s.record_logged_model(
        i.run, Model(artifact_path="m", run_id=i.run, utc_time_created=0, model_uuid="u")
    ),
    "get_metric_history": lambda s, i, own: list(s.get_metric_history(i.run, "loss")),
    "get_metric_history_bulk": lambda s, i, own: s.get_metric_history_bulk([i.run], "loss", 10),
    "get_metric_history_bulk_interval": lambda s, i, own: s.get_metric_history_bulk_interval(
        [i.run], "loss", 10, None, None
    ),
    "get_metric_history_bulk_interval_from_steps": lambda s, i, own: (
        s.get_metric_history_bulk_interval_from_steps(i.run, "loss", [1], 10)
    ),
    "get_max_step_for_metric": lambda s, i, own: s.get_max_step_for_metric(i.run, "loss"),
    "link_prompt_versions_to_run": lambda s, i, own: s.link_prompt_versions_to_run(i.run, [PROMPT]),
    "get_logged_model": lambda s, i, own: s.get_logged_model(i.model, allow_deleted=True),
    "finalize_logged_model": lambda s, i, own: s.finalize_logged_model(
        i.model, LoggedModelStatus.FAILED
    ),
    "delete_logged_model": lambda s, i, own: s.delete_logged_model(i.model),
    "set_logged_model_tags": lambda s, i, own: s.set_logged_model_tags(
        i.model, [LoggedModelTag("team", "thieves")]
    ),
    "delete_logged_model_tag": lambda s, i, own: s.delete_logged_model_tag(i.model, "team"),
    "log_logged_model_params": lambda s, i, own: s.log_logged_model_params(
        i.model, [LoggedModelParameter("new", "1")]
    ),
    "link_prompt_versions_to_model": lambda s, i, own: s.link_prompt_versions_to_model(
        i.model, [PROMPT]
    ),
    "set_model_versions_tags": lambda s, i, own: s.set_model_versions_tags("net", "1", i.model),
    "_hard_delete_logged_model": lambda s, i, own: s._hard_delete_logged_model(i.model),
    "start_trace": lambda s, i, own: s.start_trace(new_trace_info(NEW_TRACE, i.experiment)),
    "log_spans": lambda s, i, own: s.log_spans(i.experiment, [new_span(NEW_TRACE)]),
    "deprecated_start_trace_v2": lambda s, i, own: s.deprecated_start_trace_v2(
        i.experiment, NOW_MS, {}, {}
    ),
    "deprecated_end_trace_v2": lambda s, i, own: s.deprecated_end_trace_v2(
        i.trace, NOW_MS, TraceStatus.OK, {}, {}
    ),
    "get_trace": lambda s, i, own: s.get_trace(i.trace),
    "get_trace_info": lambda s, i, own: s.get_trace_info(i.trace),
    "batch_get_traces": lambda s, i, own: s.batch_get_traces([i.trace]),
    "search_traces": lambda s, i, own: s.search_traces(locations=[i.experiment]),
    "query_trace_metrics": lambda s, i, own: [
        point.values
        for point in s.query_trace_metrics(
            [i.experiment], MetricViewType.TRACES, "trace_count", COUNT
        )
    ],
    "find_completed_sessions": lambda s, i, own: s.find_completed_sessions(i.experiment, 0, 2**50),
    "calculate_trace_filter_correlation": lambda s, i, own: vars(
        s.calculate_trace_filter_correlation([i.experiment], "status = 'OK'", "name = 'x'")
    ),
    "batch_get_trace_infos": lambda s, i, own: s.batch_get_trace_infos([i.trace]),
    "set_trace_tag": lambda s, i, own: s.set_trace_tag(i.trace, "team", "thieves"),
    "delete_trace_tag": lambda s, i, own: s.delete_trace_tag(i.trace, "team"),
    "link_traces_to_run": lambda s, i, own: s.link_traces_to_run([own.trace], i.run),
    "link_prompts_to_trace": lambda s, i, own: s.link_prompts_to_trace(i.trace, [PROMPT]),
    "create_assessment": lambda s, i, own: s.create_assessment(new_feedback(i.trace, True)),
    "get_assessment": lambda s, i, own: s.get_assessment(i.trace, i.assessment),
    "update_assessment": lambda s, i, own: s.update_assessment(
        i.trace, i.assessment, rationale="stolen"
    ),
    "delete_assessment": lambda s, i, own: s.delete_assessment(i.trace, i.assessment),
    "_delete_traces": lambda s, i, own: s._delete_traces(i.experiment, NOW_MS),
}
"""By the name of the method."""

OTHER_ARGUMENTS: Final[dict[str, Call]] = {
    "a page of metric history": lambda s, i, own: list(s.get_metric_history(i.run, "loss", 1)),
    "own and foreign runs": lambda s, i, own: s.get_metric_history_bulk(
        [own.run, i.run], "loss", 10
    ),
    "a rename by tag": lambda s, i, own: s.set_tag(i.run, RunTag("mlflow.runName", "stolen")),
    "a prompt that is linked": lambda s, i, own: s.link_prompt_versions_to_run(
        i.run, [PromptVersion("linked", 1, "Hi")]
    ),
    "a metric of a model": lambda s, i, own: s.log_metric(
        own.run, Metric("loss", 9.0, 9, 9, model_id=i.model)
    ),
    "a batch of a model": lambda s, i, own: s.log_batch(
        own.run, [Metric("loss", 9.0, 9, 9, model_id=i.model)], [], []
    ),
    "a trace to link": lambda s, i, own: s.link_traces_to_run([i.trace], own.run),
    "a trace to delete": lambda s, i, own: s._delete_traces(own.experiment, trace_ids=[i.trace]),
    "no params": lambda s, i, own: s.log_logged_model_params(i.model, []),
    "own and foreign experiments": lambda s, i, own: [
        run.info.run_id for run in s.search_runs([own.experiment, i.experiment], "", ViewType.ALL)
    ],
}
"""Further calls, by what they are."""

WITHOUT_AN_ID: Final = {
    *("create_experiment", "ensure_default_experiment", "get_experiment_by_name"),
    *("search_experiments", "_get_deleted_runs", "_get_deleted_logged_models"),
    # What is not kept finds nothing in any workspace.
    "get_dataset_experiment_ids",
    "_load_dataset_records",
}

REGISTRY: Final[dict[str, Call]] = {
    "get_registered_model": lambda s, i, own: s.get_registered_model(i.registered),
    "get_latest_versions": lambda s, i, own: s.get_latest_versions(i.registered),
    "update_registered_model": lambda s, i, own: s.update_registered_model(i.registered, "new"),
    "rename_registered_model": lambda s, i, own: s.rename_registered_model(i.registered, "new"),
    "delete_registered_model": lambda s, i, own: s.delete_registered_model(i.registered),
    "set_registered_model_tag": lambda s, i, own: s.set_registered_model_tag(
        i.registered, RegisteredModelTag("team", "thieves")
    ),
    "delete_registered_model_tag": lambda s, i, own: s.delete_registered_model_tag(
        i.registered, "team"
    ),
    "set_registered_model_alias": lambda s, i, own: s.set_registered_model_alias(
        i.registered, "best", 1
    ),
    "delete_registered_model_alias": lambda s, i, own: s.delete_registered_model_alias(
        i.registered, "good"
    ),
    "create_model_version": lambda s, i, own: s.create_model_version(i.registered, "s3://b/m"),
    "get_model_version": lambda s, i, own: s.get_model_version(i.registered, 1),
    "get_model_version_by_alias": lambda s, i, own: s.get_model_version_by_alias(
        i.registered, "good"
    ),
    "get_model_version_download_uri": lambda s, i, own: s.get_model_version_download_uri(
        i.registered, 1
    ),
    "update_model_version": lambda s, i, own: s.update_model_version(i.registered, 1, "new"),
    "delete_model_version": lambda s, i, own: s.delete_model_version(i.registered, 1),
    "transition_model_version_stage": lambda s, i, own: s.transition_model_version_stage(
        i.registered, 1, "Production", True
    ),
    "set_model_version_tag": lambda s, i, own: s.set_model_version_tag(
        i.registered, 1, ModelVersionTag("team", "thieves")
    ),
    "delete_model_version_tag": lambda s, i, own: s.delete_model_version_tag(
        i.registered, 1, "team"
    ),
    "search_registered_models": lambda s, i, own: list(
        s.search_registered_models(f"name = '{i.registered}'")
    ),
    "search_model_versions": lambda s, i, own: list(
        s.search_model_versions(f"name = '{i.registered}'")
    ),
    "get_prompt": lambda s, i, own: s.get_prompt(i.prompt),
    "link_prompt_version_to_run": lambda s, i, own: s.link_prompt_version_to_run(
        i.prompt, "1", own.run
    ),
    "link_prompt_version_to_model": lambda s, i, own: s.link_prompt_version_to_model(
        i.prompt, "1", own.model
    ),
    "get_webhook": lambda s, i, own: s.get_webhook(i.webhook),
    "update_webhook": lambda s, i, own: s.update_webhook(i.webhook, name="stolen"),
    "delete_webhook": lambda s, i, own: s.delete_webhook(i.webhook),
    "test_webhook": lambda s, i, own: s.test_webhook(i.webhook),
    # Where a run's versions are looked up, those of other workspaces are not shown.
    "versions of a run": lambda s, i, own: list(s.search_model_versions(f"run_id = '{i.run}'")),
    "every model": lambda s, i, own: [m.name for m in s.search_registered_models()],
    "every version": lambda s, i, own: [v.name for v in s.search_model_versions()],
    "every webhook": lambda s, i, own: [w.webhook_id for w in s.list_webhooks()],
    "webhooks of an event": lambda s, i, own: [
        w.webhook_id for w in s.list_webhooks_by_event(EVENT)
    ],
}
"""By the name of the method, or by what they are."""

REGISTRY_WITHOUT_A_NAME: Final = {
    *("create_registered_model", "create_webhook", "list_webhooks", "list_webhooks_by_event"),
    "_await_model_version_creation",
}


def fill_tracking(store: Any) -> Ids:
    """Entities of every kind, with what can hang below them."""
    experiment = store.create_experiment("cats", tags=[ExperimentTag("team", "cats")])
    deleted = store.create_experiment("dogs")
    run_id = store.create_run(experiment, "ada", 1, [RunTag("team", "cats")], "lion").info.run_id
    deleted_run = store.create_run(experiment, "ada", 2, [], "tiger").info.run_id
    model = store.create_logged_model(experiment, "m", tags=[LoggedModelTag("team", "cats")])
    store.log_batch(
        run_id, [Metric("loss", 1 / step, step, step) for step in (1, 2)], [Param("depth", "3")], []
    )
    store.log_metric(run_id, Metric("acc", 0.5, 1, 1, model_id=model.model_id))
    store.log_inputs(run_id, [DatasetInput(Dataset("faces", "1", "local", "{}"), [])])
    store.link_prompt_versions_to_run(run_id, [PromptVersion("linked", 1, "Hi")])
    trace = store.start_trace(new_trace_info(new_trace_id(), experiment, tags={"team": "cats"}))
    store.log_spans(experiment, [new_span(trace.trace_id)])
    assessment = store.create_assessment(new_feedback(trace.trace_id, True))
    store.delete_run(deleted_run)
    store.delete_experiment(deleted)
    ids = (experiment, deleted, run_id, deleted_run, model.model_id)
    return Ids(*ids, trace.trace_id, assessment.assessment_id)


def fill_registry(store: Any, ids: Ids, name: str) -> Ids:
    """Models, prompts and webhooks, with what can hang below them."""
    model, prompt = f"net of {name}", f"greeting of {name}"
    store.create_registered_model(model, [RegisteredModelTag("team", "cats")], "a net")
    store.create_model_version(model, "s3://b/m", ids.run, [ModelVersionTag("team", "cats")])
    store.set_registered_model_alias(model, "good", 1)
    store.create_registered_model(prompt, [RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")])
    tags = [ModelVersionTag(IS_PROMPT_TAG_KEY, "true"), ModelVersionTag(PROMPT_TEXT_TAG_KEY, "Hi")]
    store.create_model_version(prompt, "none", tags=tags)
    webhook = store.create_webhook("hook", "https://127.0.0.1/a", [EVENT])
    return replace(ids, registered=model, prompt=prompt, webhook=webhook.webhook_id)
