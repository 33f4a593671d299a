"""Searches of experiments, runs and logged models."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule
from mlflow.utils.search_utils import SearchUtils

from .base import VIEWS, Operations
from .filters import (
    experiment_filters,
    experiment_orders,
    invalid,
    model_datasets,
    model_filters,
    model_orders,
    run_filters,
    run_orders,
)
from .words import INDEX, rarely

_views = st.sampled_from(VIEWS)
_few = st.sampled_from((1, 2, 3, 5, 50))
_limits = rarely(_few, None, 0, -1, 50000, 50001, "1", 1.5)
_tokens = rarely(
    st.none() | st.sampled_from((1, 2, 5, 100)).map(SearchUtils.create_page_token),
    *(SearchUtils.create_page_token(0), "", "abc", b"e30=", "é"),
)
_those = st.lists(INDEX, max_size=3)


class SearchOperations(Operations):
    """Search with filters, orders, views, limits and pages."""

    def _experiments_of(self, those: list[int], everywhere: bool) -> list[str]:
        return (
            list(self.experiments)
            if everywhere or not those
            else [self.experiment(i) for i in those]
        )

    @rule(those=_those, everywhere=st.booleans(), view=_views, order=run_orders, data=st.data())
    def search_runs(
        self,
        those: list[int],
        everywhere: bool,
        view: int,
        order: list[str] | None,
        data: st.DataObject,
    ) -> None:
        self.pair.call(
            "search_runs",
            self._experiments_of(those, everywhere),
            data.draw(run_filters(self.runs)),
            view,
            order_by=order,
        )

    @rule(those=_those, view=_views, limit=_limits, token=_tokens, order=run_orders)
    def search_runs_from(
        self,
        those: list[int],
        view: int,
        limit: int | None,
        token: str | bytes | None,
        order: list[str] | None,
    ) -> None:
        ids = self._experiments_of(those, not those)
        self.pair.call(
            "search_runs", ids, "", view, max_results=limit, order_by=order, page_token=token
        )

    @rule(those=_those, view=_views, limit=_few, order=run_orders, data=st.data())
    def search_pages_of_runs(
        self, those: list[int], view: int, limit: int, order: list[str] | None, data: st.DataObject
    ) -> None:
        self.pair.call_pages(
            "search_runs",
            experiment_ids=self._experiments_of(those, not those),
            filter_string=data.draw(st.none() | run_filters(self.runs)),
            run_view_type=view,
            max_results=limit,
            order_by=order,
        )

    @rule(i=INDEX, odd=st.sampled_from((" {}", "0{}", "{}.0", "x", "", None)))
    def search_odd_experiments(self, i: int, odd: str | None) -> None:
        ids = [self.experiment(i), odd and odd.format(self.experiment(0))]
        self.pair.call("search_runs", ids, "", VIEWS[2])
        self.pair.call("search_logged_models", ids)

    @rule(text=invalid, everywhere=st.booleans())
    def search_by_invalid_text(self, text: str, everywhere: bool) -> None:
        ids = self._experiments_of([0], everywhere)
        self.pair.call("search_runs", ids, text, VIEWS[0])
        self.pair.call("search_experiments", filter_string=text)
        self.pair.call("search_logged_models", ids, text)

    @rule(view=_views, limit=_limits, token=_tokens, order=experiment_orders, data=st.data())
    def search_experiments(
        self,
        view: int,
        limit: int | None,
        token: str | bytes | None,
        order: list[str] | None,
        data: st.DataObject,
    ) -> None:
        text = data.draw(experiment_filters(self.experiments))
        self.pair.call(
            "search_experiments",
            view_type=view,
            max_results=limit,
            filter_string=text,
            order_by=order,
            page_token=token,
        )

    @rule(view=_views, limit=_few, order=experiment_orders, data=st.data())
    def search_pages_of_experiments(
        self, view: int, limit: int, order: list[str] | None, data: st.DataObject
    ) -> None:
        self.pair.call_pages(
            "search_experiments",
            view_type=view,
            max_results=limit,
            filter_string=data.draw(experiment_filters(self.experiments)),
            order_by=order,
        )


class ModelSearchOperations(Operations):
    """Search of logged models."""

    @rule(
        those=_those,
        everywhere=st.booleans(),
        datasets=model_datasets,
        limit=rarely(_few, None, 0, -1),
        order=model_orders,
        data=st.data(),
    )
    def search_logged_models(
        self,
        those: list[int],
        everywhere: bool,
        datasets: list[dict[str, str]] | None,
        limit: int | None,
        order: list[dict[str, object]] | None,
        data: st.DataObject,
    ) -> None:
        ids = list(self.experiments) if everywhere else [self.experiment(i) for i in those]
        text = data.draw(model_filters(self.models, self.runs))
        self.pair.call("search_logged_models", ids, text, datasets, limit, order)

    @rule(datasets=model_datasets, limit=_few, order=model_orders, data=st.data())
    def search_pages_of_logged_models(
        self,
        datasets: list[dict[str, str]] | None,
        limit: int,
        order: list[dict[str, object]] | None,
        data: st.DataObject,
    ) -> None:
        self.pair.call_pages(
            "search_logged_models",
            experiment_ids=list(self.experiments),
            filter_string=data.draw(st.none() | model_filters(self.models, self.runs)),
            datasets=datasets,
            max_results=limit,
            order_by=order,
        )
