"""How points of a metric's history are packed, and kept in one write unit."""

from __future__ import annotations

import math
import struct
from binascii import a2b_base64, b2a_base64

import pytest
from dynamodbstore_events.keys import history_pk, metric_sk, run_pk
from dynamodbstore_events.metric_values import decode, decode_point, encode, encode_point, stored
from dynamodbstore_table.apply import allowed, updated
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import Item, Put
from hypothesis import assume, given
from hypothesis import strategies as st
from mlflow_dynamodbstore.core.whole_numbers import LARGEST_INT, SMALLEST_INT
from mlflow_dynamodbstore.runs.metrics.history_expiry import NEVER, UNKNOWN, HistoryEnds
from mlflow_dynamodbstore.runs.metrics.metric_points import (
    Point,
    in_time,
    later,
    ordered_text,
    pack,
    pack_chunk,
    point_text,
    unpack,
    unpack_all,
    unpack_chunk,
)
from mlflow_dynamodbstore.runs.metrics.metric_writes import (
    OPEN_CHUNK_POINTS,
    MetricPlan,
    MetricPoints,
    advancing,
    first_plan,
    is_advance,
    next_plan,
)

RUN_ID = "0123456789abcdef0123456789abcdef"
NOW = 1_785_000_000_123
PLACE = 999_999_999_999_991
"""As long as a place gets."""
ENDS = HistoryEnds(lambda: 21_000, lambda: 21_000)

numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
integers = st.integers(SMALLEST_INT, LARGEST_INT)
nans = st.builds(Point, integers, integers, st.just(0.0), st.just(True))
plain_points = st.builds(Point, integers, integers, numbers, st.just(False))
points = plain_points | nans


usual_points = st.builds(
    Point, st.integers(200, 10**6), st.integers(0, 2**48 - 1), numbers, st.just(False)
)


ends = st.sampled_from([NEVER, 1, 20_453, 20_454, 21_000, 24_548, 24_549, 2**24 - 1])


@given(st.lists(st.tuples(points, ends)) | st.lists(st.tuples(usual_points, ends)))
def test_unpack_all_gives_points_and_ends_back(some: list[tuple[Point, int]]) -> None:
    assert unpack_all([pack(point, end) for point, end in some]) == some


def older_text(point: Point) -> str:
    """A point as versions without ends wrote it."""
    value = math.nan if point.nan else point.value
    step, time = point.step, point.time
    if not 0 <= time < 2**48 or not -(2**31) <= step < 2**31:
        data = struct.pack(">dqq", value, time, step)
    else:
        form = ">dIHb" if -128 <= step < 128 else ">dIHi"
        data = struct.pack(form, value, time >> 16, time & 0xFFFF, step)
    return b2a_base64(data, newline=False).decode()


@given(st.lists(st.tuples(points | usual_points, st.booleans())))
def test_unpack_all_reads_what_older_versions_wrote(some: list[tuple[Point, bool]]) -> None:
    texts = [older_text(point) if older else pack(point, 21_000) for point, older in some]

    assert unpack_all(texts) == [(p, UNKNOWN if older else 21_000) for p, older in some]


@given(usual_points, ends)
def test_an_older_version_refuses_the_text_of_this_one(point: Point, end: int) -> None:
    # rather than to take it for another point
    text = pack(point, end)

    try:
        data = a2b_base64(text)
    except ValueError:
        return
    assert len(data) not in (15, 18, 24)


class TestStoredValues:
    def test_nan_is_kept_as_zero_with_a_mark(self) -> None:
        assert stored(math.nan) == (0.0, True)

    def test_infinities_are_the_largest_doubles(self) -> None:
        assert stored(math.inf) == (1.7976931348623157e308, False)
        assert stored(-math.inf) == (-1.7976931348623157e308, False)

    def test_minus_zero_is_zero(self) -> None:
        assert math.copysign(1.0, stored(-0.0)[0]) == 1.0

    @given(integers, integers, numbers)
    def test_a_point_comes_back_from_its_bytes(self, step: int, time: int, number: float) -> None:
        assert decode_point(encode_point(step, time, number)) == (step, time, number)

    @given(plain_points, plain_points)
    def test_the_bytes_of_points_are_in_the_order_that_makes_one_later(
        self, a: Point, b: Point
    ) -> None:
        assert (encode_point(*a[:3]) < encode_point(*b[:3])) == later(b, a)

    @given(numbers)
    def test_a_number_comes_back_from_its_bytes(self, number: float) -> None:
        assert struct.pack(">d", decode(encode(number))) == struct.pack(">d", number)

    @given(numbers, numbers)
    def test_bytes_are_in_the_order_of_the_numbers(self, a: float, b: float) -> None:
        assert (encode(a) < encode(b)) == (a < b)


