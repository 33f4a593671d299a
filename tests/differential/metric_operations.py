"""Operations on metrics and their history, and batches."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import rule
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.search_utils import SearchUtils

from .base import Operations
from .words import (
    INDEX,
    KEYS,
    STEPS,
    few_keys,
    good_metrics,
    good_params,
    good_tags,
    metrics,
    params,
    rarely,
    some,
    tags,
)

_tokens = rarely(
    st.sampled_from((1, 2, 5, 100)).map(SearchUtils.create_page_token),
    *(SearchUtils.create_page_token(0), "", "abc", b"e30=", "é"),
)
_limits = st.sampled_from((1, 2, 3, 7, 1000))
_SIZES = (
    *((1000, 0, 0), (1001, 0, 0), (0, 100, 0), (0, 101, 0), (0, 0, 100), (0, 0, 101)),
    *((900, 50, 50), (900, 51, 50), (0, 0, 0)),
)


class MetricOperations(Operations):
    """Log metrics, alone and in batches, and read their history."""

    @rule(i=INDEX, metric=metrics)
    def log_metric(self, i: int, metric: Metric) -> None:
        self.pair.call("log_metric", self.run(i), metric)

    @rule(i=INDEX, key=few_keys, values=st.lists(st.integers(-2, 40), min_size=1, max_size=12))
    def log_growing_steps(self, i: int, key: str, values: list[int]) -> None:
        for step, value in enumerate(values):
            self.pair.call("log_metric", self.run(i), Metric(key, float(value), 10 * step, step))

    @rule(i=INDEX, key=few_keys, points=st.sampled_from((30, 80, 130)))
    def log_a_long_series(self, i: int, key: str, points: int) -> None:
        for step in range(points):
            self.pair.call("log_metric", self.run(i), Metric(key, step / 3, 10 * step, step))

    @rule(i=INDEX, metrics=some(good_metrics, 6), params=some(good_params, 3), tags=some(tags, 3))
    def log_batch(
        self, i: int, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        self.send_batch(self.run(i), metrics, params, tags)

    @rule(i=INDEX, metrics=some(metrics, 4), params=some(params, 2), tags=some(good_tags, 2))
    def log_doubtful_batch(
        self, i: int, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        self.send_batch(self.run(i), metrics, params, tags)

    @rule(i=INDEX, key=few_keys, steps=st.lists(st.integers(-3, 60), max_size=40))
    def log_batch_of_one_key(self, i: int, key: str, steps: list[int]) -> None:
        points = [Metric(key, float(step % 7), step % 5, step) for step in steps]
        self.send_batch(self.run(i), points, [], [])

    @rule(i=INDEX, first=st.integers(0, 5), step=st.integers(-2, 3), nan=st.integers(1, 60))
    def log_a_wide_batch(self, i: int, first: int, step: int, nan: int) -> None:
        points = [
            Metric(f"wide {n}", math.nan if n % nan == 0 else n / 7, 10, step + n % 2)
            for n in range(first, first + 101)
        ]
        self.send_batch(self.run(i), points, [], [])

    @rule(i=INDEX, size=st.sampled_from(_SIZES))
    def log_batch_at_the_limits(self, i: int, size: tuple[int, int, int]) -> None:
        self.send_batch(
            self.run(i),
            [Metric(f"m{n % 3}", float(n), n, n) for n in range(size[0])],
            [Param(f"p{n}", "v") for n in range(size[1])],
            [RunTag(f"t{n}", "v") for n in range(size[2])],
        )

    @rule(i=INDEX, key=few_keys | st.sampled_from(KEYS), limit=st.none() | _limits)
    def get_metric_history(self, i: int, key: str, limit: int | None) -> None:
        self.pair.call("get_metric_history", self.run(i), key, limit)

    @rule(i=INDEX, key=few_keys, limit=_limits)
    def get_pages_of_metric_history(self, i: int, key: str, limit: int) -> None:
        self.pair.call_pages(
            "get_metric_history", run_id=self.run(i), metric_key=key, max_results=max(limit, 5)
        )

    @rule(i=INDEX, key=few_keys, limit=st.none() | _limits, token=_tokens)
    def get_metric_history_from(
        self, i: int, key: str, limit: int | None, token: str | bytes
    ) -> None:
        self.pair.call("get_metric_history", self.run(i), key, limit, token)

    @rule(those=st.lists(INDEX, max_size=4), key=few_keys, limit=_limits)
    def get_metric_history_bulk(self, those: list[int], key: str, limit: int) -> None:
        run_ids = [self.run(i) for i in those]
        self.pair.call("get_metric_history_bulk", run_ids, key, limit)

    @rule(
        those=st.lists(INDEX, max_size=3),
        key=few_keys,
        limit=st.sampled_from((-1, 0, 1, 2, 3, 5, 10, 320)),
        span=rarely(
            st.none() | st.tuples(st.integers(-5, 20), st.integers(-5, 60)), (None, 5), (5, None)
        ),
    )
    def get_metric_history_bulk_interval(
        self,
        those: list[int],
        key: str,
        limit: int,
        span: tuple[int | None, int | None] | None,
    ) -> None:
        start, end = span or (None, None)
        run_ids = [self.run(i) for i in those]
        self.pair.call("get_metric_history_bulk_interval", run_ids, key, limit, start, end)

    @rule(
        i=INDEX,
        key=few_keys,
        steps=st.lists(st.sampled_from(STEPS) | st.integers(0, 40), max_size=8),
        limit=_limits,
    )
    def get_metric_history_from_steps(self, i: int, key: str, steps: list[int], limit: int) -> None:
        self.pair.call(
            "get_metric_history_bulk_interval_from_steps", self.run(i), key, steps, limit
        )

    @rule(i=INDEX, key=few_keys)
    def get_max_step_for_metric(self, i: int, key: str) -> None:
        self.pair.call("get_max_step_for_metric", self.run(i), key)
