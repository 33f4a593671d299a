"""Search for logged models answers as MLflow's SQL store on SQLite does, for any query."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import LoggedModelParameter, LoggedModelStatus, LoggedModelTag, Metric
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import sqlalchemy_store
from mlflow_dynamodbstore.logged_models import logged_models
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, sql_store

MODELS = 40
TEXTS = ["a", "A", "ab", "aB", "1", "1.0", "", "é", "É", "a%b", "a_b", "a\nb", "x y"]
KEYS = ["k", "K", "lr rate", "a#b", "ü"]
VALUES = [0.0, 1.0, -1.0, 0.5, float("inf"), float("-inf"), float("nan"), 1e-300]
DATASETS = [None, ("iris", "d1"), ("iris", "d2"), ("Iris", "d1")]
TIME = 1_700_000_000_000


class Twins:
    """Two stores with the same models; ids, times and names agree, experiment ids do not."""

    def __init__(self, theirs: Any, ours: DynamoTrackingStore, patch: pytest.MonkeyPatch) -> None:
        self.theirs, self.ours = theirs, ours
        self.experiments = {}
        for store in (theirs, ours):
            known = [store.create_experiment(name) for name in ("first", "second")]
            self.experiments[store] = known
            _populate(store, known, patch)

    def search(self, which: list[int], size: int | None, **query: Any) -> tuple[Any, Any]:
        """The pages, or the error's code, of SQL's store and of ours."""
        return self._pages(self.theirs, which, size, query), self._pages(
            self.ours, which, size, query
        )

    def _pages(self, store: Any, which: list[int], size: int | None, query: Any) -> Any:
        pages: list[Any] = []
        token = None
        ids = [self.experiments[store][n] for n in which]
        try:
            while len(pages) < 4:
                page = store.search_logged_models(ids, max_results=size, page_token=token, **query)
                pages.append([_plain(model) for model in page])
                token = page.token
                if token is None:
                    break
        except MlflowException as error:
            # Bad input is no internal error here, see docs/decisions/differences.md.
            code = error.error_code
            return "INVALID_PARAMETER_VALUE" if code == "INTERNAL_ERROR" else code
        return pages, token is None


def _plain(model: Any) -> Any:
    metrics = [
        (m.key, m.value, m.timestamp, m.step, m.dataset_name or "", m.dataset_digest or "")
        for m in model.metrics or []
    ]
    tags, params = list(model.tags.items()), list(model.params.items())
    return model.model_id, model.name, model.status, tags, params, metrics


def _populate(store: Any, experiments: list[str], patch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    runs = [new_run(store, experiments[0]) for _ in range(2)]
    for n in range(MODELS):
        now = TIME + chance.randrange(6)
        patch.setattr(sqlalchemy_store, "get_current_time_millis", lambda now=now: now)
        patch.setattr(logged_models, "get_current_time_millis", lambda now=now: now)
        model_uuid = uuid.UUID(int=chance.getrandbits(128))
        patch.setattr(uuid, "uuid4", lambda model_uuid=model_uuid: model_uuid)
        model_id = store.create_logged_model(
            chance.choice(experiments),
            chance.choice(["a", "A", "ab", "1", "é"]),
            chance.choice([None, "r1"]),
            [LoggedModelTag(key, chance.choice(TEXTS)) for key in chance.sample(KEYS, 2)],
            [LoggedModelParameter(key, chance.choice(TEXTS)) for key in chance.sample(KEYS, 2)],
            chance.choice([None, "", "agent"]),
        ).model_id
        patch.undo()
        for m in range(chance.randrange(4)):
            name, digest = chance.choice(DATASETS) or (None, None)
            store.log_metric(
                runs[m % 2],
                Metric(
                    chance.choice(["k", "K"]),
                    chance.choice(VALUES),
                    chance.randrange(3),
                    m - 1,
                    model_id,
                    name,
                    digest,
                ),
            )
        if n % 3 == 0:
            store.finalize_logged_model(model_id, LoggedModelStatus.READY)
        if n % 7 == 0:
            store.delete_logged_model(model_id)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with (
        sql_store(tmp_path_factory.mktemp("theirs")) as theirs,
        embedded_store(tmp_path_factory.mktemp("ours")) as ours,
        pytest.MonkeyPatch.context() as patch,
    ):
        yield Twins(theirs, ours, patch)


def _quoted(text: str) -> str:
    return f"'{text}'"


texts = st.sampled_from(TEXTS).map(_quoted)
patterns = st.sampled_from(["%", "_", "a%", "%b", "A_", "%é%", "a%b", ""]).map(_quoted)
# Lists of one kind each: of a mixed list SQLAlchemy makes what the first member is.
members = st.one_of(
    st.lists(st.sampled_from([*map(_quoted, TEXTS), "None"]), max_size=3),
    st.lists(st.sampled_from(["1", "2"]), max_size=3),
    st.lists(st.sampled_from(["1.0", "0.5"]), max_size=3),
)
lists = members.map(lambda several: f"({', '.join(several)})")
numbers = st.sampled_from(["0", "1", "-1", "0.5", "1e400", "-inf", "nan", "1.5e308", "0.50", "'1'"])
times = st.integers(-1, 6).map(lambda after: str(TIME + after))
text_columns = st.sampled_from(["name", "model_type", "source_run_id", "lifecycle_stage", "foo"])
text_keys = st.builds(
    lambda kind, key: f"{kind}.`{key}`",
    st.sampled_from(["tags", "params"]),
    st.sampled_from([*KEYS, "missing"]),
)
text_clauses = st.one_of(
    st.tuples(text_columns | text_keys, st.sampled_from(["=", "!="]), texts),
    st.tuples(text_columns | text_keys, st.sampled_from(["LIKE", "ILIKE"]), patterns),
    st.tuples(text_columns | text_keys, st.sampled_from(["IN", "NOT IN"]), lists),
)
status_clauses = st.one_of(
    st.tuples(
        st.just("status"),
        st.sampled_from(["=", "!=", "LIKE", "ILIKE"]),
        st.sampled_from(["'READY'", "'2'", "' 2.0'", "'2e0'", "'-2'", "'%'", "'_'"]),
    ),
    st.tuples(
        st.just("status"),
        st.sampled_from(["IN", "NOT IN"]),
        st.sampled_from(["('1', '2')", "(2, 'x')", "('2', None)", "()"]),
    ),
)
number_clauses = st.tuples(
    st.sampled_from(["metrics.k", "metrics.K", "metrics.missing"]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "LIKE"]),
    numbers,
)
time_clauses = st.tuples(
    st.sampled_from(["creation_time", "creation_timestamp", "creation_timestamp_ms"]),
    st.sampled_from(["=", "!=", "<", ">="]),
    times,
)
filters = st.lists(
    st.one_of(text_clauses, text_clauses, number_clauses, time_clauses, status_clauses).map(
        " ".join
    ),
    max_size=2,
).map(lambda clauses: " AND ".join(clauses) or None)
dataset_filters = st.none() | st.lists(
    st.fixed_dictionaries(
        {"dataset_name": st.sampled_from(["iris", "Iris", "none"])},
        optional={"dataset_digest": st.sampled_from(["d1", "d2", None])},
    ),
    max_size=2,
)
orders = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "field_name": st.sampled_from(
                [
                    *("metrics.k", "metrics.K", "metrics.missing", "name", "model_type", "status"),
                    *("creation_time", "creation_timestamp", "model_id", "params.k", "foo", "tags"),
                ]
            )
        },
        optional={
            "ascending": st.booleans(),
            "dataset_name": st.sampled_from(["iris", "Iris"]),
            "dataset_digest": st.sampled_from(["d1", "d2"]),
        },
    ),
    max_size=2,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    which=st.sampled_from([[0], [1], [0, 1], [1, 0, 1], []]),
    size=st.sampled_from([None, 1, 3, 7, 100]),
    filter_string=filters,
    datasets=dataset_filters,
    order_by=orders,
)
def test_every_page_is_the_same(
    twins: Twins,
    which: list[int],
    size: int | None,
    filter_string: str | None,
    datasets: list[dict[str, Any]] | None,
    order_by: list[dict[str, Any]] | None,
) -> None:
    theirs, ours = twins.search(
        which, size, filter_string=filter_string, datasets=datasets, order_by=order_by
    )

    assert ours == theirs
