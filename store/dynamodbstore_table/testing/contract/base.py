"""What the cases of the contract have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol

import pytest
from dynamodbstore_events.keys import Key

from dynamodbstore_table.port import Item, Observer, Table


class NewTable(Protocol):
    """Makes and creates an empty table of the engine, and closes it after the test class."""

    def __call__(self, observer: Observer | None = None) -> Table: ...


class Contract:
    """The base of the cases. A subclass for an engine offers ``new_table``, once a class."""

    diverges: ClassVar[Mapping[str, str]] = {}
    """The cases in which the engine itself differs from DynamoDB: a pattern of their names each,
    and how it differs. They must fail, so that a newer engine that does better is noticed."""

    @pytest.fixture(autouse=True)
    def _expect_divergence(self, request: pytest.FixtureRequest) -> None:
        for pattern, reason in self.diverges.items():
            if re.search(pattern, request.node.name):
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture(scope="class")
    def shared(self, new_table: NewTable) -> Table:
        """One table for all cases that look at no keys but their own."""
        return new_table()

    @pytest.fixture
    def table(self, new_table: NewTable) -> Table:
        """An empty table for one test."""
        return new_table()


def numbered(pk: str, count: int, **attributes: object) -> list[Item]:
    """Items of one partition with the sort keys 00000, 00001, and so on."""
    return [{"PK": pk, "SK": f"{n:05}", "n": n, **attributes} for n in range(count)]


def sort_keys(items: Iterable[Item]) -> list[str]:
    return [item["SK"] for item in items]


def keys(items: Iterable[Item]) -> list[Key]:
    return [(item["PK"], item["SK"]) for item in items]
