"""The pages say what the code does: every variable, default, item, event, parameter and command."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import click
import pytest
from dynamodbstore_projections.config import (
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    IN_A_FILE,
    TtlPolicy,
    config_from_items,
)
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED
from mlflow.cli import cli as mlflow
from mlflow_dynamodbstore import logs, settings
from mlflow_dynamodbstore.cli import main
from mlflow_dynamodbstore.location import parse_location

from tests.docs import command_page, markdown
from tests.docs.markdown import PAGES, ROOT
from tests.lambdas.template import template

CONFIGURATION = "docs/configuration.md"
DEPLOYMENT = "docs/deployment.md"
PACKAGES = ("events", "store", "projections", "lambdas")
# What a shell would put in the place of the pages' variables.
NAMES = {
    "$AWS_REGION": "eu-central-1",
    "$TABLE": "mlflow",
    "$ACCOUNT": "123456789012",
    "$BUCKET": "artifacts",
}


def named_in_code() -> set[str]:
    """Every variable of ours or of MLflow's that the code names, but MLflow's private ones."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    texts = {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if re.fullmatch(r"MLFLOW_[A-Z_]+", text)}


def defaults() -> dict[str, str]:
    """What holds for each variable where nothing is set."""
    unset = settings.read_settings({})
    policy = TtlPolicy()
    return {
        **{
            variable: f"{getattr(policy, field)}`, in a file `{getattr(IN_A_FILE, field)}"
            for field, variable in settings.DAYS_VARIABLES.items()
        },
        settings.DENORMALIZE_TAGS: ALWAYS_DENORMALIZED,
        settings.FTS_TRIGRAM_FIELDS: ",".join(unset.fts_fields),
        settings.PROJECTIONS: unset.projections,
        settings.RUN_SHARDS: str(unset.run_shards),
        settings.TRACE_SHARDS: str(unset.trace_shards),
        settings.SLOW_MS: str(unset.slow_ms),
    }


class TestConfiguration:
    @pytest.fixture
    def variables(self) -> dict[str, list[str]]:
        table = markdown.rows(markdown.section(CONFIGURATION, "## Environment variables"))
        return {name.strip("`"): cells for name, *cells in table}

    def test_page_has_every_variable_that_the_code_names(self, variables: dict[str, list[str]]) -> None:
        assert set(variables) == named_in_code()

    def test_page_has_the_defaults_of_the_code(self, variables: dict[str, list[str]]) -> None:
        listed = {name: default.strip("`") for name, (_, default) in variables.items()}

        assert listed == {name: defaults().get(name) or "none" for name in variables}
        assert defaults().keys() == set(settings.VARIABLES)

    def test_page_has_every_mode_and_number_of_shards(self, variables: dict[str, list[str]]) -> None:
        assert all(f"`{mode}`" in variables[settings.PROJECTIONS][0] for mode in settings.MODES)
        assert f"1 to {settings.MOST_SHARDS}" in variables[settings.RUN_SHARDS][0]

    def test_page_shows_items_that_can_be_read_with_the_defaults(self) -> None:
        text = markdown.section(CONFIGURATION, "## CONFIG items")
        items = [json.loads(block) for block in markdown.blocks(text, "json")]

        config = config_from_items(items)

        assert [item["SK"] for item in items] == [DENORMALIZE_TAGS, TTL_POLICY, FTS_TRIGRAM_FIELDS]
        assert config.ttl == TtlPolicy()
        assert config.fts_fields == ("description",)

    def test_page_shows_uris_that_can_be_read(self) -> None:
        for uri in re.findall(r"`(dynamodb://[^`?]+)`", markdown.read(CONFIGURATION)):
            parse_location(uri)

    def test_page_has_every_event_with_its_level(self) -> None:
        rows = markdown.rows(markdown.section(CONFIGURATION, "## The log"))
        listed = {event.strip("`"): level for event, level, _ in rows}

        assert listed == dict(_events())


