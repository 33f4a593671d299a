"""The operations of the model registry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mlflow.entities.model_registry import RegisteredModelTag
from operation import Budget, Operation, Prepare, Step, Store
from registry_fixtures import SOURCE, RegistryFixtures, run_of

_LATE_PAGE = 50
_FEW: Mapping[str, Any] = {"metered": 3, "blocks": 7, "calls": 2}
_OfModel: TypeAlias = Callable[[Store, str, int], object]


def _create_model(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
    prefix = f"new model {uuid.uuid4().hex[:8]}"
    tags = [RegisteredModelTag("team", "red"), RegisteredModelTag("stage", "test")]
    return lambda i: store.create_registered_model(f"{prefix} {i}", tags)


def _of_model(call: _OfModel, versions: int = 1) -> Prepare:
    """Calls on one new model of ``versions`` versions, with the alias ``best`` on the first."""

    def prepare(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
        name = fixtures.new_model(versions)
        store.set_registered_model_alias(name, "best", 1)
        return lambda i: call(store, name, i)

    return prepare


def _rename(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
    names = [fixtures.new_model(100)]

    def step(i: int) -> None:
        names.append(f"renamed {uuid.uuid4().hex[:8]}")
        store.rename_registered_model(*names[-2:])

    return step


def _search(models: int, filter_of: Callable[[str], str], *, page: int = 1) -> Prepare:
    """Searches for 100 of ``models`` models; the filter is made of the prefix of their names."""

    def prepare(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
        filter_string = filter_of(fixtures.registered(models))
        size = min(100, models // page)

        def found(token: str | None) -> Any:
            return store.search_registered_models(filter_string, size, None, token)

        token = None
        for _ in range(page - 1):
            token = found(token).token
        return lambda i: found(token)

    return prepare


def _versions_of_run(models: int) -> Prepare:
    def prepare(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
        fixtures.registered(models)
        return lambda i: store.search_model_versions(f"run_id = '{run_of(i % models)}'")

    return prepare


def _versions(models: int, order_by: list[str] | None = None) -> Prepare:
    """The first page of the versions of ``models`` models."""

    def prepare(store: Store, fixtures: RegistryFixtures, count: int) -> Step:
        fixtures.registered(models)
        return lambda i: store.search_model_versions("", 100, order_by)

    return prepare


def registry_operations(models: int) -> list[Operation]:
    """The operations of a registry; the searches are over ``models`` models."""
    over = f"search_registered_models over {models:,}"
    late_size = min(100, models // _LATE_PAGE)
    late = Operation(
        f"{over}, page {_LATE_PAGE} of {late_size}",
        _search(models, lambda names: f"name LIKE '{names}%'", page=_LATE_PAGE),
        (Budget(3),),
        **_FEW,
    )
    return [
        Operation("create_registered_model, 2 tags", _create_model),
        Operation(
            "create_model_version",
            _of_model(lambda store, name, i: store.create_model_version(name, SOURCE)),
            (Budget(2),),
        ),
        Operation(
            "get_registered_model",
            _of_model(lambda store, name, i: store.get_registered_model(name)),
            (Budget(2),),
        ),
        Operation(
            "get_model_version_by_alias",
            _of_model(lambda store, name, i: store.get_model_version_by_alias(name, "best")),
            (Budget(2),),
        ),
        Operation(
            "set_registered_model_alias",
            _of_model(
                lambda store, name, i: store.set_registered_model_alias(name, "best", 1 + i % 2), 2
            ),
        ),
        Operation(
            "set_registered_model_tag",
            _of_model(
                lambda store, name, i: store.set_registered_model_tag(
                    name, RegisteredModelTag("team", f"team {i}")
                )
            ),
        ),
        Operation(
            "transition_model_version_stage",
            _of_model(
                lambda store, name, i: store.transition_model_version_stage(
                    name, 1, ("Staging", "Production")[i % 2], False
                )
            ),
        ),
        Operation("rename_registered_model of 100 versions", _rename, **_FEW),
        Operation(f"{over}, 100 models", _search(models, lambda _: ""), (Budget(3),), **_FEW),
        *([late] if late_size else []),
        Operation(
            f"{over}, by name ILIKE '%…%'",
            _search(models, lambda names: f"name ILIKE '%S, {models // 2:06d}%'"),
            **_FEW,
        ),
        Operation(
            f"{over}, by a rare tag",
            _search(models, lambda _: f"tags.owner = 'owner {models // 2}'"),
            **_FEW,
        ),
        Operation(
            f"search_model_versions over {models:,}, by run_id",
            _versions_of_run(models),
            (Budget(2),),
            **_FEW,
        ),
        Operation(
            f"search_model_versions over {models:,}, 100 updated last",
            _versions(models),
            **_FEW,
        ),
        Operation(
            f"search_model_versions over {models:,}, 100 by name",
            _versions(models, ["name"]),
            **_FEW,
        ),
        Operation(
            f"search_model_versions over {models:,}, 100 created last",
            _versions(models, ["creation_timestamp DESC"]),
            **_FEW,
        ),
    ]
