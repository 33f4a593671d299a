"""Whole runs are read in one go, and the garbage collector is left as it was found."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import model_output_sk
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Delete, Item, Put
from mlflow_dynamodbstore.core.gc_pause import collector_paused
from mlflow_dynamodbstore.runs.read_runs import (
    read_runs,
    run_partitions,
)

from tests.search.items import experiment, put_run, run_meta
from tests.search.test_run_search import MOST


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "table.ddb", durability="process")
    table.create()
    yield table
    table.close()


def test_runs_come_in_the_order_asked_for_with_all_that_is_theirs(table: SqliteTable) -> None:
    for run_id in ("a", "b"):
        put_run(
            table,
            run_meta(run_id, 5, end_time=9),
            params={"p": "1", "a/#%b": "2"},
            tags={"t": "x"},
            metrics={"m": -2.5, "é" * 500: 1e300},
        )
    table.write(Put({"PK": "RUN#a", "SK": model_output_sk("m-1"), "model_id": "m-1", "step": 3}))

    b, a = read_runs(table, ["RUN#b", "RUN#a", "RUN#gone"], {"1": experiment()}, lambda meta: True)

    assert (b.info.run_id, a.info.run_id) == ("b", "a")
    assert (a.info.start_time, a.info.end_time, a.info.status) == (5, 9, "RUNNING")
    assert a.data.params == {"p": "1", "a/#%b": "2"}
    assert a.data.tags == {"t": "x"}
    assert a.data.metrics == {"m": -2.5, "é" * 500: 1e300}
    assert a.inputs is not None
    assert a.inputs.dataset_inputs == []
    assert a.outputs is not None
    assert [(o.model_id, o.step) for o in a.outputs.model_outputs] == [("m-1", 3)]


def test_a_long_text_that_is_replaced_while_it_is_read_is_read_again(table: SqliteTable) -> None:
    put_run(table, run_meta("a"), params={"p": MOST})
    whole = table.partitions(["RUN#a"])["RUN#a"]
    answers = [{"RUN#a": whole[:-1]}, {"RUN#a": whole}]

    def torn_once(pks: Iterable[str], **named: Any) -> dict[str, list[Item]]:
        return answers.pop(0)

    table.partitions = torn_once  # type: ignore[method-assign]

    assert run_partitions(table, ["RUN#a"])["RUN#a"].params == {"p": MOST}


def test_a_text_that_never_holds_still_is_an_error(table: SqliteTable) -> None:
    put_run(table, run_meta("a"), params={"p": MOST})
    part = next(i for i in table.partitions(["RUN#a"])["RUN#a"] if "#+" in i["SK"])
    table.write(Delete((part["PK"], part["SK"])))

    with pytest.raises(TransactionConflict, match="RUN#a"):
        run_partitions(table, ["RUN#a"])


def test_the_collector_waits_for_many_runs_and_goes_on() -> None:
    with collector_paused(1000):
        assert not gc.isenabled()

    assert gc.isenabled()


def test_the_collector_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError), collector_paused(1000):
        raise ValueError

    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused(1000):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
