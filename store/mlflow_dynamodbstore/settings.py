"""Settings that operators give by environment variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from dynamodbstore_projections.config_values import (
    DAYS_RULE,
    comma_separated,
    days_fault,
    field_fault,
    pattern_fault,
)
from mlflow.exceptions import MlflowException

SOFT_DELETED_RETENTION_DAYS: Final = "MLFLOW_DYNAMODB_SOFT_DELETED_RETENTION_DAYS"
TRACE_RETENTION_DAYS: Final = "MLFLOW_DYNAMODB_TRACE_RETENTION_DAYS"
METRIC_HISTORY_RETENTION_DAYS: Final = "MLFLOW_DYNAMODB_METRIC_HISTORY_RETENTION_DAYS"
DENORMALIZE_TAGS: Final = "MLFLOW_DYNAMODB_DENORMALIZE_TAGS"
FTS_TRIGRAM_FIELDS: Final = "MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS"
PROJECTIONS: Final = "MLFLOW_DYNAMODB_PROJECTIONS"
RUN_SHARDS: Final = "MLFLOW_DYNAMODB_RUN_SHARDS"
TRACE_SHARDS: Final = "MLFLOW_DYNAMODB_TRACE_SHARDS"
SLOW_MS: Final = "MLFLOW_DYNAMODB_SLOW_MS"

DAYS_VARIABLES: Final = {
    "trace_retention_days": TRACE_RETENTION_DAYS,
    "soft_deleted_retention_days": SOFT_DELETED_RETENTION_DAYS,
    "metric_history_retention_days": METRIC_HISTORY_RETENTION_DAYS,
}
"""The variable of each field of ``CONFIG``/``TTL_POLICY``."""

MODES: Final = ("auto", "inline", "stream")
MOST_SHARDS: Final = 100
_MOST_DIGITS: Final = 15

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the variables say. ``given`` names those that are set.

    ``days`` holds, by the field of ``CONFIG``/``TTL_POLICY``, those that are set; ``patterns`` and
    ``fts_fields`` are added to what ``CONFIG`` says.
    """

    projections: str = "auto"
    run_shards: int = 1
    trace_shards: int = 4
    slow_ms: int = 1000
    patterns: tuple[str, ...] = ()
    days: Mapping[str, int] = field(default_factory=dict)
    fts_fields: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()


def read_settings(variables: Mapping[str, str] | None = None) -> Settings:
    """Every setting, from the process's environment unless ``variables`` are given.

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable, its value and what is allowed.
    """
    found = os.environ if variables is None else variables
    default = Settings()

    def read(name: str, parse: Callable[[str, str], _T], otherwise: _T) -> _T:
        return parse(name, found[name]) if name in found else otherwise

    return Settings(
        projections=read(PROJECTIONS, _mode, default.projections),
        run_shards=read(RUN_SHARDS, _shards, default.run_shards),
        trace_shards=read(TRACE_SHARDS, _shards, default.trace_shards),
        slow_ms=read(SLOW_MS, _milliseconds, default.slow_ms),
        patterns=read(DENORMALIZE_TAGS, _patterns, default.patterns),
        days={
            field_name: _days(variable, found[variable])
            for field_name, variable in DAYS_VARIABLES.items()
            if variable in found
        },
        fts_fields=read(FTS_TRIGRAM_FIELDS, _fields, default.fts_fields),
        given=frozenset(name for name in VARIABLES if name in found),
    )


def run_shards() -> int:
    """How many listing partitions a new experiment spreads its runs over (1 to 100, default 1).

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    return _shards(RUN_SHARDS, os.environ.get(RUN_SHARDS, "1"))


def trace_shards() -> int:
    """How many listing partitions a new experiment spreads its traces over (1 to 100, default 4).

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    return _shards(TRACE_SHARDS, os.environ.get(TRACE_SHARDS, "4"))


def projections_mode() -> str:
    """Who keeps the projections: ``auto`` (the default), ``inline`` or ``stream``.

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    return _mode(PROJECTIONS, os.environ.get(PROJECTIONS, "auto"))


def fts_trigram_fields() -> tuple[str, ...]:
    """The fields with trigram search that this process adds to those of ``CONFIG``.

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for an unknown one.
    """
    return _fields(FTS_TRIGRAM_FIELDS, os.environ.get(FTS_TRIGRAM_FIELDS, ""))


def slow_ms() -> int:
    """From how many milliseconds on an operation is logged as slow (default 1000).

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    return _milliseconds(SLOW_MS, os.environ.get(SLOW_MS, "1000"))


VARIABLES: Final = (
    *DAYS_VARIABLES.values(),
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    PROJECTIONS,
    RUN_SHARDS,
    TRACE_SHARDS,
    SLOW_MS,
)
"""Every variable that this module reads."""


def _mode(name: str, text: str) -> str:
    if text not in MODES:
        raise refusal(name, text, "not auto, inline or stream")
    return text


def _shards(name: str, text: str) -> int:
    number = _whole(text)
    if number is None or not 1 <= number <= MOST_SHARDS:
        raise refusal(name, text, f"not a whole number from 1 to {MOST_SHARDS}")
    return number


def _milliseconds(name: str, text: str) -> int:
    number = _whole(text)
    if number is None:
        raise refusal(name, text, "not a non-negative whole number of milliseconds")
    return number


def _days(name: str, text: str) -> int:
    number = _whole(text)
    if number is None or days_fault(number) is not None:
        raise refusal(name, text, f"not {DAYS_RULE}")
    return number


def _whole(text: str) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if digits else None


def _patterns(name: str, text: str) -> tuple[str, ...]:
    return _each(name, text, pattern_fault)


def _fields(name: str, text: str) -> tuple[str, ...]:
    return _each(name, text, field_fault)


def _each(name: str, text: str, fault_of: Callable[[object], str | None]) -> tuple[str, ...]:
    values = comma_separated(text)
    for value in values:
        fault = fault_of(value)
        if fault is not None:
            raise refusal(name, text, f"wrong: {value!r} is {fault}")
    return values


def refusal(name: str, text: str, fault: str) -> MlflowException:
    """The error for a variable with this value, and what is wrong with that."""
    return MlflowException.invalid_parameter_value(f"{name}={text!r} is {fault}.")
