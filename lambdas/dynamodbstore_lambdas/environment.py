"""The settings that the functions get by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dynamodbstore_projections.config_values import comma_separated, field_fault

TABLE_NAME: Final = "TABLE_NAME"
QUEUE_URL: Final = "QUEUE_URL"
FTS_TRIGRAM_FIELDS: Final = "MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS"


class InvalidEnvironment(ValueError):
    """A variable is missing or wrong; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The table to keep, the queue for entities that fail, and this function's further fields
    with trigram search."""

    table_name: str
    queue_url: str
    fts_fields: tuple[str, ...] = ()


def read_environment(variables: Mapping[str, str]) -> Environment:
    """The environment that the variables describe; raises ``InvalidEnvironment``."""
    return Environment(
        table_name=_required(variables, TABLE_NAME),
        queue_url=_required(variables, QUEUE_URL),
        fts_fields=_fields(variables.get(FTS_TRIGRAM_FIELDS, "")),
    )


def _required(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name, "")
    if not value:
        raise InvalidEnvironment(f"{name} is not set; template.yaml sets it")
    return value


def _fields(text: str) -> tuple[str, ...]:
    fields = comma_separated(text)
    for field in fields:
        fault = field_fault(field)
        if fault is not None:
            raise InvalidEnvironment(f"{FTS_TRIGRAM_FIELDS}={text!r}: {field!r} is {fault}")
    return fields
