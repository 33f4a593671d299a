"""The operations that read: what the UI, a search over runs, and an analysis do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fixtures import Fixtures
from mlflow.entities import ViewType
from operation import Budget, Operation, Prepare, Step, Store

_LATE_PAGE = 50
_READBACK_PAGE = 1_000
_READBACK_WIDTH = 100
_SEARCH_BUDGET = (Budget(4, None, 60),)
_FEW: Mapping[str, Any] = {"metered": 3, "blocks": 7, "calls": 2}
_FEW_MATCHES: Mapping[str, str] = {
    "the 1 of params.rare": "params.rare = '1'",
    "nothing by tags.team": "tags.team = 'none'",
    "the few of metrics.loss < 0.001": "metrics.loss < 0.001",
}


def _get_experiment(store: Store, fixtures: Fixtures, count: int) -> Step:
    experiment_id = fixtures.scratch_experiment()
    return lambda i: store.get_experiment(experiment_id)


def _get_run(width: int) -> Prepare:
    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        run_id = fixtures.run_with(width)
        return lambda i: store.get_run(run_id)

    return prepare


def _get_metric_history(points: int) -> Prepare:
    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        run_id = fixtures.run_with_history("loss", points)
        return lambda i: _exactly(points, store.get_metric_history(run_id, "loss"))

    return prepare


def _search(
    runs: int,
    *,
    page: int = 1,
    size: int = 100,
    filter: str | None = None,
    order: str | None = None,
) -> Prepare:
    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        experiment_id = fixtures.searched(runs)

        def found(token: str | None) -> Any:
            return store.search_runs(
                [experiment_id],
                filter or "",
                ViewType.ACTIVE_ONLY,
                size,
                [order] if order else None,
                token,
            )

        token = None
        for _ in range(page - 1):
            token = found(token).token
        return lambda i: found(token)

    return prepare


def _read_back(runs: int) -> Prepare:
    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        experiment_id = fixtures.wide(runs, _READBACK_WIDTH)

        def step(i: int) -> None:
            token, read = None, 0
            while True:
                page = store.search_runs(
                    [experiment_id], "", ViewType.ACTIVE_ONLY, _READBACK_PAGE, None, token
                )
                read += len(page)
                token = page.token
                if not token:
                    break
            if read != runs:
                raise AssertionError(f"{read} of {runs} runs came back")

        return step

    return prepare


def _exactly(count: int, found: Any) -> Any:
    if len(found) != count:
        raise AssertionError(f"{len(found)} of {count} came back")
    return found


def _searches(runs: int) -> list[Operation]:
    over = f"over {runs:,}"
    # Page 50 of a small experiment needs small pages.
    late_size = min(100, runs // _LATE_PAGE)
    late = Operation(
        f"search_runs {over}, page {_LATE_PAGE} of {late_size} runs",
        _search(runs, page=_LATE_PAGE, size=late_size),
        _SEARCH_BUDGET,
        **_FEW,
    )
    return [
        Operation(f"search_runs {over}, 100 runs", _search(runs), _SEARCH_BUDGET, **_FEW),
        *([late] if late_size else []),
        Operation(
            f"search_runs {over}, 100 runs by params.depth = '3'",
            _search(runs, filter="params.depth = '3'"),
            **_FEW,
        ),
        Operation(
            f"search_runs {over}, the 100 of the lowest metrics.loss",
            _search(runs, order="metrics.loss ASC"),
            metered=1,
            blocks=3,
            calls=1,
        ),
        *(
            Operation(
                f"search_runs {over}, {few}", _search(runs, filter=filter), metered=1, calls=1
            )
            for few, filter in _FEW_MATCHES.items()
        ),
    ]


def reading_operations(runs: tuple[int, ...], readback: int) -> list[Operation]:
    """The operations that read: searches over experiments of each size in ``runs``."""
    return [
        Operation("get_experiment", _get_experiment),
        Operation("get_run, 10 metrics, params, tags", _get_run(10), (Budget(1),)),
        Operation(
            "get_run, 100 metrics, params, tags", _get_run(100), (Budget(1),), blocks=10, calls=5
        ),
        Operation(
            "get_metric_history of 10,000 points",
            _get_metric_history(10_000),
            metered=3,
            blocks=7,
            calls=1,
        ),
        *(operation for count in runs for operation in _searches(count)),
        Operation(
            f"read back {readback:,} runs of 100 metrics, params, tags",
            _read_back(readback),
            metered=1,
            blocks=3,
            calls=1,
        ),
    ]
