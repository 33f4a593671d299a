"""The attributes of a logged model that filters and orders name, as MLflow's SQL store has them.

Timestamps are in ms. ``status`` is a whole number (1 pending, 2 ready, 3 upload failed), and an
experiment id is one too: MLflow's filters compare text with them, which SQLite reads as a number
where it looks like one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlflow_dynamodbstore.logged_models.logged_model_items import model_id_of

CREATED: Final = "creation_timestamp_ms"
UPDATED: Final = "last_updated_timestamp_ms"
MODEL_ID: Final = "model_id"

TIMES: Final = frozenset({CREATED, UPDATED})
NUMBERS: Final = frozenset({"status", "experiment_id"})
TEXTS: Final = frozenset(
    {
        *(MODEL_ID, "name", "artifact_location", "model_type", "source_run_id"),
        *("status_message", "lifecycle_stage"),
    }
)
COLUMNS: Final = TIMES | NUMBERS | TEXTS
COLLECTIONS: Final = frozenset({"tags", "params", "metrics", "experiment"})
"""Names that MLflow's SQL store knows but can neither compare nor sort by."""

ALIASES: Final = {
    "creation_time": CREATED,
    "creation_timestamp": CREATED,
    "last_updated_timestamp": UPDATED,
}

_KEPT_AS: Final = {CREATED: "created", UPDATED: "updated", "lifecycle_stage": "stage"}


def column_value(meta: Mapping[str, Any], column: str) -> Any:
    """The value of a column from a model's META item; None where it has none."""
    if column == MODEL_ID:
        return model_id_of(meta)
    if column == "experiment_id":
        return int(meta["experiment_id"])
    return meta.get(_KEPT_AS.get(column, column))


def valid_columns() -> str:
    """The names to give in an error's message."""
    return ", ".join(sorted(COLUMNS | set(ALIASES)))
