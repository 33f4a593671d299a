"""Reconciliation: what a server's variables and the ``CONFIG`` items come to, when it starts.

Patterns of the variable are added to the persisted ones, and none is removed; a variable with days
replaces that one field of the TTL policy; trigram fields are never written. What has changed is
written back under conditions: servers that start together come to the same configuration.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.built import withdraw
from dynamodbstore_projections.config import (
    DENORMALIZE_TAGS,
    TTL_POLICY,
    Config,
    config_from_items,
)
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED
from dynamodbstore_projections.tags.projection import built_mark
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Item, Op, Table

from mlflow_dynamodbstore.config.effective import EffectiveConfig, effective_config
from mlflow_dynamodbstore.config.list_items import append_to_set, append_values
from mlflow_dynamodbstore.config.policy_item import PolicyItems
from mlflow_dynamodbstore.settings import Settings

MOST_TRIES: Final = 50
_LONGEST_PAUSE: Final = 0.2
UPGRADED: Final = (
    "an older version had set this file's retentions by its defaults: they are 0 now, nothing goes "
    "by itself, and the times to live that it has stamped are ignored"
)


def reconcile(table: Table, settings: Settings) -> EffectiveConfig:
    """Bring the ``CONFIG`` items in line with this process's variables; one query where they are.

    Raises ``InvalidConfig`` for an item that is not as it should be, before anything is written.
    """
    for attempt in range(MOST_TRIES):
        items = list(table.query_all(CONFIG))
        config = config_from_items(items)
        persisted = {item["SK"]: item for item in items}
        tags = persisted.get(DENORMALIZE_TAGS)
        patterns = _missing_patterns(tags, settings)
        policy = PolicyItems.among(table, persisted)
        days = policy.with_days(settings.days)
        ops = [*_pattern_ops(tags, patterns, attempt), *policy.writes(days)]
        if not ops:
            _settle(table)
            return effective_config(table, items, settings)
        _withdraw_leftovers(table, config, patterns)
        policy.ignore_old_stamps()
        try:
            table.write(*ops)
        except (ConditionFailed, TransactionConflict):
            # Somebody else has changed it: see what it says now.
            time.sleep(random.uniform(0, _LONGEST_PAUSE))
            continue
        _settle(table)
        changed = _changed_days(policy, days)
        changes = _in_words(policy, patterns, changed)
        return effective_config(table, list(table.query_all(CONFIG)), settings, changes, changed)
    raise TransactionConflict(f"the items of {CONFIG} change faster than they can be read here")


def _settle(table: Table) -> None:
    """From its first start on, a file's policy is what was chosen."""
    if table.may_have_old_stamps() and not table.ignores_stamps():
        table.heed_stamps()


def _missing_patterns(item: Item | None, settings: Settings) -> list[str]:
    persisted = () if item is None else item["patterns"]
    wanted = dict.fromkeys((ALWAYS_DENORMALIZED, *settings.patterns))
    return [pattern for pattern in wanted if pattern not in persisted]


def _pattern_ops(item: Item | None, patterns: list[str], attempt: int) -> list[Op]:
    if not patterns:
        return []
    # Every other time, in case that the list is none: see list_items.
    to_list = append_values if attempt % 2 == 0 else append_to_set
    return [to_list(item, DENORMALIZE_TAGS, "patterns", patterns)]


def _changed_days(policy: PolicyItems, days: Mapping[str, int]) -> dict[str, int]:
    """The fields that the persisted item lacks, or has otherwise.

    Defaults are written too: a later version with others must not change what a table keeps.
    """
    persisted = policy.item or {}
    return {name: number for name, number in days.items() if persisted.get(name) != number}


def _withdraw_leftovers(table: Table, config: Config, patterns: list[str]) -> None:
    """A pattern that is new is not built, whatever a mark says that was left behind when someone
    took the pattern out by hand."""
    left = config.built.intersection(map(built_mark, patterns)) - {built_mark(ALWAYS_DENORMALIZED)}
    if left:
        withdraw(table, left)


def _in_words(
    policy: PolicyItems, patterns: list[str], changed: Mapping[str, int]
) -> tuple[str, ...]:
    changes = [f"{DENORMALIZE_TAGS}: added {', '.join(patterns)}"] if patterns else []
    item = policy.item or {}
    changes += [
        f"{TTL_POLICY}: {name} = {days}" + (f", before {item[name]}" if name in item else "")
        for name, days in changed.items()
    ]
    if policy.outdated:
        changes.append(UPGRADED)
    return tuple(changes)
