"""Reads of evaluation datasets that MLflow's server can't refuse: they find nothing.

Its routes for these two turn an error into a page of HTML with status 500, which clients repeat
for minutes.
"""

from __future__ import annotations

from mlflow.entities import DatasetRecord


class NoDatasets:
    """Finds no records and no experiments of a dataset, since none can be kept."""

    serves = ("_load_dataset_records",)

    def get_dataset_experiment_ids(self, dataset_id: str) -> list[str]:
        """The experiments of a dataset: none, as in MLflow's SQL store for an unknown one."""
        return []

    def _load_dataset_records(
        self, dataset_id: str, max_results: int | None = None, page_token: str | None = None
    ) -> tuple[list[DatasetRecord], str | None]:
        """A page of a dataset's records, and the token of the next one: none."""
        return [], None
