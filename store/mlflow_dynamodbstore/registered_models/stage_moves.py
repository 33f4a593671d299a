"""Moving versions between stages in one transaction, and what that makes of their model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dynamodbstore_table.conditions import both, equals
from dynamodbstore_table.port import MAX_OPS, Item, Table, Update
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL

from mlflow_dynamodbstore.registered_models.latest_versions import changed_latest
from mlflow_dynamodbstore.registered_models.version_items import touched
from mlflow_dynamodbstore.versioned.items import ALIAS, REVISION, aliases_for, still_named
from mlflow_dynamodbstore.versioned.lookup import Found

MOST_MOVES: Final = MAX_OPS - 1


@dataclass(frozen=True, slots=True)
class StageMove:
    """A version that goes to another stage (or stays), and what else changes of its item."""

    item: Item
    stage: str
    set: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


def transition(model_key: str, item: Item, stage: str, now_ms: int) -> StageMove:
    """The move of a version that stays a version."""
    return StageMove(item, stage, touched(model_key, item["number"], now_ms))


def move_stages(
    table: Table,
    found: Found,
    moves: Sequence[StageMove],
    now_ms: int,
    emptied: str | None = None,
) -> None:
    """Move versions (at most 99) in one write; aliases of those that are deleted go.

    ``emptied`` is a stage that all the others are known to leave. Raises ``ConditionFailed`` if
    the model's aliases, stages or versions have changed since it was read.
    """
    stages = {move.item["number"]: (move.item["stage"], move.stage) for move in moves}
    latest = changed_latest(table, found.meta, stages, emptied)
    gone = [name for name, number in latest.items() if number is None]
    gone += [
        ALIAS + alias
        for number, (_, stage) in stages.items()
        if stage == STAGE_DELETED_INTERNAL
        for alias in aliases_for(found.meta, number)
    ]
    unchanged = equals(REVISION, found.meta[REVISION])
    table.write(
        Update(
            found.meta_key,
            set={"updated": now_ms, **{name: n for name, n in latest.items() if n is not None}},
            remove=tuple(gone),
            add={REVISION: 1},
            condition=both(still_named(found.meta["name"]), unchanged),
        ),
        *(
            Update(
                (move.item["PK"], move.item["SK"]),
                set={"stage": move.stage, **move.set},
                remove=move.remove,
                condition=equals("stage", move.item["stage"]),
            )
            for move in moves
        ),
    )
