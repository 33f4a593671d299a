"""Tags of runs."""

from __future__ import annotations

from dynamodbstore_events.keys import run_pk, tag_sk
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Table
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.validation import _validate_tag

from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.tag_removal import remove_tag
from mlflow_dynamodbstore.core.text_values import required_texts
from mlflow_dynamodbstore.runs.runs import Runs


class RunTags:
    """Set and delete a run's tags."""

    serves = ("delete_tag",)

    def __init__(self, table: Table, lookup: Lookup, renaming: Runs, places: Places) -> None:
        self._table = table
        self._places = places
        self._runs = lookup.runs
        self._renaming = renaming

    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Set a tag of an active run; the tag ``mlflow.runName`` renames the run."""
        required_texts("tag", [tag])
        tag = _validate_tag(tag.key, tag.value)
        if tag.key == MLFLOW_RUN_NAME:
            self._renaming.update_run_info(run_id, None, None, tag.value)
            return
        self._runs.require_active(run_id)
        text = text_items(run_pk(run_id), tag_sk(tag.key), tag.key, tag.value)
        place = self._places.next()
        self._table.write(text.update(place))

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag of an active run; raises ``RESOURCE_DOES_NOT_EXIST`` if it has none."""
        self._runs.require_active(run_id)
        if not remove_tag(self._table, run_pk(run_id), key):
            raise MlflowException(
                f"No tag with name: {key} in run with id {run_id}", RESOURCE_DOES_NOT_EXIST
            )
