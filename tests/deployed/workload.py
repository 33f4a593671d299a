"""What four clients do to a tracking server: the same every time, by the number of the client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

CLIENTS = 4
RUNS_EACH = 50
MODELS_EACH = 6
SHARED = "shared"
_ANIMALS = ("owl", "Ëlch", "newt", "ox", "heron", "mole", "yak")
_STARTED_MS = 1_764_000_000_000
_CHANGED_LATE = (3, 9, 21, 27, 33, 39)
_ENDS = ("FINISHED", "FAILED", "KILLED")


def create_experiments(client: MlflowClient) -> None:
    """One experiment that all clients share, and one for each."""
    client.create_experiment(SHARED, tags={"team": "all"})
    for number in range(CLIENTS):
        client.create_experiment(f"forecast-{number}", tags={"team": f"team-{number}"})


def work_side_by_side(tracking_uri: str) -> None:
    """All clients at once, each on a thread of its own."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(lambda n: work(MlflowClient(tracking_uri), n), range(CLIENTS)):
            pass


def work_one_by_one(tracking_uri: str) -> None:
    """The same, one client after the other."""
    for number in range(CLIENTS):
        work(MlflowClient(tracking_uri), number)


def work(client: MlflowClient, number: int) -> None:
    """Everything that one client does: its runs, and what it does to its experiment."""
    own = client.get_experiment_by_name(f"forecast-{number}").experiment_id
    shared = client.get_experiment_by_name(SHARED).experiment_id
    for position in range(RUNS_EACH):
        _run(client, shared if position % 3 == 0 else own, number, position)
    for position in range(MODELS_EACH):
        _model(client, number, position)
    client.rename_experiment(own, f"demand-{number}")
    if number % 2:
        client.delete_experiment(own)
    if number == 3:
        client.restore_experiment(own)


def _run(client: MlflowClient, experiment_id: str, number: int, position: int) -> None:
    started = _STARTED_MS + position * 1000 + number
    tags = {
        "team": f"team-{position % 3}",
        "mlflow.source.name": f"train_{position % 4}.py",
        "mlflow.note.content": f"Run {position} of client {number}: {_animal(position)}s",
    }
    name = f"{_animal(position)}-{number}-{position}"
    run_id = client.create_run(experiment_id, started, tags, name).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric("rmse", 1 / (position + 1), started, 0)],
        params=[Param("depth", str(position % 5))],
        tags=[RunTag("stage", "fitted")],
    )
    if position % 5:
        client.set_terminated(run_id, _ENDS[position % 3], started + 500)
    if position % 4 == 0:
        client.update_run(run_id, name=f"renamed-{number}-{position}")
    if position % 4 == 1:
        client.set_tag(run_id, "mlflow.source.name", f"evaluate_{position}.py")
    if position % 4 == 2:
        client.delete_tag(run_id, "mlflow.source.name")
    if position % 6 == 0:
        client.delete_run(run_id)
    if position % 12 == 0:
        client.restore_run(run_id)


def _model(client: MlflowClient, number: int, position: int) -> None:
    name = f"{_animal(position)} classifier {number}-{position}"
    client.create_registered_model(name, {"team": f"team-{position % 3}"}, f"All about {name}")
    for version in range(1 + position % 2):
        source = f"s3://models/{number}/{position}/{version}"
        client.create_model_version(name, source, await_creation_for=0)
    if position % 3 == 0:
        client.rename_registered_model(name, f"renamed lynx {number}-{position}")
    if position % 3 == 1:
        client.delete_registered_model(name)
    if position == 4:
        client.create_registered_model(name, {"team": "team-2"})


def change_models(client: MlflowClient) -> None:
    """Rename a model, delete another, and register one."""
    client.rename_registered_model(f"{_animal(2)} classifier 0-2", "late lynx classifier")
    client.delete_registered_model(f"{_animal(5)} classifier 0-5")
    client.create_registered_model("late owl classifier", {"team": "team-0"})


def change_ended_runs(client: MlflowClient) -> None:
    """Rename and tag runs of the shared experiment that have ended; delete one and restore it."""
    names = [f"{_animal(position)}-0-{position}" for position in _CHANGED_LATE]
    shared = client.get_experiment_by_name(SHARED).experiment_id
    by_name = {run.info.run_name: run.info.run_id for run in client.search_runs([shared])}
    for position, name in enumerate(names):
        client.set_tag(by_name[name], "mlflow.source.name", f"late_{position}.py")
        client.set_tag(by_name[name], "reviewed", "yes")
        client.update_run(by_name[name], name=f"late-{position}-lynx")
    client.delete_run(by_name[names[0]])
    client.restore_run(by_name[names[0]])
    client.set_experiment_tag(shared, "mlflow.note.content", "What all clients share")


def _animal(position: int) -> str:
    return _ANIMALS[position % len(_ANIMALS)]