class TestPoints:
    @given(points)
    def test_a_point_comes_back_from_its_text(self, point: Point) -> None:
        assert unpack(pack(point)) == point

    @given(points, points)
    def test_equal_points_and_no_others_have_equal_texts(self, a: Point, b: Point) -> None:
        assert (pack(a) == pack(b)) == (a == b)

    @pytest.mark.parametrize(("step", "length"), [(100, 24), (16_000_000, 24), (2**40, 36)])
    @pytest.mark.parametrize("end", [NEVER, 21_000], ids=["kept for ever", "with an end"])
    def test_the_text_of_usual_points_is_short(self, step: int, length: int, end: int) -> None:
        assert len(pack(Point(step, NOW, 0.1, False), end)) == length

    @pytest.mark.parametrize("text", ["", "AAAA", "?", "é", "A" * 21])
    def test_what_is_not_a_point_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            unpack(text)

    @given(st.lists(points, max_size=60))
    def test_a_chunk_gives_its_points_back_in_their_order(self, some: list[Point]) -> None:
        assert unpack_chunk(pack_chunk(some)) == some

    @given(st.lists(points, max_size=60))
    def test_a_chunk_is_never_longer_than_its_rows(self, some: list[Point]) -> None:
        assert len(pack_chunk(some)) <= 1 + 24 * len(some)

    def test_a_thousand_points_in_a_row_take_less_than_ten_thousand_bytes(self) -> None:
        row = [Point(n, NOW + 17 * n, math.sin(n), False) for n in range(1000)]

        assert len(pack_chunk(row)) < 10_000

    @given(integers, integers)
    def test_text_of_integers_is_in_number_order(self, a: int, b: int) -> None:
        assert (ordered_text(a) < ordered_text(b)) == (a < b)

    def test_nan_and_zero_at_one_place_have_keys_of_their_own(self) -> None:
        assert point_text(Point(1, 2, 0.0, True)) != point_text(Point(1, 2, 0.0, False))

    def test_a_nan_is_later_than_minus_one_and_not_later_than_zero(self) -> None:
        nan = Point(1, 2, 0.0, True)

        assert later(nan, Point(1, 2, -1.0, False))
        assert not later(nan, Point(1, 2, 0.0, False))

    def test_history_is_ordered_by_time_before_step(self) -> None:
        early, late = Point(9, 1, 0.0, False), Point(1, 2, 0.0, False)

        assert sorted([late, early], key=in_time) == [early, late]


class TestWriteUnits:
    """A write costs a unit for each 1,024 bytes of the item, begun ones counted."""

    def test_a_full_open_chunk_takes_one_unit(self) -> None:
        # given the second chunk of a metric with a key of 30 characters
        item: Item = {"PK": run_pk(RUN_ID), "SK": metric_sk("k" * 30), "c": 10_000, "m": NOW}

        # when it is filled
        for n in range(OPEN_CHUNK_POINTS):
            item = logged(item, Point(1_000_000 + n, NOW + n, math.pi * n, False))

        # then
        assert len(item["p"]) == OPEN_CHUNK_POINTS
        assert item_size(item) <= 1024

    def test_a_sealed_chunk_takes_one_unit(self) -> None:
        item: Item = {"PK": run_pk(RUN_ID), "SK": metric_sk("k" * 30), "m": NOW}
        for n in range(OPEN_CHUNK_POINTS):
            item = logged(item, Point(1_000_000 + n, NOW + 977 * n, math.pi * n, False))

        plan = next_plan(metric(Point(2_000_000, NOW, 0.5, False)), item)

        (sealed,) = plan.history
        assert sealed.item["PK"] == history_pk(RUN_ID)
        assert item_size(sealed.item) <= 1024

    def test_a_batch_of_a_thousand_points_of_a_key_fits_ten_units(self) -> None:
        many = tuple(Point(n, NOW + n, math.sin(n), False) for n in range(1000))

        plan = first_plan(MetricPoints(RUN_ID, "loss", many, PLACE))

        (batch,) = plan.history
        assert isinstance(batch, Put)
        assert item_size(batch.item) <= 10 * 1024


class TestAdvances:
    @given(st.dictionaries(st.text(min_size=1, max_size=90), points, min_size=1))
    def test_advances_are_the_first_plans_of_their_metrics(self, of_keys: dict[str, Point]) -> None:
        metrics = [MetricPoints(RUN_ID, key, (point,), PLACE) for key, point in of_keys.items()]
        advances = [metric for metric in metrics if is_advance(metric)]
        assume(advances)

        plans = [MetricPlan((), update) for update in advancing(advances)]

        assert plans == [first_plan(metric) for metric in advances]

    def test_is_advance_holds_for_single_numbers_under_short_keys(self) -> None:
        number, nan = Point(1, NOW, 0.5, False), Point(1, NOW, 0.0, True)

        assert is_advance(MetricPoints(RUN_ID, "loss", (number,), PLACE))
        assert not is_advance(MetricPoints(RUN_ID, "loss", (nan,), PLACE))
        assert not is_advance(MetricPoints(RUN_ID, "loss", (number, nan), PLACE))
        assert not is_advance(MetricPoints(RUN_ID, "🚀" * 250, (number,), PLACE))


class TestPlans:
    def test_points_in_any_order_go_behind_what_is_there_in_their_own(self) -> None:
        # given a metric whose latest point is of step 2
        low, high = Point(1, NOW, 0.5, False), Point(3, NOW, 0.5, False)
        item = logged({}, Point(2, NOW, 0.5, False))

        # when
        update = first_plan(metric(high, low)).latest

        # then the points would go in ascending order, but not behind a later one
        assert update is not None
        assert update.append == {"p": [pack(low, 21_000), pack(high, 21_000)]}
        assert allowed(update, None)
        assert not allowed(update, item)

    @pytest.mark.parametrize("step", [1, 2], ids=["in the open chunk", "the latest"])
    def test_a_repeated_point_is_not_written(self, step: int) -> None:
        item = logged(logged({}, Point(1, NOW, 0.5, False)), Point(2, NOW, 0.5, False))

        assert next_plan(metric(Point(step, NOW, 0.5, False)), item) == MetricPlan((), None)


def metric(*points: Point) -> MetricPoints:
    return MetricPoints(RUN_ID, "k" * 30, points, PLACE, ENDS)


def logged(item: Item, point: Point) -> Item:
    update = first_plan(metric(point)).latest
    assert update is not None
    return updated(update, item)
