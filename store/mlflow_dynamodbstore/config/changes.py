"""What operators change in the ``CONFIG`` items, beside servers that start and replays that end.

What is taken away is kept by nobody from then on. So searches are told first not to rely on it, and
every process is given the time to hear of that (``SETTLE_SECONDS``) before the item changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.built import unchanged_marks, withdraw
from dynamodbstore_projections.config import (
    BUILT,
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    TTL_POLICY_CHOSEN,
    InvalidConfig,
    config_from_items,
)
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED, NAME_FIELDS
from dynamodbstore_projections.drivers.replay import SETTLE_SECONDS
from dynamodbstore_projections.fts import projection as fts
from dynamodbstore_projections.tags import projection as tags
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Item, Op, Table

from mlflow_dynamodbstore.config.list_items import replace_values
from mlflow_dynamodbstore.config.policy_item import PolicyItems

_MOST_TRIES: Final = 20

Wait = Callable[[float], None]
"""Waits so many seconds, and says so."""


@dataclass(frozen=True, slots=True)
class ConfigList:
    """A list in a ``CONFIG`` item: the item's sort key, the list's name in it, what is always in
    it, and the mark that ``BUILT`` has for a value. ``kept_while_marked``: what has its mark is
    kept by everyone, though the list does not name it. ``without_effect``: values that may be named
    and change nothing, so that they are never written."""

    sk: str
    name: str
    always: tuple[str, ...]
    mark: Callable[[str], str]
    kept_while_marked: bool = False
    without_effect: tuple[str, ...] = ()

    def effective(self, values: Iterable[str]) -> tuple[str, ...]:
        """These values, each once, without those that change nothing."""
        return tuple(dict.fromkeys(v for v in values if v not in self.without_effect))

    def marks(self, values: Iterable[str]) -> frozenset[str]:
        """The marks of these values."""
        return frozenset(self.mark(value) for value in values)


def pattern_list(experiment_id: str | None) -> ConfigList:
    """The tag patterns of every experiment, or those of one experiment's own."""
    if experiment_id is None:
        return ConfigList(DENORMALIZE_TAGS, "patterns", (ALWAYS_DENORMALIZED,), tags.built_mark)
    sk = f"{DENORMALIZE_TAGS}#{experiment_id}"
    return ConfigList(sk, "patterns", (), lambda pattern: tags.built_mark(pattern, experiment_id))


FIELD_LIST: Final = ConfigList(
    FTS_TRIGRAM_FIELDS,
    "fields",
    (),
    fts.built_mark,
    kept_while_marked=True,
    without_effect=NAME_FIELDS,
)


@dataclass(frozen=True, slots=True)
class ListChange:
    """A list before (None: it made no sense) and after it was set; ``marked`` are the values that
    it did not name before, and that were kept nevertheless, because a replay had marked them."""

    before: tuple[str, ...] | None
    after: tuple[str, ...]
    marked: frozenset[str] = frozenset()

    @property
    def differs(self) -> bool:
        """Whether anything was written."""
        return self.before is None or bool(self.added or self.removed)

    @property
    def outdated(self) -> bool:
        """Whether a replay has something to do after it."""
        return self.differs and (bool(self.removed) or not self.marked.issuperset(self.added))

    @property
    def added(self) -> list[str]:
        return [value for value in self.after if value not in (self.before or ())]

    @property
    def removed(self) -> list[str]:
        return [value for value in self.before or () if value not in self.after]


