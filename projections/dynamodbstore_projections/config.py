"""The configuration that servers and handlers share: the ``CONFIG`` items, with their defaults.

Item names and fields are the public contract: ``DENORMALIZE_TAGS`` (``patterns``; for one
experiment under ``DENORMALIZE_TAGS#<id>``), ``TTL_POLICY`` (whole days; 0 keeps for ever),
``FTS_TRIGRAM_FIELDS`` (``fields``), ``PROJECTOR#<name>`` (heartbeats), and ``BUILT``, the marks of
what is complete and may be relied on by searches.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Item, Table

DENORMALIZE_TAGS: Final = "DENORMALIZE_TAGS"
TTL_POLICY: Final = "TTL_POLICY"
FTS_TRIGRAM_FIELDS: Final = "FTS_TRIGRAM_FIELDS"
BUILT: Final = "BUILT"
PROJECTOR: Final = "PROJECTOR#"

ALWAYS_DENORMALIZED: Final = "mlflow.*"
FTS_FIELDS: Final = ("description",)
"""The fields beyond names that ``FTS_TRIGRAM_FIELDS`` may name."""

DAY_SECONDS: Final = 86_400
REMEMBERED_SECONDS: Final = 30.0


class InvalidConfig(TableError):
    """A CONFIG item that someone edited into nonsense; the message names the item and field."""


@dataclass(frozen=True, slots=True)
class TtlPolicy:
    """Days that things are kept; 0 keeps them for ever."""

    trace_retention_days: int = 30
    soft_deleted_retention_days: int = 90
    metric_history_retention_days: int = 365


@dataclass(frozen=True, slots=True)
class Config:
    """The effective configuration. ``patterns`` are the global tag patterns; ``built`` names what
    searches may rely on: ``summary``, ``fts:<field>``, ``tags:<pattern>``."""

    patterns: tuple[str, ...] = (ALWAYS_DENORMALIZED,)
    experiment_patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ttl: TtlPolicy = TtlPolicy()
    fts_fields: tuple[str, ...] = ()
    built: frozenset[str] = frozenset()

    def patterns_of(self, experiment_id: str) -> tuple[str, ...]:
        """The patterns for an experiment and its runs: the global ones and its own."""
        return (*self.patterns, *self.experiment_patterns.get(experiment_id, ()))

    def matches_any(self, tag_key: str) -> bool:
        """Whether some experiment may have the tag denormalized."""
        return any(
            fnmatchcase(tag_key, pattern)
            for patterns in (self.patterns, *self.experiment_patterns.values())
            for pattern in patterns
        )


def matches(tag_key: str, patterns: Iterable[str]) -> bool:
    """Whether a tag key matches one of the glob patterns, case-sensitively."""
    return any(fnmatchcase(tag_key, pattern) for pattern in patterns)


def config_from_items(
    items: Iterable[Mapping[str, Any]], extra_fields: Iterable[str] = ()
) -> Config:
    """The configuration that the ``CONFIG`` items say; ``extra_fields`` are this process's own.

    Raises ``InvalidConfig`` for an item of the wrong shape.
    """
    patterns: tuple[str, ...] = (ALWAYS_DENORMALIZED,)
    experiments: dict[str, tuple[str, ...]] = {}
    ttl = TtlPolicy()
    fields = list(extra_fields)
    built: frozenset[str] = frozenset()
    for item in items:
        sk = item["SK"]
        if sk == DENORMALIZE_TAGS:
            patterns = tuple(dict.fromkeys((ALWAYS_DENORMALIZED, *_texts(item, "patterns"))))
        elif sk.startswith(f"{DENORMALIZE_TAGS}#"):
            experiments[sk.partition("#")[2]] = tuple(_texts(item, "patterns"))
        elif sk == TTL_POLICY:
            ttl = _ttl_policy(item)
        elif sk == FTS_TRIGRAM_FIELDS:
            fields += _texts(item, "fields")
        elif sk == BUILT:
            built = frozenset(_texts(item, "marks"))
            if "building" in item:
                fields += _announced_fields(item["building"])
    return Config(patterns, experiments, ttl, tuple(dict.fromkeys(fields)), built)


def _texts(item: Mapping[str, Any], name: str) -> list[str]:
    value = item.get(name)
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise InvalidConfig(
            f"the item {CONFIG}/{item['SK']} is wrong: {name!r} is {value!r}, not a list of text"
        )
    return value


def _announced_fields(marks: Iterable[str]) -> list[str]:
    """Fields that a replay is building: every process keeps their postings from now on."""
    return [mark[len("fts:") :] for mark in marks if mark.startswith("fts:")]


def _ttl_policy(item: Mapping[str, Any]) -> TtlPolicy:
    days: dict[str, int] = {}
    for name in TtlPolicy.__dataclass_fields__:
        value = item.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidConfig(
                f"the item {CONFIG}/{TTL_POLICY} is wrong: {name!r} is {value!r}, not a "
                "non-negative whole number of days"
            )
        days[name] = value
    return TtlPolicy(**days)


class ConfigSource:
    """Reads the configuration from the table, and remembers it for up to 30 seconds."""

    def __init__(self, table: Table, extra_fields: Iterable[str] = ()) -> None:
        self._table = table
        self._extra_fields = tuple(extra_fields)
        self._known: tuple[float, Config] | None = None

    def current(self) -> Config:
        """The configuration as it was at most 30 seconds ago."""
        known = self._known
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        return self.read()

    def read(self) -> Config:
        """The configuration as it is now."""
        items: list[Item] = list(self._table.query_all(CONFIG))
        config = config_from_items(items, self._extra_fields)
        self._known = (time.monotonic() + REMEMBERED_SECONDS, config)
        return config
