"""Postings: which entities have a trigram in a text, so that a LIKE need not read them all.

A posting shows that an entity may match; its canonical items decide. What is indexed is the
text that a filter compares: of a run's name that is the tag ``mlflow.runName``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import (
    DELETING,
    EXPERIMENT,
    REGISTERED_MODEL,
    RUN,
    Entity,
)
from dynamodbstore_events.keys import META, Key, tag_sk
from dynamodbstore_table.conditions import (
    ITEM_MISSING,
    Condition,
    Exists,
    Missing,
    both,
    either,
    equals,
)
from dynamodbstore_table.port import Check, Table

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.finding import Finding
from dynamodbstore_projections.fts import posting_sweep
from dynamodbstore_projections.fts.posting_marks import (
    Indexed,
    Mark,
    PostingField,
    indexed,
)
from dynamodbstore_projections.projection import (
    Healed,
    Project,
    Projection,
    Writes,
    versioned_mark,
)
from dynamodbstore_projections.view import View

NAME_FIELD: Final = "name"
DESCRIPTION_FIELD: Final = "description"
RUN_NAME_TAG: Final = "mlflow.runName"
DESCRIPTION_TAG: Final = "mlflow.note.content"

FTS: Final = "fts"
VERSION: Final = 1
_BUILT: Final = f"{versioned_mark(FTS, VERSION)}:"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the texts of one kind of entity are: the attribute of META that is their scope, and
    by field the attribute of META, or the tag, that holds the text."""

    scope: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field of the kind."""
        return (*self.attributes, *self.tags)


SOURCES: Final[Mapping[str, Source]] = {
    EXPERIMENT: Source("workspace", {NAME_FIELD: "name"}, {DESCRIPTION_FIELD: DESCRIPTION_TAG}),
    RUN: Source(
        "experiment_id", tags={NAME_FIELD: RUN_NAME_TAG, DESCRIPTION_FIELD: DESCRIPTION_TAG}
    ),
    # No filter is on the description of a registered model.
    REGISTERED_MODEL: Source("workspace", {NAME_FIELD: "name"}),
}


def built_mark(text_field: str) -> str:
    """The mark that ``Config.built`` has when every text of a field has its postings."""
    return f"{_BUILT}{text_field}"


def kept_fields(config: Config) -> frozenset[str]:
    """The fields that have postings: names, the configured ones, and every one that searches rely
    on or that a replay is building, even where this process has no other sign of it."""
    return _kept_fields(config.fts_fields, config.built | config.building)


def marked_fields(marks: Iterable[str]) -> frozenset[str]:
    """The fields that marks are of."""
    return frozenset(mark[len(_BUILT) :] for mark in marks if mark.startswith(_BUILT))


def _kept_fields(configured: tuple[str, ...], marks: frozenset[str]) -> frozenset[str]:
    return frozenset((NAME_FIELD, *configured, *marked_fields(marks)))


@lru_cache(maxsize=64)
def _indexed_tags(kind: str, fields: tuple[str, ...], marks: frozenset[str]) -> frozenset[str]:
    """The sort keys of the tags that are indexed of a kind, by the configuration's parts."""
    kept = _kept_fields(fields, marks)
    return frozenset(tag_sk(key) for name, key in SOURCES[kind].tags.items() if name in kept)


class FtsProjection(Projection):
    """Keeps the postings of experiments, runs and registered models, each with the marks that name
    them."""

    name = FTS
    version = VERSION
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = {
        kind: (META, tag_sk("")) if source.tags else (META,) for kind, source in SOURCES.items()
    }

    def marks(self, config: Config) -> frozenset[str]:
        """A mark for each field that has postings."""
        return frozenset(map(built_mark, kept_fields(config)))

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        """META (which may have gone), and the tags that are indexed."""
        return event.sk == META or event.sk in _indexed_tags(
            event.pk.partition("#")[0], config.fts_fields, config.built | config.building
        )

    def owner(self, key: Key) -> Entity | None:
        """The entity that a posting mark is of. The mark decides whether a posting is right."""
        field = posting_sweep.field_of(key)
        return None if field is None else field.entity

    def owns(self, key: Key) -> bool:
        """Postings and their marks."""
        return posting_sweep.posting_of(key) is not None or posting_sweep.field_of(key) is not None

    def heal(self, table: Table, keys: Collection[Key], project: Project) -> Healed:
        """Put back lost postings, and remove stray ones."""
        return posting_sweep.heal(table, keys, project)

    def inspect(
        self, table: Table, keys: Collection[Key], config: Config
    ) -> Iterator[tuple[Key, Finding]]:
        """Postings that are lost, and stray ones."""
        return posting_sweep.inspect(
            self.name, table, keys, lambda entity, view: self.writes(entity, view, config)
        )

    def reads(self, entity: Entity, view: View, config: Config) -> Iterable[Key]:
        """The marks, and the tags that are indexed."""
        source = SOURCES.get(entity.kind)
        if source is None:
            return
        for name in source.fields:
            yield PostingField(entity.kind, entity.id, name).mark_key
        kept = kept_fields(config)
        for name, key in source.tags.items():
            if name in kept:
                yield entity.pk, tag_sk(key)

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        """The transactions that bring the entity's postings in line with its texts."""
        source = SOURCES.get(entity.kind)
        if source is None:
            return []
        view.prefetch([(entity.pk, META), *self.reads(entity, view, config)])
        kept = kept_fields(config)
        writes: Writes = []
        for name in source.fields:
            posting_field = PostingField(entity.kind, entity.id, name)
            found = view.get(posting_field.mark_key)
            mark = None if found is None else Mark.of(found)
            wanted: Indexed | None = None
            unchanged: tuple[Check, ...] = ()
            if name in kept:
                wanted, unchanged = _wanted(entity.pk, source, name, view)
            writes += posting_field.transactions(mark, wanted, unchanged)
        return writes


def _wanted(
    pk: str, source: Source, name: str, view: View
) -> tuple[Indexed | None, tuple[Check, ...]]:
    """What a field of an entity is to be indexed by, and checks that this has not changed."""
    meta = view.meta(pk)
    if meta is None or DELETING in meta:
        return None, (Check((pk, META), either(ITEM_MISSING, Exists(DELETING))),)
    scope = meta[source.scope]
    in_scope = both(equals(source.scope, scope), Missing(DELETING))
    if name in source.attributes:
        attribute = source.attributes[name]
        text = meta[attribute]
        check = Check((pk, META), both(in_scope, equals(attribute, text)))
        return indexed(scope, text), (check,)
    key = (pk, tag_sk(source.tags[name]))
    wanted, unchanged = _of_tag(scope, view.get(key))
    return wanted, (Check((pk, META), in_scope), Check(key, unchanged))


def _of_tag(scope: str, item: Mapping[str, Any] | None) -> tuple[Indexed | None, Condition]:
    """What a tag is to be indexed by, and the condition that its item has not changed."""
    if item is None:
        return None, ITEM_MISSING
    if "v" in item:
        return indexed(scope, item["v"]), equals("v", item["v"])
    # Text that is not kept plain is longer than any that has trigrams.
    return Indexed(scope, None), either(Exists("z"), Exists("parts"))
