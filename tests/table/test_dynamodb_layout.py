"""A table that is laid out in another way: described once, with commands that mend it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import TableMissing, TableUnfit
from dynamodbstore_table.port import Put
from dynamodbstore_table.schema import STREAM, table_definition
from moto import mock_aws

from tests.conftest import new_table_name
from tests.table.faults import Faults


@pytest.fixture
def table() -> Iterator[DynamoDBTable]:
    """A table in a region, not created yet."""
    with mock_aws():
        table = DynamoDBTable(new_table_name(), region="eu-west-1", max_connections=1)
        yield table
        table.close()


def made(table: DynamoDBTable, **changes: Any) -> None:
    """Create the table as this store's, but for these parameters of CreateTable."""
    definition = table_definition(table.name) | {"StreamSpecification": STREAM} | changes
    table.client.sdk().create_table(**{k: v for k, v in definition.items() if v is not None})


def of_other_keys(name: str, *keys: tuple[str, str]) -> dict[str, Any]:
    """The parameters of a table with these keys, and their types."""
    definition = table_definition(name)
    attributes = [a for a in definition["AttributeDefinitions"] if "gsi" in a["AttributeName"]]
    kinds = zip(("HASH", "RANGE"), keys, strict=False)
    return {
        "AttributeDefinitions": [
            *attributes,
            *({"AttributeName": key, "AttributeType": kind} for key, kind in keys),
        ],
        "KeySchema": [{"AttributeName": key, "KeyType": role} for role, (key, _) in kinds],
    }


def with_index(name: str, index: str, **changes: Any) -> dict[str, Any]:
    """The parameters of a table with one index changed."""
    indexes = deepcopy(table_definition(name)["GlobalSecondaryIndexes"])
    for each in indexes:
        if each["IndexName"] == index:
            each.update(changes)
    return {"GlobalSecondaryIndexes": indexes}


def without_index(name: str, index: str) -> dict[str, Any]:
    definition = table_definition(name)
    kept = [each for each in definition["GlobalSecondaryIndexes"] if each["IndexName"] != index]
    attributes = [
        each
        for each in definition["AttributeDefinitions"]
        if not each["AttributeName"].startswith(index.lower())
    ]
    return {"GlobalSecondaryIndexes": kept, "AttributeDefinitions": attributes}


def of_the_other_package() -> dict[str, Any]:
    """The layout of a table of mlflow-dynamodbstore 0.1.0 of PyPI."""
    names = ["PK", "SK", *(f"lsi{n}sk" for n in range(1, 6))]
    names += [f"gsi{n}{part}" for n in range(1, 6) for part in ("pk", "sk")]

    def index(name: str, *keys: str) -> dict[str, Any]:
        roles = zip(keys, ("HASH", "RANGE"), strict=True)
        return {
            "IndexName": name,
            "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in roles],
            "Projection": {"ProjectionType": "ALL"},
        }

    return {
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in names],
        "LocalSecondaryIndexes": [index(f"lsi{n}", "PK", f"lsi{n}sk") for n in range(1, 6)],
        "GlobalSecondaryIndexes": [index(f"gsi{n}", f"gsi{n}pk", f"gsi{n}sk") for n in range(1, 6)],
    }


def unfit(table: DynamoDBTable) -> str:
    """What is wrong with the table: the same for its check, its facts and its creation."""
    messages = set()
    for look in (table.check, table.facts, table.create):
        with pytest.raises(TableUnfit) as raised:
            look()
        messages.add(str(raised.value))
    (message,) = messages
    assert "\n" not in message
    assert message.startswith(f"the table {table.name!r} does not fit this store: ")
    return message


