"""Records of what expires and of what has expired.

``EXPIRED#<kind>#<id>``/``META`` is written in one transaction with the stamp that lets a run or an
experiment expire. So it is there even if the removal's event is lost: it leads to what hangs
below, and to the artifacts. First it is *due*, listed under ``EXPIRING`` by the time of expiry (a
run's also under its experiment); ``gone`` (ms) is when its entity was first found to be gone. Of a
run or a logged model it ends as a *tombstone*, listed under ``EXPIRED#RUNS`` or ``EXPIRED#MODELS``
by the time of deletion, until ``mlflow gc`` has removed the artifacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_events.entities import RUN, entity_of
from dynamodbstore_events.keys import (
    DEFAULT_TRACE_SHARDS,
    EXPIRED_MODELS,
    EXPIRED_RUNS,
    EXPIRING,
    META,
    Key,
    expiring_listing,
    expiry_pk,
    oldest_first,
    unpart,
)
from dynamodbstore_table.conditions import ITEM_EXISTS
from dynamodbstore_table.port import Item, Update

_OF_DUE_ONES = ("gsi1pk", "gsi1sk", "expires", "epoch", "passes")


def record_key(entity_pk: str) -> Key:
    """Where the record of an entity's expiry is kept."""
    return expiry_pk(entity_pk), META


def due_run(meta: Mapping[str, Any], experiment: Mapping[str, Any], expires: int) -> Item:
    """The record of a deleted run that expires at a time (Unix seconds), from the META items."""
    return {
        **_due(meta, expires),
        "experiment_id": meta["experiment_id"],
        "workspace": experiment["workspace"],
        "artifact_uri": meta["artifact_uri"],
        "gsi1pk": expiring_listing(meta["experiment_id"]),
        "gsi1sk": oldest_first(expires * 1000, meta["PK"]),
    }


def due_experiment(meta: Mapping[str, Any], expires: int) -> Item:
    """The record of a deleted experiment that expires at a time (Unix seconds)."""
    return {
        **_due(meta, expires),
        "workspace": meta["workspace"],
        "name": meta["name"],
        "run_shards": meta["run_shards"],
        "trace_shards": meta.get("trace_shards", DEFAULT_TRACE_SHARDS),
    }


def _due(meta: Mapping[str, Any], expires: int) -> Item:
    pk, sk = record_key(meta["PK"])
    return {
        "PK": pk,
        "SK": sk,
        "expires": expires,
        "deleted": meta["deleted"],
        "epoch": meta["epoch"],
        "gsi2pk": EXPIRING,
        "gsi2sk": oldest_first(expires * 1000, meta["PK"]),
    }


def tombstone(
    entity_pk: str, artifact_uri: str, experiment: Mapping[str, Any], gone_ms: int
) -> Item:
    """The tombstone of a run or a model that goes with its experiment; ``experiment`` is
    the experiment's own record."""
    pk, sk = record_key(entity_pk)
    return {
        "PK": pk,
        "SK": sk,
        "experiment_id": experiment_id_of(experiment),
        "workspace": experiment["workspace"],
        "artifact_uri": artifact_uri,
        "deleted": experiment["deleted"],
        "gone": gone_ms,
        **_listed(entity_pk, experiment["deleted"]),
    }


def buried(entity_pk: str, record: Mapping[str, Any]) -> Update:
    """The op that makes a due record the tombstone."""
    return Update(
        record_key(entity_pk),
        set=_listed(entity_pk, record["deleted"]),
        remove=_OF_DUE_ONES,
        condition=ITEM_EXISTS,
    )


def _listed(entity_pk: str, deleted_ms: int) -> dict[str, str]:
    entity = entity_of(entity_pk)
    listing = EXPIRED_RUNS if entity is not None and entity.kind == RUN else EXPIRED_MODELS
    return {"gsi2pk": listing, "gsi2sk": oldest_first(deleted_ms, entity_pk)}


def is_due(record: Mapping[str, Any]) -> bool:
    """Whether a record is of an entity that expires, and not a tombstone."""
    return bool(record["gsi2pk"] == EXPIRING)


def expired_id(record: Mapping[str, Any]) -> str:
    """The id of the entity that a record is about."""
    return unpart(record["PK"].split("#", 2)[2])


def experiment_id_of(record: Mapping[str, Any]) -> str:
    """The experiment that a record is about, or that its run or model belongs to."""
    experiment_id: str | None = record.get("experiment_id")
    return expired_id(record) if experiment_id is None else experiment_id
