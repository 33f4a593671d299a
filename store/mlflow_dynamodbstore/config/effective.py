"""The configuration that a process works by, and where each part of it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from dynamodbstore_projections.config import (
    TTL_FIELDS,
    TTL_POLICY,
    Config,
    TtlPolicy,
    config_of,
)
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED, NAME_FIELDS
from dynamodbstore_projections.fts.projection import NAME_FIELD, marked_fields
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore import settings as variables
from mlflow_dynamodbstore.settings import Settings

Source: TypeAlias = Literal["default", "persisted", "variable", "always"]

DEFAULT: Final[Source] = "default"
PERSISTED: Final[Source] = "persisted"
VARIABLE: Final[Source] = "variable"
ALWAYS: Final[Source] = "always"


@dataclass(frozen=True, slots=True)
class EffectiveConfig:
    """The configuration, the source of each of its values, and what this process has written to
    the ``CONFIG`` items when it started (``changes``, in words; empty where they said it already).
    """

    settings: Settings
    config: Config
    day_sources: Mapping[str, Source]
    pattern_sources: Mapping[str, Source]
    field_sources: Mapping[str, Source]
    changes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Everything as plain values, for a line of a log: ``changed``, and by its name in
        ``CONFIG`` or of its variable each part: value and source, or values by source."""
        ttl = {
            name: {"value": getattr(self.config.ttl, name), "source": self.day_sources[name]}
            for name in TTL_FIELDS
        }
        experiments = self.config.experiment_patterns
        return {
            **ttl,
            "goes_by_itself": what_goes(self.config.ttl),
            "denormalize_tags": dict(self.pattern_sources),
            "experiments_with_own_patterns": len(experiments),
            "fts_trigram_fields": dict(self.field_sources),
            "projections": self._setting(self.settings.projections, variables.PROJECTIONS),
            "run_shards": self._setting(self.settings.run_shards, variables.RUN_SHARDS),
            "trace_shards": self._setting(self.settings.trace_shards, variables.TRACE_SHARDS),
            "slow_ms": self._setting(self.settings.slow_ms, variables.SLOW_MS),
            "built": sorted(self.config.built),
            "changed": list(self.changes),
        }

    def _setting(self, value: object, variable: str) -> dict[str, Any]:
        return {"value": value, "source": VARIABLE if variable in self.settings.given else DEFAULT}


def what_goes(policy: TtlPolicy) -> str:
    """What is removed without anybody asking for it, and when, in words."""
    kinds = {
        "deleted experiments and runs": policy.soft_deleted_retention_days,
        "traces": policy.trace_retention_days,
        "metric history but the latest values": policy.metric_history_retention_days,
    }
    going = [f"{kind} after {days} days" for kind, days in kinds.items() if days]
    return ", ".join(going) or "nothing"


def effective_config(
    table: Table,
    items: Iterable[Item],
    settings: Settings,
    changes: tuple[str, ...] = (),
    written_days: Iterable[str] = (),
) -> EffectiveConfig:
    """What the ``CONFIG`` items of a table and this process's variables come to.

    ``written_days`` are fields of the TTL policy that this start has written, their defaults.
    Raises ``InvalidConfig`` for an item that is not as it should be.
    """
    items = list(items)
    config = config_of(table, items, settings.fts_fields)
    by_sk = {item["SK"]: item for item in items}
    policy = by_sk.get(TTL_POLICY, {}).keys() - set(written_days)
    fields = (*config.fts_fields, *sorted(marked_fields(config.building) - {NAME_FIELD}))
    return EffectiveConfig(
        settings,
        config,
        {name: _source(name in settings.days, name in policy) for name in TTL_FIELDS},
        {
            pattern: _source(pattern in settings.patterns, pattern != ALWAYS_DENORMALIZED)
            for pattern in config.patterns
        },
        {
            **dict.fromkeys(NAME_FIELDS, ALWAYS),
            **{name: _source(name in settings.fts_fields, True) for name in fields},
        },
        changes,
    )


def _source(in_variable: bool, persisted: bool) -> Source:
    if in_variable:
        return VARIABLE
    return PERSISTED if persisted else DEFAULT
