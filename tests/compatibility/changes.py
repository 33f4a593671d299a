"""Writes to everything that the contents hold, through the public methods of any MLflow store."""

from __future__ import annotations

from typing import Any

from mlflow.entities import (
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
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookEvent

from tests.compatibility.answers import answer
from tests.compatibility.clock import ms
from tests.compatibility.contents import EMOJI, LONG_KEY, Ids, dataset, words


def change_everything(tracking: Any, registry: Any, ids: Ids) -> dict[str, Any]:
    """Write to every entity; the codes of what is refused. ``ids`` gets those of what is made."""
    return {
        **_change_experiments(tracking, ids),
        **_change_runs(tracking, ids),
        **_change_metrics(tracking, ids),
        **_change_logged_models(tracking, ids),
        **_change_registry(registry, ids),
        **_change_webhooks(registry, ids),
        **_collect(tracking, ids),
    }


def _change_experiments(tracking: Any, ids: Ids) -> dict[str, Any]:
    tagged, deleted = ids["exp-tagged"], ids["exp-deleted"]
    refused = {
        "taken name": answer(tracking.create_experiment, "plain", None, []),
        "name of a deleted one": answer(tracking.create_experiment, "deleted", None, []),
        "run in a deleted one": answer(tracking.create_run, deleted, "ada", 1, [], "x"),
        "missing tag": answer(tracking.delete_experiment_tag, tagged, "taken"),
    }
    tracking.set_experiment_tag(tagged, ExperimentTag("long", "short now"))
    tracking.set_experiment_tag(tagged, ExperimentTag("team", "robots"))
    tracking.delete_experiment_tag(tagged, "mlflow.note.content")
    tracking.rename_experiment(tagged, "tagged no more")
    ids["exp-reused"] = tracking.create_experiment("first name", None, [])
    tracking.restore_experiment(deleted)
    tracking.delete_experiment(ids["exp-renamed"])
    return refused


def _change_runs(tracking: Any, ids: Ids) -> dict[str, Any]:
    full, opened = ids["run-full"], ids["run-open"]
    refused = {
        "other value of a param": answer(tracking.log_param, full, Param("depth", "4")),
        "other value of a long param": answer(tracking.log_param, full, Param("long", "4")),
        "write to a deleted run": answer(
            tracking.set_tag, ids["run-deleted"], RunTag("team", "robots")
        ),
        "missing run tag": answer(tracking.delete_tag, full, "taken"),
    }
    tracking.log_param(full, Param("depth", "3"))
    tracking.log_param(full, Param("new", "param"))
    tracking.log_param(full, Param(LONG_KEY, "long key"))
    tracking.set_tag(full, RunTag("long", "short now"))
    tracking.set_tag(full, RunTag("team", "robots"))
    tracking.delete_tag(full, LONG_KEY)
    tracking.update_run_info(full, RunStatus.FINISHED, ms(0), "renamed run")
    tracking.log_batch(
        opened,
        [Metric("loss", 0.125, ms(0), 2), Metric("new", 1.0, ms(0), 0)],
        [Param("late", "1")],
        [RunTag("long", words(8_000, 20))],
    )
    tracking.update_run_info(opened, RunStatus.FINISHED, ms(0), None)
    more = DatasetInput(dataset("more", 400), [InputTag("mlflow.data.context", "more")])
    again = DatasetInput(dataset("train"), [InputTag("mlflow.data.context", "training")])
    tracking.log_inputs(full, [more, again], [LoggedModelInput(ids["model-pending"])])
    tracking.restore_run(ids["run-deleted"])
    tracking.delete_run(ids["run-restored"])
    tracking.set_tag(ids["run-in-deleted"], RunTag("team", "robots"))
    created = tracking.create_run(
        ids["exp-tagged"], "ada", ms(0), [RunTag("team", "robots")], "new run"
    )
    ids["run-new"] = created.info.run_id
    return refused


def _change_metrics(tracking: Any, ids: Ids) -> dict[str, Any]:
    run = ids["run-full-metrics"]
    # The open chunk of 10 points becomes full, is sealed, and another begins.
    for step in range(80, 130):
        tracking.log_metric(run, Metric("loss", 1 / (step + 1), ms(0, step), step))
    tracking.log_metric(run, Metric("loss", 7.0, ms(0), 3))
    tracking.log_metric(run, Metric("jumps", 0.9, ms(-10, 9), 9))
    tracking.log_metric(run, Metric("jumps", 1.5, ms(0, 9), 20))
    tracking.log_metric(run, Metric("odd", float("inf"), ms(0), 20))
    tracking.log_metric(run, Metric("once", float("nan"), ms(0), 0))
    tracking.log_metric(run, Metric(LONG_KEY, 5.0, ms(0), 1))
    tracking.log_batch(run, [Metric("batched", n, ms(0, n), n) for n in range(190, 230)], [], [])
    return {}


def _change_logged_models(tracking: Any, ids: Ids) -> dict[str, Any]:
    ready, pending = ids["model-ready"], ids["model-pending"]
    refused = {
        "missing model tag": answer(tracking.delete_logged_model_tag, ready, "taken"),
        "deleted model": answer(tracking.get_logged_model, ids["model-deleted"]),
    }
    tracking.set_logged_model_tags(ready, [LoggedModelTag("long", "short now")])
    tracking.set_logged_model_tags(ready, [LoggedModelTag("team", "robots")])
    tracking.log_logged_model_params(pending, [LoggedModelParameter("depth", "9")])
    tracking.finalize_logged_model(pending, LoggedModelStatus.FAILED)
    train = dataset("train")
    run = ids["run-full"]
    measured = Metric("acc", 0.95, ms(0), 3, ready, train.name, train.digest, run)
    tracking.log_batch(run, [measured], [], [])
    tracking.log_outputs(ids["run-new"], [LoggedModelOutput(pending, 0)])
    return refused


def _change_registry(registry: Any, ids: Ids) -> dict[str, Any]:
    refused = {
        "taken model": answer(registry.create_registered_model, "plain model"),
        "deleted version": answer(registry.get_model_version, "plain model", 4),
        "missing alias": answer(registry.get_model_version_by_alias, "plain model", "taken"),
    }
    registry.update_registered_model("long text", words(200_000, 21))
    registry.create_model_version("long text", "s3://bucket/second")
    registry.set_registered_model_tag("plain model", RegisteredModelTag("long", "short now"))
    registry.delete_registered_model_tag("plain model", "team")
    registry.set_model_version_tag("plain model", 3, ModelVersionTag("long", words(50_000, 22)))
    registry.delete_model_version_tag("plain model", 1, "number")
    registry.update_model_version("plain model", 3, "short now")
    registry.transition_model_version_stage("plain model", 3, "Production", True)
    registry.set_registered_model_alias("plain model", "champion", 3)
    registry.create_model_version("plain model", "s3://bucket/model/5", ids["run-full"])
    registry.delete_model_version("plain model", 2)
    registry.rename_registered_model("plain model", "renamed model")
    registry.create_registered_model("removed")
    registry.create_model_version("removed", "s3://bucket/removed/again")
    registry.rename_registered_model(f"new name {EMOJI}", "old name")
    registry.delete_registered_model("no versions")
    text = ModelVersionTag("mlflow.prompt.text", "Hi {{name}}")
    prompt = ModelVersionTag("mlflow.prompt.is_prompt", "true")
    registry.create_model_version("greeting", "prompt-template", None, [prompt, text])
    registry.set_registered_model_alias("greeting", "production", 3)
    registry.delete_model_version("greeting", 1)
    return refused


def _change_webhooks(registry: Any, ids: Ids) -> dict[str, Any]:
    kept, off = ids["webhook-secret"], ids["webhook-off"]
    refused = {"deleted webhook": answer(registry.get_webhook, ids["webhook-gone"])}
    registry.update_webhook(kept, name="renamed", description="Rings twice.")
    registry.update_webhook(off, secret="another secret")
    event = WebhookEvent("prompt", "created")
    ids["webhook-new"] = registry.create_webhook(
        "new", "https://93.184.216.34/new", [event], secret="new secret"
    ).webhook_id
    return refused


def _collect(tracking: Any, ids: Ids) -> dict[str, Any]:
    """What ``mlflow gc`` does with what has been deleted."""
    mine = {id_: label for label, id_ in ids.items()}
    runs = sorted(mine[run] for run in tracking._get_deleted_runs() if run in mine)
    models = sorted(mine[model] for model in tracking._get_deleted_logged_models() if model in mine)
    tracking._hard_delete_run(ids["run-restored"])
    tracking._hard_delete_logged_model(ids["model-deleted"])
    tracking._hard_delete_experiment(ids["exp-renamed"])
    return {"deleted runs": runs, "deleted models": models}
