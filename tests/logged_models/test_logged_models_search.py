"""Search for logged models: pages, tokens, plans, and what they cost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import LoggedModel, LoggedModelParameter, LoggedModelTag, Metric
from mlflow.utils.search_utils import SearchLoggedModelsPaginationToken
from mlflow_dynamodbstore.logged_models import logged_models
from mlflow_dynamodbstore.logged_models.search import LOGGED_MODELS
from mlflow_dynamodbstore.search.plan import Plan
from mlflow_dynamodbstore.search.searchable import Context, Request
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, refused, store_on


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the time is a millisecond later than the one before."""
    ticks = iter(range(1_700_000_000_000, 1_800_000_000_000))
    monkeypatch.setattr(logged_models, "get_current_time_millis", lambda: next(ticks))


def fill(store: DynamoTrackingStore, count: int, experiment_id: str = "0") -> None:
    for n in range(count):
        store.create_logged_model(
            experiment_id, f"m{n}", tags=[LoggedModelTag("even", str(n % 2 == 0))]
        )


def names(models: object) -> list[str]:
    return [model.name for model in models]  # type: ignore[attr-defined]


def pages(store: DynamoTrackingStore, size: int, **query: object) -> list[list[str]]:
    found, token = [], None
    while True:
        page = store.search_logged_models(**query, max_results=size, page_token=token)
        found.append(names(page))
        token = page.token
        if token is None:
            return found


@pytest.mark.usefixtures("clock")
def test_pages_follow_each_other_newest_first_over_all_experiments(
    store: DynamoTrackingStore,
) -> None:
    other = store.create_experiment("other")
    fill(store, 3)
    store.create_logged_model(other, "between")
    fill(store, 1)

    found = pages(store, 2, experiment_ids=["0", other])

    assert found == [["m0", "between"], ["m2", "m1"], ["m0"]]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("order", [None, [{"field_name": "name", "ascending": False}]])
def test_a_token_of_mlflows_own_making_is_a_good_token(
    store: DynamoTrackingStore, order: list[dict[str, object]] | None
) -> None:
    fill(store, 5)
    token = SearchLoggedModelsPaginationToken(["0"], "tags.even = 'True'", order, 1).encode()

    page = store.search_logged_models(["0"], "tags.even = 'True'", None, 1, order, page_token=token)

    assert names(page) == ["m2"]
    assert SearchLoggedModelsPaginationToken.decode(page.token).offset == 2


@pytest.mark.usefixtures("clock")
def test_a_model_created_between_two_pages_moves_nothing(store: DynamoTrackingStore) -> None:
    fill(store, 4)
    first = store.search_logged_models(["0"], max_results=2)
    store.create_logged_model("0", "late")

    second = store.search_logged_models(["0"], max_results=2, page_token=first.token)

    assert names(first) + names(second) == ["m3", "m2", "m1", "m0"]


