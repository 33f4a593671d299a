"""Searches of registered models and of versions."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule
from mlflow.utils.search_utils import SearchUtils

from .registry_base import RegistryOperations
from .registry_filters import invalid, model_filters, orders, version_filters
from .words import rarely

_few = st.sampled_from((1, 2, 3, 50))
_model_limits = rarely(_few, 0, 1000, 1001)
_version_limits = rarely(_few, None, 0, -1, 200_000, 200_001, "1", 1.5)
_tokens = rarely(
    st.none() | st.sampled_from((1, 2, 5, 100)).map(SearchUtils.create_page_token),
    *(SearchUtils.create_page_token(0), "", "abc", b"e30=", "é"),
)


class RegistrySearchOperations(RegistryOperations):
    """Search with filters, orders, limits and pages."""

    @rule(text=model_filters, order=orders)
    def search_registered_models(self, text: str | None, order: list[str] | None) -> None:
        self.pair.call("search_registered_models", text, order_by=order)

    @rule(text=version_filters, order=orders)
    def search_model_versions(self, text: str | None, order: list[str] | None) -> None:
        self.pair.call("search_model_versions", text, order_by=order)

    @rule(text=model_filters, limit=_few, order=orders)
    def search_pages_of_registered_models(
        self, text: str | None, limit: int, order: list[str] | None
    ) -> None:
        self.pair.call_pages(
            "search_registered_models", filter_string=text, max_results=limit, order_by=order
        )

    @rule(text=version_filters, limit=_few, order=orders)
    def search_pages_of_model_versions(
        self, text: str | None, limit: int, order: list[str] | None
    ) -> None:
        self.pair.call_pages(
            "search_model_versions", filter_string=text, max_results=limit, order_by=order
        )

    @rule(limit=_model_limits, token=_tokens, order=orders)
    def search_registered_models_from(
        self, limit: int, token: str | bytes | None, order: list[str] | None
    ) -> None:
        self.pair.call("search_registered_models", "", limit, order, token)

    @rule(limit=_version_limits, token=_tokens, order=orders)
    def search_model_versions_from(
        self, limit: int | None, token: str | bytes | None, order: list[str] | None
    ) -> None:
        self.pair.call("search_model_versions", "", limit, order, token)

    @rule(text=invalid)
    def search_by_invalid_text(self, text: str) -> None:
        self.pair.call("search_registered_models", text)
        self.pair.call("search_model_versions", text)
        self.pair.call("search_prompts", text)
