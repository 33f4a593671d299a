"""Items with their long texts, for entities: tags and descriptions of any length."""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.core.long_texts import Texts, read_texts
from mlflow_dynamodbstore.search.clause import Row

_MOST_READS = 5


def with_texts(table: Table, items: Iterable[Row]) -> tuple[list[Row], Texts]:
    """The items with all the long texts that they refer to; no request where there are none.

    An item whose text has been replaced since it was read is read again, and left out where it has
    gone.
    """
    found = list(items)
    for _ in range(_MOST_READS):
        texts = read_texts(table, found)
        stale = [item for item in found if not _is_whole(item, texts)]
        if not stale:
            return found, texts
        now = table.batch_get((item["PK"], item["SK"]) for item in stale)
        moved = {(item["PK"], item["SK"]) for item in stale}
        found = [
            now.get(key, {}) if (key := (item["PK"], item["SK"])) in moved else item
            for item in found
        ]
        found = [item for item in found if item]
    texts = read_texts(table, found)
    return [item for item in found if _is_whole(item, texts)], texts


def _is_whole(item: Row, texts: Texts) -> bool:
    return all(
        stored["text"] in texts
        for stored in item.values()
        if isinstance(stored, dict) and "text" in stored
    )
