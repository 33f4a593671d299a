"""The glossary has the project's terms, in order, one line each."""

from __future__ import annotations

import pytest

from tests.docs import markdown

GLOSSARY = "docs/glossary.md"
# The words that code, docs, tests and messages use, one for one thing.
DESIGN_TERMS = (
    *("item", "partition", "listing", "lookup", "claim", "mark", "projection", "posting"),
    *("segment", "scope", "cursor", "page token", "tombstone", "epoch", "replay", "drift"),
    *("META", "form"),
)


@pytest.fixture(scope="module")
def terms() -> dict[str, str]:
    """The meaning of each term."""
    rows = markdown.rows(markdown.read(GLOSSARY))
    return {term.strip("`"): meaning for term, meaning in rows}


@pytest.mark.parametrize("term", DESIGN_TERMS)
def test_glossary_explains_a_term_of_the_design(terms: dict[str, str], term: str) -> None:
    assert terms[term]


def test_glossary_has_each_term_once_and_in_alphabetical_order(terms: dict[str, str]) -> None:
    listed = [term.strip("`") for term, _ in markdown.rows(markdown.read(GLOSSARY))]

    assert listed == sorted(terms, key=str.casefold)


@pytest.mark.parametrize(
    ("page", "link"),
    [("CONTRIBUTING.md", "](docs/glossary.md)"), ("docs/architecture.md", "](glossary.md)")],
)
def test_page_links_to_the_glossary(page: str, link: str) -> None:
    assert link in markdown.read(page)
