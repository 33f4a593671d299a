"""Settings that operators give by environment variables."""

from __future__ import annotations

import os

from mlflow.exceptions import MlflowException

RUN_SHARDS = "MLFLOW_DYNAMODB_RUN_SHARDS"
PROJECTIONS = "MLFLOW_DYNAMODB_PROJECTIONS"
_MOST_SHARDS = 100


def run_shards() -> int:
    """How many listing partitions a new experiment spreads its runs over (1 to 100, default 1).

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    text = os.environ.get(RUN_SHARDS, "1")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_SHARDS:
        raise MlflowException.invalid_parameter_value(
            f"{RUN_SHARDS}={text!r} is not a whole number from 1 to {_MOST_SHARDS}."
        )
    return int(text)


def projections_mode() -> str:
    """Who keeps the projections: ``auto`` (the default), ``inline`` or ``stream``.

    Raises ``INVALID_PARAMETER_VALUE`` that names the variable for anything else.
    """
    mode = os.environ.get(PROJECTIONS, "auto")
    if mode not in ("auto", "inline", "stream"):
        raise MlflowException.invalid_parameter_value(
            f"{PROJECTIONS}={mode!r} is not auto, inline or stream."
        )
    return mode
