"""MLflow's modules that a store imports only where a method needs them.

They take a tenth of a second or more, and a script that only logs does not need them. A server
imports them as it opens the store, so that nobody's first search waits for them.
"""

from __future__ import annotations

import importlib
from typing import Final

LATE: Final = (
    "mlflow.utils.search_logged_model_utils",
    "mlflow.store.tracking.utils.sql_trace_metrics_utils",
    "mlflow.store.tracking.utils.trace_analytics",
)


def import_late_modules() -> None:
    """Import all of them."""
    for name in LATE:
        importlib.import_module(name)
