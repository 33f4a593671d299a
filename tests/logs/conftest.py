"""The events that a test's process has logged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

Events = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Events:
    """The fields of each event of a name, in order."""
    caplog.set_level(logging.DEBUG, "mlflow_dynamodbstore")

    def of(name: str) -> list[dict[str, Any]]:
        logged = (getattr(record, "event", None) for record in caplog.records)
        return [fields for fields in logged if fields and fields["event"] == name]

    return of
