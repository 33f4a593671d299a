"""Transitions of versions from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry.model_version_stages import (
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    STAGE_ARCHIVED,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.utils.time import get_current_time_millis

from mlflow_dynamodbstore.core.long_texts import TextReplaced
from mlflow_dynamodbstore.registered_models.latest_versions import in_stage
from mlflow_dynamodbstore.registered_models.model_lookup import ModelLookup
from mlflow_dynamodbstore.registered_models.stage_moves import MOST_MOVES, move_stages, transition


class Stages:
    """The stages of versions: None, Staging, Production, Archived."""

    def __init__(self, table: Table, models: ModelLookup) -> None:
        self._table = table
        self._models = models

    def transition_model_version_stage(
        self, name: str, version: str | int, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        """Move a version to a stage; with ``archive_existing_versions`` the others leave it.

        All of it is one write; only where 99 others or more leave, the lower ones do so before,
        in writes of their own, and the latest of the stage stays until the last one.

        Raises ``INVALID_PARAMETER_VALUE`` for an unknown stage,
        ``RESOURCE_DOES_NOT_EXIST`` without the version, and ``INTERNAL_ERROR`` for archiving in
        other stages than Staging and Production.
        """
        target: str = get_canonical_stage(stage)
        if archive_existing_versions and target not in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS:
            raise MlflowException(
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. Valid stages are "
                f"{', '.join(DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS)}."
            )

        def move() -> ModelVersion | None:
            return self._move_to(name, version, target, archive_existing_versions)

        moved = None
        while moved is None:
            moved = self._models.changing(name, move, on=(ConditionFailed, TextReplaced))
        return moved

    def _move_to(
        self, name: str, version: str | int, target: str, archive: bool
    ) -> ModelVersion | None:
        """Do one write of the transition; the version, or None if that was not the last one."""
        found, item = self._models.require_version(name, version)
        now = get_current_time_millis()
        others = in_stage(self._table, found.meta, target) if archive else []
        leave = [
            transition(found.key, other, STAGE_ARCHIVED, now)
            for other in others
            if other["number"] != item["number"]
        ]
        if len(leave) >= MOST_MOVES:
            move_stages(self._table, found, leave[: MOST_MOVES - 1], now)
            return None
        comes = transition(found.key, item, target, now)
        move_stages(self._table, found, [*leave, comes], now, target if archive else None)
        changed: Mapping[str, Any] = {**item, "stage": target, **comes.set}
        return self._models.version_entity(found, dict(changed))
