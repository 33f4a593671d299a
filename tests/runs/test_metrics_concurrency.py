"""Many writers of one metric, and writers that die half-way: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_table.port import Op, Table, Update
from mlflow.entities import Metric
from mlflow_dynamodbstore.runs.metrics.metric_writes import OPEN_CHUNK_POINTS
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run

THREADS = 4
EACH = 60


class Died(BaseException):
    """The process ended here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as store:
        yield store


def in_threads(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, n) for n in range(THREADS)]:
            done.result()


def steps_of(store: DynamoTrackingStore, run_id: str) -> list[int]:
    return sorted(m.step for m in store.get_metric_history(run_id, "loss"))


class TestThreads:
    def test_threads_with_points_of_their_own_in_order_lose_nothing(
        self, store: DynamoTrackingStore
    ) -> None:
        run_id = new_run(store)

        def work(thread: int) -> None:
            for n in range(EACH):
                step = n * THREADS + thread
                store.log_metric(run_id, Metric("loss", float(step), step, step))

        in_threads(work)

        assert steps_of(store, run_id) == list(range(THREADS * EACH))
        assert store.get_run(run_id).data.metrics["loss"] == THREADS * EACH - 1

    def test_threads_with_the_same_points_in_any_order_count_them_once(
        self, store: DynamoTrackingStore
    ) -> None:
        run_id = new_run(store)

        def work(thread: int) -> None:
            steps = list(range(2 * OPEN_CHUNK_POINTS))
            random.Random(thread).shuffle(steps)
            for step in steps:
                store.log_metric(run_id, Metric("loss", float(step), step, step))

        in_threads(work)

        assert steps_of(store, run_id) == list(range(2 * OPEN_CHUNK_POINTS))

    def test_single_points_batches_and_reads_together(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)

        def work(thread: int) -> None:
            for n in range(EACH // 6):
                first = (n * THREADS + thread) * 12
                store.log_metric(run_id, Metric("loss", 1.0, first, first))
                few = [Metric("loss", 1.0, s, s) for s in range(first + 1, first + 4)]
                store.log_batch(run_id, few, [], [])
                many = [Metric("loss", 1.0, s, s) for s in range(first + 4, first + 12)]
                store.log_batch(run_id, many, [], [])
                logged = {m.step for m in store.get_metric_history(run_id, "loss")}
                assert logged.issuperset(range(first, first + 12))

        in_threads(work)

        assert steps_of(store, run_id) == list(range(THREADS * (EACH // 6) * 12))


class TestDeath:
    """A writer dies before its n-th request; another one goes on."""

    @pytest.fixture
    def run_id(self, store: DynamoTrackingStore) -> str:
        """A run whose open chunk is full."""
        run_id = new_run(store)
        for step in range(OPEN_CHUNK_POINTS):
            store.log_metric(run_id, Metric("loss", 1.0, step, step))
        return run_id

    def test_death_between_sealing_a_chunk_and_opening_the_next_loses_nothing(
        self, store: DynamoTrackingStore, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given
        with monkeypatch.context() as patched:
            die_at_reset(store._table, patched)
            with pytest.raises(Died):
                store.log_metric(run_id, Metric("loss", 1.0, 100, 100))

        # then what was acknowledged is there
        assert steps_of(store, run_id) == list(range(OPEN_CHUNK_POINTS))

        # and when the next writer comes, so is everything
        store.log_metric(run_id, Metric("loss", 1.0, 100, 100))
        store.log_metric(run_id, Metric("loss", 1.0, 101, 101))
        assert steps_of(store, run_id) == [*range(OPEN_CHUNK_POINTS), 100, 101]

    @pytest.mark.parametrize("slow_step", [99, 1000], ids=["earlier", "later"])
    def test_a_slow_writer_seals_again_what_another_has_sealed(
        self,
        store: DynamoTrackingStore,
        run_id: str,
        monkeypatch: pytest.MonkeyPatch,
        slow_step: int,
    ) -> None:
        # given a writer that is stopped between sealing the chunk and opening the next,
        # while another opens and fills it
        write = store._table.write

        def slow(*ops: Op) -> Any:
            if resets(ops):
                monkeypatch.undo()
                for step in range(100, 100 + 2 * OPEN_CHUNK_POINTS):
                    store.log_metric(run_id, Metric("loss", 1.0, step, step))
            return write(*ops)

        monkeypatch.setattr(store._table, "write", slow)

        # when
        store.log_metric(run_id, Metric("loss", 1.0, slow_step, slow_step))

        # then
        others = range(100, 100 + 2 * OPEN_CHUNK_POINTS)
        assert steps_of(store, run_id) == sorted([*range(OPEN_CHUNK_POINTS), *others, slow_step])

    def test_death_in_a_batch_too_large_for_one_transaction_can_be_repeated(
        self, store: DynamoTrackingStore, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a batch whose writer dies before the last step
        batch = [Metric(f"m{n}", 1.0, 1, 1) for n in range(150)]
        batch += [Metric("loss", 1.0, step, step) for step in range(100, 120)]
        with monkeypatch.context() as patched:
            bulk = store._table.bulk

            def dying(ops: Any) -> Any:
                ops = list(ops)
                if any(isinstance(op, Update) for op in ops):
                    raise Died
                return bulk(ops)

            patched.setattr(store._table, "bulk", dying)
            with pytest.raises(Died):
                store.log_batch(run_id, batch, [], [])

        # when it is logged again
        store.log_batch(run_id, batch, [], [])

        # then
        assert steps_of(store, run_id) == [*range(OPEN_CHUNK_POINTS), *range(100, 120)]
        assert len(store.get_run(run_id).data.metrics) == 151


def resets(ops: tuple[Op, ...]) -> bool:
    return any(isinstance(op, Update) and "c" in op.set for op in ops)


def die_at_reset(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    write = table.write

    def dying(*ops: Op) -> Any:
        if resets(ops):
            raise Died
        return write(*ops)

    monkeypatch.setattr(table, "write", dying)
