"""Everything that a store can keep, written through the public methods of any MLflow store.

Each function returns what it has made: ids by a label, or by a name that serves as a label. It must
run against old versions: it imports nothing of the project but these tests' own modules.
"""

from __future__ import annotations

import math
import random
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
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookEvent, WebhookStatus

from tests.compatibility.clock import ms

Ids = dict[str, str]

USER = "ada"
ENCRYPTION_KEY = "Zml4ZWQga2V5IG9mIHRoZSBmaXh0dXJlcywgMzJieXQ="
"""What the secrets of webhooks are encrypted with (``MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY``)."""
WRITTEN = -10.0
"""The day, counted from ``NOW``, on which most of it is written."""

LONG_KEY = "k" * 249 + "é"
EMOJI = "🚀 läuft # 100 %"
DATA_FOLDER = "s3://bucket/data"


def hex_text(characters: int, seed: int) -> str:
    """Text that compresses to half its length, always the same for a seed."""
    return random.Random(seed).randbytes(characters // 2).hex()


def words(characters: int, seed: int) -> str:
    """Text of a few words, that compresses well."""
    chosen = random.Random(seed).choices(["loss", "Modell", "größer", "als", "gestern", "🚀"], k=99)
    text = " ".join(chosen)
    return (text * (characters // len(text) + 1))[:characters]


def write_contents(tracking: Any, registry: Any) -> Ids:
    """All that does not expire, the deleted included."""
    ids: Ids = {}
    _experiments(tracking, ids)
    _runs(tracking, ids)
    _metrics(tracking, ids)
    _datasets(tracking, ids)
    _logged_models(tracking, ids)
    _registered_models(registry, ids)
    _prompts(registry, ids)
    _webhooks(registry, ids)
    _deleted(tracking, registry, ids)
    return ids


def _experiments(tracking: Any, ids: Ids) -> None:
    create = tracking.create_experiment
    ids["exp-plain"] = create("plain", None, [])
    ids["exp-tagged"] = create(
        f"tagged {EMOJI}",
        f"{DATA_FOLDER}/tagged",
        [ExperimentTag("team", "vision"), ExperimentTag("mlflow.note.content", "Note " * 20)],
    )
    tracking.set_experiment_tag(ids["exp-tagged"], ExperimentTag("long", "🚀" * 20_000))
    tracking.set_experiment_tag(ids["exp-tagged"], ExperimentTag("taken", "away"))
    tracking.delete_experiment_tag(ids["exp-tagged"], "taken")
    ids["exp-renamed"] = create("first name", None, [])
    tracking.rename_experiment(ids["exp-renamed"], "second name")
    ids["exp-restored"] = create("restored", None, [])
    ids["exp-deleted"] = create("deleted", None, [ExperimentTag("team", "speech")])


def _run(tracking: Any, experiment_id: str, name: str, n: int, **tags: str) -> str:
    tagged = [RunTag(key, value) for key, value in tags.items()]
    run_id: str = tracking.create_run(experiment_id, USER, ms(WRITTEN, n), tagged, name).info.run_id
    return run_id


def _runs(tracking: Any, ids: Ids) -> None:
    home = ids["exp-tagged"]
    ids["run-full"] = full = _run(tracking, home, "full run", 1, team="vision", stage="final")
    tracking.log_param(full, Param("depth", "3"))
    tracking.log_param(full, Param("alpha", "1e-3"))
    tracking.log_param(full, Param("empty", ""))
    tracking.log_batch(
        full,
        [],
        [Param("long", words(6_000, 1)), Param(LONG_KEY, "long key"), Param("a/b.c: d", EMOJI)],
        [RunTag("long", words(8_000, 2)), RunTag(LONG_KEY, "v"), RunTag("mlflow.user", USER)],
    )
    tracking.set_tag(full, RunTag("mlflow.note.content", "What this run is for. " * 40))
    tracking.set_tag(full, RunTag("taken", "away"))
    tracking.delete_tag(full, "taken")
    tracking.update_run_info(full, RunStatus.FINISHED, ms(WRITTEN, 5_000), None)

    ids["run-open"] = opened = _run(tracking, home, "open run", 2, team="speech")
    tracking.log_param(opened, Param("depth", "5"))
    ids["run-renamed"] = renamed = _run(tracking, home, "before", 3)
    tracking.update_run_info(renamed, RunStatus.FAILED, ms(WRITTEN, 7_000), "after")
    ids["run-bare"] = _run(tracking, ids["exp-plain"], "bare", 4)
    ids["run-in-deleted"] = _run(tracking, ids["exp-deleted"], "in deleted", 5)
    ids["run-in-restored"] = _run(tracking, ids["exp-restored"], "in restored", 6)
    ids["run-default"] = _run(tracking, "0", "of the default experiment", 7)


def _metrics(tracking: Any, ids: Ids) -> None:
    run = ids["run-full-metrics"] = _run(tracking, ids["exp-tagged"], "metrics", 8, team="vision")
    # 80 points one by one: two sealed chunks and an open one.
    for step in range(80):
        tracking.log_metric(run, Metric("loss", 1 / (step + 1), ms(WRITTEN, step), step))
    # A batch large enough for an item of its own, and a small one.
    many = [Metric("batched", math.sin(n), ms(WRITTEN, n), n) for n in range(200)]
    tracking.log_batch(run, many, [], [])
    few = [Metric("few", float(n), ms(WRITTEN, n), n) for n in range(5)]
    tracking.log_batch(run, few, [], [])
    # Not in order, repeated, and at one step.
    for step, value in ((5, 0.5), (2, 0.2), (9, 0.9), (2, 0.2), (9, 0.91), (1, -0.0)):
        tracking.log_metric(run, Metric("jumps", value, ms(WRITTEN, step), step))
    for step, value in enumerate((math.nan, math.inf, -math.inf, 1.5, math.nan)):
        tracking.log_metric(run, Metric("odd", value, ms(WRITTEN, step), step))
    tracking.log_metric(run, Metric("large step", 1e308, ms(WRITTEN), 2**53))
    tracking.log_metric(run, Metric("negative step", -1e-308, ms(WRITTEN), -7))
    tracking.log_metric(run, Metric("once", 0.0, ms(WRITTEN), 0))
    tracking.log_metric(run, Metric(LONG_KEY, 4.0, ms(WRITTEN), 0))
    tracking.log_batch(run, [Metric(f"m/{n}", float(n), ms(WRITTEN), 0) for n in range(30)], [], [])
    tracking.update_run_info(run, RunStatus.FINISHED, ms(WRITTEN, 9_000), None)
    tracking.log_metric(ids["run-open"], Metric("loss", 0.25, ms(WRITTEN), 1))


def dataset(name: str, characters: int = 20) -> Dataset:
    """A dataset whose profile has a given number of characters."""
    return Dataset(
        name,
        f"digest-{name}"[:36],
        "s3",
        f'{{"uri": "{DATA_FOLDER}/{name}"}}',
        '{"columns": [{"name": "x", "type": "double"}]}',
        words(characters, 3),
    )


def _datasets(tracking: Any, ids: Ids) -> None:
    train = DatasetInput(dataset("train"), [InputTag("mlflow.data.context", "training")])
    large = DatasetInput(dataset("large", 600_000), [InputTag("mlflow.data.context", "eval")])
    tracking.log_inputs(ids["run-full"], [train, large])
    tracking.log_inputs(ids["run-open"], [train])


def _logged_models(tracking: Any, ids: Ids) -> None:
    run, home = ids["run-full"], ids["exp-tagged"]
    model = tracking.create_logged_model(
        home,
        "classifier",
        run,
        [LoggedModelTag("team", "vision"), LoggedModelTag("taken", "away")],
        [LoggedModelParameter("depth", "3"), LoggedModelParameter("long", words(6_000, 4))],
        "sklearn",
    )
    ids["model-ready"] = made = model.model_id
    tracking.finalize_logged_model(made, LoggedModelStatus.READY)
    tracking.set_logged_model_tags(made, [LoggedModelTag("long", words(8_000, 5))])
    tracking.delete_logged_model_tag(made, "taken")
    tracking.log_logged_model_params(made, [LoggedModelParameter("later", "1")])
    train = dataset("train")
    measured = Metric("acc", 0.8, ms(WRITTEN), 1, made, train.name, train.digest, run)
    tracking.log_batch(run, [measured, Metric("acc", 0.9, ms(WRITTEN), 2, made)], [], [])
    tracking.log_outputs(run, [LoggedModelOutput(made, 2)])
    tracking.log_inputs(ids["run-open"], None, [LoggedModelInput(made)])
    ids["model-pending"] = tracking.create_logged_model(home, "pending").model_id
    ids["model-deleted"] = tracking.create_logged_model(home, "thrown away").model_id


def _registered_models(registry: Any, ids: Ids) -> None:
    registry.create_registered_model(
        "plain model", [RegisteredModelTag("team", "vision")], "What it is for."
    )
    registry.create_registered_model("long text", None, hex_text(700_000, 6))
    registry.create_registered_model("no versions", None, None)
    registry.create_registered_model("old name", [RegisteredModelTag("team", "speech")], None)
    for number in (1, 2, 3):
        registry.create_model_version(
            "plain model",
            f"s3://bucket/model/{number}",
            ids["run-full"] if number < 3 else None,
            [ModelVersionTag("number", str(number))],
            None,
            f"Version {number}",
        )
    registry.transition_model_version_stage("plain model", 1, "Staging", False)
    registry.transition_model_version_stage("plain model", 2, "Production", False)
    registry.set_registered_model_alias("plain model", "champion", 2)
    registry.set_registered_model_alias("plain model", "taken", 1)
    registry.delete_registered_model_alias("plain model", "taken")
    registry.set_registered_model_tag("plain model", RegisteredModelTag("long", words(90_000, 7)))
    registry.set_model_version_tag("plain model", 3, ModelVersionTag("long", words(90_000, 8)))
    registry.update_model_version("plain model", 3, words(300_000, 9))
    registry.create_model_version("old name", "s3://bucket/old", None, None, None, None)
    registry.rename_registered_model("old name", f"new name {EMOJI}")
    registry.create_model_version(
        "long text", "s3://bucket/logged", ids["run-full"], model_id=ids["model-ready"]
    )


def _prompts(registry: Any, ids: Ids) -> None:
    registry.create_registered_model(
        "greeting", [RegisteredModelTag("mlflow.prompt.is_prompt", "true")], "A prompt."
    )
    for number, text in ((1, "Hello {{name}}"), (2, "Good day {{name}}. " * 4_000)):
        registry.create_model_version(
            "greeting",
            "prompt-template",
            None,
            [
                ModelVersionTag("mlflow.prompt.is_prompt", "true"),
                ModelVersionTag("mlflow.prompt.text", text),
            ],
            None,
            f"Prompt {number}",
        )
    registry.set_registered_model_alias("greeting", "production", 1)


def _webhooks(registry: Any, ids: Ids) -> None:
    created = WebhookEvent("registered_model", "created")
    version = WebhookEvent("model_version", "created")
    hook = registry.create_webhook(
        "secret", "https://93.184.216.34/hook", [created, version], "Rings.", "a secret of ours"
    )
    ids["webhook-secret"] = hook.webhook_id
    hook = registry.create_webhook("off", "https://93.184.216.34/off", [created])
    ids["webhook-off"] = hook.webhook_id
    registry.update_webhook(hook.webhook_id, status=WebhookStatus.DISABLED)
    gone = registry.create_webhook("gone", "https://93.184.216.34/gone", [created])
    ids["webhook-gone"] = gone.webhook_id
    registry.delete_webhook(gone.webhook_id)


def _deleted(tracking: Any, registry: Any, ids: Ids) -> None:
    ids["run-deleted"] = _run(tracking, ids["exp-tagged"], "deleted run", 9, team="vision")
    tracking.log_metric(ids["run-deleted"], Metric("loss", 0.5, ms(WRITTEN), 0))
    tracking.delete_run(ids["run-deleted"])
    ids["run-restored"] = _run(tracking, ids["exp-tagged"], "restored run", 10)
    tracking.delete_run(ids["run-restored"])
    tracking.restore_run(ids["run-restored"])
    tracking.delete_experiment(ids["exp-deleted"])
    tracking.delete_experiment(ids["exp-restored"])
    tracking.restore_experiment(ids["exp-restored"])
    tracking.delete_logged_model(ids["model-deleted"])
    registry.create_registered_model("removed", [RegisteredModelTag("team", "vision")], None)
    registry.create_model_version("removed", "s3://bucket/removed")
    registry.delete_registered_model("removed")
    registry.create_model_version("plain model", "s3://bucket/model/4")
    registry.delete_model_version("plain model", 4)


def write_old_history(tracking: Any) -> Ids:
    """A run whose metric history is older than a year on ``NOW``; call it 400 days before."""
    experiment = tracking.create_experiment("aged", None, [])
    run = _run(tracking, experiment, "old history", -1)
    for step in range(80):
        tracking.log_metric(run, Metric("loss", float(step), ms(-400, step), step))
    return {"exp-aged": experiment, "run-old-history": run}


def write_expiring(tracking: Any, label: str) -> Ids:
    """A run and an experiment that are deleted now, and so expire 90 days later."""
    run = _run(tracking, "0", f"expiring {label}", -2)
    tracking.log_param(run, Param("depth", "1"))
    tracking.log_metric(run, Metric("loss", 1.0, ms(WRITTEN), 0))
    tracking.delete_run(run)
    experiment = tracking.create_experiment(f"expiring {label}", None, [])
    inside = _run(tracking, experiment, f"inside {label}", -3)
    tracking.delete_experiment(experiment)
    return {f"run-{label}": run, f"exp-{label}": experiment, f"run-inside-{label}": inside}
