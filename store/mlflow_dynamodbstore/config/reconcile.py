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
from mlflow_dynamodbstore.config.policy_item import policy_of, put_policy
from mlflow_dynamodbstore.settings import Settings

MOST_TRIES: Final = 50
_LONGEST_PAUSE: Final = 0.2


def reconcile(table: Table, settings: Settings) -> EffectiveConfig:
    """Bring the ``CONFIG`` items in line with this process's variables; one query where they are.

    Raises ``InvalidConfig`` for an item that is not as it should be, before anything is written.
    """
    for attempt in range(MOST_TRIES):
        items = list(table.query_all(CONFIG))
        config = config_from_items(items)
        persisted = {item["SK"]: item for item in items}
        patterns = _missing_patterns(persisted.get(DENORMALIZE_TAGS), settings)
        policy = _changed_days(persisted.get(TTL_POLICY), settings)
        if not patterns and not policy:
            return effective_config(items, settings)
        _withdraw_leftovers(table, config, patterns)
        try:
            table.write(*_ops(persisted, settings, patterns, policy, attempt))
        except (ConditionFailed, TransactionConflict):
            # Somebody else has changed it: see what it says now.
            time.sleep(random.uniform(0, _LONGEST_PAUSE))
            continue
        changes = _in_words(persisted.get(TTL_POLICY), patterns, policy)
        return effective_config(list(table.query_all(CONFIG)), settings, changes, policy)
    raise TransactionConflict(f"the items of {CONFIG} change faster than they can be read here")


def _missing_patterns(item: Item | None, settings: Settings) -> list[str]:
    persisted = () if item is None else item["patterns"]
    wanted = dict.fromkeys((ALWAYS_DENORMALIZED, *settings.patterns))
    return [pattern for pattern in wanted if pattern not in persisted]


def _changed_days(item: Item | None, settings: Settings) -> dict[str, int]:
    """The fields of the policy that the item lacks, or has otherwise.

    Defaults are written too: a later version with others must not change what a table keeps.
    """
    policy = policy_of(item, settings.days)
    persisted = item or {}
    return {name: days for name, days in policy.items() if persisted.get(name) != days}


def _ops(
    persisted: Mapping[str, Item],
    settings: Settings,
    patterns: list[str],
    policy: Mapping[str, int],
    attempt: int,
) -> list[Op]:
    ops: list[Op] = []
    if patterns:
        item = persisted.get(DENORMALIZE_TAGS)
        # Every other time, in case that the list is none: see list_items.
        to_list = append_values if attempt % 2 == 0 else append_to_set
        ops.append(to_list(item, DENORMALIZE_TAGS, "patterns", patterns))
    if policy:
        item = persisted.get(TTL_POLICY)
        ops.append(put_policy(item, policy_of(item, settings.days)))
    return ops


def _withdraw_leftovers(table: Table, config: Config, patterns: list[str]) -> None:
    """A pattern that is new is not built, whatever a mark says that was left behind when someone
    took the pattern out by hand."""
    left = config.built.intersection(map(built_mark, patterns)) - {built_mark(ALWAYS_DENORMALIZED)}
    if left:
        withdraw(table, left)


def _in_words(item: Item | None, patterns: list[str], policy: Mapping[str, int]) -> tuple[str, ...]:
    changes = [f"{DENORMALIZE_TAGS}: added {', '.join(patterns)}"] if patterns else []
    changes += [
        f"{TTL_POLICY}: {name} = {days}"
        + (f", before {item[name]}" if item is not None and name in item else "")
        for name, days in policy.items()
    ]
    return tuple(changes)
