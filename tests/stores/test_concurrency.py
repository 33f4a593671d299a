"""What must hold whichever process comes first: names are unique, params never change."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from mlflow.entities import LifecycleStage, Metric, Param, RunTag, ViewType
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.conftest import new_table_name
from tests.tracking.processes import PROCESSES, outcome, together
from tests.tracking.stores import new_run

ROUNDS = 12
LOSERS = PROCESSES - 1


@pytest.fixture(params=["embedded", "dynoxide"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that several processes can open."""
    if request.param == "embedded":
        return f"dynamodb:///{tmp_path}/store.ddb?durability=process"
    return f"dynamodb://{request.getfixturevalue('dynoxide_endpoint')}/{new_table_name()}"


def test_a_name_goes_to_one_of_those_who_want_it(uri: str, tmp_path: Path) -> None:
    build_tracking_store(uri, str(tmp_path))

    def create(number: int) -> list[str]:
        store = build_tracking_store(uri, str(tmp_path))
        return [outcome(partial(store.create_experiment, f"e{n}")) for n in range(ROUNDS)]

    for outcomes in zip(*together(create), strict=True):
        assert Counter(outcomes) == {"done": 1, "RESOURCE_ALREADY_EXISTS": LOSERS}
    names = [e.name for e in build_tracking_store(uri).search_experiments(ViewType.ALL)]
    assert sorted(names) == sorted(["Default", *(f"e{n}" for n in range(ROUNDS))])


def test_rename_experiment_gives_a_name_to_one_of_many_callers(uri: str, tmp_path: Path) -> None:
    store = build_tracking_store(uri, str(tmp_path))
    own = [store.create_experiment(f"own{n}") for n in range(PROCESSES)]

    def rename(number: int) -> str:
        other = build_tracking_store(uri, str(tmp_path))
        return outcome(lambda: other.rename_experiment(own[number], "wanted"))

    outcomes = together(rename)

    assert Counter(outcomes) == {"done": 1, "BAD_REQUEST": LOSERS}
    winner = own[outcomes.index("done")]
    for number, experiment_id in enumerate(own):
        name = "wanted" if experiment_id == winner else f"own{number}"
        assert store.get_experiment(experiment_id).name == name
        assert (store.get_experiment_by_name(f"own{number}") is None) == (name == "wanted")


@pytest.mark.parametrize("batched", [False, True], ids=["log_param", "log_batch"])
def test_a_param_keeps_the_first_value(uri: str, tmp_path: Path, batched: bool) -> None:
    store = build_tracking_store(uri, str(tmp_path))
    run_ids = [new_run(store) for _ in range(ROUNDS)]

    def log(number: int) -> list[str]:
        other = build_tracking_store(uri, str(tmp_path))

        def once(run_id: str) -> None:
            param = Param("depth", str(number))
            if batched:
                own = [param, Param(f"own{number}", "1")]
                other.log_batch(run_id, [Metric(f"own{number}", 1.0, 1, 1)], own, [])
            else:
                other.log_param(run_id, param)

        return [outcome(partial(once, r)) for r in run_ids]

    for run_id, outcomes in zip(run_ids, zip(*together(log), strict=True), strict=True):
        assert Counter(outcomes) == {"done": 1, "INVALID_PARAMETER_VALUE": LOSERS}
        winner = outcomes.index("done")
        data = store.get_run(run_id).data
        own = {f"own{winner}"} if batched else set()
        assert data.params["depth"] == str(winner)
        assert data.params.keys() - {"depth"} == own
        assert data.metrics.keys() == own


def test_the_same_param_is_welcome_from_everyone(uri: str, tmp_path: Path) -> None:
    store = build_tracking_store(uri, str(tmp_path))
    run_id = new_run(store)

    def log(number: int) -> list[str]:
        other = build_tracking_store(uri, str(tmp_path))
        params = [Param(f"p{n}", "1") for n in range(20)]
        return [outcome(partial(other.log_param, run_id, param)) for param in params]

    assert {o for outcomes in together(log) for o in outcomes} == {"done"}
    assert store.get_run(run_id).data.params == {f"p{n}": "1" for n in range(20)}


def test_servers_that_start_together_share_one_default_experiment(uri: str, tmp_path: Path) -> None:
    def start(number: int) -> str:
        name: str = build_tracking_store(uri, str(tmp_path)).get_experiment("0").name
        return name

    assert together(start) == ["Default"] * PROCESSES
    assert len(build_tracking_store(uri).search_experiments(ViewType.ALL)) == 1


def test_a_run_created_while_its_experiment_is_deleted_goes_with_it(
    uri: str, tmp_path: Path
) -> None:
    store = build_tracking_store(uri, str(tmp_path))
    experiment = store.create_experiment("trees")

    def work(number: int) -> str:
        other = build_tracking_store(uri, str(tmp_path))
        if number == 0:
            other.delete_experiment(experiment)
            return "done"
        outcomes = [outcome(lambda: new_run(other, experiment)) for _ in range(ROUNDS)]
        return max(outcomes)

    assert set(together(work)) <= {"done", "INVALID_PARAMETER_VALUE"}
    for run in store.search_runs([experiment], None, ViewType.ALL):
        assert run.info.lifecycle_stage == LifecycleStage.DELETED


def test_tags_set_by_all_end_with_the_value_of_one(uri: str, tmp_path: Path) -> None:
    store = build_tracking_store(uri, str(tmp_path))
    run_id = new_run(store)

    def tag(number: int) -> None:
        other = build_tracking_store(uri, str(tmp_path))
        for _ in range(ROUNDS):
            other.set_tag(run_id, RunTag("mlflow.runName", f"name{number}"))

    together(tag)

    run = store.get_run(run_id)
    assert run.info.run_name == run.data.tags["mlflow.runName"]
