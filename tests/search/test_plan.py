"""Plans of run searches are values: made, compared and printed without a table."""

from __future__ import annotations

import pytest
from dynamodbstore_events.keys import META, run_pk
from dynamodbstore_table.conditions import BeginsWith, Compare, Condition, Contains, Either
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.core.lifecycle import in_view
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Field
from mlflow_dynamodbstore.search.clause import clause as made_clause
from mlflow_dynamodbstore.search.listings import TimeOrder, TimeRange
from mlflow_dynamodbstore.search.pushdown import RANGED, time_range
from mlflow_dynamodbstore.search.sources import ByKey
from mlflow_dynamodbstore.search.values import Place

from tests.search.items import experiment
from tests.search.plans import decided, filtered, listed, plan


def clause(text: str) -> Clause:
    """The only clause of a filter."""
    (step,) = plan(text).steps
    return step.clause


def condition_of(text: str) -> Condition | None:
    """What the table filters by for the only clause of a filter."""
    (step,) = plan(text).steps
    return step.condition


def test_every_shard_of_every_experiment_is_a_listing() -> None:
    made = plan(experiments=[experiment("1", run_shards=2), experiment("7")])

    assert [listing.pk for listing in listed(made).listings] == [
        "EXP#1#RUNS#0",
        "EXP#1#RUNS#1",
        "EXP#7#RUNS#0",
    ]


def test_an_experiment_that_is_not_there_has_no_listing() -> None:
    made = plan(ids=["1", "4711", "1", "01"])

    assert [listing.pk for listing in listed(made).listings] == ["EXP#1#RUNS#0"]


def test_the_table_filters_the_view_by_the_experiments_epoch() -> None:
    searched = experiment("1", stage="deleted", epoch=3)

    made = plan(experiments=[searched], view=ViewType.DELETED_ONLY)

    expected = in_view(ViewType.DELETED_ONLY, searched)
    assert [listing.filter for listing in listed(made).listings] == [expected]


def test_what_means_the_same_to_the_table_is_its_to_filter() -> None:
    made = plan("status = 'FINISHED' AND user_id ILIKE 'a%' AND start_time >= 5")

    assert decided(made, Place.TABLE) == filtered(made) == ["status = 'FINISHED'"]
    assert decided(made, Place.LISTED) == ["user_id ILIKE 'a%'"]
    assert decided(made, Place.KEYS) == ["start_time >= 5"]
    assert listed(made).times == TimeRange(earliest=5)


@pytest.mark.parametrize(
    ("filter_string", "run_ids"),
    [
        ("run_id = 'a'", ("a",)),
        ("run_id IN ('b', 'a', 'b')", ("b", "a")),
        ("run_id IN ('a', 'b') AND run_id IN ('b', 'c')", ("b",)),
        ("run_id = 'a' AND run_id = 'b'", ()),
    ],
)
def test_runs_that_the_filter_names_are_read_by_key(
    filter_string: str, run_ids: tuple[str, ...]
) -> None:
    made = plan(filter_string)

    assert made.sources == (ByKey(tuple((run_pk(run_id), META) for run_id in run_ids)),)
    assert filtered(made) == []


def test_runs_that_a_filter_excludes_name_no_others() -> None:
    assert plan("run_id != 'a'").sources == (listed(plan("run_id != 'a'")),)


@pytest.mark.parametrize(
    ("order_by", "order"),
    [
        (None, TimeOrder()),
        ([], TimeOrder()),
        (["start_time DESC"], TimeOrder()),
        (["attributes.start_time desc", "run_id"], TimeOrder()),
        (["created ASC"], TimeOrder(newest_first=False)),
        (["start_time DESC", "run_id DESC", "metrics.m"], TimeOrder(ids_ascending=False)),
        (["start_time DESC", "metrics.m"], None),
        (["run_id"], None),
        (["metrics.m DESC"], None),
    ],
)
def test_the_listings_own_orders_are_known(
    order_by: list[str] | None, order: TimeOrder | None
) -> None:
    query = plan(order_by=order_by).query

    assert (query.comes if not query.orders else None) == order


def test_only_what_the_plan_needs_is_read_of_candidates() -> None:
    made = plan("user_id = 'ada' AND run_id LIKE 'a%'", ["attributes.end_time"])

    assert listed(made).attributes == (
        *("PK", "gsi1sk", "experiment_id", "stage", "epoch"),
        *("user_id", "end_time"),
    )


