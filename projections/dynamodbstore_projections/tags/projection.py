"""Tags on META: what lets the table itself filter by a tag, without reading the tag's item.

For each tag whose key matches a pattern of the experiment's, META has the attribute
``tag.<key>``: the tag's value, or True (no text) for "present, read the item" where the value is
over 256 bytes, is NULL, or does not fit into META's room for tags. ``tagged`` on META means that
every such tag is there in one of these ways, so that an attribute that is missing is a tag that is
missing; a META without it may lack some: it was not looked at yet, or has too many tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity
from dynamodbstore_events.keys import META, is_hashed
from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    Both,
    Missing,
    equals,
)
from dynamodbstore_table.item_size import value_size
from dynamodbstore_table.items.texts import is_part, text_name
from dynamodbstore_table.port import Update, begins_with

from dynamodbstore_projections.config import Config, matches
from dynamodbstore_projections.projection import Projection, Writes, versioned_mark
from dynamodbstore_projections.view import View

TAGS: Final = "tags"
VERSION: Final = 1
ON_META: Final = "tag."
TAGGED: Final = "tagged"
PRESENT: Final = True
"""In the place of a value: the tag is there, its item has the value."""

MOST_VALUE_BYTES: Final = 256
MOST_BYTES: Final = 600
"""For names and values together, so that META stays about 1 KB, which is one write unit."""
MOST_TAGS: Final = 40

_TAG = "TAG#"


def built_mark(pattern: str, experiment_id: str | None = None) -> str:
    """The mark that ``Config.built`` has when every tag that matches a pattern is on META.

    A pattern of one experiment has a mark of its own, which does not count for another experiment
    that gets the same pattern.
    """
    mark = versioned_mark(TAGS, VERSION)
    return f"{mark}:{pattern}" if experiment_id is None else f"{mark}#{experiment_id}:{pattern}"


Attributes: TypeAlias = dict[str, str | bool]


def tag_attributes(items: Iterable[Mapping[str, Any]], patterns: Iterable[str]) -> Attributes:
    """The attributes of META for these items of tags (those of long texts' parts among them).

    The smallest come first while there is room.
    """
    patterns = tuple(patterns)
    found = [
        (f"{ON_META}{key}", _short(item))
        for item in items
        if not is_part(item["SK"]) and matches(key := text_name(item), patterns)
    ]
    found.sort(key=lambda entry: (_size(*entry), entry[0]))
    attributes: Attributes = {}
    room = MOST_BYTES
    for name, value in found[:MOST_TAGS]:
        held = value if _size(name, value) <= room else PRESENT
        if _size(name, held) <= room:
            attributes[name] = held
            room -= _size(name, held)
    if len(attributes) == len(found):
        attributes[TAGGED] = True
    return attributes


def _short(item: Mapping[str, Any]) -> str | bool:
    value = item.get("v")
    return value if isinstance(value, str) and value_size(value) <= MOST_VALUE_BYTES else PRESENT


def _size(name: str, value: str | bool) -> int:
    return value_size(name) + value_size(value)


class TagsProjection(Projection):
    """Keeps the tags on the META items of experiments and runs."""

    name = TAGS
    version = VERSION
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        (EXPERIMENT, RUN), (META, _TAG)
    )

    def marks(self, config: Config) -> frozenset[str]:
        """A mark for each pattern, the global ones and those of experiments."""
        return frozenset(
            (
                *(built_mark(pattern) for pattern in config.patterns),
                *(
                    built_mark(pattern, experiment_id)
                    for experiment_id, patterns in config.experiment_patterns.items()
                    for pattern in patterns
                ),
            )
        )

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        """META, and the tags that may match a pattern."""
        if event.sk == META:
            return not event.removed
        if is_part(event.sk):
            return False
        # A hashed key may match any pattern; only its item has the whole key.
        return is_hashed(event.sk[len(_TAG) :]) or config.matches_any(text_name({"SK": event.sk}))

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        """One update of META, or nothing if META has everything already."""
        meta = view.meta(entity.pk) if entity.kind in self.watches else None
        if meta is None:
            return []
        experiment_id = entity.id if entity.kind == EXPERIMENT else meta["experiment_id"]
        wanted = tag_attributes(
            view.items(entity.pk, begins_with(_TAG)), config.patterns_of(experiment_id)
        )
        there = {n: v for n, v in meta.items() if n == TAGGED or n.startswith(ON_META)}
        changed = {name: value for name, value in wanted.items() if there.get(name) != value}
        removed = tuple(name for name in there if name not in wanted)
        if not changed and not removed:
            return []
        as_read = (
            equals(name, there[name]) if name in there else Missing(name)
            for name in (*changed, *removed)
        )
        update = Update(
            (entity.pk, META),
            set=changed,
            remove=removed,
            condition=Both((ITEM_EXISTS, *as_read)),
        )
        return [(update,)]
