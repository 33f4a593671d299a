"""Filters and orders: most of them valid, on the keys and values that the data has."""

from __future__ import annotations

from hypothesis import strategies as st

from .clauses import EQUALS, LIKES, all_of, clause, compared, listed, ordered
from .words import KEYS

_TEXTS = ("a", "A", "b", "é", "É", "%", "_", "a%", "%a%", "a_b", "a__", "%\n%", "100%", "10", "")
_RUN_NAMES = ("run", "Run", "r%", "r_n", "%n", "random-name-_", "é")
_NUMBERS = ("0", "1", "-1", "1.5", "0.1", "1e308", "-1e308", "1.7976931348623157e308", "1000", "2")
_KEYS = ("a", "A", "b", "`a/b`", "`a b`", '"a_b"', "é", "x.y", "`mlflow.runName`", "`k-1:2`")

_ORDERS = ("<", "<=", ">", ">=", "=", "!=")
_NULLS = ("IS NULL", "IS NOT NULL", "is null", "is not null")


def _number(comparators: tuple[str, ...] = _ORDERS) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(comparators), st.sampled_from(_NUMBERS)).map(" ".join)


def _key(*prefixes: str) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(prefixes), st.sampled_from(_KEYS)).map(".".join)


_null = st.sampled_from(_NULLS)
_text = compared(EQUALS + LIKES, _TEXTS)
invalid = st.sampled_from(
    (
        *("a", "metrics.a", "metrics.a > 'x'", "params.a = 1", "params.a > 'a'", "tags.a IN ('a')"),
        *("metrics.a = 1 OR metrics.a = 2", "metrics.a = 1 metrics.b = 2", "nothing.a = 'x'"),
        *("metrics.a IS NULL", "status IS NULL", "attributes.nothing = 'x'", "params.a = 'x", ";"),
        *(
            "metrics.a = 1; metrics.a = 2",
            "run_id > 'a'",
            "start_time LIKE 'a'",
            "start_time = 'a'",
        ),
        *("datasets.nothing = 'a'", "datasets.name > 'a'", "datasets.name IS NULL", "AND", "()"),
        *("params.a IN ('a')", "status IN ('RUNNING')", "metrics.a LIKE 'a'", "tags.a = a"),
        *("run_id IN ()", "run_id IN (1, 2)", "metrics.a = nan", "metrics.a > inf", "a = 'a' AND"),
        *("NOT tags.a = 'a'", "tags.a = 'a' --", "name = 'a'", "tags.a == 'a'", "tags.a <> 'a'"),
        *("params.a LIKE 1", "experiment_id = 'x'", "experiment_id < '1'", "name IN ('a')"),
        *("creation_time = 'a'", "creation_time > 1.5", "tags.a = 'it''s'", 'tags.a = "a"'),
        *("metrics.`a` > 0", "metrics.'a' > 0", 'metrics."a" > 0', "`metrics`.a > 0", "attr.a"),
    )
)


def run_filters(run_ids: list[str]) -> st.SearchStrategy[str | None]:
    """Filters of runs: every kind of identifier with every comparator."""
    ids = (*run_ids[:4], "0" * 32, "%a%", "%")
    return all_of(
        st.one_of(
            clause(_key("params", "param", "parameters", "parameter"), _text, _null),
            clause(_key("tags", "tag"), _text, _null),
            clause(_key("metrics", "metric"), _number()),
            clause(
                st.sampled_from(
                    ("run_name", "attributes.run_name", "attr.`run name`", "tags.`mlflow.runName`")
                ),
                compared(EQUALS + LIKES, _RUN_NAMES),
            ),
            clause(st.sampled_from(("run_id", "attribute.run_id")), compared(EQUALS + LIKES, ids)),
            clause(st.just("run_id"), listed(ids)),
            clause(
                st.sampled_from(("status", "attributes.status")),
                compared(EQUALS + LIKES, ("RUNNING", "running", "FINISHED", "F%", "KILLED")),
            ),
            clause(st.just("user_id"), compared(EQUALS + LIKES, ("user", "USER", "", "é", "u%"))),
            clause(
                st.just("artifact_uri"),
                compared(EQUALS + LIKES, ("%artifacts", "/tmp%", "s3%", "%ARTIFACTS")),
            ),
            clause(
                st.sampled_from(("start_time", "end_time", "created", "attr.Created")), _number()
            ),
            clause(
                st.sampled_from(("dataset.name", "datasets.name")),
                compared(EQUALS + LIKES, ("d", "D", "d%", "é", "_")),
                listed(("d", "D", "é")),
            ),
            clause(
                st.just("datasets.digest"),
                compared(EQUALS + LIKES, ("1", "a", "A", "%")),
                listed(("1", "2", "a")),
            ),
            clause(
                st.just("datasets.context"),
                compared(EQUALS + LIKES, ("train", "TRAIN", "t%", "eval")),
                listed(("train", "eval")),
            ),
        )
    )