def set_list(
    table: Table, listed: ConfigList, values: Iterable[str], wait: Wait = time.sleep
) -> ListChange:
    """Let a list have these values, and what is always in it; nothing is written where it has them.

    ``wait`` is called before something is taken away that searches have relied on. Raises a
    ``TableError``.
    """
    wanted = listed.effective((*listed.always, *values))
    waited_for: int | None = None
    for _ in range(_MOST_TRIES):
        items = {item["SK"]: item for item in table.query_all(CONFIG)}
        found, marks = items.get(listed.sk), items.get(BUILT)
        # Refuses marks that are nonsense; a nonsensical list is written anew.
        config_from_items([] if marks is None else [marks])
        before = _values(found, listed)
        mine = _marks(marks, listed)
        relied_on = _kept_by_marks(_marks(marks, listed, building=False), listed)
        change = ListChange(before, wanted, relied_on.difference(before or ()))
        if before is not None and not change.marked.issubset(wanted):
            # The list names them first, so that they are kept still when the mark has gone.
            named = (*before, *sorted(change.marked))
            with suppress(ConditionFailed, TransactionConflict):
                table.write(replace_values(found, listed.sk, listed.name, named))
            continue
        if not change.differs:
            return change
        kept = {*(before or ()), *_kept_by_marks(mine, listed)}
        outdated = mine - listed.marks(kept.intersection(wanted))
        if outdated:
            withdraw(table, outdated)
            continue
        takes_away = bool(change.removed) or before is None
        withdrawn = None if marks is None else marks.get("withdrawn")
        left = 0.0 if withdrawn is None else withdrawn / 1000 + SETTLE_SECONDS - time.time()
        if takes_away and left > 0 and withdrawn != waited_for:
            waited_for = withdrawn
            wait(left)
            continue
        ops: list[Op] = [
            replace_values(found, listed.sk, listed.name, wanted, remove_empty=_is_own(listed))
        ]
        if takes_away:
            ops.append(unchanged_marks(marks))
        try:
            table.write(*ops)
        except (ConditionFailed, TransactionConflict):
            continue
        return change
    raise TransactionConflict(f"{CONFIG}/{listed.sk} changes faster than it can be changed here")


def _is_own(listed: ConfigList) -> bool:
    return "#" in listed.sk


def _values(item: Item | None, listed: ConfigList) -> tuple[str, ...] | None:
    """The values that an item has; None where it is not as it should be: it is written anew."""
    if item is None:
        return listed.always
    try:
        config_from_items([item])
    except InvalidConfig:
        return None
    return listed.effective(item[listed.name])


def _kept_by_marks(marks: Iterable[str], listed: ConfigList) -> frozenset[str]:
    """The values that are kept because of these marks, whatever the list names."""
    if not listed.kept_while_marked:
        return frozenset()
    return frozenset(mark.removeprefix(listed.mark("")) for mark in marks)


def _marks(item: Item | None, listed: ConfigList, *, building: bool = True) -> frozenset[str]:
    """The list's marks in ``BUILT``, those of what is always in it aside; with those that are
    ``building``."""
    if item is None:
        return frozenset()
    prefix = listed.mark("")
    said = {*item.get("marks", ()), *(item.get("building", {}) if building else ())}
    always = {*listed.marks(listed.always), fts.built_mark(fts.NAME_FIELD)}
    return frozenset(mark for mark in said if mark.startswith(prefix)) - always


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """The days of the TTL policy before, as the item or else the default had them (nonsense as it
    was), and after."""

    before: Mapping[str, Any]
    after: Mapping[str, int]

    @property
    def changed(self) -> list[str]:
        """The fields that say something else now."""
        return [name for name, days in self.after.items() if self.before[name] != days]


def set_policy(table: Table, days: Mapping[str, int]) -> PolicyChange:
    """Let these fields of the TTL policy have these days; the others keep theirs.

    Raises a ``TableError``; an ``InvalidConfig`` where another field is not as it should be.
    """
    for _ in range(_MOST_TRIES):
        keys = (CONFIG, TTL_POLICY), (CONFIG, TTL_POLICY_CHOSEN)
        found = {key[1]: item for key, item in table.batch_get(keys).items()}
        policy = PolicyItems.among(table, found)
        change = PolicyChange(policy.before, policy.with_days(days))
        ops = policy.writes(change.after)
        if not ops:
            return change
        policy.ignore_old_stamps()
        try:
            table.write(*ops)
        except (ConditionFailed, TransactionConflict):
            continue
        return change
    raise TransactionConflict(f"{CONFIG}/{TTL_POLICY} changes faster than it can be changed here")
