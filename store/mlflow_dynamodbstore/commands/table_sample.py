"""What is in a table, counted where that is cheap, else from some pages of it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dynamodbstore_events.entities import EXPERIMENT, REGISTERED_MODEL, RUN
from dynamodbstore_events.keys import META, Key
from dynamodbstore_projections.all import all_projections
from dynamodbstore_projections.passed_over import PassedOver
from dynamodbstore_table.facts import KindCount, TableFacts
from dynamodbstore_table.port import Item, Start, Table

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
    "HEARTBEAT": "heartbeat",
}
"""What items are by the kind in their partition key."""

_FIRST_OF: Final = (EXPERIMENT, RUN, REGISTERED_MODEL)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some keys of a table; ``kinds`` are counts of ``items`` items, which are all if ``whole``;
    ``passed_over`` are the items among those read that nothing here can read."""

    keys: list[Key]
    kinds: Mapping[str, KindCount]
    items: int
    whole: bool
    passed_over: PassedOver = field(default_factory=PassedOver)


def sample_of(table: Table, facts: TableFacts, pages: int) -> Sample:
    """Read at most so many pages (1 MB each) here and there; raises a ``TableError``."""
    passed_over, known = PassedOver(), all_projections()
    if facts.kinds is not None:
        items = _anywhere_in_file(table, pages)
        passed_over.look_at(items.values(), known)
        total = sum(count.items for count in facts.kinds.values())
        return Sample(list(items), facts.kinds, total, True, passed_over)
    keys: list[Key] = []
    whole = True
    # Segments begin at places that have nothing to do with what is kept there.
    for segment in range(pages):
        page = table.scan(segment, pages)
        keys += ((item["PK"], item["SK"]) for item in page.items)
        passed_over.look_at(page.items, known)
        whole = whole and page.next is None
    return Sample(keys, _counted(keys), len(keys), whole, passed_over)


def _anywhere_in_file(table: Table, pages: int) -> dict[Key, Item]:
    # A file is read in the order of its keys, which for models and runs says nothing about them.
    starts: list[Start | None] = [{"PK": f"{kind}#", "SK": ""} for kind in _FIRST_OF]
    starts.append(None)
    starts += ({"PK": f"{RUN}#{secrets.token_hex(16)}", "SK": ""} for _ in range(pages))
    found: dict[Key, Item] = {}
    for start in starts[:pages]:
        found.update(((item["PK"], item["SK"]), item) for item in table.scan(start=start).items)
    return found


def _counted(keys: list[Key]) -> dict[str, KindCount]:
    items = Counter(pk.partition("#")[0] for pk, _ in keys)
    entities = Counter(pk.partition("#")[0] for pk, sk in keys if sk == META)
    return {kind: KindCount(count, entities[kind]) for kind, count in items.items()}
