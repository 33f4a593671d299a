"""Stores with and without projections, and replays of their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dynamodbstore_events.keys import META, Key
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.drivers.drift import Drift
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_projections.drivers.replay import Rebuilt, Scope, compare, rebuild
from dynamodbstore_projections.drivers.sources import KeyPage, Position, Source, TableScan
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put, Table
from mlflow.entities import RunStatus, RunTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.entities import everything

OWN_ITEMS = ("FTS#", "FTSMARK#", "SUMMARY#", "EXPIRED#")
OWN_ATTRIBUTES = ("tagged", "ttl", "expires")
USER = "ada"


def inline_table(path: Path) -> SqliteTable:
    """A new table that keeps its projections with each write."""
    table = SqliteTable(
        path, durability="process", observer=InlineObserver(inline_projections(), _raise)
    )
    table.create()
    return table


def bare_table(path: Path) -> SqliteTable:
    """A new table, or one that is there, whose projections nobody keeps."""
    table = SqliteTable(path, durability="process")
    table.create()
    return table


def _raise(failed: Mapping[Any, Exception]) -> None:
    for error in failed.values():
        raise error


@contextmanager
def bare_store(folder: Path) -> Iterator[tuple[DynamoTrackingStore, SqliteTable]]:
    """A store without projections, with its default experiment, and its table."""
    table = bare_table(folder / "bare.ddb")
    try:
        yield store_on(table), table
    finally:
        table.close()


def store_on(table: Table) -> DynamoTrackingStore:
    store = DynamoTrackingStore(table, "memory:/")
    store.ensure_default_experiment()
    return store


def run_named(store: DynamoTrackingStore, name: str, *, ended: bool = False, **tags: str) -> str:
    """The id of a new run of the default experiment."""
    run = store.create_run("0", USER, 1, [RunTag(k, v) for k, v in tags.items()], name)
    run_id: str = run.info.run_id
    if ended:
        store.update_run_info(run_id, RunStatus.FINISHED, 2, None)
    return run_id


def without_projections(table: Table) -> list[Item]:
    """The canonical items, as they are where nobody keeps projections."""
    return [
        {name: value for name, value in item.items() if not _is_own(item, name)}
        for (pk, _), item in everything(table, "").items()
        if not pk.startswith(OWN_ITEMS) and pk != "CONFIG"
    ]


def _is_own(item: Item, name: str) -> bool:
    return item["SK"] == META and (name in OWN_ATTRIBUTES or name.startswith("tag."))


def fill(table: Table, items: Iterable[Item]) -> None:
    table.bulk(Put(item) for item in items)


def contents(table: Table) -> dict[Key, Item]:
    """Every item but the configuration."""
    return {key: item for key, item in everything(table, "").items() if key[0] != "CONFIG"}


def scope_of(table: Table, source: Source | None = None, *names: str, workers: int = 1) -> Scope:
    """Every inline projection, or those named, from a scan or another source."""
    projections = [p for p in inline_projections() if not names or p.name in names]
    return Scope(table, projections, source or TableScan(table, workers), workers)


def replayed(table: Table, source: Source | None = None, *names: str, **options: Any) -> Rebuilt:
    return rebuild(scope_of(table, source, *names), wait=lambda _: None, **options)


def drift_of(table: Table, *names: str) -> Drift:
    drift, _ = compare(scope_of(table, None, *names), wait=lambda _: None)
    return drift


class SmallPages:
    """A scan in pages of a few keys; ``before`` gets each page's number before it is read."""

    as_of_ms = None
    identity: Mapping[str, Any] = {"source": "small pages"}
    parts = ("all",)

    def __init__(
        self, table: Table, before: Callable[[int], None] = lambda _: None, size: int = 5
    ) -> None:
        self._table = table
        self._before = before
        self._size = size

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        keys = sorted(everything(self._table, ""))
        first = (
            0
            if start is None
            else next((n for n, key in enumerate(keys) if list(key) > start["behind"]), len(keys))
        )
        for at in range(first, len(keys), self._size):
            self._before(at)
            page = keys[at : at + self._size]
            rest = at + self._size < len(keys)
            yield KeyPage(page, {"behind": list(page[-1])} if rest else None)
