"""What is said of a table that holds nothing yet."""

from __future__ import annotations

from typing import Final

from dynamodbstore_events.keys import (
    GSI1,
    experiments_listing,
    prompts_listing,
    registered_models_listing,
)
from dynamodbstore_projections.all import kept_by_all, search_projections
from dynamodbstore_projections.built import mark_built
from dynamodbstore_table.port import Table
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

_LISTINGS: Final = (experiments_listing, registered_models_listing, prompts_listing)


def mark_if_new(table: Table) -> None:
    """Say of a table without experiments and models that its projections are complete: there is
    nothing yet that they could lack."""
    for listing in _LISTINGS:
        if table.query(listing(DEFAULT_WORKSPACE_NAME), index=GSI1, limit=1).items:
            return
    mark_built(table, [p.name for p in search_projections()], kept_by_all())
