"""What goes when a run or an experiment has expired, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import META
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.expiry.projection import ExpiryProjection
from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Delete
from mlflow.entities import LoggedModelTag, RunTag

from tests.projections.aging import (
    RETENTION_DAYS,
    Aging,
    aging,
    full_run,
    many_like,
    partitions,
    run,
)
from tests.projections.interposed import Crash, InterposedTable
from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import new_run, refused

PAST_RETENTION = RETENTION_DAYS + 1


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aging]:
    with aging(tmp_path, monkeypatch) as opened:
        yield opened


def expire(kept: Aging) -> None:
    """What is deleted expires and is removed from the table, but for what hangs below it."""
    kept.settle()
    kept.days_pass(PAST_RETENTION)


def tombstones(kept: Aging) -> dict[str, str]:
    """The artifact URIs of what has expired, by partition key."""
    found = {}
    for pk in partitions(kept.table):
        if pk.startswith("EXPIRED#"):
            item = kept.table.get((pk, META))
            assert item is not None
            found[pk] = item["artifact_uri"]
    return found


class TestRuns:
    def test_an_expired_run_leaves_a_tombstone_and_nothing_else(self, kept: Aging) -> None:
        model_id = kept.store.create_logged_model("0", "net").model_id
        other = full_run(kept.store, "0", model_id)
        before = partitions(kept.table)
        run_id = full_run(kept.store, "0", model_id)
        uri = kept.store.get_run(run_id).info.artifact_uri
        kept.store.delete_run(run_id)

        expire(kept)
        kept.settle()

        assert tombstones(kept) == {f"EXPIRED#RUN#{run_id}": uri}
        assert partitions(kept.table) == before | {f"EXPIRED#RUN#{run_id}": 1}
        assert [m.run_id for m in kept.store.get_logged_model(model_id).metrics] == [other]
        with refused("RESOURCE_DOES_NOT_EXIST"):
            kept.store.get_run(run_id)

    def test_the_artifacts_are_known_also_where_no_image_of_the_run_comes(
        self, kept: Aging
    ) -> None:
        run_id = new_run(kept.store)
        uri = kept.store.get_run(run_id).info.artifact_uri
        kept.store.delete_run(run_id)
        expire(kept)

        kept.stream.waiting = [ChangeEvent(f"RUN#{run_id}", META, None, True, True)]
        kept.settle()

        assert tombstones(kept) == {f"EXPIRED#RUN#{run_id}": uri}

    def test_a_removal_event_repeated_after_the_garbage_collector_does_nothing(
        self, kept: Aging
    ) -> None:
        run_id = new_run(kept.store)
        kept.store.delete_run(run_id)
        expire(kept)
        removal = list(kept.stream.waiting)
        kept.settle()
        assert kept.store._get_deleted_runs() == [run_id]
        kept.store._hard_delete_run(run_id)
        before = partitions(kept.table)

        kept.stream.waiting = removal
        kept.settle()

        assert partitions(kept.table) == before
        assert not tombstones(kept)

    def test_a_run_that_is_hard_deleted_in_time_leaves_no_tombstone(self, kept: Aging) -> None:
        before = partitions(kept.table)
        run_id = full_run(kept.store, "0")
        kept.store.delete_run(run_id)
        kept.settle()

        kept.store._hard_delete_run(run_id)
        expire(kept)
        kept.settle()

        left = partitions(kept.table).keys() - before.keys()
        # The dataset that the run has used is its experiment's.
        assert [pk.partition("#")[0] for pk in left] == ["DATASET"]

    def test_a_run_with_more_than_fits_one_call_goes_in_several(self, kept: Aging) -> None:
        run_id = new_run(kept.store)
        kept.store.log_batch(run_id, [], [], [RunTag(f"t{n}", "v") for n in range(99)])
        kept.store.delete_run(run_id)
        expire(kept)

        ops = kept.stream.deliver(kept.table, most_items=10, batch=1)

        assert sum(1 for done in ops if done) > 9
        assert max(ops) <= 12
        assert set(tombstones(kept)) == {f"EXPIRED#RUN#{run_id}"}
        assert f"RUN#{run_id}" not in partitions(kept.table)

    def test_a_run_of_an_experiment_that_came_back_is_put_back_if_its_stamp_was_late(
        self, kept: Aging
    ) -> None:
        # given a run in use again, whose stamp runs out before the projector hears of that
        experiment_id = kept.store.create_experiment("back")
        run_id = full_run(kept.store, experiment_id)
        kept.store.delete_run(run_id)
        kept.settle()
        before = partitions(kept.table)
        del before[f"EXPIRED#RUN#{run_id}"]
        kept.store.delete_experiment(experiment_id)
        kept.store.restore_experiment(experiment_id)
        kept.days_pass(PAST_RETENTION)
        assert kept.meta(run(run_id)) is None

        kept.settle()

        found = kept.store.get_run(run_id)
        assert found.info.lifecycle_stage == "active"
        assert found.data.params == {"lr": "0.1"}
        assert partitions(kept.table) == before


class TestExperiments:
    def test_an_expired_experiment_leaves_the_tombstones_of_its_runs_and_models(
        self, kept: Aging
    ) -> None:
        before = partitions(kept.table)
        gone = kept.store.create_experiment("gone")
        kept.store.set_experiment_tag(gone, LoggedModelTag("a", "1"))
        model = kept.store.create_logged_model(gone, "net", tags=[LoggedModelTag("a", "1")])
        runs = [full_run(kept.store, gone, model.model_id) for _ in range(3)]
        uris = {r: kept.store.get_run(r).info.artifact_uri for r in runs}
        kept.store.delete_run(runs[0])
        kept.store.delete_experiment(gone)

        expire(kept)
        kept.settle()

        expected = {f"EXPIRED#RUN#{run_id}": uri for run_id, uri in uris.items()}
        expected[f"EXPIRED#LM#{model.model_id}"] = model.artifact_location
        assert tombstones(kept) == expected
        assert partitions(kept.table) == before | dict.fromkeys(expected, 1)

    def test_the_traces_of_an_expired_experiment_go_with_all_that_is_below_them(
        self, kept: Aging
    ) -> None:
        before = partitions(kept.table)
        gone = kept.store.create_experiment("gone")
        later = NOW_MS + 365 * 86_400_000
        for n in range(5):
            trace_id = new_trace_id()
            span = new_span(trace_id, start_ms=later + n, end_ms=later + n, inputs="x" * 9_000)
            kept.store.log_spans(gone, [span])
            kept.store.start_trace(new_trace_info(trace_id, gone, time_ms=later + n))
            kept.store.create_assessment(new_feedback(trace_id, "yes"))
        kept.store.delete_experiment(gone)

        expire(kept)
        kept.settle()

        assert partitions(kept.table) == before

    def test_runs_in_every_shard_go(self, kept: Aging, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_DYNAMODB_RUN_SHARDS", "4")
        gone = kept.store.create_experiment("sharded")
        runs = [new_run(kept.store, gone) for _ in range(20)]
        kept.store.delete_experiment(gone)

        expire(kept)
        kept.settle()

        assert set(tombstones(kept)) == {f"EXPIRED#RUN#{run_id}" for run_id in runs}

    def test_another_experiment_of_the_same_name_is_not_touched(self, kept: Aging) -> None:
        # given one that is made, with a run, before the expired one is cleaned up
        gone = kept.store.create_experiment("same")
        full_run(kept.store, gone)
        kept.store.delete_experiment(gone)
        expire(kept)
        new = kept.store.create_experiment("same")
        run_id = full_run(kept.store, new)
        before = {pk: n for pk, n in partitions(kept.table).items() if new in pk or run_id in pk}

        kept.settle()

        after = partitions(kept.table)
        assert {pk: after[pk] for pk in before} == before
        found = kept.store.get_experiment_by_name("same")
        assert found is not None
        assert found.experiment_id == new
        assert kept.store.get_run(run_id).data.params == {"lr": "0.1"}
        assert f"EXP#{gone}" not in after

    def test_a_restored_run_goes_with_its_deleted_experiment(self, kept: Aging) -> None:
        gone = kept.store.create_experiment("gone")
        run_id = new_run(kept.store, gone)
        kept.store.delete_experiment(gone)
        kept.store.restore_run(run_id)

        expire(kept)
        kept.settle()

        assert set(tombstones(kept)) == {f"EXPIRED#RUN#{run_id}"}

    def test_an_experiment_of_2000_runs_goes_in_bounded_calls(self, kept: Aging) -> None:
        gone = kept.store.create_experiment("large")
        for _ in range(2000):
            new_run(kept.store, gone)
        kept.store.delete_experiment(gone)
        expire(kept)

        ops = kept.stream.deliver(kept.table, most_items=500)

        working = [done for done in ops if done > 1]
        assert len(working) >= 2000 * 2 / 500
        assert max(working) <= 500 * 1.5 + 5
        assert len(tombstones(kept)) == 2000
        assert not [pk for pk in partitions(kept.table) if pk.startswith(("RUN#", f"EXP#{gone}"))]

    @pytest.mark.slow
    def test_an_experiment_of_20000_runs_goes_in_bounded_calls(self, kept: Aging) -> None:
        gone = kept.store.create_experiment("huge")
        many_like(kept.table, new_run(kept.store, gone), 19_999)
        kept.store.delete_experiment(gone)
        expire(kept)

        ops = kept.stream.deliver(kept.table)

        assert max(ops) <= 2000 * 1.5 + 5
        assert len(tombstones(kept)) == 20_000
        assert not [pk for pk in partitions(kept.table) if pk.startswith(("RUN#", f"EXP#{gone}"))]

    def test_the_default_experiment_begins_anew_without_the_old_ones_runs(
        self, kept: Aging
    ) -> None:
        run_id = full_run(kept.store, "0")
        kept.store.delete_experiment("0")
        expire(kept)

        kept.store.ensure_default_experiment()

        assert kept.store.get_experiment("0").lifecycle_stage == "active"
        assert not list(kept.store.search_runs(["0"], "", 3))
        with refused("RESOURCE_DOES_NOT_EXIST"):
            kept.store.get_run(run_id)


class TestInterruptions:
    def test_a_call_that_ends_at_any_request_is_made_up_for(self, kept: Aging) -> None:
        before = partitions(kept.table)
        expected: dict[str, str] = {}
        for after in count():
            # given another expired experiment with all that hangs below one
            gone = kept.store.create_experiment("gone")
            model = kept.store.create_logged_model(gone, "net")
            for run_id in (full_run(kept.store, gone, model.model_id), new_run(kept.store, gone)):
                uri = kept.store.get_run(run_id).info.artifact_uri
                expected[f"EXPIRED#RUN#{run_id}"] = uri
            expected[f"EXPIRED#LM#{model.model_id}"] = model.artifact_location
            kept.store.delete_experiment(gone)
            expire(kept)
            events = list(kept.stream.waiting)

            # when the process that cleans up dies before its request of this number
            def die(number: int, after: int = after) -> None:
                if number == after:
                    raise Crash

            dying = InterposedTable(kept.table, die)
            with suppress(Crash):
                Projector(dying, [ExpiryProjection(7)], Config).project(events)

            # then the next call for the same events does the rest
            kept.stream.waiting = events + kept.stream.waiting
            kept.stream.deliver(kept.table, most_items=7)
            assert tombstones(kept) == expected
            assert partitions(kept.table) == before | dict.fromkeys(expected, 1)
            if dying.requests <= after:
                assert after > 5
                return

    def test_two_that_clean_up_at_once_end_as_one(self, kept: Aging) -> None:
        gone = kept.store.create_experiment("gone")
        runs = [full_run(kept.store, gone) for _ in range(5)]
        kept.store.delete_experiment(gone)
        expire(kept)

        # when a second one does all of the work before each request of the first
        busy = False

        def meanwhile(number: int) -> None:
            nonlocal busy
            if not busy and number % 3 == 0:
                busy = True
                remove_expired(kept.table, Config, seconds=0.002, most_items=3)
                busy = False

        events = list(kept.stream.waiting)
        first = InterposedTable(kept.table, meanwhile)
        Projector(first, [ExpiryProjection(5)], Config).project(events)
        kept.settle()

        assert set(tombstones(kept)) == {f"EXPIRED#RUN#{run_id}" for run_id in runs}
        assert not [pk for pk in partitions(kept.table) if pk.startswith(("RUN#", f"EXP#{gone}"))]

    def test_a_hard_deletion_that_died_before_the_record_is_finished(self, kept: Aging) -> None:
        run_id = full_run(kept.store, "0")
        kept.store.delete_run(run_id)
        kept.settle()
        kept.table.write(Delete((f"RUN#{run_id}", META)))

        expire(kept)
        remove_expired(kept.table, Config, seconds=60)

        assert f"RUN#{run_id}" not in partitions(kept.table)
        assert kept.store._get_deleted_runs() == [run_id]

    def test_a_failure_is_raised_and_the_work_is_not_lost(
        self, kept: Aging, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = full_run(kept.store, "0")
        kept.store.delete_run(run_id)
        expire(kept)

        def refuse(ops: object) -> None:
            raise TableError("no room")

        with monkeypatch.context() as patch:
            patch.setattr(kept.table, "bulk", refuse)
            with pytest.raises(TableError, match="no room"):
                remove_expired(kept.table, Config, seconds=60)

        assert remove_expired(kept.table, Config, seconds=60)
        assert f"RUN#{run_id}" not in partitions(kept.table)
