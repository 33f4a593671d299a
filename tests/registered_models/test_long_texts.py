"""Long descriptions and tag values: kept beside their items, replaced and removed with them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed, TableUnavailable
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow_dynamodbstore.core.long_texts import (
    SHORT_BYTES,
    TextReplaced,
    read_texts,
    stored_texts,
    text_of,
)
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.registered_models.stores import SOURCE, items_of

LONG = "long text " * 1_000


def noise(characters: int) -> str:
    """Text that does not become shorter when it is compressed: of 4 bytes a character."""
    dice = random.Random(characters)
    return "".join(chr(dice.randrange(0x10000, 0x10FFFF)) for _ in range(characters))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table
    table.close()


@pytest.fixture
def registry(table: SqliteTable) -> DynamoRegistryStore:
    return DynamoRegistryStore(table)


def texts_in(table: SqliteTable) -> int:
    """How many long texts, or parts of them, there are."""
    return sum(sk.startswith("TEXT#") for _, sk in items_of(table))


def test_short_texts_stand_in_the_item() -> None:
    stored = stored_texts("RM#a", {"description": "x" * SHORT_BYTES, "tag.k": None})

    assert stored.attributes == {"description": "x" * SHORT_BYTES, "tag.k": None}
    assert (stored.puts, stored.long) == ([], {})


def test_many_short_texts_do_not_fill_an_item() -> None:
    texts: dict[str, str | None] = {f"tag.{n}": str(n) * 2_000 for n in range(200)}

    stored = stored_texts("RM#a", texts)

    inline = sum(len(value) for value in stored.attributes.values() if isinstance(value, str))
    assert 100_000 < inline <= 128 * 1024
    assert {name: text_of(value, stored.long) for name, value in stored.attributes.items()} == texts


def test_a_long_text_that_has_gone_is_noticed(table: SqliteTable) -> None:
    stored = stored_texts("RM#a", {"description": LONG})
    item = {"PK": "RM#a", "SK": "META", **stored.attributes}

    with pytest.raises(TextReplaced):
        text_of(item["description"], read_texts(table, [item]))


def test_what_could_not_be_referred_to_is_taken_back(table: SqliteTable) -> None:
    stored = stored_texts("RM#a", {"description": LONG})

    def refer(refusal: Exception) -> None:
        with stored.written(table):
            raise refusal

    with pytest.raises(TableUnavailable):
        refer(TableUnavailable("nobody knows whether it was done"))
    assert texts_in(table) == 1
    with pytest.raises(ConditionFailed):
        refer(ConditionFailed({0: None}))
    assert texts_in(table) == 0


def test_every_change_leaves_one_copy(registry: DynamoRegistryStore, table: SqliteTable) -> None:
    registry.create_registered_model("a", [RegisteredModelTag("k", LONG)], LONG)
    registry.create_model_version("a", SOURCE, None, [ModelVersionTag("k", LONG)], None, LONG)
    assert texts_in(table) == 4

    for text in (LONG + "!", LONG + "?"):
        registry.update_registered_model("a", text)
        registry.set_registered_model_tag("a", RegisteredModelTag("k", text))
        registry.update_model_version("a", 1, text)
        registry.set_model_version_tag("a", 1, ModelVersionTag("k", text))

        model, version = registry.get_registered_model("a"), registry.get_model_version("a", 1)
        assert (model.description, model.tags) == (text, {"k": text})
        assert (version.description, version.tags) == (text, {"k": text})
        assert texts_in(table) == 4

    registry.update_registered_model("a", None)
    registry.set_registered_model_tag("a", RegisteredModelTag("k", "short"))
    registry.delete_model_version_tag("a", 1, "k")
    assert texts_in(table) == 1
    registry.delete_model_version("a", 1)
    assert texts_in(table) == 0


def test_nothing_is_too_long(registry: DynamoRegistryStore) -> None:
    description, tags = noise(400_000), {str(n): noise(100_000) for n in range(3)}
    registry.create_registered_model(
        "a", [RegisteredModelTag(key, value) for key, value in tags.items()], description
    )
    registry.create_model_version("a", SOURCE, description=description)
    for key, value in tags.items():
        registry.set_model_version_tag("a", 1, ModelVersionTag(key, value))

    model = registry.get_registered_model("a")
    assert (model.description == description, model.tags == tags) == (True, True)
    [version] = model.latest_versions
    assert (version.description == description, version.tags == tags) == (True, True)


def test_an_item_that_is_nearly_full_keeps_the_next_text_beside_it(
    registry: DynamoRegistryStore, table: SqliteTable
) -> None:
    registry.create_registered_model("a")
    tags = {f"tag {n}": str(n % 10) * 8_000 for n in range(60)}
    for key, value in tags.items():
        registry.set_registered_model_tag("a", RegisteredModelTag(key, value))

    assert registry.get_registered_model("a").tags == tags
    assert 0 < texts_in(table) < 60


def test_a_reader_meets_the_old_text_or_the_new_one(
    registry: DynamoRegistryStore, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a reader that has read the item, but not the text
    registry.create_registered_model("a", description=LONG)
    batch_get, changed = table.batch_get, []

    def meanwhile(keys: object, **options: object) -> object:
        found = batch_get(keys, **options)  # type: ignore[arg-type]
        if not changed:
            # when another replaces the text
            changed.append(True)
            DynamoRegistryStore(table).update_registered_model("a", LONG + "new")
        return found

    monkeypatch.setattr(table, "batch_get", meanwhile)

    # then it reads again
    assert registry.get_registered_model("a").description == LONG + "new"
