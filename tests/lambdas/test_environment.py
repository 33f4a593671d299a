"""What the functions read from their environment."""

from __future__ import annotations

import pytest
from dynamodbstore_lambdas.environment import InvalidEnvironment, read_environment

GIVEN = {"TABLE_NAME": "mlflow", "QUEUE_URL": "https://queue"}


def test_table_and_queue_are_read() -> None:
    environment = read_environment(GIVEN)

    assert (environment.table_name, environment.queue_url) == ("mlflow", "https://queue")
    assert environment.fts_fields == ()


def test_further_fields_are_comma_separated() -> None:
    environment = read_environment(GIVEN | {"MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS": " description ,"})

    assert environment.fts_fields == ("description",)


@pytest.mark.parametrize("missing", GIVEN)
def test_a_missing_variable_is_named(missing: str) -> None:
    with pytest.raises(InvalidEnvironment, match=missing):
        read_environment({**GIVEN, missing: ""})


def test_an_unknown_field_is_named_with_what_is_allowed() -> None:
    with pytest.raises(InvalidEnvironment, match=r"'colour' is unknown; .* are: description"):
        read_environment(GIVEN | {"MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS": "colour"})
