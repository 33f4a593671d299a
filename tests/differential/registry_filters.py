"""Filters and orders of the registry."""

from __future__ import annotations

from hypothesis import strategies as st

from .clauses import EQUALS, LIKES, all_of, clause, compared, listed, ordered
from .registry_words import IS_PROMPT, NAMES, PROMPTS, RUNS

_NAMES = (*NAMES, *PROMPTS[:1], "M%", "m%", "%e%", "m_x", "m__", "É", "%", "", "nothing")
_TEXTS = ("a", "A", "é", "%", "_", "a%", "a_b", "%\n%", "100%", "10", "", "true", "#")
_KEYS = ("a", "A", "b", "`a/b`", "`a b`", '"a_b"', "é", "nothing")
_ORDERS = ("=", "!=", "<", "<=", ">", ">=")

_tagged = clause(
    st.tuples(st.sampled_from(("tags", "tag")), st.sampled_from(_KEYS)).map(".".join),
    compared(EQUALS + LIKES, _TEXTS),
)
_is_prompt = clause(
    st.sampled_from((f"tags.`{IS_PROMPT}`", f"tag.`{IS_PROMPT}`")),
    compared(EQUALS + LIKES, ("true", "false", "True", "FALSE", "x")),
)
_named = clause(
    st.sampled_from(("name", "attribute.name")),
    compared(EQUALS + LIKES, _NAMES),
    listed(_NAMES),
)

model_filters = all_of(st.one_of(_named, _named, _tagged, _tagged, _is_prompt))
version_filters = all_of(
    st.one_of(
        _named,
        _tagged,
        _is_prompt,
        clause(st.just("run_id"), compared(EQUALS + LIKES, (*RUNS, "r%", "")), listed(RUNS)),
        clause(
            st.sampled_from(("source_path", "attribute.source_path")),
            compared(EQUALS + LIKES, ("s3://b/m", "S3%", "%/m", "REDACTED%", "")),
        ),
        clause(
            st.just("version_number"),
            st.tuples(st.sampled_from(_ORDERS), st.sampled_from(("1", "2", "'2'", "3"))).map(
                " ".join
            ),
        ),
    )
)
prompt_filters = all_of(
    st.one_of(
        _named,
        _tagged,
        st.sampled_from(("experiment_id = '1'", 'experiment_id = "12"', "experiment_id = 'x'")),
    )
)
invalid = st.sampled_from(
    (
        *("name", "name > 'a'", "name = 1", "name = a", "nothing = 'a'", "tags.a IN ('a')"),
        *("tags.a > 'a'", "name = 'a' OR name = 'b'", "name LIKE 'a' tags.a = 'a'", ";", "AND"),
        *("name = 'a'; name = 'b'", "run_id > 'a'", "run_id IN ()", "source_path IN ('a')"),
        *("version_number = 'x'", "version_number = 1.5", "version_number LIKE '1'"),
        *("version_number IN (1)", "params.a = 'a'", "tags.a = 1", "tags.a = a", "name = 'it''s'"),
        *("creation_timestamp > 0", "last_updated_timestamp > 0", "name == 'a'", "name <> 'a'"),
        *(
            "name IN ('a', 1)",
            "name IN ('a'",
            "tags.`a = 'x'",
            "name IS NULL",
            "name IN (a, b)",
            "attr.name = 'a'",
            "NOT name = 'a'",
        ),
    )
)
_fields = (
    *("name", "last_updated_timestamp", "timestamp", "creation_timestamp", "version_number"),
    *("nothing", "attribute.name", "name ASC DESC", "`name`", "tags.a"),
)
orders = ordered(st.sampled_from(_fields[:5]) | st.sampled_from(_fields))
