"""Items go into the embedded file and come out as they were."""

from __future__ import annotations

from typing import Any

import pytest
from dynamodbstore_table.embedded.codec import decode, decode_partition, decode_rows, encode, pick
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import Item, Put, Table, Update
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = ("A", "1")

# Text that looks like an escape, and text that JSON must escape, more often than chance has it.
texts = (
    st.text() | st.builds("\x7f".__add__, st.text()) | st.sampled_from(["\x7fb", "\x7fi1", '"\0'])
)
numbers = st.integers(-(10**38) + 1, 10**38 - 1) | st.sampled_from(
    [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64]
)
scalars = st.none() | st.booleans() | texts | numbers | st.binary(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = texts.filter(lambda name: name not in {"", "PK", "SK", "ttl"} and name[:3] != "gsi")
items = st.builds(
    lambda attributes: {"PK": KEY[0], "SK": KEY[1], **attributes},
    st.dictionaries(names, values, max_size=4),
)


def types(value: Any) -> Any:
    """The types in a value: 1 and True are equal, but not the same."""
    if isinstance(value, list):
        return [types(part) for part in value]
    if isinstance(value, dict):
        return {name: types(part) for name, part in value.items()}
    return type(value)


@given(items)
def test_an_item_comes_back_as_it_was(item: Item) -> None:
    found = decode(KEY[0], encode(item))

    assert found == item
    assert types(found) == types(item)


@given(st.lists(items, min_size=1, max_size=3))
def test_items_come_back_together_as_they_were(many: list[Item]) -> None:
    bodies = [encode(item) for item in many]

    assert decode_partition(KEY[0], b",".join(bodies)) == many
    assert decode_rows([(KEY[0], body) for body in bodies]) == many


@given(items, st.data())
def test_some_attributes_are_those_of_the_whole_item(item: Item, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from([*item, "missing"]), unique=True))

    assert decode_partition(KEY[0], encode(item), wanted) == [pick(item, wanted)]


@given(items)
def test_the_stored_form_is_at_least_half_the_size_that_counts(item: Item) -> None:
    # So that the exact size need be computed only when the stored form is large.
    counted = item_size({name: value for name, value in item.items() if name != "PK"})

    assert counted <= 2 * len(encode(item))


@settings(max_examples=30)
@given(item=items)
def test_an_item_comes_back_from_the_file_on_every_way(
    item: Item, sqlite_table_for_all: Table
) -> None:
    table = sqlite_table_for_all

    table.write(Put(item))

    assert table.get(KEY) == item
    assert table.batch_get([KEY]) == {KEY: item}
    assert table.query("A").items == [item]
    assert table.partitions(["A", "B"]) == {"A": [item], "B": []}
    assert table.scan().items == [item]


@pytest.fixture(scope="module")
def sqlite_table_for_all(tmp_path_factory: pytest.TempPathFactory) -> Any:
    table = SqliteTable(tmp_path_factory.mktemp("codec") / "table.ddb", durability="process")
    table.create()
    yield table
    table.close()


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        (1, 2),
        {1, 2},
        bytearray(b"x"),
        pytest.param(object(), id="an object"),
        {"deep": [1, {"deeper": 0.5}]},
        {1: "a key that is no text"},
        10**38,
        -(10**38),
        "\ud800",
        ["\udfff"],
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_a_value_that_no_item_holds_is_refused(sqlite_table: SqliteTable, value: Any) -> None:
    with pytest.raises(InvalidOps):
        sqlite_table.write(Put({"PK": "A", "SK": "1", "value": value}))
    with pytest.raises(InvalidOps):
        sqlite_table.write(Update(KEY, set={"value": value}))
    assert sqlite_table.get(KEY) is None


@pytest.mark.parametrize("key", [("\ud800", "1"), ("A", "\ud800")])
def test_a_key_that_is_not_unicode_is_refused(
    sqlite_table: SqliteTable, key: tuple[str, str]
) -> None:
    with pytest.raises(InvalidOps, match="not valid Unicode"):
        sqlite_table.write(Put({"PK": key[0], "SK": key[1]}))
    with pytest.raises(InvalidOps, match="not valid Unicode"):
        sqlite_table.get(key)


def test_a_nest_without_end_is_refused(sqlite_table: SqliteTable) -> None:
    nest: list[Any] = []
    nest.append(nest)

    with pytest.raises(InvalidOps, match="nested deeper"):
        sqlite_table.write(Put({"PK": "A", "SK": "1", "nest": nest}))
