"""The lifecycle function: stamps, expiry, heartbeats."""

from __future__ import annotations

import time
from typing import Any

import pytest
from dynamodbstore_events.keys import CONFIG, META
from dynamodbstore_lambdas import lifecycle
from dynamodbstore_projections.all import STREAM_FUNCTIONS
from dynamodbstore_projections.heartbeat import read_heartbeats
from dynamodbstore_table.port import Put

from tests.lambdas.conftest import Deployed
from tests.lambdas.samples import EXPERIMENT_ID, RUN_ID, happen, sample
from tests.projections.aging import Calendar

RUN = f"RUN#{RUN_ID}"
EXPERIMENT = f"EXP#{EXPERIMENT_ID}"
DONE: dict[str, Any] = {"batchItemFailures": []}
LONG = 36_500


@pytest.fixture(autouse=True)
def _kept_for_long(deployed: Deployed) -> None:
    """The samples' deletions lie years back: without this they would be expired at once."""
    policy = {"PK": CONFIG, "SK": "TTL_POLICY", "soft_deleted_retention_days": LONG}
    deployed.table.write(Put(policy))


def tell(deployed: Deployed, *names: str) -> list[Any]:
    """Let what the samples tell of happen, and hand each to the function as it does."""
    answers = []
    for name in names:
        happen(deployed.table, sample(name))
        answers.append(lifecycle.handler(sample(name), deployed.context))
    return answers


def stamp(deployed: Deployed, pk: str) -> int | None:
    meta = deployed.table.get((pk, META))
    assert meta is not None
    return meta.get("ttl")


@pytest.mark.parametrize(
    ("created", "deleted", "pk"),
    [("run-created", "run-deleted", RUN), ("run-created", "experiment-deleted", EXPERIMENT)],
)
def test_a_soft_delete_is_stamped_with_its_expiry(
    deployed: Deployed, created: str, deleted: str, pk: str
) -> None:
    answers = tell(deployed, "experiment-created", created, deleted)

    meta = deployed.table.get((pk, META))
    assert answers == [DONE] * 3
    assert meta is not None
    assert meta["ttl"] == -(-meta["deleted"] // 1000) + LONG * 86_400


def test_a_restored_run_has_no_expiry(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-deleted")
    assert stamp(deployed, RUN) is not None

    tell(deployed, "run-restored")

    assert stamp(deployed, RUN) is None


def test_a_deletion_event_repeated_after_the_restore_does_nothing(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-deleted", "run-restored")

    lifecycle.handler(sample("run-deleted"), deployed.context)

    assert stamp(deployed, RUN) is None


def test_items_below_an_expired_run_are_removed(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-logged", "run-deleted")
    assert len(list(deployed.table.query_all(RUN))) > 1

    tell(deployed, "run-expired")

    assert list(deployed.table.query_all(RUN)) == []


def test_an_expired_run_leaves_its_tombstone(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-deleted", "run-expired")

    tombstone = deployed.table.get((f"EXPIRED#{RUN}", META))
    assert tombstone is not None
    assert tombstone["artifact_uri"].endswith(f"{RUN_ID}/artifacts")


def test_a_removal_by_hand_is_no_expiry(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-logged", "run-deleted")
    event = sample("run-expired")
    for record in event["Records"]:
        del record["userIdentity"]
    happen(deployed.table, event)

    assert lifecycle.handler(event, deployed.context) == DONE

    assert list(deployed.table.query_all(RUN)) != []


def test_the_schedule_sends_a_heartbeat_and_marks_no_arrival(deployed: Deployed) -> None:
    before = int(time.time() * 1000)

    assert lifecycle.handler(sample("schedule"), deployed.context) is None

    found = read_heartbeats(deployed.table, STREAM_FUNCTIONS)
    assert found.sent is not None
    assert found.sent >= before
    assert [arrived.at for arrived in found.arrived.values()] == [None, None]


def test_the_schedule_cleans_up_where_the_stream_event_is_lost(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(deployed, "experiment-created", "run-created", "run-logged", "run-deleted")
    Calendar(monkeypatch).days_pass(LONG + 1)

    lifecycle.handler(sample("schedule"), deployed.context)

    assert list(deployed.table.query_all(RUN)) == []
    assert deployed.table.get((f"EXPIRED#{RUN}", META)) is not None


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_an_event_of_another_kind_is_refused(deployed: Deployed) -> None:
    with pytest.raises(ValueError, match="neither a batch of the stream nor the schedule's"):
        lifecycle.handler({"detail-type": "Something Else"}, deployed.context)
