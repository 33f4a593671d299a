"""Each method of MLflow's stores is offered, answers with an empty list, or is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import mlflow.server.handlers
import pytest
from mlflow.exceptions import MlflowException
from mlflow.server import app
from mlflow.store.model_registry import abstract_store as registry_abstract
from mlflow.store.model_registry import sqlalchemy_store as registry_sql
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.refusals import is_left_open, is_stand_in, open_methods
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import BEYOND_THE_BASE, DynamoTrackingStore

from tests.tracking.stores import embedded_store

# Methods of MLflow 3.17's SQL store that may be refused (or list nothing), by what they are about.
# It shrinks: a name goes when a part offers the method. A name that MLflow adds, or that a part no
# longer offers, fails the tests below.
MAY_BE_REFUSED = {
    "traces": """
        _delete_traces archive_traces batch_get_trace_infos batch_get_traces
        calculate_trace_filter_correlation delete_trace_tag deprecated_end_trace_v2
        deprecated_start_trace_v2 find_completed_sessions get_online_trace_details get_trace
        get_trace_info link_prompts_to_trace link_traces_to_run log_spans set_trace_tag start_trace
        unlink_traces_from_run
    """,
    "assessments": "create_assessment delete_assessment get_assessment update_assessment",
    "issues": "create_issue get_issue search_issues update_issue",
    "evaluation datasets": """
        add_dataset_to_experiments create_dataset delete_dataset
        delete_dataset_records delete_dataset_tag get_dataset
        remove_dataset_from_experiments search_datasets set_dataset_tags upsert_dataset_records
    """,
    "scorers": """
        delete_scorer get_active_online_scorers get_online_scoring_configs get_scorer
        list_scorer_versions list_scorers register_scorer upsert_online_scoring_config
    """,
    "label schemas": """
        create_label_schema delete_label_schema get_label_schema get_label_schema_by_name
        list_label_schemas update_label_schema
    """,
    "review queues": """
        add_items_to_review_queue create_review_queue delete_review_queue get_or_create_user_queue
        get_review_queue get_review_queue_by_name list_review_queue_items list_review_queues
        remove_items_from_review_queue set_review_queue_item_status update_review_queue
    """,
    "gateway": """
        add_guardrail_to_endpoint attach_model_to_endpoint create_budget_policy
        create_endpoint_binding create_gateway_endpoint create_gateway_guardrail
        create_gateway_model_definition create_gateway_secret delete_budget_policy
        delete_endpoint_binding delete_gateway_endpoint delete_gateway_endpoint_tag
        delete_gateway_guardrail delete_gateway_model_definition delete_gateway_secret
        detach_model_from_endpoint get_budget_policy get_gateway_endpoint get_gateway_guardrail
        get_gateway_model_definition get_secret_info list_budget_policies list_endpoint_bindings
        list_endpoint_guardrail_configs list_gateway_endpoints list_gateway_guardrails
        list_gateway_model_definitions list_secret_infos remove_guardrail_from_endpoint
        resolve_endpoint_in_scorer search_entities_by_destination search_entities_by_source
        set_gateway_endpoint_tag sum_gateway_trace_cost update_budget_policy
        update_endpoint_guardrail_config update_gateway_endpoint update_gateway_model_definition
        update_gateway_secret
    """,
    "MCP servers": """
        create_mcp_access_endpoint create_mcp_server create_mcp_server_version
        delete_mcp_access_endpoint delete_mcp_server delete_mcp_server_alias delete_mcp_server_tag
        delete_mcp_server_version delete_mcp_server_version_tag get_latest_mcp_server_version
        get_mcp_access_endpoint get_mcp_server get_mcp_server_version
        get_mcp_server_version_by_alias get_mcp_server_versions_for_trace
        link_mcp_server_versions_to_trace search_mcp_access_endpoints search_mcp_server_versions
        search_mcp_servers set_mcp_server_alias set_mcp_server_tag set_mcp_server_version_tag
        update_mcp_access_endpoint update_mcp_server update_mcp_server_version
    """,
}
PINNED = {name for names in MAY_BE_REFUSED.values() for name in names.split()}

# MLflow's base class makes these of methods that are offered; the SQL store does them in one query.
DONE_BY_THE_BASE = {"filter_active_experiment_ids", "list_scorers_across_experiments"}
# Not a method of a store: it names an attribute of no request.
HELPERS_OF_THE_SQL_STORE = {"sanitize_metric_value"}

LISTS = (
    *("gateway/endpoints/list", "gateway/endpoints/bindings/list", "gateway/secrets/list"),
    *("gateway/model-definitions/list", "gateway/budgets/list", "gateway/budgets/windows"),
    *("gateway/guardrails/list", "label-schemas/list?experiment_id=0"),
    *("datasets/d-1/experiment-ids", "scorers/list?experiment_id=0"),
)
READS_OF_ONE_THING = (
    *("gateway/endpoints/get?name=a", "gateway/secrets/get?secret_id=a"),
    "gateway/model-definitions/get?model_definition_id=a",
    *("gateway/guardrails/list-for-endpoint?endpoint_id=a", "datasets/d-1"),
    "scorers/versions?experiment_id=0&name=a",
)


def is_refused(name: str) -> bool:
    return is_stand_in(inspect.getattr_static(DynamoTrackingStore, name))


def public_methods(store: type) -> set[str]:
    return {n for n, _ in inspect.getmembers(store, inspect.isfunction) if not n.startswith("_")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("refusals")) as found:
        yield found


@pytest.fixture
def get(store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Requests a path of the API from MLflow's own server, on our store."""
    monkeypatch.setattr(mlflow.server.handlers, "_tracking_store", store)
    client = app.test_client()
    return lambda path: client.get(f"/ajax-api/3.0/mlflow/{path}", headers={"Host": "localhost"})