def test_two_plans_of_one_query_are_equal() -> None:
    assert plan("metrics.m > 1 AND tags.t LIKE 'a%'") == plan("metrics.m > 1 AND tags.t LIKE 'a%'")


def test_a_plan_says_what_will_be_done() -> None:
    made = plan("metrics.m > 1 AND datasets.name = 'd' AND status != 'FAILED'", ["params.p"])

    text = "\n".join(made.lines())

    assert "candidates: 1 listing(s) of runs, read newest first, then id ascending" in text
    assert "  EXP#1#RUNS#0 where " in text
    assert "table filters: status != 'FAILED'" in text
    assert "from items METRIC#m, read of each candidate: metrics.m > 1.0" in text
    assert "from items INPUT#DATASET#…, read of each candidate: dataset.name = 'd'" in text
    assert "order: params.p; every candidate is collected, then sorted" in text
    assert "page: 100 runs; each run is then read whole" in text


def test_a_plan_says_that_the_listings_order_stops_early() -> None:
    text = "\n".join(plan("start_time > 5 AND start_time <= 9").lines())

    assert "times: from 6 to 9 ms" in text
    assert "reading stops when the page is full" in text


@pytest.mark.parametrize(
    ("filter_string", "condition"),
    [
        ("status = 'RUNNING'", Compare("status", "=", "RUNNING")),
        ("end_time >= 5", Compare("end_time", ">=", 5)),
        ("end_time != 5.0", Compare("end_time", "!=", 5)),
        ("end_time > 5.5", None),
        ("end_time < 99999999999999999999", None),
        ("user_id LIKE 'a%'", BeginsWith("user_id", "a")),
        ("user_id LIKE '%a%'", Contains("user_id", "a")),
        (
            "user_id LIKE 'a'",
            Either((Compare("user_id", "=", "a"), BeginsWith("user_id", "a\0"))),
        ),
        ("user_id LIKE '%a'", None),
        ("user_id LIKE 'a_%'", None),
        ("user_id LIKE '%'", None),
        ("user_id ILIKE 'a%'", None),
        ("run_id != 'a'", None),
    ],
)
def test_a_clause_becomes_a_condition_only_where_both_mean_the_same(
    filter_string: str, condition: object
) -> None:
    assert condition_of(filter_string) == condition


texts = st.text("aA%_b", max_size=4)
comparators = st.sampled_from(["=", "!=", "LIKE", "ILIKE"])


@given(st.none() | texts, comparators, texts)
def test_a_condition_decides_as_its_clause(found: str | None, comparator: str, value: str) -> None:
    text = f"user_id {comparator} '{value}'"
    condition = condition_of(text)

    if condition is not None:
        item = {} if found is None else {"user_id": found}
        assert condition.holds(item) is clause(text).test(found)


numbers = st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from([1e300, -1e300, 10**30])


@given(st.integers(-3, 3), st.sampled_from(RANGED), numbers)
def test_a_range_of_times_holds_what_the_clause_lets_through(
    time: int, comparator: str, value: float
) -> None:
    on_time = made_clause(Field(ATTRIBUTE, "start_time"), comparator, value)

    times = time_range([on_time])

    assert (times.earliest <= time <= times.latest) is on_time.test(time)


@pytest.mark.parametrize(
    ("filter_string", "order_by", "reason"),
    [
        ("metrics.m > 'x'", None, "numeric"),
        ("nothing.m > 1", None, "Invalid entity type"),
        ("user_id > 'a'", None, "Invalid comparator"),
        ("", ["attributes.age"], "Invalid attribute key"),
        ("", ["datasets.name"], "Invalid identifier type 'dataset'"),
    ],
)
def test_what_cant_be_read_is_refused_before_any_request(
    filter_string: str, order_by: list[str] | None, reason: str
) -> None:
    with pytest.raises(MlflowException, match=reason) as refused:
        plan(filter_string, order_by)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_field_ordered_by_twice_is_an_error() -> None:
    with pytest.raises(MlflowException, match="duplicate fields") as refused:
        plan(order_by=["start_time", "metrics.m", "Created DESC"])

    assert refused.value.error_code == "INTERNAL_ERROR"
