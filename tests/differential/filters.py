"""Filters and orders: most of them valid, on the keys and values that the data has."""

from __future__ import annotations

from hypothesis import strategies as st

from .words import KEYS, rarely

_TEXTS = ("a", "A", "b", "é", "É", "%", "_", "a%", "%a%", "a_b", "a__", "%\n%", "100%", "10", "")
_RUN_NAMES = ("run", "Run", "r%", "r_n", "%n", "random-name-_", "é")
_NUMBERS = ("0", "1", "-1", "1.5", "0.1", "1e308", "-1e308", "1.7976931348623157e308", "1000", "2")
_KEYS = ("a", "A", "b", "`a/b`", "`a b`", '"a_b"', "é", "x.y", "`mlflow.runName`", "`k-1:2`")

_EQUALS = ("=", "!=")
_LIKES = ("LIKE", "ILIKE", "like", "ilike")
_ORDERS = ("<", "<=", ">", ">=", "=", "!=")
_NULLS = ("IS NULL", "IS NOT NULL", "is null", "is not null")
_LISTS = ("IN", "NOT IN", "in", "not in")


def _clause(
    left: st.SearchStrategy[str], *rights: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    return st.tuples(left, st.one_of(*rights)).map(" ".join)


def _compared(comparators: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[str]:
    quoted = st.sampled_from(values).map("'{}'".format)
    return st.tuples(st.sampled_from(comparators), quoted).map(" ".join)


def _number(comparators: tuple[str, ...] = _ORDERS) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(comparators), st.sampled_from(_NUMBERS)).map(" ".join)


def _listed(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    quoted = st.lists(st.sampled_from(values).map("'{}'".format), min_size=1, max_size=3)
    return st.tuples(st.sampled_from(_LISTS), quoted.map(lambda q: f"({', '.join(q)})")).map(
        " ".join
    )


def _key(*prefixes: str) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(prefixes), st.sampled_from(_KEYS)).map(".".join)


_null = st.sampled_from(_NULLS)
_text = _compared(_EQUALS + _LIKES, _TEXTS)
nonsense = st.sampled_from(
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


def _all_of(clauses: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Mostly one clause, or some that must all hold; now and then none."""
    several = clauses | st.lists(clauses, min_size=1, max_size=3).map(" AND ".join)
    return rarely(several, None, "")


def run_filters(run_ids: list[str]) -> st.SearchStrategy[str | None]:
    """Filters of runs: every kind of identifier with every comparator."""
    ids = (*run_ids[:4], "0" * 32, "%a%", "%")
    return _all_of(
        st.one_of(
            _clause(_key("params", "param", "parameters", "parameter"), _text, _null),
            _clause(_key("tags", "tag"), _text, _null),
            _clause(_key("metrics", "metric"), _number()),
            _clause(
                st.sampled_from(
                    ("run_name", "attributes.run_name", "attr.`run name`", "tags.`mlflow.runName`")
                ),
                _compared(_EQUALS + _LIKES, _RUN_NAMES),
            ),
            _clause(
                st.sampled_from(("run_id", "attribute.run_id")), _compared(_EQUALS + _LIKES, ids)
            ),
            _clause(st.just("run_id"), _listed(ids)),
            _clause(
                st.sampled_from(("status", "attributes.status")),
                _compared(_EQUALS + _LIKES, ("RUNNING", "running", "FINISHED", "F%", "KILLED")),
            ),
            _clause(
                st.just("user_id"), _compared(_EQUALS + _LIKES, ("user", "USER", "", "é", "u%"))
            ),
            _clause(
                st.just("artifact_uri"),
                _compared(_EQUALS + _LIKES, ("%artifacts", "/tmp%", "s3%", "%ARTIFACTS")),
            ),
            _clause(
                st.sampled_from(("start_time", "end_time", "created", "attr.Created")), _number()
            ),
            _clause(
                st.sampled_from(("dataset.name", "datasets.name")),
                _compared(_EQUALS + _LIKES, ("d", "D", "d%", "é", "_")),
                _listed(("d", "D", "é")),
            ),
            _clause(
                st.just("datasets.digest"),
                _compared(_EQUALS + _LIKES, ("1", "a", "A", "%")),
                _listed(("1", "2", "a")),
            ),
            _clause(
                st.just("datasets.context"),
                _compared(_EQUALS + _LIKES, ("train", "TRAIN", "t%", "eval")),
                _listed(("train", "eval")),
            ),
        )
    )


_directions = st.sampled_from(("", " ASC", " DESC", " asc", " desc"))


def _ordered(fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[str] | None]:
    return st.none() | st.lists(st.tuples(fields, _directions).map("".join), max_size=3)


run_orders = _ordered(
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
    return _all_of(
        st.one_of(
            _clause(
                st.sampled_from(("name", "attribute.name")),
                _compared(_EQUALS + _LIKES, _EXPERIMENT_NAMES),
            ),
            _clause(_key("tags", "tag"), _text, _null),
            _clause(st.just("experiment_id"), _compared(_EQUALS, ids), _listed(ids)),
            _clause(
                st.sampled_from(("creation_time", "last_update_time", "attribute.creation_time")),
                _number(),
                st.sampled_from(_ORDERS).map("{} 4000000000003".format),
            ),
        )
    )


experiment_orders = _ordered(
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
    return _all_of(
        st.one_of(
            _clause(
                st.just("name"),
                _compared(_EQUALS + _LIKES, ("model", "Model", "m%", "m_x", "é")),
                _listed(("model", "é")),
            ),
            _clause(
                st.sampled_from(("model_id", "attributes.model_id")),
                _compared(_EQUALS + _LIKES, models),
                _listed(models),
            ),
            _clause(
                st.just("model_type"),
                _compared(_EQUALS + _LIKES, ("agent", "AGENT", "", "a%")),
                _listed(("agent", "")),
            ),
            _clause(st.just("source_run_id"), _compared(_EQUALS, runs), _listed(runs)),
            _clause(st.just("status"), _compared(_EQUALS, ("READY", "PENDING", "1"))),
            _clause(
                st.sampled_from(("creation_timestamp", "creation_time", "last_updated_timestamp")),
                _number(),
                st.sampled_from(_ORDERS).map("{} 4000000000003".format),
            ),
            _clause(_key("metrics"), _number()),
            _clause(_key("params"), _text, _listed(("a", "b", "10"))),
            _clause(_key("tags"), _text, _listed(("a", "b", "10"))),
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
