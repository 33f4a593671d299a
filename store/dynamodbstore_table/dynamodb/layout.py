"""Whether a table on DynamoDB is laid out as this store's, and what to do where it is not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dynamodbstore_table.dynamodb.errors import Place
from dynamodbstore_table.errors import TableUnfit
from dynamodbstore_table.schema import STREAM, TTL, table_definition

_TYPES: Final = {"S": "text", "N": "number", "B": "bytes"}
_OF_THE_OTHER_PACKAGE: Final = frozenset(
    {f"{kind}{number}" for kind in ("gsi", "lsi") for number in range(1, 6)}
)
"""The indexes of a table that mlflow-dynamodbstore 0.1.0 of PyPI, another package, made."""


def check_layout(description: Mapping[str, Any], at: Place) -> None:
    """Raise ``TableUnfit``, with the remedy, unless the keys and the indexes are this store's.

    ``description`` is what DescribeTable returns as ``Table``. Further indexes do no harm.
    """
    differences = list(_differences(description, at))
    if differences:
        found = "; ".join(differences)
        if len(differences) > 1:
            found += ". DynamoDB changes one index at a time: wait until it is ACTIVE"
        raise TableUnfit(f"the table {at.table!r} does not fit this store: {found}")


def lacks(description: Mapping[str, Any], time_to_live: bool | None, at: Place) -> tuple[str, ...]:
    """What the table lacks that the store works without, each with what is lost and the remedy.

    ``time_to_live`` is whether it is on for the attribute ``ttl``; None where that is not known.
    """
    missing: list[str] = []
    stream = description.get("StreamSpecification") or {}
    if not stream.get("StreamEnabled"):
        missing.append(
            "no stream: stream functions can't keep the projections; switch it on with "
            f"{_aws('update-table', at, '--stream-specification', _stream_as_option())}"
        )
    elif stream.get("StreamViewType") != STREAM["StreamViewType"]:
        missing.append(
            f"its stream carries {stream.get('StreamViewType')}, not {STREAM['StreamViewType']}, "
            "which the stream functions need; switch it off with "
            f"{_aws('update-table', at, '--stream-specification', 'StreamEnabled=false')} and on "
            f"with {_aws('update-table', at, '--stream-specification', _stream_as_option())}"
        )
    if time_to_live is False:
        missing.append(
            f"no time to live on {TTL!r}: what has expired is hidden, but stays and is paid for; "
            f"switch it on with mlflow-dynamodbstore create-table {at.options}"
        )
    return tuple(missing)


def _differences(description: Mapping[str, Any], at: Place) -> Iterator[str]:
    if names_of_indexes(description) >= _OF_THE_OTHER_PACKAGE:
        yield (
            "it was made by another package of the same name, mlflow-dynamodbstore 0.1.0 of PyPI, "
            "whose items this one can't read. Name another table; that one is left as it is"
        )
        return
    definition = table_definition(at.table)
    if _keys(description, description) != _keys(definition, definition):
        yield (
            f"its keys are {_in_words(_keys(description, description))}, not "
            f"{_in_words(_keys(definition, definition))}. Keys can't be changed: name another table"
        )
        return
    found = {index["IndexName"]: index for index in _indexes(description)}
    for wanted in definition["GlobalSecondaryIndexes"]:
        name = wanted["IndexName"]
        index = found.get(name)
        if index is None:
            yield f"it lacks the index {name}. Add it with {_create_index(wanted, description, at)}"
            continue
        wrong = _wrong_in_index(index, description, wanted, definition)
        if wrong:
            yield (
                f"its index {name} {wrong}. Remove the index with {_delete_index(name, at)} and, "
                f"when it has gone, make it again with {_create_index(wanted, description, at)}"
            )


def names_of_indexes(description: Mapping[str, Any]) -> set[str]:
    """The names of the table's indexes, the local ones included."""
    local = description.get("LocalSecondaryIndexes") or ()
    return {index["IndexName"] for index in (*_indexes(description), *local)}


def _wrong_in_index(
    index: Mapping[str, Any],
    description: Mapping[str, Any],
    wanted: Mapping[str, Any],
    definition: Mapping[str, Any],
) -> str:
    keys, right = _keys(index, description), _keys(wanted, definition)
    if keys != right:
        return f"has the keys {_in_words(keys)}, not {_in_words(right)}"
    holds = index.get("Projection", {})
    needed = wanted["Projection"]
    if holds.get("ProjectionType") == "ALL":
        return ""
    if needed["ProjectionType"] == "ALL":
        return f"holds {_projected(holds)}, not all attributes"
    lost = set(needed["NonKeyAttributes"]) - set(holds.get("NonKeyAttributes") or ())
    return f"holds {_projected(holds)}, not {', '.join(sorted(lost))}" if lost else ""


def _projected(projection: Mapping[str, Any]) -> str:
    attributes = projection.get("NonKeyAttributes") or ()
    return f"the keys and {', '.join(attributes)}" if attributes else "the keys only"


def _indexes(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(description.get("GlobalSecondaryIndexes") or ())


def _keys(of: Mapping[str, Any], table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The names and types of the keys, the partition key first; types stand with the table."""
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    schema = sorted(of["KeySchema"], key=lambda key: key["KeyType"] != "HASH")
    return [(key["AttributeName"], types[key["AttributeName"]]) for key in schema]


def _in_words(keys: list[tuple[str, str]]) -> str:
    return " and ".join(f"{name} ({_TYPES.get(kind, kind)})" for name, kind in keys)


def _create_index(index: Mapping[str, Any], description: Mapping[str, Any], at: Place) -> str:
    types = {a["AttributeName"]: a["AttributeType"] for a in description["AttributeDefinitions"]}
    types |= {key["AttributeName"]: "S" for key in index["KeySchema"]}
    attributes = (f"AttributeName={name},AttributeType={kind}" for name, kind in types.items())
    created = json.dumps([{"Create": index}])
    return _aws(
        "update-table",
        at,
        *("--attribute-definitions", *attributes),
        *("--global-secondary-index-updates", created),
    )


def _delete_index(name: str, at: Place) -> str:
    deleted = json.dumps([{"Delete": {"IndexName": name}}])
    return _aws("update-table", at, "--global-secondary-index-updates", deleted)


def _stream_as_option() -> str:
    return f"StreamEnabled=true,StreamViewType={STREAM['StreamViewType']}"


def _aws(command: str, at: Place, *options: str) -> str:
    """A command of the AWS CLI about the table, quoted for a shell."""
    where = [option for option in (at.region and "--region", at.region) if option]
    if at.endpoint_url is not None:
        where = ["--endpoint-url", at.endpoint_url]
    return shlex.join(("aws", "dynamodb", command, "--table-name", at.table, *where, *options))