class TestThatFits:
    def test_check_of_a_table_makes_one_request(self, table: DynamoDBTable) -> None:
        table.create()
        faults = Faults(table)

        table.check()

        assert [name for name, _ in faults.calls] == ["DescribeTable"]

    def test_facts_of_a_new_table_lack_nothing(self, table: DynamoDBTable) -> None:
        table.create()

        assert table.facts().lacks == ()

    def test_check_accepts_more_indexes_and_wider_ones(self, table: DynamoDBTable) -> None:
        changes = with_index(table.name, "GSI2", Projection={"ProjectionType": "ALL"})
        changes["GlobalSecondaryIndexes"].append(
            changes["GlobalSecondaryIndexes"][0] | {"IndexName": "another"}
        )
        made(table, **changes)

        table.check()

    def test_check_raises_for_a_missing_table(self, table: DynamoDBTable) -> None:
        with pytest.raises(TableMissing):
            table.check()
        with pytest.raises(TableMissing):
            table.facts()

    def test_check_accepts_a_table_on_a_local_engine(self, dynoxide_table: DynamoDBTable) -> None:
        dynoxide_table.check()

        assert [lack for lack in dynoxide_table.facts().lacks if "time to live" in lack] == []


class TestThatDoesNotFit:
    @pytest.mark.parametrize(
        ("keys", "found"),
        [
            ((("pk", "S"), ("sk", "S")), "pk (text) and sk (text)"),
            ((("PK", "S"), ("SK", "N")), "PK (text) and SK (number)"),
            ((("PK", "B"), ("SK", "S")), "PK (bytes) and SK (text)"),
            ((("PK", "S"),), "PK (text)"),
        ],
    )
    def test_error_for_wrong_keys_names_both(
        self, table: DynamoDBTable, keys: Sequence[tuple[str, str]], found: str
    ) -> None:
        made(table, **of_other_keys(table.name, *keys))

        message = unfit(table)

        assert f"its keys are {found}, not PK (text) and SK (text)" in message
        assert "name another table" in message

    @pytest.mark.parametrize("index", ["GSI1", "GSI2"])
    def test_error_for_a_missing_index_names_the_command_that_adds_it(
        self, table: DynamoDBTable, index: str
    ) -> None:
        made(table, **without_index(table.name, index))

        message = unfit(table)

        assert f"it lacks the index {index}" in message
        (command,) = commands_in(message)
        do(table, command)
        table.check()

    def test_error_for_two_missing_indexes_names_a_command_for_each(
        self, table: DynamoDBTable
    ) -> None:
        definition = table_definition(table.name)
        attributes = [a for a in definition["AttributeDefinitions"] if "gsi" not in str(a)]
        made(table, GlobalSecondaryIndexes=None, AttributeDefinitions=attributes)

        both = unfit(table)
        do(table, commands_in(both)[0])
        one = unfit(table)
        do(table, commands_in(one)[0])

        assert "one index at a time" in both
        assert "one index at a time" not in one
        table.check()

    @pytest.mark.parametrize(
        ("index", "projection", "found"),
        [
            ("GSI1", {"ProjectionType": "KEYS_ONLY"}, "the keys only, not all attributes"),
            (
                "GSI1",
                {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["name"]},
                "the keys and name, not all attributes",
            ),
            ("GSI2", {"ProjectionType": "KEYS_ONLY"}, "the keys only, not ttl"),
        ],
    )
    def test_error_for_the_projection_of_an_index_names_the_commands_that_make_it_again(
        self, table: DynamoDBTable, index: str, projection: Mapping[str, Any], found: str
    ) -> None:
        made(table, **with_index(table.name, index, Projection=projection))

        message = unfit(table)

        assert f"its index {index} holds {found}" in message
        for command in commands_in(message):
            do(table, command)
        table.check()

    def test_error_for_the_keys_of_an_index_names_them(self, table: DynamoDBTable) -> None:
        keys = [{"AttributeName": "gsi1sk", "KeyType": "HASH"}]
        keys.append({"AttributeName": "gsi1pk", "KeyType": "RANGE"})
        made(table, **with_index(table.name, "GSI1", KeySchema=keys))

        message = unfit(table)

        assert "its index GSI1 has the keys gsi1sk (text) and gsi1pk (text), not gsi1pk" in message

    def test_error_for_the_table_of_another_package_names_that_package(
        self, table: DynamoDBTable
    ) -> None:
        made(table, **of_the_other_package())

        message = unfit(table)

        assert "another package of the same name, mlflow-dynamodbstore 0.1.0 of PyPI" in message
        assert "Name another table; that one is left as it is" in message
        assert "update-table" not in message

    def test_table_that_does_not_fit_is_left_as_it_is(self, table: DynamoDBTable) -> None:
        made(table, **without_index(table.name, "GSI2"))
        faults = Faults(table)

        unfit(table)

        assert {name for name, _ in faults.calls} == {"DescribeTable"}

    def test_error_names_a_table_that_does_not_fit_where_no_check_was_made(
        self, dynoxide_endpoint: str
    ) -> None:
        table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint)
        made(table, **of_other_keys(table.name, ("pk", "S"), ("sk", "S")))
        status = f"mlflow-dynamodbstore status --table {table.name}"

        with pytest.raises(TableUnfit, match=status):
            table.get(("a", "1"))
        with pytest.raises(TableUnfit, match=status):
            table.write(Put({"PK": "a", "SK": "1"}))
        with pytest.raises(TableUnfit, match=status):
            table.query("a")
        table.close()


