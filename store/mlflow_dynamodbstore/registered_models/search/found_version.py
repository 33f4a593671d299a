"""A version that was found, with its model: what clauses and orders ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import META
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.registered_models.model_items import PROMPT_VERSIONS
from mlflow_dynamodbstore.registered_models.search.clauses import RegistryFilter
from mlflow_dynamodbstore.registered_models.search.known_tags import known_tags, tag_texts
from mlflow_dynamodbstore.registered_models.version_items import is_deleted, updated_at

_KEPT_AS: Final = {"source_path": "source", "version_number": "number", "run_id": "run_id"}


class FoundVersion(NamedTuple):
    """A version's item, and the META item of its model."""

    meta: Mapping[str, Any]
    version: Item

    def value(self, name: str) -> Any:
        """What an order sorts by: ``name``, ``updated``, ``created`` or ``number``."""
        if name == "name":
            return self.meta["name"]
        return updated_at(self.meta, self.version) if name == "updated" else self.version[name]


@dataclass(slots=True)
class Models:
    """META items by partition key, each read once (None: there is none)."""

    table: Table
    metas: dict[str, Item | None] = field(default_factory=dict)

    def add(self, metas: Iterable[Item]) -> None:
        """Take these as read."""
        self.metas.update((meta["PK"], meta) for meta in metas)

    def versions(self, items: Iterable[Item]) -> Iterator[FoundVersion]:
        """The items with their models, which are read in one batch; those of none are left out."""
        items = list(items)
        wanted = {item["PK"] for item in items} - self.metas.keys()
        if wanted:
            found = self.table.batch_get(((pk, META) for pk in wanted), consistent=False)
            self.metas.update((pk, found.get((pk, META))) for pk in wanted)
        for item in items:
            meta = self.metas[item["PK"]]
            if meta is not None:
                yield FoundVersion(meta, item)


def passing(
    table: Table, asked: RegistryFilter, workspace: str, found: Iterable[FoundVersion]
) -> list[FoundVersion]:
    """The versions that are there and pass the filter."""
    versions = [one for one in found if _passes(asked, workspace, one)]
    if not asked.tags or not versions:
        return versions
    texts = tag_texts(table, [one.version for one in versions], asked.tag_keys)
    return [one for one in versions if asked.tags_pass(known_tags(one.version, texts))]


def model_passes(asked: RegistryFilter, workspace: str, meta: Mapping[str, Any]) -> bool:
    """Whether any version of the model may pass the filter."""
    return (
        meta["workspace"] == workspace
        and DELETING not in meta
        # One version that is a prompt hides all of its name, as in MLflow's SQL store.
        and not (asked.hides_prompts and meta.get(PROMPT_VERSIONS, 0) > 0)
        and all(clause.test(meta["name"]) for clause in asked.attributes if clause.name == "name")
    )


def _passes(asked: RegistryFilter, workspace: str, found: FoundVersion) -> bool:
    return (
        model_passes(asked, workspace, found.meta)
        and not is_deleted(found.version)
        and all(
            clause.test(found.version.get(_KEPT_AS[clause.name]))
            for clause in asked.attributes
            if clause.name != "name"
        )
    )
