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
    Tokens,
    fingerprint,
)

QUERY = fingerprint(["1"], "metrics.m > 1", 1, None)
TOKENS = Tokens(QUERY, (int, str))


def token_of(content: Any) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize("start", [PageStart(100, (1700000000000, "run")), PageStart(7)])
def test_a_token_brings_back_where_the_page_starts(start: PageStart) -> None:
    assert TOKENS.decode(TOKENS.encode(start)) == start


def test_bytes_are_taken_as_well() -> None:
    assert TOKENS.decode(TOKENS.encode(PageStart(7)).encode()) == PageStart(7)


@pytest.mark.parametrize("token", [None, "", b""])
def test_no_token_means_the_first_page(token: str | bytes | None) -> None:
    assert TOKENS.decode(token) == FIRST_PAGE


def test_mlflow_can_read_the_offset() -> None:
    token = TOKENS.encode(PageStart(100, (5, "run")))

    assert SearchUtils.parse_start_offset_from_page_token(token) == 100


def test_a_bare_offset_of_mlflows_own_is_good_for_any_query() -> None:
    assert TOKENS.decode(SearchUtils.create_page_token(30)) == PageStart(30)


def test_a_token_of_another_query_is_refused() -> None:
    token = Tokens(fingerprint(["1"], "metrics.m > 2", 1, None)).encode(PageStart(1))

    with pytest.raises(MlflowException, match="it belongs to another query"):
        TOKENS.decode(token)


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
        (token_of({"offset": 1, "query": QUERY, "cursor": [1, ""]}), "cursor"),
        (token_of({"offset": 1, "query": QUERY, "cursor": [True, "run"]}), "cursor"),
        (token_of({"offset": 1, "query": QUERY, "cursor": [1]}), "cursor"),
    ],
)
def test_a_malformed_token_is_refused_with_the_rule(token: str, reason: str) -> None:
    with pytest.raises(MlflowException, match=f"{reason}.*is a positive whole number") as refused:
        TOKENS.decode(token)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_decode_refuses_a_cursor_of_an_order_that_no_listing_has() -> None:
    token = TOKENS.encode(PageStart(1, (5, "run")))

    with pytest.raises(MlflowException, match="cursor"):
        Tokens(QUERY).decode(token)


class TestEnvelope:
    """Tokens that MLflow makes and reads with more than an offset in them."""

    TOKENS = Tokens(QUERY, (int, str), {"experiment_ids": ["1"], "filter_string": None})

    def test_decode_brings_back_where_the_page_starts(self) -> None:
        start = PageStart(100, (5, "run"))

        assert self.TOKENS.decode(self.TOKENS.encode(start)) == start

    @pytest.mark.parametrize("offset", [0, 7])
    def test_decode_takes_a_token_without_our_query(self, offset: int) -> None:
        token = token_of({"experiment_ids": ["1"], "filter_string": "", "offset": offset})

        assert self.TOKENS.decode(token) == PageStart(offset)

    @pytest.mark.parametrize(
        "changed", [{"experiment_ids": ["2"]}, {"filter_string": "name = 'x'"}, {"query": "other"}]
    )
    def test_decode_refuses_the_token_of_another_query(self, changed: dict[str, Any]) -> None:
        content = {"experiment_ids": ["1"], "filter_string": None, "offset": 1, **changed}

        with pytest.raises(MlflowException, match="another query"):
            self.TOKENS.decode(token_of(content))