class TestThatLacksSomething:
    def test_lack_of_a_stream_names_the_command_that_switches_it_on(
        self, table: DynamoDBTable
    ) -> None:
        made(table, StreamSpecification=None)

        (lack, _) = table.facts().lacks

        assert "no stream" in lack
        (command,) = commands_in(lack)
        do(table, command)
        assert [lack for lack in table.facts().lacks if "stream" in lack] == []

    def test_lack_of_images_in_the_stream_is_reported(self, table: DynamoDBTable) -> None:
        made(table, StreamSpecification={**STREAM, "StreamViewType": "KEYS_ONLY"})

        (lack, _) = table.facts().lacks

        assert "its stream carries KEYS_ONLY, not NEW_AND_OLD_IMAGES" in lack

    def test_lack_of_a_time_to_live_is_mended_by_create(self, table: DynamoDBTable) -> None:
        made(table)

        (lack,) = table.facts().lacks

        assert "no time to live on 'ttl'" in lack
        assert f"create-table --table {table.name} --region eu-west-1" in lack
        table.create()
        assert table.facts().lacks == ()


def commands_in(message: str) -> list[list[str]]:
    """The commands of the AWS CLI in a message, as a shell would split them."""
    found = []
    for part in message.split("aws dynamodb ")[1:]:
        lexer = shlex.shlex(part, posix=True, punctuation_chars=";")
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if word in (";", "and,", "and", "when"):
                break
            words.append(word)
        found.append([word.rstrip(".") for word in words])
    return found


def do(table: DynamoDBTable, command: Sequence[str]) -> None:
    """Do what a command of the AWS CLI would."""
    name, *words = command
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word] = values = []
        else:
            values.append(word)
    assert name == "update-table"
    assert options.pop("--table-name") == [table.name]
    assert options.pop("--region") == ["eu-west-1"]
    parameters: dict[str, Any] = {}
    if "--attribute-definitions" in options:
        parameters["AttributeDefinitions"] = [
            _shorthand(word) for word in options.pop("--attribute-definitions")
        ]
    if "--global-secondary-index-updates" in options:
        (updates,) = options.pop("--global-secondary-index-updates")
        parameters["GlobalSecondaryIndexUpdates"] = json.loads(updates)
    if "--stream-specification" in options:
        (stream,) = options.pop("--stream-specification")
        parameters["StreamSpecification"] = {
            key: value == "true" if key == "StreamEnabled" else value
            for key, value in _shorthand(stream).items()
        }
    assert options == {}
    table.client.sdk().update_table(TableName=table.name, **parameters)


def _shorthand(word: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in word.split(","))
