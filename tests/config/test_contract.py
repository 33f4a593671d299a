"""The examples of the public contract, as they are written there, on every kind of store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_projections.config import ConfigSource, config_from_items
from dynamodbstore_table.port import Item, Put, Table
from mlflow.entities import ExperimentTag, ViewType
from mlflow_dynamodbstore.location import parse_location
from mlflow_dynamodbstore.settings import read_settings
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, USAGE, Named, rows, run, run_json
from tests.commands.conftest import waits  # noqa: F401
from tests.config.items import FTS_TRIGRAM_FIELDS, item, write_item
from tests.conftest import new_table_name
from tests.docs import markdown

REGION = "us-east-1"
NAMES = ["experiment_name", "run_name", "model_name"]
EXAMPLE = "fts-trigrams set --field experiment_name --field run_name --field description"
DOCUMENTED = EXAMPLE.split()

pytestmark = pytest.mark.usefixtures("waits")


@dataclass(frozen=True)
class Place:
    """A store, its table, and the options that name it."""

    uri: str
    named: Named

    def store(self, **variables: str) -> DynamoTrackingStore:
        """A server's store, which it opens with these variables."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            return build_tracking_store(self.uri, "memory:/")


@pytest.fixture(params=["file", "endpoint", "region"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A new store, named in each way that the contract has."""
    if request.param == "file":
        uri = f"dynamodb:///{tmp_path}/store.ddb"
        named: Named = ("--store-uri", uri)
    else:
        endpoint = request.getfixturevalue("dynoxide_endpoint")
        table = new_table_name()
        if request.param == "endpoint":
            uri = f"dynamodb://{endpoint}/{table}"
            named = ("--table", table, "--endpoint-url", endpoint)
        else:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
            uri = f"dynamodb://{REGION}/{table}"
            named = ("--table", table, "--region", REGION)
    assert run("create-table", *named).exit_code == DONE
    return Place(uri, named)


@pytest.fixture
def table(place: Place) -> Iterator[Table]:
    store = place.store()
    yield store._table
    store._table.close()


@pytest.mark.parametrize(
    ("uri", "region", "endpoint", "table"),
    [
        ("dynamodb://us-east-1/my-table", "us-east-1", None, "my-table"),
        ("dynamodb://localhost:8000/test-table", None, "http://localhost:8000", "test-table"),
        (
            *("dynamodb://http://dynamodb.local:8000/dev", None),
            *("http://dynamodb.local:8000", "dev"),
        ),
    ],
)
def test_uris_name_what_the_contract_defines(
    uri: str, region: str | None, endpoint: str | None, table: str
) -> None:
    location: Any = parse_location(uri)

    assert getattr(location, "region", None) == region
    assert getattr(location, "endpoint_url", None) == endpoint
    assert location.table == table


CONFIG_ITEMS = """
{"PK": "CONFIG", "SK": "DENORMALIZE_TAGS", "patterns": ["mlflow.*", "team", "env"]}
{"PK": "CONFIG", "SK": "TTL_POLICY", "trace_retention_days": 30, "soft_deleted_retention_days": 90, "metric_history_retention_days": 365}
{"PK": "CONFIG", "SK": "FTS_TRIGRAM_FIELDS", "fields": ["description"]}
""".strip().splitlines()  # noqa: E501


def test_config_items_are_read_as_they_are_written(table: Table) -> None:
    items: list[Item] = [json.loads(line) for line in CONFIG_ITEMS]
    table.write(*map(Put, items))

    config = ConfigSource(table).read()

    assert config.patterns == ("mlflow.*", "team", "env")
    assert config.ttl.soft_deleted_retention_days == 90
    assert config.fts_fields == ("description",)


def test_fts_trigrams_set_takes_the_documented_example(place: Place, table: Table) -> None:
    # Given the example, as the page of commands shows it
    assert EXAMPLE in " ".join(markdown.read("docs/commands.md").replace("\\\n", " ").split())

    done = run(*DOCUMENTED, *place.named)

    assert done.exit_code == DONE
    assert "always: experiment_name, run_name, model_name" in done.output
    found = item(table, FTS_TRIGRAM_FIELDS)
    assert found is not None
    assert found["fields"] == ["description"]


def test_fts_trigrams_show_shows_names_as_always(place: Place, table: Table) -> None:
    run(*DOCUMENTED, *place.named, "--replay")

    shown = rows(run("fts-trigrams", "show", *place.named).output)
    printed = run_json("fts-trigrams", "show", *place.named)

    assert [line for line in shown if "always" in line] == [f"{n} always yes" for n in NAMES]
    assert (printed["always"], printed["fields"]) == (NAMES, ["description"])


def test_fts_trigrams_set_of_names_alone_changes_nothing(place: Place, table: Table) -> None:
    done = run("fts-trigrams", "set", "--field", "run_name", *place.named)

    assert done.exit_code == DONE
    assert "nothing changed" in done.output
    assert item(table, FTS_TRIGRAM_FIELDS) is None


def test_names_in_the_config_item_change_nothing(place: Place, table: Table) -> None:
    write_item(table, FTS_TRIGRAM_FIELDS, fields=[*NAMES, "description"])

    assert ConfigSource(table).read().fts_fields == ("description",)
    done = run(*DOCUMENTED, *place.named)
    assert "nothing changed" in done.output
    assert run("status", *place.named).exit_code == DONE


def test_names_in_the_variable_change_nothing(place: Place) -> None:
    store = place.store(MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS=",".join([*NAMES, "description"]))

    assert store._config.current().fts_fields == ("description",)
    store._table.close()


def test_an_item_of_names_alone_has_no_further_field() -> None:
    config = config_from_items([{"SK": FTS_TRIGRAM_FIELDS, "fields": NAMES}])

    assert config.fts_fields == ()


def test_the_variables_take_what_the_contract_defines() -> None:
    settings = read_settings(
        {
            "MLFLOW_DYNAMODB_SOFT_DELETED_RETENTION_DAYS": "0",
            "MLFLOW_DYNAMODB_TRACE_RETENTION_DAYS": "30",
            "MLFLOW_DYNAMODB_METRIC_HISTORY_RETENTION_DAYS": "365",
            "MLFLOW_DYNAMODB_DENORMALIZE_TAGS": "mlflow.*",
            "MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS": "experiment_name,run_name,model_name,description",
            "MLFLOW_DYNAMODB_PROJECTIONS": "auto",
            "MLFLOW_DYNAMODB_RUN_SHARDS": "1",
        }
    )

    assert len(settings.given) == 7


@pytest.mark.parametrize(
    "example",
    [
        "denormalize-tags show",
        "denormalize-tags set --pattern team --pattern env",
        "denormalize-tags set --experiment-id 0 --pattern own.*",
        "denormalize-tags show --experiment-id 0",
        "ttl-policy show",
        "ttl-policy set --trace-retention-days 7 --soft-deleted-retention-days 0"
        " --metric-history-retention-days 30",
        "fts-trigrams show",
        "fts-trigrams set --field description",
    ],
)
def test_commands_run_with_text_and_json(place: Place, table: Table, example: str) -> None:
    words = example.split()

    assert run(*words, *place.named).exit_code == DONE
    assert run_json(*words, *place.named)["table"]


def test_set_prints_what_changed_and_which_replay_to_run(place: Place, table: Table) -> None:
    done = run("denormalize-tags", "set", "--pattern", "team", *place.named)

    assert "added: team" in done.output
    assert "mlflow-dynamodbstore replay" in done.output


def test_wrong_usage_ends_with_2(place: Place) -> None:
    assert run("fts-trigrams", "set", "--field", "colour", *place.named).exit_code == USAGE


def test_a_search_by_a_described_name_finds_it(place: Place) -> None:
    # Given the documented example, built
    store = place.store()
    note = [ExperimentTag("mlflow.note.content", "the lion sleeps")]
    experiment_id = store.create_experiment("zoo", None, note)
    assert run(*DOCUMENTED, *place.named, "--replay").exit_code == DONE

    # Then the description is found by a part of it
    where = "tags.`mlflow.note.content` LIKE '%lion%'"
    found = store.search_experiments(ViewType.ACTIVE_ONLY, 10, where)
    assert [experiment.experiment_id for experiment in found] == [experiment_id]
    store._table.close()
