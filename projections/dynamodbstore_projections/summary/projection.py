"""The summary projection: the whole read model of an ended run in one item.

``SUMMARY#<run id>``/``SUMMARY`` holds the run's ``status`` and ``end_time`` as they were, which
show a reader whether the summary is of the run as it is listed, and the rest as JSON: in
``json`` while it is short, else compressed in ``z``; metrics, params and tags stand there in the
order in which they were first logged. ``digest`` differs between summaries. Running runs
have no summary to rely on, and a run too large for one item has none at all: both are read from
their canonical items.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from dynamodbstore_events.entities import RUN, Entity
from dynamodbstore_events.keys import META, SUMMARY, Key, summary_pk
from dynamodbstore_events.metric_values import decode_point
from dynamodbstore_events.places import in_place
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, Missing, equals
from dynamodbstore_table.items.texts import is_part, text_name, text_of
from dynamodbstore_table.port import Delete, Item, Put

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projection import Projection, Writes
from dynamodbstore_projections.view import View

ENDED: Final = frozenset({"FINISHED", "FAILED", "KILLED"})
_PLAIN_BYTES: Final = 3 * 1024
_LARGEST_BYTES: Final = 360 * 1024
_DIGEST_BYTES: Final = 12
_INPUT_ATTRIBUTES: Final = frozenset({"PK", "ttl"})


def summary_key(run_id: str) -> Key:
    """Where the summary of a run (its escaped id) is kept."""
    return summary_pk(run_id), SUMMARY


class SummaryProjection(Projection):
    """Keeps the summaries of ended runs."""

    name = "summary"
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = {RUN: ("",)}

    def marks(self, config: Config) -> frozenset[str]:
        """One mark for all summaries."""
        return frozenset((self.mark,))

    def owner(self, key: Key) -> Entity | None:
        """The run that a summary is of."""
        return Entity(RUN, key[0].partition("#")[2]) if key[1] == SUMMARY else None

    def reads(self, entity: Entity, view: View, config: Config) -> Iterable[Key]:
        """The summary of what has ended or gone: read before the run that it is held against."""
        if entity.kind != RUN:
            return ()
        meta = view.meta(entity.pk)
        status = None if meta is None else meta.get("status")
        # What another has put there may be of any type.
        ended = meta is None or (isinstance(status, str) and status in ENDED)
        return (summary_key(entity.id),) if ended else ()

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        if entity.kind != RUN:
            return []
        key = summary_key(entity.id)
        meta = view.meta(entity.pk)
        if meta is not None and meta["status"] not in ENDED:
            return []
        known = view.get(key)
        wanted = None if meta is None else summary_item(key, view.items(entity.pk))
        if known == wanted:
            return []
        # The run was read after its summary: a summary written since then may be of a later state.
        as_read = _unchanged(known)
        return [(Delete(key, as_read) if wanted is None else Put(wanted, as_read),)]


def _unchanged(known: Item | None) -> Condition:
    if known is None:
        return ITEM_MISSING
    # A damaged summary is replaced, too.
    return equals("digest", known["digest"]) if "digest" in known else Missing("digest")


def summary_item(key: Key, items: Iterable[Mapping[str, Any]]) -> Item | None:
    """The summary of a run from its partition; None if it is too large for one item, or META has
    gone."""
    parts: dict[str, bytes] = {}
    texts: list[Mapping[str, Any]] = []
    model: dict[str, Any] = {"edges": [], "metrics": [], "params": {}, "tags": {}}
    meta: Mapping[str, Any] = {}
    for item in in_place(items):
        sk: str = item["SK"]
        kind = sk.partition("#")[0]
        if kind == META:
            meta = item
        elif kind == "METRIC":
            step, time_ms, value = decode_point(item["last"])
            shown = None if "nan" in item else value
            model["metrics"].append([text_name(item), shown, time_ms, step])
        elif kind in ("PARAM", "TAG"):
            if is_part(sk):
                parts[sk] = item["z"]
            else:
                texts.append(item)
        elif kind in ("INPUT", "OUTPUT"):
            edge = {k: item[k] for k in sorted(item.keys() - _INPUT_ATTRIBUTES)}
            model["edges"].append(edge)
    if not meta:
        return None
    for item in texts:
        into = model["params" if item["SK"].startswith("PARAM#") else "tags"]
        into[text_name(item)] = text_of(item, parts)
    return _packed(key, meta, model)


def _packed(key: Key, meta: Mapping[str, Any], model: Mapping[str, Any]) -> Item | None:
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":"))
    item: Item = {"PK": key[0], "SK": key[1], "status": meta["status"]}
    if "end_time" in meta:
        item["end_time"] = meta["end_time"]
    data = text.encode("utf-8")
    header = f"{item['status']} {item.get('end_time')} ".encode()
    item["digest"] = hashlib.sha256(header + data).digest()[:_DIGEST_BYTES]
    if len(data) <= _PLAIN_BYTES:
        item["json"] = text
        return item
    data = zlib.compress(data)
    if len(data) > _LARGEST_BYTES:
        return None
    item["z"] = data
    return item