run_orders = ordered(
    st.one_of(
        _key("metrics", "params", "tags"),
        _key("metrics"),
        st.sampled_from(
            (
                *(
                    "start_time",
                    "end_time",
                    "status",
                    "run_id",
                    "run_name",
                    "attributes.start_time",
                ),
                *(
                    "user_id",
                    "artifact_uri",
                    "Created",
                    "attr.`run name`",
                    "nothing",
                    "datasets.name",
                ),
                *("metrics", "experiment_id", "lifecycle_stage", "metrics.a ASC DESC"),
            )
        ),
    )
)

_EXPERIMENT_NAMES = ("exp", "Exp", "E%", "e_", "e%", "%", "日本", "exp 1", "Default", "de%", "#x")


def experiment_filters(experiment_ids: list[str]) -> st.SearchStrategy[str | None]:
    """Filters of experiments."""
    ids = (*experiment_ids[:4], "0", "4711", "1.5")
    return all_of(
        st.one_of(
            clause(
                st.sampled_from(("name", "attribute.name")),
                compared(EQUALS + LIKES, _EXPERIMENT_NAMES),
            ),
            clause(_key("tags", "tag"), _text, _null),
            clause(st.just("experiment_id"), compared(EQUALS, ids), listed(ids)),
            clause(
                st.sampled_from(("creation_time", "last_update_time", "attribute.creation_time")),
                _number(),
                st.sampled_from(_ORDERS).map("{} 4000000000003".format),
            ),
        )
    )


experiment_orders = ordered(
    st.sampled_from(
        (
            *("name", "experiment_id", "creation_time", "last_update_time", "attribute.name"),
            *("tags.a", "nothing", "name ASC DESC", "`name`"),
        )
    )
)


def model_filters(model_ids: list[str], run_ids: list[str]) -> st.SearchStrategy[str | None]:
    """Filters of logged models."""
    models, runs = (*model_ids[:3], "m-0", "m-%"), (*run_ids[:3], "0" * 32)
    return all_of(
        st.one_of(
            clause(
                st.just("name"),
                compared(EQUALS + LIKES, ("model", "Model", "m%", "m_x", "é")),
                listed(("model", "é")),
            ),
            clause(
                st.sampled_from(("model_id", "attributes.model_id")),
                compared(EQUALS + LIKES, models),
                listed(models),
            ),
            clause(
                st.just("model_type"),
                compared(EQUALS + LIKES, ("agent", "AGENT", "", "a%")),
                listed(("agent", "")),
            ),
            clause(st.just("source_run_id"), compared(EQUALS, runs), listed(runs)),
            clause(st.just("status"), compared(EQUALS, ("READY", "PENDING", "1"))),
            clause(
                st.sampled_from(("creation_timestamp", "creation_time", "last_updated_timestamp")),
                _number(),
                st.sampled_from(_ORDERS).map("{} 4000000000003".format),
            ),
            clause(_key("metrics"), _number()),
            clause(_key("params"), _text, listed(("a", "b", "10"))),
            clause(_key("tags"), _text, listed(("a", "b", "10"))),
        )
    )


_model_fields = st.one_of(
    st.sampled_from(
        (
            *("name", "model_id", "creation_timestamp", "last_updated_timestamp", "model_type"),
            *("source_run_id", "nothing", "params.a", "status", "creation_time"),
        )
    ),
    st.sampled_from(KEYS[:4]).map("metrics.{}".format),
)
model_orders = st.none() | st.lists(
    st.fixed_dictionaries(
        {"field_name": _model_fields},
        optional={
            "ascending": st.booleans(),
            "dataset_name": st.sampled_from(("d", "D", "")),
            "dataset_digest": st.sampled_from(("1", "a", None)),
        },
    ),
    max_size=2,
)
model_datasets = st.none() | st.lists(
    st.fixed_dictionaries(
        {"dataset_name": st.sampled_from(("d", "D", "é", ""))},
        optional={"dataset_digest": st.sampled_from(("1", "a", None))},
    ),
    max_size=2,
)
