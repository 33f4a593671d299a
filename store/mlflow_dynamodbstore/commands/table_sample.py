"""What is in a table, counted where that is cheap, else from some pages of it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dynamodbstore_events.entities import EXPERIMENT, REGISTERED_MODEL, RUN
from dynamodbstore_events.keys import META, Key
from dynamodbstore_table.facts import KindCount, TableFacts
from dynamodbstore_table.port import Start, Table

NAMES: Final[Mapping[str, str]] = {
    "EXP": "experiments",
    "RUN": "runs",
    "LM": "logged models",
    "RM": "registered models",
    "WEBHOOK": "webhooks",
    "TRACE": "traces",
    "HIST": "metric history",
    "DATASET": "datasets",
    "NAME": "name claims",
    "SUMMARY": "summaries",
    "FTS": "postings",
    "FTSMARK": "marks of postings",
    "EXPIRED": "records of expiry",
    "CONFIG": "configuration",
}
"""What items are by the kind in their partition key."""

_FIRST_OF: Final = (EXPERIMENT, RUN, REGISTERED_MODEL)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some keys of a table; ``kinds`` are counts of ``items`` items, which are all if ``whole``."""

    keys: list[Key]
    kinds: Mapping[str, KindCount]
    items: int
    whole: bool


def sample_of(table: Table, facts: TableFacts, pages: int) -> Sample:
    """Read at most so many pages (1 MB each) here and there; raises a ``TableError``."""
    if facts.kinds is not None:
        keys = _anywhere_in_file(table, pages)
        total = sum(count.items for count in facts.kinds.values())
        return Sample(keys, facts.kinds, total, True)
    keys = []
    whole = True
    # Segments begin at places that have nothing to do with what is kept there.
    for segment in range(pages):
        page = table.scan(segment, pages)
        keys += ((item["PK"], item["SK"]) for item in page.items)
        whole = whole and page.next is None
    return Sample(keys, _counted(keys), len(keys), whole)


def _anywhere_in_file(table: Table, pages: int) -> list[Key]:
    # A file is read in the order of its keys, which for models and runs says nothing about them.
    starts: list[Start] = [{"PK": f"{kind}#", "SK": ""} for kind in _FIRST_OF]
    starts += ({"PK": f"{RUN}#{secrets.token_hex(16)}", "SK": ""} for _ in range(pages))
    found: dict[Key, None] = {}
    for start in starts[:pages]:
        found.update(((item["PK"], item["SK"]), None) for item in table.scan(start=start).items)
    return list(found)


def _counted(keys: list[Key]) -> dict[str, KindCount]:
    items = Counter(pk.partition("#")[0] for pk, _ in keys)
    entities = Counter(pk.partition("#")[0] for pk, sk in keys if sk == META)
    return {kind: KindCount(count, entities[kind]) for kind, count in items.items()}
