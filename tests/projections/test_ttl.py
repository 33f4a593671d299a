"""The time to live of what is soft-deleted: stamped, and unstamped again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import META
from dynamodbstore_projections.config import Config, TtlPolicy
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_projections.view import View
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Item, Update

from tests.projections.aging import DAY, RETENTION_DAYS, Aging, aging, experiment, run
from tests.projections.interposed import InterposedTable
from tests.tracking.stores import new_run


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aging]:
    with aging(tmp_path, monkeypatch) as opened:
        yield opened


def retained_until(meta: Item, days: int = RETENTION_DAYS) -> int:
    """Unix seconds, rounded up."""
    until: int = -(-meta["deleted"] // 1000) + days * DAY
    return until


def stamp(meta: Item | None) -> int | None:
    assert meta is not None
    return meta.get("ttl")


class TestStamps:
    def test_a_deleted_experiment_expires_when_its_retention_ends(self, kept: Aging) -> None:
        gone = experiment(kept.store.create_experiment("gone"))

        kept.store.delete_experiment(gone.id)
        kept.settle()

        meta, record = kept.meta(gone), kept.record(gone)
        assert meta is not None
        assert record is not None
        assert meta["ttl"] == record["expires"] == retained_until(meta)

    def test_a_deleted_run_expires_when_its_retention_ends(self, kept: Aging) -> None:
        gone = run(new_run(kept.store))

        kept.store.delete_run(gone.id)
        kept.settle()

        meta, record = kept.meta(gone), kept.record(gone)
        assert meta is not None
        assert record is not None
        assert meta["ttl"] == record["expires"] == retained_until(meta)
        assert record["artifact_uri"] == meta["artifact_uri"]

    def test_only_meta_is_stamped(self, kept: Aging) -> None:
        gone = run(new_run(kept.store))

        kept.store.delete_run(gone.id)
        kept.settle()

        stamped = [item["SK"] for item in kept.table.query_all(gone.pk) if "ttl" in item]
        assert stamped == [META]

    def test_a_run_that_is_deleted_with_its_experiment_has_no_time_of_its_own(
        self, kept: Aging
    ) -> None:
        experiment_id = kept.store.create_experiment("gone")
        follows = run(new_run(kept.store, experiment_id))

        kept.store.delete_experiment(experiment_id)
        kept.settle()
        kept.project(follows)

        assert stamp(kept.meta(follows)) is None
        assert kept.record(follows) is None

    def test_a_run_that_is_deleted_again_has_its_whole_retention_before_it(
        self, kept: Aging
    ) -> None:
        again = run(new_run(kept.store))
        kept.store.delete_run(again.id)
        kept.settle()
        first = stamp(kept.meta(again))

        kept.calendar.days_pass(10)
        kept.store.delete_run(again.id)
        kept.settle()

        meta, record = kept.meta(again), kept.record(again)
        assert meta is not None
        assert record is not None
        assert meta["ttl"] == record["expires"] == retained_until(meta)
        assert first is not None
        assert meta["ttl"] >= first + 10 * DAY

    def test_a_run_deleted_long_ago_expires_now_and_not_in_the_past(self, kept: Aging) -> None:
        # given a deletion further back than DynamoDB's time to live looks
        gone = run(new_run(kept.store))
        kept.store.delete_run(gone.id)
        kept.table.write(Update((gone.pk, META), set={"deleted": 1_000_000_000_000}))
        meta = kept.meta(gone)
        assert meta is not None

        now = int(kept.table.now())
        writes = TtlProjection().writes(gone, View(kept.table), Config())

        (ops,) = writes
        assert isinstance(ops, tuple)
        assert isinstance(ops[0], Update)
        assert ops[0].set["ttl"] - now in (0, 1)

    def test_a_change_of_a_run_in_use_costs_one_read(self, kept: Aging) -> None:
        in_use = run(new_run(kept.store))
        counted = InterposedTable(kept.table, lambda _: None)

        Projector(counted, [TtlProjection()], Config).project([ChangeEvent(in_use.pk, META)])

        assert counted.requests == 1


class TestRestoring:
    @pytest.mark.parametrize("stamped_first", [True, False])
    def test_a_restored_run_has_no_stamp_and_no_record(
        self, kept: Aging, stamped_first: bool
    ) -> None:
        back = run(new_run(kept.store))
        kept.store.delete_run(back.id)
        if stamped_first:
            kept.settle()

        kept.store.restore_run(back.id)
        kept.settle()

        meta = kept.meta(back)
        assert meta is not None
        assert not {"ttl", "expires"} & meta.keys()
        assert kept.record(back) is None

    def test_a_restored_experiment_has_no_stamp_and_no_record(self, kept: Aging) -> None:
        back = experiment(kept.store.create_experiment("back"))
        kept.store.delete_experiment(back.id)
        kept.settle()

        kept.store.restore_experiment(back.id)
        kept.settle()

        meta = kept.meta(back)
        assert meta is not None
        assert not {"ttl", "expires"} & meta.keys()
        assert kept.record(back) is None

    def test_entities_restored_in_time_stay_however_late_the_projector_is(
        self, kept: Aging
    ) -> None:
        # given a stamp that the restoring write finds, and a stream that stands still
        experiment_id = kept.store.create_experiment("back")
        run_id = new_run(kept.store)
        kept.store.delete_experiment(experiment_id)
        kept.store.delete_run(run_id)
        kept.settle()

        kept.days_pass(RETENTION_DAYS - 1)
        kept.store.restore_experiment(experiment_id)
        kept.store.restore_run(run_id)
        kept.days_pass(2)

        assert kept.store.get_experiment(experiment_id).lifecycle_stage == "active"
        assert kept.store.get_run(run_id).info.lifecycle_stage == "active"

    def test_a_delete_event_that_comes_again_after_a_restore_does_nothing(
        self, kept: Aging
    ) -> None:
        back = run(new_run(kept.store))
        kept.store.delete_run(back.id)
        deleted = list(kept.stream.waiting)
        kept.settle()
        kept.store.restore_run(back.id)
        kept.settle()

        kept.stream.waiting = deleted
        assert kept.stream.deliver(kept.table) == [0]

        assert stamp(kept.meta(back)) is None
        assert kept.record(back) is None

    def test_a_stamp_that_is_on_its_way_does_not_meet_what_was_restored_meanwhile(
        self, kept: Aging
    ) -> None:
        # given a projector that has read the deleted run, and stops for a while
        back = run(new_run(kept.store))
        kept.store.delete_run(back.id)
        (late,) = TtlProjection().writes(back, View(kept.table), Config())
        assert isinstance(late, tuple)

        kept.store.restore_run(back.id)

        with pytest.raises(ConditionFailed):
            kept.table.write(*late)
        assert kept.record(back) is None


class TestRunsOfADeletedExperiment:
    """A run's own deletion no longer counts once its experiment has changed its stage."""

    @pytest.fixture
    def experiment_id(self, kept: Aging) -> str:
        created: str = kept.store.create_experiment("moving")
        return created

    @pytest.mark.parametrize("runs", [1, 120])
    def test_a_run_deleted_before_loses_its_stamp_with_the_deletion_of_the_experiment(
        self, kept: Aging, experiment_id: str, runs: int
    ) -> None:
        before = [run(new_run(kept.store, experiment_id)) for _ in range(runs)]
        elsewhere = run(new_run(kept.store))
        for deleted in (*before, elsewhere):
            kept.store.delete_run(deleted.id)
        kept.settle()

        kept.store.delete_experiment(experiment_id)
        kept.settle()

        assert {stamp(kept.meta(deleted)) for deleted in before} == {None}
        assert [kept.record(deleted) for deleted in before] == [None] * runs
        assert stamp(kept.meta(elsewhere)) is not None

    def test_a_run_that_came_back_with_its_experiment_never_expires(
        self, kept: Aging, experiment_id: str
    ) -> None:
        back = new_run(kept.store, experiment_id)
        kept.store.delete_run(back)
        kept.settle()
        kept.store.delete_experiment(experiment_id)
        kept.store.restore_experiment(experiment_id)
        kept.settle()

        kept.days_pass(RETENTION_DAYS + 1)
        kept.settle()

        assert kept.store.get_run(back).info.lifecycle_stage == "active"

    def test_a_run_deleted_after_has_a_time_of_its_own(
        self, kept: Aging, experiment_id: str
    ) -> None:
        later = run(new_run(kept.store, experiment_id))
        kept.store.delete_experiment(experiment_id)

        kept.store.delete_run(later.id)
        kept.settle()

        meta = kept.meta(later)
        assert meta is not None
        assert meta["ttl"] == retained_until(meta)

    def test_renaming_the_experiment_leaves_its_runs_stamps(
        self, kept: Aging, experiment_id: str
    ) -> None:
        gone = run(new_run(kept.store, experiment_id))
        kept.store.delete_run(gone.id)
        kept.settle()
        before = stamp(kept.meta(gone))

        kept.store.rename_experiment(experiment_id, "renamed")
        kept.settle()

        assert stamp(kept.meta(gone)) == before is not None


