"""Ids of experiments as they are kept, and MLflow's entity from an experiment's items. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_table.items.texts import require_texts
from mlflow.entities import Experiment, ExperimentTag
from mlflow.utils.validation import _parse_experiment_id

from mlflow_dynamodbstore.core.lifecycle import ExperimentState

DEFAULT_EXPERIMENT_ID: Final = "0"


def experiment_entity(state: ExperimentState, tags: Mapping[str, Any]) -> Experiment:
    """MLflow's experiment from its META item and its tags."""
    require_texts(tags)
    return Experiment(
        experiment_id=state.experiment_id,
        name=state.name,
        artifact_location=state.artifact_location,
        lifecycle_stage=state.stage,
        tags=[ExperimentTag(key, value) for key, value in tags.items()],
        creation_time=state.created,
        last_update_time=state.updated,
        workspace=state.workspace,
    )


def canonical_id(experiment_id: str | int | None) -> str:
    """An experiment id as it is kept; nothing given means the default experiment.

    Raises ``INVALID_PARAMETER_VALUE`` for what is not an integer.
    """
    return str(_parse_experiment_id(experiment_id or DEFAULT_EXPERIMENT_ID))


def given_id(experiment_id: str | int) -> str:
    """The id, as it is kept, of an experiment to change: nothing given is no experiment.

    Raises ``INVALID_PARAMETER_VALUE`` for what is not an integer.
    """
    return str(_parse_experiment_id(experiment_id))


def new_experiment_id(now_ms: int) -> str:
    """A numeric id in order of time that two servers seldom both pick (the write finds out).

    16 digits: exact in a JavaScript number too.
    """
    return str(now_ms * 1000 + secrets.randbelow(1000))