@pytest.mark.parametrize(
    "other",
    [
        {"experiment_ids": ["1"]},
        {"filter_string": "name = 'm1'"},
        {"order_by": [{"field_name": "name"}]},
        {"datasets": [{"dataset_name": "iris"}]},
    ],
)
def test_the_token_of_another_query_is_refused(
    store: DynamoTrackingStore, other: dict[str, object]
) -> None:
    fill(store, 2)
    token = store.search_logged_models(["0"], max_results=1).token

    with refused("INVALID_PARAMETER_VALUE"):
        store.search_logged_models(**{"experiment_ids": ["0"], **other}, page_token=token)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "////",
        base64.b64encode(b"null").decode(),
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b'{"offset": 1}').decode(),
        base64.b64encode(b'{"experiment_ids": ["0"], "offset": "x"}').decode(),
        base64.b64encode(b'{"experiment_ids": ["0"], "offset": 1e30}').decode(),
    ],
)
def test_a_malformed_token_is_refused(store: DynamoTrackingStore, token: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store.search_logged_models(["0"], page_token=token)


def test_a_cursor_that_was_tampered_with_is_refused(store: DynamoTrackingStore) -> None:
    fill(store, 2)
    token = json.loads(base64.b64decode(store.search_logged_models(["0"], max_results=1).token))
    token["cursor"] = ["soon", 7]

    with refused("INVALID_PARAMETER_VALUE"):
        store.search_logged_models(
            ["0"], page_token=base64.b64encode(json.dumps(token).encode()).decode()
        )


def test_deleted_models_are_not_found(store: DynamoTrackingStore) -> None:
    fill(store, 2)
    store.delete_logged_model(store.search_logged_models(["0"], "name = 'm0'")[0].model_id)

    assert names(store.search_logged_models(["0"])) == ["m1"]


def test_a_long_param_can_be_searched_for(store: DynamoTrackingStore) -> None:
    text = "".join(f"{n:06d}-é" for n in range(250_000))
    store.create_logged_model("0", "net", params=[LoggedModelParameter("prompt", text)])

    assert names(store.search_logged_models(["0"], "params.prompt LIKE '%249999-é'")) == ["net"]


def test_every_dataset_needs_a_name(store: DynamoTrackingStore) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store.search_logged_models(["0"], datasets=[{"dataset_digest": "d1"}])


@pytest.mark.parametrize(
    ("filter_string", "code"),
    [
        ("nme = 'a'", "INVALID_PARAMETER_VALUE"),
        ("metrics.loss > 'a'", "INVALID_PARAMETER_VALUE"),
        ("name IN (a)", "INVALID_PARAMETER_VALUE"),
        ("name IN ('a'", "INVALID_PARAMETER_VALUE"),
        ("name = ('a')", "BAD_REQUEST"),
        ("name IN (1)", "BAD_REQUEST"),
        ("tags = 'a'", "BAD_REQUEST"),
        ("name IS NULL", "INVALID_PARAMETER_VALUE"),
        ("name = 'a' OR name = 'b'", "INVALID_PARAMETER_VALUE"),
    ],
)
def test_search_logged_models_refuses_a_bad_filter(
    store: DynamoTrackingStore, filter_string: str, code: str
) -> None:
    with refused(code):
        store.search_logged_models(["0"], filter_string)


@pytest.mark.parametrize("field", ["nme", "params.lr", "tags.a", ""])
def test_a_field_that_can_not_be_sorted_by_is_refused(
    store: DynamoTrackingStore, field: str
) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store.search_logged_models(["0"], order_by=[{"field_name": field}])


def plan(
    filter_string: str | None, order: list[dict[str, object]] | None = None
) -> Plan[LoggedModel]:
    request = Request(filter_string, None, order, experiment_ids=["0"])
    return LOGGED_MODELS.plan(request, LOGGED_MODELS.parse(request), Context())


def test_the_listings_own_order_is_recognized() -> None:
    newest = {"field_name": "creation_time", "ascending": False}

    assert plan(None).query.orders == ()
    assert plan(None, [newest]).query.orders == ()
    assert plan(None, [newest, {"field_name": "model_id"}]).query.orders == ()
    assert plan(None, [{"field_name": "creation_time"}]).query.orders != ()
    assert plan(None, [{"field_name": "metrics.loss"}]).query.orders != ()


def test_only_the_items_that_a_filter_names_are_read() -> None:
    found = plan(
        "tags.a = 'x' AND tags.a != 'y' AND params.b = 'z' AND metrics.c > 1",
        [{"field_name": "metrics.c"}, {"field_name": "metrics.d"}],
    )

    keys = [found.kinds[step.clause.on.kind].sort_key(step.clause.on) for step in found.steps]
    assert keys == ["TAG#a", "TAG#a", "PARAM#b", "METRIC#c#…"]
    assert [str(order) for order in found.query.orders[:2]] == ["metrics.c", "metrics.d"]


def test_datasets_alone_are_a_clause_on_any_metric() -> None:
    found = LOGGED_MODELS.parse(
        Request(experiment_ids=["0"], datasets=[{"dataset_name": "a", "dataset_digest": "1"}])
    )

    (clause,) = found.clauses
    assert not clause.test([])
    assert not clause.test([Metric("m", 1.0, 0, 0, dataset_name="a", dataset_digest="2")])
    assert clause.test([Metric("m", 1.0, 0, 0, dataset_name="a", dataset_digest="1")])


@pytest.mark.usefixtures("clock")
def test_a_late_page_costs_what_the_first_one_costs(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    meter = Meter()
    store = store_on(CountingTable(table, meter), tmp_path)
    fill(store, 300)
    meter.take()
    costs = []
    token = None
    for _ in range(29):
        page = store.search_logged_models(["0"], "tags.even = 'True'", None, 5, page_token=token)
        token = page.token
        costs.append(meter.take())
    table.close()

    assert costs[0].total_requests == 1 + 1 + 5
    assert costs[28].total_requests == costs[0].total_requests
    assert costs[28].read_units <= costs[0].read_units
