"""The event filters let through what a function's projections are concerned with, and nothing that
the projections themselves keep under keys of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from dynamodbstore_events import keys
from dynamodbstore_events.entities import MODEL, Entity
from dynamodbstore_events.stream import change_event
from dynamodbstore_lambdas import lifecycle, search
from dynamodbstore_projections.all import lifecycle_projections, search_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.filters import MOST_FILTERS, event_filters
from dynamodbstore_projections.projection import Projection, Writes
from dynamodbstore_projections.view import View

from tests.lambdas.conftest import Deployed
from tests.lambdas.samples import sample, stream_samples
from tests.lambdas.template import STREAM_FUNCTIONS, invokes, passes, stream_source

KEPT = {"SearchFunction": search_projections(), "LifecycleFunction": lifecycle_projections()}
CONFIG = Config(patterns=("*",), fts_fields=("description",))

RUN_PK = keys.run_pk("1f")
EXPERIMENT_PK = keys.experiment_pk("17")
MODEL_PK = keys.registered_model_pk("0f")
CANONICAL = [
    (EXPERIMENT_PK, keys.META),
    (EXPERIMENT_PK, keys.tag_sk("team")),
    (EXPERIMENT_PK, keys.tag_sk("mlflow.note.content")),
    (EXPERIMENT_PK, keys.dataset_sk("0a")),
    (RUN_PK, keys.META),
    (RUN_PK, keys.tag_sk("mlflow.runName")),
    (RUN_PK, keys.tag_sk("mlflow.note.content")),
    (RUN_PK, keys.param_sk("depth")),
    (RUN_PK, keys.metric_sk("rmse")),
    (RUN_PK, keys.dataset_input_sk("0a")),
    (RUN_PK, keys.model_output_sk("m-1")),
    (keys.expiry_pk(RUN_PK), keys.META),
    (keys.expiry_pk(EXPERIMENT_PK), keys.META),
    (keys.history_pk("1f"), "rmse#0"),
    (keys.model_pk("m-1"), keys.META),
    (keys.model_pk("m-1"), keys.tag_sk("team")),
    (keys.dataset_pk("0a"), "BODY#0#0"),
    (MODEL_PK, keys.META),
    (MODEL_PK, keys.version_sk(1)),
    (MODEL_PK, keys.tag_sk("team")),
    (MODEL_PK, keys.text_sk("0a", 0)),
    (keys.name_pk("default", "EXP", "name"), keys.NAME),
    (keys.CONFIG, "DENORMALIZE_TAGS"),
]
OWN = [
    (keys.posting_pk("17", "RUN", "name", "abc"), "1f"),
    (keys.posting_mark_pk("RUN", "1f"), "name"),
    (keys.summary_pk("1f"), keys.SUMMARY),
    (keys.CONFIG, "PROJECTOR#search"),
    (keys.CONFIG, "PROJECTOR#lifecycle"),
    (keys.CONFIG, "BUILT"),
]


def records(pk: str, sk: str) -> list[dict[str, Any]]:
    """Every way in which the stream may tell of an item."""
    plain = {"dynamodb": {"Keys": {"PK": {"S": pk}, "SK": {"S": sk}}}}
    expired = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}
    names = [plain | {"eventName": name} for name in ("INSERT", "MODIFY", "REMOVE")]
    return [*names, plain | {"eventName": "REMOVE"} | expired]


def concerned(projections: tuple[Projection, ...], record: dict[str, Any]) -> bool:
    event = change_event(record)
    return any(projection.looks_at(event, CONFIG) for projection in projections)


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
@pytest.mark.parametrize("key", CANONICAL + OWN, ids="/".join)
def test_a_function_is_invoked_by_what_concerns_its_projections(
    function: str, key: tuple[str, str]
) -> None:
    for record in records(*key):
        if concerned(KEPT[function], record):
            assert invokes(function, record), record["eventName"]


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
@pytest.mark.parametrize("key", OWN, ids="/".join)
def test_items_of_the_projections_invoke_no_function(function: str, key: tuple[str, str]) -> None:
    assert not any(invokes(function, record) for record in records(*key))


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
@pytest.mark.parametrize("key", CANONICAL, ids="/".join)
def test_a_partition_that_concerns_no_projection_invokes_no_function(
    function: str, key: tuple[str, str]
) -> None:
    kind = key[0].partition("#")[0]
    sort_keys = [sk for pk, sk in CANONICAL if pk.partition("#")[0] == kind]
    of_its_kind = [record for sk in sort_keys for record in records(key[0], sk)]
    if not any(concerned(KEPT[function], record) for record in of_its_kind):
        assert not any(invokes(function, record) for record in of_its_kind)


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_filters_are_those_that_the_projections_watch(function: str) -> None:
    filters = stream_source(function)["FilterCriteria"]["Filters"]

    # Write the template's patterns from these where the list of projections has changed.
    assert [json.loads(found["Pattern"]) for found in filters] == event_filters(KEPT[function])
    assert len(filters) <= MOST_FILTERS


def test_filters_take_in_a_projection_that_is_added() -> None:
    class OfModels(Projection):
        name = "of_models"
        watches: ClassVar[Mapping[str, tuple[str, ...]]] = {MODEL: (keys.META, keys.tag_sk(""))}

        def writes(self, entity: Entity, view: View, config: Config) -> Writes:
            return []

    filters = event_filters([*search_projections(), OfModels()])

    meta = {"dynamodb": {"Keys": {"PK": {"S": "LM#1"}, "SK": {"S": "META"}}}}
    metric = {"dynamodb": {"Keys": {"PK": {"S": "LM#1"}, "SK": {"S": "METRIC#a"}}}}
    assert passes(filters, meta)
    assert not passes(filters, metric)


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_a_heartbeat_passes_its_own_filter_and_no_other(function: str) -> None:
    patterns = [
        json.loads(found["Pattern"])
        for found in stream_source(function)["FilterCriteria"]["Filters"]
    ]

    for record in records(*keys.HEARTBEAT_KEY):
        assert [passes([pattern], record) for pattern in patterns].count(True) == 1


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_writes_of_a_function_for_a_heartbeat_invoke_no_function(
    function: str, deployed: Deployed
) -> None:
    # Given: every item that the schedule and both functions write for one heartbeat
    lifecycle.handler(sample("schedule"), deployed.context)
    for handler in (search.handler, lifecycle.handler):
        handler(sample("heartbeat"), deployed.context)
    written = {(item["PK"], item["SK"]) for item in deployed.table.scan().items}

    # Then: the schedule's item alone passes a filter
    invoking = {key for key in written if any(invokes(function, r) for r in records(*key))}
    assert len(written) == 3
    assert invoking == {keys.HEARTBEAT_KEY}


def test_logging_to_a_run_does_not_invoke_the_lifecycle_function() -> None:
    for name in ("run-logged", "tag-changed"):
        for record in sample(name)["Records"]:
            assert not invokes("LifecycleFunction", record)
            assert invokes("SearchFunction", record)


@pytest.mark.parametrize("name", stream_samples())
def test_every_sample_invokes_a_function(name: str) -> None:
    found = sample(name)["Records"]
    assert any(invokes(function, record) for function in STREAM_FUNCTIONS for record in found)
