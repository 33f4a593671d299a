"""The configuration that servers and handlers share: the ``CONFIG`` items, with their defaults.

Item names and fields are the public contract: ``DENORMALIZE_TAGS`` (``patterns``; for one
experiment under ``DENORMALIZE_TAGS#<id>``), ``TTL_POLICY`` (whole days; 0 keeps for ever),
``TTL_POLICY#CHOSEN`` in a file (a table's defaults were set on purpose), ``FTS_TRIGRAM_FIELDS``
(``fields``), ``PROJECTOR#<name>`` (heartbeats), and ``BUILT``, the marks of
what is complete and may be relied on by searches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Item, Table

from dynamodbstore_projections.config_values import (
    ALWAYS_DENORMALIZED,
    days_fault,
    field_fault,
    further_fields,
    pattern_fault,
)

DENORMALIZE_TAGS: Final = "DENORMALIZE_TAGS"
TTL_POLICY: Final = "TTL_POLICY"
TTL_POLICY_CHOSEN: Final = "TTL_POLICY#CHOSEN"
FTS_TRIGRAM_FIELDS: Final = "FTS_TRIGRAM_FIELDS"
BUILT: Final = "BUILT"
PROJECTOR: Final = "PROJECTOR#"

DAY_SECONDS: Final = 86_400
REMEMBERED_SECONDS: Final = 30.0

_COMMANDS: Final = {
    DENORMALIZE_TAGS: "denormalize-tags",
    TTL_POLICY: "ttl-policy",
    FTS_TRIGRAM_FIELDS: "fts-trigrams",
}
_logger = logging.getLogger(__name__)


class InvalidConfig(TableError):
    """A CONFIG item with an invalid field; the message names the item and the field."""


@dataclass(frozen=True, slots=True)
class TtlPolicy:
    """Days that things are kept; 0 keeps them for ever. These are the defaults of a table."""

    trace_retention_days: int = 30
    soft_deleted_retention_days: int = 90
    metric_history_retention_days: int = 365


IN_A_FILE: Final = TtlPolicy(0, 0, 0)
"""The defaults in a file: nothing goes by itself."""


def default_policy(table: Table) -> TtlPolicy:
    """The policy of a table, or a file, where nobody has set another."""
    return TtlPolicy() if table.remote else IN_A_FILE


TTL_FIELDS: Final = tuple(TtlPolicy.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Config:
    """The effective configuration. ``patterns`` are the global tag patterns; ``built`` are the
    marks of what searches may rely on, such as ``summary``, ``fts:<field>``, ``tags:<pattern>``;
    ``building`` those of what is being built, which every process keeps from now on."""

    patterns: tuple[str, ...] = (ALWAYS_DENORMALIZED,)
    experiment_patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ttl: TtlPolicy = TtlPolicy()
    fts_fields: tuple[str, ...] = ()
    built: frozenset[str] = frozenset()
    building: frozenset[str] = frozenset()
    versions: Mapping[str, int] = field(default_factory=dict)
    """By projection, the newest version that the marks name, where that is not the first."""
    ignores_stamps: bool = False
    """Whether no ``ttl`` of the table counts (``Table.ignores_stamps``), or will none once a server
    has opened the file of an older version."""

    def patterns_of(self, experiment_id: str) -> tuple[str, ...]:
        """The patterns for an experiment and its runs: the global ones and its own."""
        return (*self.patterns, *self.experiment_patterns.get(experiment_id, ()))

    def matches_any(self, tag_key: str) -> bool:
        """Whether some experiment may have the tag denormalized."""
        return matches(tag_key, self.patterns) or any(
            matches(tag_key, patterns) for patterns in self.experiment_patterns.values()
        )


def matches(tag_key: str, patterns: Iterable[str]) -> bool:
    """Whether a tag key matches one of the glob patterns, case-sensitively."""
    return _matches(tag_key, tuple(patterns))


@lru_cache(maxsize=4096)
def _matches(tag_key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(tag_key, pattern) for pattern in patterns)


def config_from_items(
    items: Iterable[Mapping[str, Any]],
    extra_fields: Iterable[str] = (),
    defaults: TtlPolicy = TtlPolicy(),
) -> Config:
    """The configuration that the ``CONFIG`` items hold; ``extra_fields`` are this process's own,
    ``defaults`` the table's (``default_policy``).

    Raises ``InvalidConfig`` for an item that is not as it should be.
    """
    patterns: tuple[str, ...] = (ALWAYS_DENORMALIZED,)
    experiments: dict[str, tuple[str, ...]] = {}
    ttl = defaults
    fields = list(extra_fields)
    built: frozenset[str] = frozenset()
    building: frozenset[str] = frozenset()
    for item in items:
        sk = item["SK"]
        if sk == DENORMALIZE_TAGS:
            found = _listed(item, "patterns", pattern_fault)
            patterns = tuple(dict.fromkeys((ALWAYS_DENORMALIZED, *found)))
        elif sk.startswith(f"{DENORMALIZE_TAGS}#"):
            experiments[sk.partition("#")[2]] = tuple(_listed(item, "patterns", pattern_fault))
        elif sk == TTL_POLICY:
            ttl = _ttl_policy(item, defaults)
        elif sk == FTS_TRIGRAM_FIELDS:
            fields += _listed(item, "fields", field_fault)
        elif sk == BUILT:
            built, building = _built(item)
    versions = _versions(built | building)
    further = further_fields(fields)
    return Config(patterns, experiments, ttl, further, built, building, versions)


def config_of(
    table: Table, items: Iterable[Mapping[str, Any]], extra_fields: Iterable[str] = ()
) -> Config:
    """The configuration of a table whose ``CONFIG`` items these are; as ``config_from_items``."""
    by_sk = {item["SK"]: item for item in items}
    config = config_from_items(by_sk.values(), extra_fields, default_policy(table))
    if has_outdated_policy(table, by_sk):
        return replace(config, ttl=IN_A_FILE, ignores_stamps=True)
    return replace(config, ignores_stamps=True) if table.ignores_stamps() else config


def has_outdated_policy(table: Table, items: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the policy among the ``CONFIG`` items, by their sort keys, is only what an older
    version wrote into a file by its defaults: those of a table, and no record that they were chosen
    (``TTL_POLICY_CHOSEN``)."""
    policy = items.get(TTL_POLICY, {})
    return (
        all(policy.get(name) == getattr(TtlPolicy(), name) for name in TTL_FIELDS)
        and not table.remote
        and TTL_POLICY_CHOSEN not in items
        and table.may_have_old_stamps()
    )


