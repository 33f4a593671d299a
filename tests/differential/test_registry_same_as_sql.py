"""Random sequences of operations on the registry, on ours and on MLflow's SQL registry.

A longer run, and a shorter failing sequence: as in ``test_same_as_sql``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .base import Compared
from .comparing import compare
from .frozen import World
from .pair import Pair
from .prompt_operations import PromptOperations
from .registry_operations import ModelOperations, VersionOperations
from .registry_population import RegistryPopulated
from .registry_search_operations import RegistrySearchOperations
from .registry_sides import (
    SqlRegistrySide,
    embedded_registries,
    one_logged_model,
    served_registries,
)
from .sides import OurSide
from .webhook_operations import WebhookOperations

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


class Models(RegistryPopulated, ModelOperations, VersionOperations):
    """Models and versions that come and go."""


class Prompts(RegistryPopulated, PromptOperations):
    """Prompts, beside models."""


class Searches(RegistryPopulated, RegistrySearchOperations):
    """Searches only, of what is there from the start."""


class Everything(
    RegistryPopulated,
    RegistrySearchOperations,
    PromptOperations,
    ModelOperations,
    VersionOperations,
    WebhookOperations,
):
    """All operations together."""


@pytest.fixture(scope="module")
def theirs(world: World, tmp_path_factory: pytest.TempPathFactory) -> SqlRegistrySide:
    return SqlRegistrySide(tmp_path_factory.mktemp("sql") / "registry.db")


@pytest.fixture(autouse=True)
def _a_logged_model() -> Iterator[None]:
    with one_logged_model():
        yield


@pytest.fixture(autouse=True)
def _every_address_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")


@pytest.mark.parametrize(
    ("machine", "examples", "projected"),
    [
        (Models, 12, False),
        (Prompts, 10, False),
        (WebhookOperations, 8, False),
        (Searches, 12, False),
        (Searches, 8, True),
        (Everything, 12, True),
    ],
)
def test_answers_and_errors_are_the_sql_registrys(
    world: World,
    theirs: SqlRegistrySide,
    machine: type[Compared],
    examples: int,
    projected: bool,
    tmp_path: Path,
) -> None:
    ours = OurSide(embedded_registries(tmp_path, projected))

    compare(machine, Pair(theirs, ours, world), examples)

    ours.close()


@pytest.mark.e2e
def test_registry_on_a_server_answers_as_the_sql_registry(
    world: World, theirs: SqlRegistrySide, dynoxide_endpoint: str
) -> None:
    ours = OurSide(served_registries(dynoxide_endpoint))

    compare(Everything, Pair(theirs, ours, world), 3)

    ours.close()
