"""Registries to test on, and names that no other test uses."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from tests.registry.stores import embedded_registry, sql_registry


@pytest.fixture(scope="session")
def both_registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Our registry and MLflow's own."""
    with ExitStack() as stack:
        yield {
            "ours": stack.enter_context(embedded_registry(tmp_path_factory.mktemp("ours"))),
            "sql": stack.enter_context(sql_registry(tmp_path_factory.mktemp("sql"))),
        }


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock for what is kept that shows another millisecond each time it is asked."""
    now = itertools.count(1_700_000_000_000)
    clock = SimpleNamespace(time=lambda: next(now) / 1000)
    monkeypatch.setattr("mlflow.utils.time.time", clock)


@pytest.fixture(params=["ours", "sql"])
def either(request: pytest.FixtureRequest, both_registries: dict[str, Any], ticking: None) -> Any:
    """One of the two: what a test says of it is true of both."""
    return both_registries[request.param]


@pytest.fixture
def name() -> str:
    """A name of a model."""
    return f"model {uuid.uuid4().hex}"
