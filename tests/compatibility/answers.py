"""What a store answers about the contents, as plain values that can be kept and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlflow.entities import ViewType
from mlflow.entities.webhook import WebhookEvent
from mlflow.exceptions import MlflowException

from tests.compatibility.contents import Ids
from tests.differential.plain import plain

Answers = dict[str, Any]

_LONG_CHARACTERS = 500
_TIMES = frozenset(
    (
        *("creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp"),
        *("last_update_timestamp", "current_stage_timestamp"),
    )
)


def answer(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What the call returns, or the code of MLflow's error."""
    try:
        return plain(call(*arguments, **named))
    except MlflowException as error:
        return {"error": error.error_code}


def tracking_answers(tracking: Any, ids: Ids) -> Answers:
    """What there is of experiments, runs, metrics, datasets and logged models."""
    return {
        **_experiments(tracking, ids),
        **_experiment_searches(tracking, ids),
        **_runs(tracking, ids),
        "bulk history": _bulk_history(tracking, ids),
        **_logged_models(tracking, ids),
        **_run_searches(tracking, ids),
    }


def aging_answers(tracking: Any, ids: Ids) -> Answers:
    """What there is of that which has a time to live, or had one."""
    return {
        **_experiments(tracking, ids),
        **_runs(tracking, ids),
        "deleted runs": sorted(tracking._get_deleted_runs()),
    }


def _with(ids: Ids, prefix: str) -> Iterable[tuple[str, str]]:
    return ((label, id_) for label, id_ in ids.items() if label.startswith(prefix))


def _experiments(tracking: Any, ids: Ids) -> Answers:
    return {label: answer(tracking.get_experiment, id_) for label, id_ in _with(ids, "exp-")}


def _experiment_searches(tracking: Any, ids: Ids) -> Answers:
    found: Answers = {}
    for name in ("plain", "second name", "first name", "deleted", "restored", "Default"):
        experiment = tracking.get_experiment_by_name(name)
        found[f"experiment by name {name}"] = experiment and experiment.experiment_id
    mine = {"0", *ids.values()}
    for filter_string in (None, "name LIKE '%name'", "tags.team = 'vision'", "name ILIKE 'TAG%'"):
        for view, view_type in (("active", ViewType.ACTIVE_ONLY), ("all", ViewType.ALL)):
            page = tracking.search_experiments(view_type, 100, filter_string, ["name ASC"])
            found[f"{view} experiments where {filter_string}"] = [
                e.experiment_id for e in page if e.experiment_id in mine
            ]
    return found


def _runs(tracking: Any, ids: Ids) -> Answers:
    found: Answers = {}
    for label, id_ in _with(ids, "run-"):
        found[label] = answer(tracking.get_run, id_)
        if "error" in found[label]:
            continue
        for key in tracking.get_run(id_).data.metrics:
            history = answer(tracking.get_metric_history, id_, key)
            found[f"{label} history of {key}"] = history
            found[f"{label} last step of {key}"] = tracking.get_max_step_for_metric(id_, key)
    return found


def _bulk_history(tracking: Any, ids: Ids) -> Any:
    found: dict[str, list[Any]] = {}
    runs = [ids["run-full-metrics"], ids["run-open"]]
    for metric in tracking.get_metric_history_bulk(runs, "loss", 1000):
        found.setdefault(metric.run_id, []).append([metric.timestamp, metric.step, metric.value])
    return found


def _logged_models(tracking: Any, ids: Ids) -> Answers:
    found: Answers = {}
    for label, id_ in _with(ids, "model-"):
        found[label] = answer(tracking.get_logged_model, id_, allow_deleted=True)
    for filter_string in (None, "params.depth = '3'", "metrics.acc > 0.5", "tags.team = 'vision'"):
        page = tracking.search_logged_models(
            [ids["exp-tagged"]], filter_string, order_by=[{"field_name": "name"}]
        )
        found[f"logged models where {filter_string}"] = [model.model_id for model in page]
    return found


