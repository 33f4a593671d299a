"""Pieces of filters and orders, whatever is searched."""

from __future__ import annotations

from hypothesis import strategies as st

from .words import rarely

EQUALS = ("=", "!=")
LIKES = ("LIKE", "ILIKE", "like", "ilike")
_LISTS = ("IN", "NOT IN", "in", "not in")


def clause(left: st.SearchStrategy[str], *rights: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(left, st.one_of(*rights)).map(" ".join)


def compared(comparators: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[str]:
    quoted = st.sampled_from(values).map("'{}'".format)
    return st.tuples(st.sampled_from(comparators), quoted).map(" ".join)


def listed(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    quoted = st.lists(st.sampled_from(values).map("'{}'".format), min_size=1, max_size=3)
    return st.tuples(st.sampled_from(_LISTS), quoted.map(lambda q: f"({', '.join(q)})")).map(
        " ".join
    )


def all_of(clauses: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Mostly one clause, or some that must all hold; now and then none."""
    several = clauses | st.lists(clauses, min_size=1, max_size=3).map(" AND ".join)
    return rarely(several, None, "")


_directions = st.sampled_from(("", " ASC", " DESC", " asc", " desc"))


def ordered(fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[str] | None]:
    return st.none() | st.lists(st.tuples(fields, _directions).map("".join), max_size=3)
