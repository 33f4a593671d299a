"""Postings: which entities have a trigram in a text, so that a LIKE need not read them all.

A posting says that an entity may match, its canonical items whether it does. What is indexed is the
text that a filter compares: of a run's name that is the tag ``mlflow.runName``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import (
    DELETING,
    EXPERIMENT,
    REGISTERED_MODEL,
    RUN,
    Entity,
    entity_of,
)
from dynamodbstore_events.keys import META, Key, posting_pk, tag_sk
from dynamodbstore_table.conditions import (
    ITEM_MISSING,
    Condition,
    Exists,
    Missing,
    both,
    either,
    equals,
)
from dynamodbstore_table.port import Check

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.posting_marks import (
    ANY_PATTERN,
    Indexed,
    Mark,
    PostingField,
    indexed,
)
from dynamodbstore_projections.projection import Writes
from dynamodbstore_projections.view import View

NAME_FIELD: Final = "name"
DESCRIPTION_FIELD: Final = "description"
RUN_NAME_TAG: Final = "mlflow.runName"
DESCRIPTION_TAG: Final = "mlflow.note.content"

_BUILT = "fts:"


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
    # No filter asks for the description of a registered model.
    REGISTERED_MODEL: Source("workspace", {NAME_FIELD: "name"}),
}


def built_mark(text_field: str) -> str:
    """What ``Config.built`` says when every text of a field has its postings."""
    return f"{_BUILT}{text_field}"


def kept_fields(config: Config) -> frozenset[str]:
    """The fields that have postings: names, the configured ones, and every one that searches rely
    on, even where this process was not told of it."""
    built = {mark[len(_BUILT) :] for mark in config.built if mark.startswith(_BUILT)}
    return frozenset((NAME_FIELD, *config.fts_fields, *built))


@lru_cache(maxsize=64)
def _indexed_tags(kind: str, fields: tuple[str, ...], built: frozenset[str]) -> frozenset[str]:
    """The sort keys of the tags that are indexed of a kind, by the configuration's parts."""
    kept = kept_fields(Config(fts_fields=fields, built=built))
    return frozenset(tag_sk(key) for name, key in SOURCES[kind].tags.items() if name in kept)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which partitions of postings tell the candidates: the sort keys that all of ``every`` have
    in common, and all those of ``always``. A sort key is the id in an entity's partition key."""

    every: tuple[str, ...]
    always: str


def lookup(
    config: Config, kind: str, scope: str, text_field: str, wanted: Iterable[str]
) -> Lookup | None:
    """Where to look for the entities whose text has the ``wanted`` trigrams.

    None where postings can't narrow: nothing is wanted, or the field's are not all built.
    ``wanted`` is ``required_trigrams`` of a pattern, or ``trigrams`` of a text to be equal to.
    """
    wanted = sorted(wanted)
    if not wanted or built_mark(text_field) not in config.built:
        return None
    every = tuple(posting_pk(scope, kind, text_field, trigram) for trigram in wanted)
    return Lookup(every, posting_pk(scope, kind, text_field, ANY_PATTERN))


class FtsProjection:
    """Keeps the postings of experiments, runs and registered models, each with the marks that tell
    which there are."""

    name = "fts"
    sort_keys: tuple[str, ...] = (META, "TAG#")

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        """META (which may have gone), and the tags that are indexed."""
        entity = entity_of(event.pk)
        if entity is None or entity.kind not in SOURCES:
            return False
        return event.sk == META or event.sk in _indexed_tags(
            entity.kind, config.fts_fields, config.built
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
    wanted, says = _of_tag(scope, view.get(key))
    return wanted, (Check((pk, META), in_scope), Check(key, says))


def _of_tag(scope: str, item: Mapping[str, Any] | None) -> tuple[Indexed | None, Condition]:
    """What a tag is to be indexed by, and the condition that its item still says so."""
    if item is None:
        return None, ITEM_MISSING
    if "v" in item:
        return indexed(scope, item["v"]), equals("v", item["v"])
    # Text that is not kept plain is longer than any that has trigrams.
    return Indexed(scope, None), either(Exists("z"), Exists("parts"))
