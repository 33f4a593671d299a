"""Searches of one large registry: the results of MLflow's SQL registry, order and pages included.

The population is written once, so that many searches can be made; tests/differential makes fewer
of many small populations.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.differential.clauses import EQUALS, LIKES, all_of, clause, compared, listed, ordered
from tests.differential.frozen import World, frozen
from tests.differential.pair import Pair
from tests.differential.registry_sides import SqlRegistrySide
from tests.differential.sides import OurSide
from tests.search.projected import EVERYTHING, mark_built, projected_table

MODELS = 45
KEYS = ("team", "a", "a b")
VALUES = ("", "red", "Red", "red#1", "é", "100%", "true", "long " * 3000)
RUNS = ("run1", "run2", "Run1", "")
SOURCES = ("s3://bucket/a", "S3://bucket/A", "/data", "models:/x/1")
WORDS = ("churn", "Churn", "fraud", "é", "a#", "a$", "x%y", "x_y")
STAGES = ("None", "Staging", "Production", "Archived")
IS_PROMPT = f"tags.`{IS_PROMPT_TAG_KEY}`"


def _on_items(folder: Path) -> DynamoRegistryStore:
    """A registry without projections."""
    table = SqliteTable(folder / "items.ddb", durability="process")
    table.create()
    return DynamoRegistryStore(table)


def _on_projections(folder: Path) -> DynamoRegistryStore:
    """A registry whose searches may use every projection."""
    table = projected_table(folder / "projected.ddb")
    mark_built(table, *EVERYTHING)
    return DynamoRegistryStore(table)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_on_items, id="items"),
        pytest.param(_on_projections, id="projections"),
    ],
)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Two registries with the same models, some of them renamed, deleted, or prompts."""
    world, folder = World(), tmp_path_factory.mktemp("registry")
    logging.disable(logging.ERROR)
    with frozen(world):
        ours = OurSide(lambda: request.param(folder))
        both = Pair(SqlRegistrySide(folder / "mlflow.db"), ours, world)
        both.empty()
        _populate(both, Random(11))
        yield both
        ours.close()
    logging.disable(logging.NOTSET)


def _populate(pair: Pair, chance: Random) -> None:
    names = [f"{chance.choice(WORDS)}-{n}" for n in range(MODELS)]
    for name in names:
        kinds = chance.choices(("true", "True", "false", None), (3, 1, 1, 12))
        tags = [RegisteredModelTag(k, chance.choice(VALUES)) for k in chance.sample(KEYS, 2)]
        tags += [RegisteredModelTag(IS_PROMPT_TAG_KEY, kind) for kind in kinds if kind]
        pair.call("create_registered_model", name, tags, None)
        for _ in range(chance.randrange(4)):
            _add_version(pair, chance, name, kinds[0] if chance.random() < 0.7 else None)
    for name in chance.sample(names, 12):
        pair.call("rename_registered_model", name, f"renamed {name}")
    left = [name for name in names if chance.random() < 0.5]
    for name in left:
        number = chance.choice((1, 2))
        pair.call("update_model_version", name, number, "touched")
        pair.call("transition_model_version_stage", name, number, chance.choice(STAGES), False)
    for name in left[:4]:
        pair.call("delete_model_version", name, 1)
    pair.call("delete_registered_model", left[5])
    pair.call("create_registered_model", left[5], [], None)
    for name in left[6:9]:
        pair.call("set_registered_model_tag", name, RegisteredModelTag(IS_PROMPT_TAG_KEY, "true"))
    for name in left[9:11]:
        pair.call("delete_registered_model_tag", name, IS_PROMPT_TAG_KEY)
        pair.call("delete_model_version_tag", name, 1, IS_PROMPT_TAG_KEY)


def _add_version(pair: Pair, chance: Random, name: str, prompt: str | None) -> None:
    tags = [ModelVersionTag(k, chance.choice(VALUES)) for k in chance.sample(KEYS, 2)]
    tags += [ModelVersionTag(IS_PROMPT_TAG_KEY, prompt)] if prompt else []
    run_id = chance.choice((*RUNS, None))
    # Where a model is named, MLflow looks for it.
    pair.call("create_model_version", name, chance.choice(SOURCES[:3]), run_id, tags)


def examples(searches: int) -> settings:
    return settings(
        max_examples=searches,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


_PATTERNS = (
    "%churn%",
    "churn%",
    "%urn-1%",
    "renamed%",
    "%a#%",
    "x%y",
    "%-_",
    "É%",
    "a%",
    "%ren_m%",
)
_NAMES = ("churn-1", "renamed churn-1", "fraud-7", "x_y-3", "nothing")
_named = clause(
    st.just("name"),
    compared(LIKES, _PATTERNS),
    compared(EQUALS, _NAMES),
    listed((*_NAMES, "churn-10", "a#-2", "é-5")),
)
_tagged = clause(
    st.sampled_from(("tags.team", "tags.a", "tag.`a b`", "tags.none")),
    compared(EQUALS + LIKES, (*VALUES, "r%", "%#%", "red%", "long%", "%")),
)
_kind = clause(st.just(IS_PROMPT), compared(EQUALS + LIKES[:1], ("true", "false", "True", "TRUE")))
_filters = all_of(st.one_of(_named, _tagged, _kind))
_version_filters = all_of(
    st.one_of(
        _named,
        _tagged,
        _kind,
        clause(st.just("run_id"), compared(EQUALS + LIKES, (*RUNS, "run%")), listed(RUNS)),
        clause(st.just("source_path"), compared(EQUALS + LIKES, (*SOURCES, "%bucket%", "s3%"))),
        clause(
            st.sampled_from(("version_number = ", "version_number >", "version_number !=")),
            st.sampled_from(("1", "'2'", "0")),
        ),
    )
)
_model_orders = ordered(st.sampled_from(("name", "timestamp", "last_updated_timestamp")))
_version_orders = ordered(
    st.sampled_from(
        ("name", "version_number", "creation_timestamp", *["last_updated_timestamp"] * 3)
    )
)


@examples(40)
@given(text=_filters, limit=st.sampled_from((2, 7, 100)), order=_model_orders)
def test_pages_of_models_are_the_same(
    pair: Pair, text: str | None, limit: int, order: list[str] | None
) -> None:
    pair.call_pages(
        "search_registered_models", filter_string=text, max_results=limit, order_by=order
    )


@examples(40)
@given(text=_version_filters, limit=st.sampled_from((3, 10, 1000)), order=_version_orders)
def test_pages_of_versions_are_the_same(
    pair: Pair, text: str | None, limit: int, order: list[str] | None
) -> None:
    pair.call_pages("search_model_versions", filter_string=text, max_results=limit, order_by=order)
