"""Which models a run made: all that are logged in one call, or none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as opened:
        yield opened


def outputs_of(store: DynamoTrackingStore, run_id: str) -> dict[str, int]:
    return {o.model_id: o.step for o in store.get_run(run_id).outputs.model_outputs}


def test_a_run_shows_its_outputs_with_their_steps(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.log_outputs(run_id, [LoggedModelOutput("m-1", 3), LoggedModelOutput("m-2", 0)])

    assert outputs_of(store, run_id) == {"m-1": 3, "m-2": 0}


def test_a_step_of_another_kind_of_number_is_kept_whole(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.log_outputs(run_id, [LoggedModelOutput("m-1", 3.0), LoggedModelOutput("m-2", -(2**63))])

    assert outputs_of(store, run_id) == {"m-1": 3, "m-2": -(2**63)}


@pytest.mark.parametrize("step", [1.5, math.nan, "1.0", "", 2**63])
def test_what_is_no_step_is_refused(store: DynamoTrackingStore, step: int) -> None:
    run_id = new_run(store)

    with refused("INVALID_PARAMETER_VALUE"):
        store.log_outputs(run_id, [LoggedModelOutput("m-1", step)])

    assert outputs_of(store, run_id) == {}


@pytest.mark.parametrize("count", [1, 250])
def test_an_output_logged_again_refuses_the_whole_call(
    store: DynamoTrackingStore, count: int
) -> None:
    run_id = new_run(store)
    store.log_outputs(run_id, [LoggedModelOutput("m-known", 1)])
    new = [LoggedModelOutput(f"m-{n}", n) for n in range(count)]

    with pytest.raises(MlflowException, match="'m-known' is already an output") as refusal:
        store.log_outputs(run_id, [*new, LoggedModelOutput("m-known", 2)])

    assert refusal.value.error_code == "BAD_REQUEST"
    assert outputs_of(store, run_id) == {"m-known": 1}


def test_an_output_given_twice_refuses_the_whole_call(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    with pytest.raises(MlflowException, match="'m-1' is already an output"):
        store.log_outputs(run_id, [LoggedModelOutput("m-1", 1), LoggedModelOutput("m-1", 2)])

    assert outputs_of(store, run_id) == {}


def test_hundreds_of_outputs_are_logged_in_one_call(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.log_outputs(run_id, [LoggedModelOutput(f"m-{n}", n) for n in range(250)])

    assert len(outputs_of(store, run_id)) == 250


def test_two_runs_may_have_the_same_output(store: DynamoTrackingStore) -> None:
    first, second = new_run(store), new_run(store)

    store.log_outputs(first, [LoggedModelOutput("m-1", 1)])
    store.log_outputs(second, [LoggedModelOutput("m-1", 2)])

    assert outputs_of(store, second) == {"m-1": 2}


def test_a_deleted_run_puts_out_nothing(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    store.delete_run(run_id)

    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        store.log_outputs(run_id, [LoggedModelOutput("m-1", 1)])
