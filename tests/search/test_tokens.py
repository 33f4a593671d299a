"""Page tokens: readable, bound to their query, and refused when malformed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchUtils
from mlflow_dynamodbstore.search.tokens import (
    FIRST_PAGE,
    PageStart,
    decode,
    encode,
    fingerprint,
)

QUERY = fingerprint(["1"], "metrics.m > 1", 1, None)


def token_of(content: Any) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize("start", [PageStart(100, (1700000000000, "run")), PageStart(7)])
def test_a_token_brings_back_where_the_page_starts(start: PageStart) -> None:
    assert decode(QUERY, encode(QUERY, start)) == start


def test_bytes_are_taken_as_well() -> None:
    assert decode(QUERY, encode(QUERY, PageStart(7)).encode()) == PageStart(7)


@pytest.mark.parametrize("token", [None, "", b""])
def test_no_token_means_the_first_page(token: str | bytes | None) -> None:
    assert decode(QUERY, token) == FIRST_PAGE


def test_mlflow_can_read_the_offset() -> None:
    token = encode(QUERY, PageStart(100, (5, "run")))

    assert SearchUtils.parse_start_offset_from_page_token(token) == 100


def test_a_bare_offset_of_mlflows_own_is_good_for_any_query() -> None:
    assert decode(QUERY, SearchUtils.create_page_token(30)) == PageStart(30)


def test_a_token_of_another_query_is_refused() -> None:
    token = encode(fingerprint(["1"], "metrics.m > 2", 1, None), PageStart(1))

    with pytest.raises(MlflowException, match="it belongs to another query"):
        decode(QUERY, token)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("%%%", "not base64"),
        ("abc", "not base64"),
        ("ü", "not base64"),
        (base64.b64encode(b"{").decode(), "not hold JSON"),
        (base64.b64encode(b"\xff").decode(), "not hold JSON"),
        (token_of([1]), "not hold a JSON object"),
        (token_of({}), "offset is None"),
        (token_of({"offset": 0}), "offset is 0"),
        (token_of({"offset": -1}), "offset is -1"),
        (token_of({"offset": "x"}), "offset is 'x'"),
        (token_of({"offset": True}), "offset is True"),
        (token_of({"offset": 2**63}), "offset is 9223372036854775808"),
        (token_of({"offset": 1, "cursor": [1, "run"]}), "cursor"),
        (token_of({"offset": 1, "query": QUERY, "cursor": ["x", 1]}), "cursor"),
        (token_of({"offset": 1, "query": QUERY, "cursor": [2**70, "run"]}), "cursor"),
        (token_of({"offset": 1, "query": QUERY, "cursor": [1, "\ud800"]}), "cursor"),
    ],
)
def test_a_malformed_token_is_refused_with_the_rule(token: str, reason: str) -> None:
    with pytest.raises(MlflowException, match=f"{reason}.*is a positive whole number") as refused:
        decode(QUERY, token)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
