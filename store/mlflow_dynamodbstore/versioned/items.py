"""The attributes that the items of all named things have. Pure.

Each tag and alias is an attribute of its own, so that one can be set without reading or replacing
the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_table.conditions import Condition, Missing, both, equals

from mlflow_dynamodbstore.core.long_texts import StoredText, Texts, text_of

TAG: Final = "tag."
ALIAS: Final = "alias."
LAST_VERSION: Final = "last_version"
"""The highest number that a version was given; numbers are never given twice."""
REVISION: Final = "revision"
"""Counts the changes of aliases, stages and versions, for writes that need them as read."""


def key_of(item: Mapping[str, Any]) -> str:
    """The key of a thing, from any item of its partition."""
    key: str = item["PK"].partition("#")[2]
    return key


def has_name(meta: Mapping[str, Any] | None, name: str) -> bool:
    """Whether this META is that of the thing which now has this name."""
    return meta is not None and meta["name"] == name and DELETING not in meta


def still_named(name: str) -> Condition:
    """The condition that a META item is that of the thing which now has this name."""
    return both(equals("name", name), Missing(DELETING))


def stored_tags(item: Mapping[str, Any]) -> dict[str, StoredText]:
    """The tags of a thing or of a version by key, as they are kept."""
    return with_prefix(item, TAG)


def tags_of(item: Mapping[str, Any], texts: Texts) -> dict[str, str | None]:
    """The tags of a thing or of a version; raises ``TextReplaced`` for a long one that is not in
    ``texts``."""
    return {key: text_of(stored, texts) for key, stored in stored_tags(item).items()}


def aliases_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The versions (numbers, or texts where the kind has those) that aliases stand for."""
    return with_prefix(meta, ALIAS)


def aliases_for(meta: Mapping[str, Any], version: Any) -> list[str]:
    """The aliases of one version."""
    return [alias for alias, at in aliases_of(meta).items() if at == version]


def with_prefix(item: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The attributes whose names begin so, by the rest of the name."""
    return {name[len(prefix) :]: v for name, v in item.items() if name.startswith(prefix)}