def test_every_method_of_the_sql_store_is_offered_or_pinned_as_refused() -> None:
    methods = public_methods(SqlAlchemyStore) - HELPERS_OF_THE_SQL_STORE
    left_to_the_base = {
        name
        for name in methods
        if getattr(DynamoTrackingStore, name, None) is getattr(AbstractStore, name, None)
        and getattr(SqlAlchemyStore, name) is not getattr(AbstractStore, name, None)
    }

    refused = {name for name in methods if name not in left_to_the_base and is_refused(name)}

    assert left_to_the_base == DONE_BY_THE_BASE
    assert refused <= PINNED


def test_every_pinned_method_is_one_of_mlflow_s() -> None:
    assert [n for n in PINNED if not hasattr(AbstractStore, n) and n not in BEYOND_THE_BASE] == []
    assert [n for n in BEYOND_THE_BASE if not hasattr(SqlAlchemyStore, n)] == []


def test_no_method_that_mlflow_leaves_to_a_store_is_left_open() -> None:
    assert "log_spans" in open_methods(AbstractStore)
    assert open_methods(DynamoTrackingStore) == {}
    assert open_methods(DynamoRegistryStore) == {}


def test_every_method_of_the_sql_registry_is_offered() -> None:
    base, sql = registry_abstract.AbstractStore, registry_sql.SqlAlchemyStore
    left = {
        name
        for name in public_methods(sql)
        if getattr(DynamoRegistryStore, name) is getattr(base, name)
        and getattr(sql, name) is not getattr(base, name)
    }

    assert left == set()


LISTED_EMPTY = {
    *("list_budget_policies", "list_endpoint_bindings", "list_gateway_endpoints"),
    *("list_gateway_guardrails", "list_gateway_model_definitions", "list_label_schemas"),
    *("list_review_queues", "list_scorers", "list_secret_infos", "search_datasets"),
    *("search_issues", "search_mcp_access_endpoints", "search_mcp_servers"),
}


@pytest.mark.parametrize("name", sorted(PINNED - LISTED_EMPTY))
def test_a_method_without_a_part_raises_not_implemented(
    store: DynamoTrackingStore, name: str
) -> None:
    if not is_refused(name):
        pytest.skip("a part offers it")
    with pytest.raises(MlflowException, match="is not available: this version") as raised:
        getattr(store, name)()

    assert isinstance(raised.value, NotImplementedError)
    assert raised.value.error_code == "NOT_IMPLEMENTED"
    assert raised.value.get_http_status_code() == 501


@pytest.mark.parametrize("name", sorted(LISTED_EMPTY))
def test_a_list_without_a_part_is_empty(store: DynamoTrackingStore, name: str) -> None:
    if not is_refused(name):
        pytest.skip("a part offers it")
    found = getattr(store, name)()

    declared = str(inspect.signature(getattr(AbstractStore, name)).return_annotation)
    assert list(found) == []
    assert hasattr(found, "token") == ("PagedList" in declared)


@pytest.mark.parametrize("path", LISTS)
def test_the_server_lists_nothing_of_what_is_not_kept(get: Callable[[str], Any], path: str) -> None:
    answer = get(path)

    assert answer.status_code == 200
    assert all(not listed for listed in answer.get_json().values())


def test_the_server_lists_no_records_of_a_dataset(get: Callable[[str], Any]) -> None:
    answer = get("datasets/d-1/records")

    assert answer.status_code == 200
    assert answer.get_json() == {"records": "[]"}


@pytest.mark.parametrize("path", READS_OF_ONE_THING)
def test_the_server_refuses_to_read_one_thing_that_is_not_kept(
    get: Callable[[str], Any], path: str
) -> None:
    answer = get(path)

    assert answer.status_code == 501
    assert answer.get_json()["error_code"] == "NOT_IMPLEMENTED"


def test_is_left_open_knows_a_method_that_does_something() -> None:
    assert is_left_open(AbstractStore.log_spans)
    assert is_left_open(AbstractStore.create_run)
    assert not is_left_open(AbstractStore.list_scorers_across_experiments)
    assert not is_left_open(AbstractStore.log_metric)