def _events() -> list[tuple[str, str]]:
    """The events of ``logs``, each in a function of its name, with their levels."""
    tree = ast.parse(Path(logs.__file__).read_text())
    found = []
    for function in tree.body:
        text = ast.unparse(function)
        if isinstance(function, ast.FunctionDef) and f"'{function.name}'" in text:
            level = "WARNING" if "logging.WARNING" in text else "INFO"
            found.append((function.name, level))
    return found


class TestDeployment:
    def test_page_has_every_parameter_of_the_template_with_its_default(self) -> None:
        rows = markdown.rows(markdown.section(DEPLOYMENT, "## 1. The table and the functions"))
        listed = {name.strip("`"): default.strip("`") for name, default, _ in rows}

        assert listed == {
            name: str(parameter["Default"]) or "none"
            for name, parameter in template()["Parameters"].items()
        }

    def test_page_deploys_with_parameters_of_the_template(self) -> None:
        given = re.findall(r"--parameter-overrides (.*)", markdown.read(DEPLOYMENT))

        assert given
        named = {text.partition("=")[0] for line in given for text in line.split()}
        assert named <= set(template()["Parameters"])

    def test_page_shows_policies_and_tasks_that_can_be_read(self) -> None:
        documents = re.findall(r"<<\w+\n(\{.*?)\n[A-Z]+$", markdown.read(DEPLOYMENT), re.S | re.M)

        assert len(documents) == 3
        for document in documents:
            json.loads(document)


class TestCommands:
    def test_page_of_commands_is_generated_from_the_commands(self) -> None:
        assert markdown.read("docs/commands.md") == command_page.page(), (
            "run: python -m tests.docs.command_page"
        )

    @pytest.mark.parametrize("page", PAGES)
    def test_commands_of_a_page_can_be_typed(self, page: str) -> None:
        for _, *words in markdown.commands(markdown.read(page), "mlflow-dynamodbstore"):
            _read_command(main, [NAMES.get(word, word) for word in words])

    def test_commands_are_found_in_the_pages(self) -> None:
        assert len(list(markdown.commands(markdown.read(DEPLOYMENT), "mlflow-dynamodbstore"))) > 5

    @pytest.mark.parametrize("page", PAGES)
    def test_commands_of_mlflow_have_known_options(self, page: str) -> None:
        for _, _, *words in markdown.commands(markdown.read(page), "mlflow server"):
            _options_exist(words)

    def test_the_server_on_ecs_and_ec2_has_known_options(self) -> None:
        text = markdown.read(DEPLOYMENT)
        (command,) = re.findall(r'"command": (\[.*?\])', text, re.DOTALL)
        (unit,) = re.findall(r"^ExecStart=\S+/mlflow server (.*)$", text, re.MULTILINE)
        (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)

        _options_exist(json.loads(command))
        _options_exist(unit.split())
        _options_exist(json.loads(entry)[2:])


def _read_command(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group):
        name, *words = words
        if name.startswith("-"):
            return
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    if words != ["set"] and words:
        command.make_context(command.name, words)


def _options_exist(words: list[str]) -> None:
    server = mlflow.get_command(click.Context(mlflow), "server")
    known = {name for param in server.params for name in param.opts}
    given = {word for word in words if word.startswith("--")}

    assert given
    assert given <= known


class TestLinks:
    @pytest.mark.parametrize("page", PAGES)
    def test_links_of_a_page_lead_somewhere(self, page: str) -> None:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", markdown.read(page)):
            if "://" not in target:
                assert (ROOT / page).parent.joinpath(target).exists(), target

    @pytest.mark.parametrize("page", [CONFIGURATION, DEPLOYMENT, "docs/commands.md"])
    def test_links_lead_from_the_readme_to_the_pages(self, page: str) -> None:
        assert f"]({page})" in markdown.read("README.md")
