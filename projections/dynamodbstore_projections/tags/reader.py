"""Reading tags from META: what a search may rely on, and what only the tag's item has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynamodbstore_table.conditions import Both, Condition, Either, Missing, equals

from dynamodbstore_projections.config import Config, matches
from dynamodbstore_projections.tags.projection import ON_META, PRESENT, TAGGED, built_mark


def denormalized_tag(config: Config, experiment_id: str, key: str) -> str | None:
    """The attribute of META that holds this tag of the experiment or of its runs.

    None where searches can't rely on it: no pattern matches, or none that does is built.
    """
    own = config.experiment_patterns.get(experiment_id, ())
    built = [p for p in config.patterns if built_mark(p) in config.built]
    built += [p for p in own if built_mark(p, experiment_id) in config.built]
    return f"{ON_META}{key}" if matches(key, built) else None


def may_hold(attribute: str, condition: Condition) -> Condition:
    """A condition on META that is true wherever ``condition``, on the tag's value, may hold.

    ``condition`` looks at ``attribute`` and is one that is false where the tag is missing. (Where
    a tag is missing its attribute is too: ``Missing`` is what "IS NULL" pushes down.)
    """
    return Either(
        (condition, equals(attribute, PRESENT), Both((Missing(attribute), Missing(TAGGED))))
    )


@dataclass(frozen=True, slots=True)
class Known:
    """A tag as META has it: its text, or None for a tag that is missing."""

    text: str | None


def known_tag(meta: Mapping[str, Any], attribute: str) -> Known | None:
    """What a META item has of a tag; None where only the tag's item has it."""
    value = meta.get(attribute)
    if isinstance(value, str):
        return Known(value)
    return Known(None) if value is None and TAGGED in meta else None
