"""The tags of items that clauses are on; of the long values only those that are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.core.long_texts import Texts, long_text_keys, texts_in
from mlflow_dynamodbstore.versioned.items import TAG, stored_tags


def tag_texts(table: Table, items: Sequence[Item], keys: Iterable[str]) -> Texts:
    """The long values of some tags of items, as far as they are still there; no request where
    there are none."""
    names = [f"{TAG}{key}" for key in keys]
    asked = [
        {"PK": item["PK"], **{name: item[name] for name in names if name in item}} for item in items
    ]
    wanted = long_text_keys(asked)
    return texts_in(table.batch_get(wanted), asked) if wanted else {}


def known_tags(item: Item, texts: Texts) -> dict[str, str | None]:
    """The tags of an item, those aside whose long values are not in ``texts``."""
    tags: dict[str, str | None] = {}
    for key, stored in stored_tags(item).items():
        if stored is None or isinstance(stored, str):
            tags[key] = stored
        elif stored["text"] in texts:
            tags[key] = texts[stored["text"]]
    return tags