class TestPolicy:
    def test_a_retention_of_no_days_keeps_what_is_deleted(self, kept: Aging) -> None:
        kept.keep_for(0)
        experiment_id, run_id = kept.store.create_experiment("kept"), new_run(kept.store)

        kept.store.delete_experiment(experiment_id)
        kept.store.delete_run(run_id)
        kept.settle()

        for entity in (experiment(experiment_id), run(run_id)):
            assert stamp(kept.meta(entity)) is None
            assert kept.record(entity) is None

    @pytest.mark.parametrize("days", [30, 400, 0])
    def test_looking_again_applies_a_changed_policy_to_what_is_deleted(
        self, kept: Aging, days: int
    ) -> None:
        experiment_id, run_id = kept.store.create_experiment("gone"), new_run(kept.store)
        kept.store.delete_experiment(experiment_id)
        kept.store.delete_run(run_id)
        kept.settle()

        kept.keep_for(days)
        kept.project(experiment(experiment_id), run(run_id))

        for entity in (experiment(experiment_id), run(run_id)):
            meta, record = kept.meta(entity), kept.record(entity)
            assert meta is not None
            expected = retained_until(meta, days) if days else None
            assert meta.get("ttl") == expected
            assert (None if record is None else record["expires"]) == expected

    def test_a_shorter_retention_hides_what_was_deleted_before_it(self, kept: Aging) -> None:
        gone = run(new_run(kept.store))
        kept.store.delete_run(gone.id)
        kept.settle()
        kept.days_pass(40)

        kept.keep_for(30)
        kept.project(gone)

        assert kept.meta(gone) is None
        assert kept.record(gone) is not None

    def test_nothing_is_left_to_write_once_the_policy_is_applied(self, kept: Aging) -> None:
        gone = run(new_run(kept.store))
        kept.store.delete_run(gone.id)
        kept.settle()
        policy = Config(ttl=TtlPolicy(soft_deleted_retention_days=RETENTION_DAYS))

        assert TtlProjection().writes(gone, View(kept.table), policy) == []
