"""The mechanism of named things serves another kind than models: its versions are named by texts,
as those of MCP servers are, and nothing of it is about models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from dynamodbstore_events.keys import META, Key, registered_model_key
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Put, Update
from mlflow_dynamodbstore.core.long_texts import read_texts
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.model_lookup import MODELS
from mlflow_dynamodbstore.versioned.aliases import remove_alias, set_alias
from mlflow_dynamodbstore.versioned.items import (
    LAST_VERSION,
    REVISION,
    aliases_for,
    aliases_of,
    still_named,
    tags_of,
)
from mlflow_dynamodbstore.versioned.kind import Kind
from mlflow_dynamodbstore.versioned.lookup import Found, NamedLookup
from mlflow_dynamodbstore.versioned.naming import Naming
from mlflow_dynamodbstore.versioned.numbers import give_number, next_number
from mlflow_dynamodbstore.versioned.tags import TagOps, remove_tag, set_tag


class Missing(Exception):
    """There is no server of this name."""


class Taken(Exception):
    """Another server has this name."""


SERVERS = Kind(
    code="SERVER",
    word="server",
    first_key=registered_model_key,
    deleted_lookup="DELETED#SERVER",
    validate=lambda name: None,
    missing=Missing,  # type: ignore[arg-type]
)


class Servers:
    """Servers by name, in one workspace."""

    def __init__(self, table: SqliteTable, workspace: str) -> None:
        self.table = table
        self.lookup = NamedLookup(table, Scope(workspace), SERVERS)
        self.naming = Naming(table, self.lookup)
        self.workspace = workspace

    def create(self, name: str, **tags: str) -> str:
        def write(key: str) -> str:
            meta = {"PK": SERVERS.pk(key), "SK": META, "name": name, "workspace": self.workspace}
            meta |= {LAST_VERSION: 0, REVISION: 0} | {f"tag.{k}": v for k, v in tags.items()}
            claim = SERVERS.claim(self.workspace, name, key)
            self.table.write(claim, Put(meta, condition=ITEM_MISSING))
            return key

        def refuse(holder: Found) -> None:
            raise Taken(holder.name)

        return self.naming.create(name, write, refuse)

    def rename(self, name: str, new_name: str) -> None:
        def refuse() -> NoReturn:
            raise Taken(new_name)

        self.naming.rename(name, new_name, lambda found: {"name": new_name}, refuse)

    def version_key(self, found: Found, version: str) -> Key:
        return found.pk, f"VERSION#{version}"

    def add_version(self, name: str, version: str) -> None:
        pk, sk = self.version_key(self.lookup.require(name), version)
        self.table.write(Put({"PK": pk, "SK": sk}, condition=ITEM_MISSING))

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        found = self.lookup.require(name)
        key = self.version_key(found, version)
        return set_alias(self.table, found, alias, version, key, ITEM_EXISTS)

    def tag_ops(self, found: Found) -> TagOps:
        condition = still_named(found.name)
        return lambda set, remove: [Update(found.meta_key, set, remove, condition=condition)]

    def aliases(self, name: str) -> dict[str, str]:
        return aliases_of(self.lookup.require(name).meta)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table
    table.close()


@pytest.fixture
def servers(table: SqliteTable) -> Servers:
    return Servers(table, "default")


def test_find_returns_the_thing_that_has_the_name(servers: Servers) -> None:
    key = servers.create("search", team="web")

    found = servers.lookup.require("search")

    assert (found.key, found.name, tags_of(found.meta, {})) == (key, "search", {"team": "web"})


def test_require_raises_the_kind_s_error_for_a_name_that_nothing_has(servers: Servers) -> None:
    with pytest.raises(Missing, match="search"):
        servers.lookup.require("search")


def test_create_refuses_a_name_that_is_taken(servers: Servers) -> None:
    servers.create("search")

    with pytest.raises(Taken, match="search"):
        servers.create("search")


def test_a_name_is_free_in_another_workspace_and_for_another_kind(
    servers: Servers, table: SqliteTable
) -> None:
    servers.create("search")

    assert Servers(table, "other").create("search")
    assert NamedLookup(table, Scope(), MODELS).find("search") is None


def test_rename_keeps_the_key_and_frees_the_name(servers: Servers) -> None:
    key = servers.create("search")

    servers.rename("search", "find")

    assert servers.lookup.require("find").key == key
    assert servers.lookup.find("search") is None
    assert servers.create("search") != key


def test_rename_refuses_a_name_that_is_taken(servers: Servers) -> None:
    servers.create("search")
    servers.create("find")

    with pytest.raises(Taken, match="find"):
        servers.rename("search", "find")


def test_an_alias_stands_for_a_version_that_is_there(servers: Servers) -> None:
    servers.create("search")
    servers.add_version("search", "1.2.0-rc.1")

    assert servers.set_alias("search", "stable", "1.2.0-rc.1")
    assert not servers.set_alias("search", "broken", "9.9.9")

    assert servers.aliases("search") == {"stable": "1.2.0-rc.1"}
    assert aliases_for(servers.lookup.require("search").meta, "1.2.0-rc.1") == ["stable"]


def test_remove_alias_leaves_the_others(servers: Servers, table: SqliteTable) -> None:
    servers.create("search")
    servers.add_version("search", "1.0.0")
    for alias in ("stable", "newest"):
        servers.set_alias("search", alias, "1.0.0")

    remove_alias(table, servers.lookup.require("search"), "stable")
    remove_alias(table, servers.lookup.require("search"), "no such alias")

    assert servers.aliases("search") == {"newest": "1.0.0"}


def tags(servers: Servers) -> dict[str, str | None]:
    meta = servers.lookup.require("search").meta
    return tags_of(meta, read_texts(servers.table, [meta]))


def test_set_tag_replaces_a_value_of_any_length(servers: Servers, table: SqliteTable) -> None:
    servers.create("search")
    items = len(table.scan().items)

    for value in ("x" * 100_000, "short", "y" * 200_000, None):
        found = servers.lookup.require("search")
        set_tag(table, found.meta, "notes", value, servers.tag_ops(found))
        assert tags(servers) == {"notes": value}

    assert len(table.scan().items) == items


def test_remove_tag_leaves_nothing_of_it(servers: Servers, table: SqliteTable) -> None:
    servers.create("search", team="web")
    before = table.scan().items
    found = servers.lookup.require("search")
    set_tag(table, found.meta, "notes", "x" * 100_000, servers.tag_ops(found))

    for _ in range(2):
        found = servers.lookup.require("search")
        remove_tag(table, found.meta, "notes", servers.tag_ops(found))

    assert table.scan().items == before


@pytest.mark.parametrize(
    "change",
    [
        lambda servers, found: set_alias(
            servers.table, found, "a", "1", servers.version_key(found, "1"), ITEM_MISSING
        ),
        lambda servers, found: servers.table.write(give_number(found, 1, set={}, add={})),
    ],
)
def test_a_change_fails_when_the_thing_has_been_renamed(
    servers: Servers, change: Callable[[Servers, Found], object]
) -> None:
    servers.create("search")
    outdated = servers.lookup.require("search")
    servers.rename("search", "find")

    with pytest.raises(ConditionFailed):
        change(servers, outdated)


def test_delete_removes_every_item_and_frees_the_name(servers: Servers, table: SqliteTable) -> None:
    servers.create("search")
    for number in range(120):
        servers.add_version("search", f"1.0.{number}")

    servers.naming.delete("search")

    assert list(table.scan().items) == []
    assert servers.create("search")


def test_numbers_are_never_given_twice(servers: Servers, table: SqliteTable) -> None:
    servers.create("search")

    def take(_: int) -> int:
        def attempt() -> int:
            found = servers.lookup.require("search")
            number = next_number(found)
            table.write(give_number(found, number, set={}, add={}))
            return number

        return servers.lookup.changing("search", attempt)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(20))) == list(range(1, 21))