def _run_searches(tracking: Any, ids: Ids) -> Answers:
    homes = [id_ for _, id_ in _with(ids, "exp-")]
    found: Answers = {}
    for filter_string in (
        "",
        "tags.team = 'vision'",
        "params.depth = '3'",
        "params.depth != '3'",
        "metrics.loss < 0.3",
        "attributes.run_name LIKE '%run%'",
        "attributes.run_name ILIKE '%RESTORED%'",
        "tags.`mlflow.note.content` LIKE '%run is%'",
        "dataset.name = 'train'",
        "attributes.status = 'FAILED'",
    ):
        for view, view_type in (
            ("active", ViewType.ACTIVE_ONLY),
            ("deleted", ViewType.DELETED_ONLY),
        ):
            page = tracking.search_runs(homes, filter_string, view_type)
            found[f"{view} runs where {filter_string}"] = [run.info.run_id for run in page]
    page = tracking.search_runs(homes, "", ViewType.ALL, order_by=["metrics.loss DESC"])
    found["runs by loss"] = [run.info.run_id for run in page]
    page = tracking.search_runs(homes, "", ViewType.ACTIVE_ONLY)
    found["runs as searched"] = {run.info.run_id: plain(run) for run in page}
    return found


MODEL_NAMES = (
    *("plain model", "long text", "no versions", "old name", "new name 🚀 läuft # 100 %"),
    *("greeting", "removed", "renamed model"),
)


def registry_answers(registry: Any, ids: Ids) -> Answers:
    """What there is of registered models, versions, prompts and webhooks."""
    found: Answers = {}
    for name in MODEL_NAMES:
        found[f"model {name}"] = answer(registry.get_registered_model, name)
        found[f"latest of {name}"] = answer(registry.get_latest_versions, name)
        for number in range(1, 6):
            found[f"{name} version {number}"] = answer(registry.get_model_version, name, number)
        for alias in ("champion", "production", "taken"):
            by_alias = answer(registry.get_model_version_by_alias, name, alias)
            found[f"{name} alias {alias}"] = by_alias.get("version", by_alias)
    for filter_string in (
        None,
        "name LIKE '%name%'",
        "name ILIKE 'PLAIN%'",
        "tags.team = 'vision'",
        "tags.`mlflow.prompt.is_prompt` = 'true'",
    ):
        page = registry.search_registered_models(filter_string)
        found[f"models where {filter_string}"] = [model.name for model in page]
    for filter_string in (
        "name = 'plain model'",
        f"run_id = '{ids['run-full']}'",
        "tags.number = '2'",
        "name = 'greeting' AND tags.`mlflow.prompt.is_prompt` = 'true'",
    ):
        page = registry.search_model_versions(filter_string)
        where = filter_string.replace(ids["run-full"], "run-full")
        found[f"versions where {where}"] = sorted([v.name, int(v.version)] for v in page)
    for label, id_ in _with(ids, "webhook-"):
        found[label] = answer(registry.get_webhook, id_)
    found["webhooks"] = sorted(hook.name for hook in registry.list_webhooks())
    created = WebhookEvent("model_version", "created")
    found["webhooks of versions"] = [h.name for h in registry.list_webhooks_by_event(created)]
    return found


def condensed(value: Any) -> Any:
    """The answers with a digest in place of each long text."""
    if isinstance(value, str) and len(value) > _LONG_CHARACTERS:
        digest = hashlib.sha256(value.encode()).hexdigest()
        return f"{value[:20]}… of {len(value)} characters, {digest}"
    if isinstance(value, list):
        return [condensed(v) for v in value]
    if isinstance(value, dict):
        return {condensed(k): condensed(v) for k, v in value.items()}
    return value


def labelled(value: Any, ids: Mapping[str, str]) -> Any:
    """The answers with labels in place of ids and of the times at which something was written."""
    return _labelled(value, {id_: label for label, id_ in ids.items()})


def _labelled(value: Any, labels: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return "/".join(labels.get(piece, piece) for piece in value.split("/"))
    if isinstance(value, list):
        return [_labelled(v, labels) for v in value]
    if isinstance(value, dict):
        return {
            _labelled(k, labels): "some time"
            if k.lstrip("_") in _TIMES and v
            else _labelled(v, labels)
            for k, v in value.items()
        }
    return value
