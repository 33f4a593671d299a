"""The latest version of each stage: which it is, and reading them for many models at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import META, VERSIONS, version_sk
from dynamodbstore_table.conditions import equals
from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Item, SortRange, Table
from mlflow.entities.model_registry import RegisteredModel
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL

from mlflow_dynamodbstore.core.long_texts import Texts, long_text_keys, read_texts, texts_in
from mlflow_dynamodbstore.registered_models.model_items import LATEST, latest_of, registered_model
from mlflow_dynamodbstore.registered_models.version_items import model_version, version_key
from mlflow_dynamodbstore.versioned.items import key_of

_MOST_TRIES: Final = 20
_READS_UNCHANGED: Final = 3


@dataclass(frozen=True, slots=True)
class ModelWithLatest:
    """A model's META item, the items of its latest versions by number, and the long texts of all
    of them."""

    meta: Mapping[str, Any]
    versions: list[Item]
    texts: Texts

    def entity(self) -> RegisteredModel:
        """MLflow's registered model. Its latest versions name no aliases, as in MLflow's own."""
        versions = [model_version(self.meta, item, self.texts) for item in self.versions]
        return registered_model(self.meta, self.texts, versions)


def read_latest(table: Table, metas: Iterable[Mapping[str, Any]]) -> dict[str, ModelWithLatest]:
    """The models of these META items with their latest versions, by partition key.

    One request for up to 100 versions, and another if some have long texts. A META item that turns
    out to be outdated is read again; a model that has gone meanwhile is left out. Versions that are
    missing though META has not changed for some reads are damaged, and passed over.
    """
    read: dict[str, ModelWithLatest] = {}
    pending = {meta["PK"]: meta for meta in metas}
    unchanged: Counter[str] = Counter()
    for _ in range(_MOST_TRIES):
        if not pending:
            return read
        outdated = _read_what_agrees(table, pending, read, unchanged)
        again = table.batch_get([(pk, META) for pk in outdated]).values() if outdated else ()
        before, pending = pending, {meta["PK"]: meta for meta in again if DELETING not in meta}
        unchanged = Counter(
            {pk: unchanged[pk] + 1 for pk, meta in pending.items() if meta == before[pk]}
        )
    raise TransactionConflict(f"{next(iter(pending))} changes faster than it can be read")


def _read_what_agrees(
    table: Table,
    metas: Mapping[str, Mapping[str, Any]],
    read: dict[str, ModelWithLatest],
    unchanged: Mapping[str, int],
) -> list[str]:
    """Add to ``read`` the models whose items agree, and return the partition keys of the others.

    ``unchanged`` has how often a META item was read as it had been: after some reads what agrees
    is all there is."""
    wanted = {
        pk: {stage: version_key(key_of(meta), n) for stage, n in latest_of(meta).items()}
        for pk, meta in metas.items()
    }
    keys = [key for by_stage in wanted.values() for key in by_stage.values()]
    keys += long_text_keys(metas.values())
    found = table.batch_get(keys) if keys else {}
    texts = dict(texts_in(found, metas.values()))
    versions = {
        pk: [found[key] for stage, key in by_stage.items() if _agrees(found.get(key), stage)]
        for pk, by_stage in wanted.items()
    }
    texts.update(read_texts(table, (item for items in versions.values() for item in items)))
    outdated: list[str] = []
    for pk, meta in metas.items():
        items = sorted(versions[pk], key=lambda item: item["number"])
        if unchanged.get(pk, 0) >= _READS_UNCHANGED:
            items = [item for item in items if _has_texts([item], texts)]
            if _has_texts([meta], texts):
                read[pk] = ModelWithLatest(meta, items, texts)
            continue
        complete = len(items) == len(wanted[pk]) and _has_texts((meta, *items), texts)
        if complete:
            read[pk] = ModelWithLatest(meta, items, texts)
        else:
            outdated.append(pk)
    return outdated


def _agrees(version: Mapping[str, Any] | None, stage: str) -> bool:
    return version is not None and version["stage"] == stage


def _has_texts(items: Iterable[Mapping[str, Any]], texts: Texts) -> bool:
    return all(
        stored["text"] in texts
        for item in items
        for stored in item.values()
        if type(stored) is dict and "text" in stored
    )


def changed_latest(
    table: Table, meta: Mapping[str, Any], moves: Mapping[int, tuple[str, str]], emptied: str | None
) -> dict[str, int | None]:
    """What moving versions between stages makes of a META item's attributes; None: removed.

    ``moves`` are (old stage, new stage) by number. ``emptied`` is a stage that all the others are
    known to leave. Right as long as the META item's revision is what it was.
    """
    latest = latest_of(meta)
    changed: dict[str, int | None] = {}
    for stage in {stage for move in moves.values() for stage in move} - {STAGE_DELETED_INTERNAL}:
        highest = latest.get(stage)
        if highest is not None and moves.get(highest, (stage, stage))[1] != stage:
            # It leaves, and no other does, unless all do.
            highest = None if stage == emptied else _highest_below(table, meta, stage, highest)
        there = [number for number, (_, new) in moves.items() if new == stage]
        if highest is not None:
            there.append(highest)
        after = max(there, default=None)
        if after != latest.get(stage):
            changed[LATEST + stage] = after
    return changed


def _highest_below(table: Table, meta: Mapping[str, Any], stage: str, number: int) -> int | None:
    below = SortRange(VERSIONS, version_sk(number - 1))
    page = table.query(meta["PK"], sk=below, filter=equals("stage", stage), reverse=True, limit=1)
    return page.items[0]["number"] if page.items else None


def in_stage(table: Table, meta: Mapping[str, Any], stage: str) -> list[Item]:
    """The versions of a model that are in a stage, by number."""
    if stage not in latest_of(meta):
        return []
    versions = SortRange(VERSIONS, version_sk(latest_of(meta)[stage]))
    return list(table.query_all(meta["PK"], sk=versions, filter=equals("stage", stage)))