def _listed(
    item: Mapping[str, Any], name: str, fault_of: Callable[[object], str | None]
) -> list[str]:
    _refuse_other_fields(item, (name,))
    values = item.get(name)
    if not isinstance(values, list):
        raise _wrong(item, name, values, "not a list of text")
    for value in values:
        fault = fault_of(value)
        if fault is not None:
            raise _wrong(item, name, values, f"and {value!r} is {fault}")
    return values


def _ttl_policy(item: Mapping[str, Any], defaults: TtlPolicy) -> TtlPolicy:
    _refuse_other_fields(item, TTL_FIELDS)
    days = {name: item[name] for name in TTL_FIELDS if name in item}
    for name, value in days.items():
        fault = days_fault(value)
        if fault is not None:
            raise _wrong(item, name, value, fault)
    return replace(defaults, **days)


def _built(item: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The marks of what is built, and of what a replay is building."""
    marks, building = item.get("marks", []), item.get("building", {})
    if not isinstance(marks, list) or not all(isinstance(mark, str) for mark in marks):
        raise _wrong(item, "marks", marks, "not a list of text")
    if not isinstance(building, dict):
        raise _wrong(item, "building", building, "not a map")
    return frozenset(marks), frozenset(building)


def projection_of(mark: str) -> tuple[str, int]:
    """The projection that a mark is of, and its version: ``fts:name`` is of (``fts``, 1),
    ``fts@2:name`` of (``fts``, 2)."""
    name, _, version = mark.partition(":")[0].partition("#")[0].partition("@")
    return name, int(version) if version.isdecimal() else 1


def _versions(marks: Iterable[str]) -> dict[str, int]:
    versions: dict[str, int] = {}
    for name, version in map(projection_of, marks):
        if version > versions.get(name, 1):
            versions[name] = version
    return versions


def _refuse_other_fields(item: Mapping[str, Any], names: Iterable[str]) -> None:
    for other in sorted(item.keys() - {"PK", "SK", *names}):
        raise _wrong(item, other, item[other], f"no field of it; it has {', '.join(names)}")


def _wrong(item: Mapping[str, Any], name: str, value: object, fault: str) -> InvalidConfig:
    sk = item["SK"]
    command = _COMMANDS.get(sk.partition("#")[0])
    mend = (
        "remove the item, and run 'mlflow-dynamodbstore replay'"
        if command is None
        else f"put it right by hand, or with 'mlflow-dynamodbstore {command} set'"
    )
    return InvalidConfig(f"the item {CONFIG}/{sk} is wrong: {name!r} is {value!r}, {fault}. {mend}")


def _warn_of_invalid(error: InvalidConfig) -> None:
    _logger.warning("The configuration is used as it was before: %s.", error)


class ConfigSource:
    """Reads the configuration from the table, and remembers it for up to 30 seconds.

    ``extra_fields`` are fields with trigram search that this process adds; ``known`` is what has
    just been read; ``clock`` returns seconds; ``on_invalid`` gets the error of an invalid item,
    once until the item is valid again: meanwhile the configuration stays as it was read before.
    """

    def __init__(
        self,
        table: Table,
        extra_fields: Iterable[str] = (),
        known: Config | None = None,
        clock: Callable[[], float] = lambda: time.monotonic(),
        on_invalid: Callable[[InvalidConfig], None] = _warn_of_invalid,
    ) -> None:
        self._table = table
        self._on_invalid = on_invalid
        self._extra_fields = tuple(extra_fields)
        self._clock = clock
        self._known: tuple[float, Config] | None = None
        self._incarnation = table.incarnation
        self._warned = False
        if known is not None:
            self.remember(known)

    def current(self) -> Config:
        """The configuration as it was at most 30 seconds ago.

        Where an item has become invalid since this process read it, the configuration stays as it
        was; but searches rely only on what is marked as built now.
        """
        known = self._known
        if known is None:
            return self.read()
        if self._incarnation != self._table.incarnation:
            self._incarnation = self._table.incarnation
        elif self._clock() < known[0]:
            return known[1]
        items = self._items()
        try:
            config = config_of(self._table, items, self._extra_fields)
        except InvalidConfig as error:
            self._warn(error)
            config = replace(known[1], built=_marks_now(items))
        else:
            self._warned = False
        self.remember(config)
        return config

    def latest(self) -> Config:
        """The configuration as it was last read, however long ago. One that never was is read now
        in a file, and over a network, where that is a request, taken for the default one."""
        if self._known is not None:
            return self._known[1]
        return Config(ttl=default_policy(self._table)) if self._table.remote else self.read()

    def read(self) -> Config:
        """The configuration as it is now. Raises ``InvalidConfig`` where an item is invalid."""
        config = config_of(self._table, self._items(), self._extra_fields)
        self.remember(config)
        return config

    def _items(self) -> list[Item]:
        return list(self._table.query_all(CONFIG))

    def remember(self, config: Config) -> None:
        """Take this for the configuration as it is now."""
        self._known = (self._clock() + REMEMBERED_SECONDS, config)

    def _warn(self, error: InvalidConfig) -> None:
        if not self._warned:
            self._warned = True
            self._on_invalid(error)


def _marks_now(items: Iterable[Item]) -> frozenset[str]:
    try:
        return config_from_items(item for item in items if item["SK"] == BUILT).built
    except InvalidConfig:
        return frozenset()
