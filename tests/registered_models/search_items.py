"""Registered models written straight into a table, and searches of them with a meter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dynamodbstore_events.keys import newest_first, registered_model_key, renamed_models_lookup
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Item, Put, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter, Usage
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim
from mlflow_dynamodbstore.core.long_texts import stored_texts
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.model_items import (
    LATEST,
    PROMPT_VERSIONS,
    meta_key,
    model_meta,
    tag_lookup_item,
)
from mlflow_dynamodbstore.registered_models.search import SearchRegisteredModels
from mlflow_dynamodbstore.registered_models.version_items import touched, version_item
from mlflow_dynamodbstore.registered_models.version_search import SearchModelVersions
from mlflow_dynamodbstore.versioned.items import TAG

from tests.search.projected import mark_built

WORKSPACE = "default"
PROMPT = {IS_PROMPT_TAG_KEY: "true"}


def version(**attributes: Any) -> dict[str, Any]:
    """A version as ``model_puts`` takes it: what it has beyond a source, a stage and a time."""
    return attributes


def model_puts(
    name: str,
    *,
    updated: int = 1,
    renamed: int | None = None,
    tags: Mapping[str, str] | None = None,
    versions: Sequence[Mapping[str, Any]] = (),
    model_key: str | None = None,
) -> Iterator[Put]:
    """The items of a registered model, as the store writes them."""
    key = model_key or registered_model_key(WORKSPACE, name)
    pk = meta_key(key)[0]
    texts = stored_texts(pk, {f"{TAG}{k}": value for k, value in (tags or {}).items()})
    meta = model_meta(key, WORKSPACE, name, updated, texts.attributes)
    meta["last_version"] = len(versions)
    if renamed is not None:
        meta |= {
            "renamed": renamed,
            "gsi2pk": renamed_models_lookup(WORKSPACE),
            "gsi2sk": newest_first(renamed, key),
        }
    yield from texts.puts
    for tag, value in (tags or {}).items():
        yield Put(tag_lookup_item(key, WORKSPACE, tag, value))
    for number, given in enumerate(versions, 1):
        yield from _version_puts(key, number, given, meta)
    yield Put(meta)
    claimed = claim(WORKSPACE, REGISTERED_MODEL_KIND, name, key).item
    yield Put(claimed)


def _version_puts(key: str, number: int, given: Mapping[str, Any], meta: Item) -> Iterator[Put]:
    pk = meta_key(key)[0]
    texts = stored_texts(pk, {f"{TAG}{k}": value for k, value in given.get("tags", {}).items()})
    attributes = {
        "source": given.get("source", "s3://bucket/model"),
        "storage_location": None,
        "run_id": given.get("run_id"),
        "run_link": None,
    }
    item = version_item(key, WORKSPACE, number, 1, attributes, texts.attributes)
    item |= touched(key, number, given.get("updated", 1))
    item["stage"] = stage = given.get("stage", "None")
    meta[f"{LATEST}{stage}"] = number
    if given.get("tags", {}).get(IS_PROMPT_TAG_KEY) == "true":
        meta[PROMPT_VERSIONS] = meta.get(PROMPT_VERSIONS, 0) + 1
    yield from texts.puts
    yield Put(item)


class Searching:
    """The searches on a table, and their requests to DynamoDB."""

    def __init__(self, table: Table, *, metered: bool = True) -> None:
        self.table = table
        self.meter = Meter()
        searched = CountingTable(table, self.meter) if metered else table
        self._config = ConfigSource(searched)
        self._models = SearchRegisteredModels(searched, Scope(), self._config)
        self._versions = SearchModelVersions(searched, Scope(), self._config)
        self.read_config()

    def read_config(self) -> None:
        """Let searches know the configuration as it is now; they remember it for a while."""
        self._config.read()

    def built(self, *marks: str) -> None:
        """Let searches rely on these projections."""
        mark_built(self.table, *marks)
        self.read_config()

    def add(self, name: str, **given: Any) -> None:
        """Write a model as ``model_puts`` takes it."""
        self.table.bulk(model_puts(name, **given))

    def models(
        self,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        *,
        limit: int = 100,
        token: str | bytes | None = None,
    ) -> tuple[list[RegisteredModel], str | None]:
        """A page of models, and the token of the next one."""
        self.meter.take()
        page = self._models.search_registered_models(filter_string, limit, order_by, token)
        return list(page), page.token

    def versions(
        self,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        *,
        limit: int = 100,
        token: str | bytes | None = None,
    ) -> tuple[list[ModelVersion], str | None]:
        """A page of versions, and the token of the next one."""
        self.meter.take()
        page = self._versions.search_model_versions(filter_string, limit, order_by, token)
        return list(page), page.token

    def cost(self) -> Usage:
        """What the last search cost."""
        return self.meter.take()

    def names(self, filter_string: str | None = None, **query: Any) -> list[str]:
        """The names of the models that are found, page after page."""
        return [model.name for model in self._pages(self.models, filter_string, **query)]

    def numbers(self, filter_string: str | None = None, **query: Any) -> list[str]:
        """The versions that are found as ``name/number``, page after page."""
        found = self._pages(self.versions, filter_string, **query)
        return [f"{one.name}/{one.version}" for one in found]

    def _pages(self, search: Any, filter_string: str | None, **query: Any) -> Iterator[Any]:
        token = None
        while True:
            page, token = search(filter_string, token=token, **query)
            yield from page
            if token is None:
                return
