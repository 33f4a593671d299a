"""Experiments are found by postings of their names exactly where a full scan finds them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dynamodbstore_events.keys import META, experiment_pk
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Update
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import ViewType

from tests.search.projected import NAMES, projected_table
from tests.search.test_experiment_search import Searching

LETTERS = "aAbB_é日😀 #"
names = st.text(LETTERS, min_size=1, max_size=9) | st.just("aab" * 40)
parts = st.sampled_from(("aab", "ABB", "bbé", "%", "_", "日😀 ", "a"))
patterns = st.text(f"{LETTERS}%%", max_size=7) | st.lists(parts, max_size=4).map("".join)
clauses = st.lists(st.tuples(st.sampled_from(("LIKE", "ILIKE", "=")), patterns), max_size=2)
populations = st.lists(
    st.tuples(names, st.sampled_from(("stays", "renamed", "deleted", "goes"))),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteTable]:
    table = projected_table(tmp_path_factory.mktemp("names") / "table.ddb")
    yield table
    table.close()


@settings(
    max_examples=70,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    experiments=populations,
    filters=clauses,
    order=st.sampled_from(([], ["name DESC"], ["creation_time ASC"])),
)
def test_answers_are_those_of_a_full_scan(
    table: SqliteTable,
    experiments: list[tuple[str, str]],
    filters: list[tuple[str, str]],
    order: list[str],
) -> None:
    # Given: experiments, and what became of them.
    search = Searching(table)
    for n, (name, then) in enumerate(experiments):
        key = (experiment_pk(str(n)), META)
        search.add(str(n), created=n // 2, name=name)
        if then == "renamed":
            table.write(Update(key, set={"name": name[::-1]}))
        elif then == "deleted":
            table.write(Update(key, set={"stage": "deleted"}))
        elif then == "goes":
            table.write(Delete(key))

    # When: they are searched by all, and where searches may rely on postings.
    query = {
        "view_type": ViewType.ALL,
        "filter_string": " AND ".join(f"name {how} '{text}'" for how, text in filters),
        "order_by": order,
    }
    search.built()
    by_all = search.ids(**query)
    search.built(NAMES)
    by_postings = search.ids(**query)

    # Then: both find the same; and nothing is left over of what has gone.
    assert by_postings == by_all
    table.bulk([Delete((experiment_pk(str(n)), META)) for n in range(len(experiments))])
    assert not [item for item in table.scan().items if item["PK"].startswith("FTS")]
