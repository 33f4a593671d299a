"""The assessments that a run made: they go when the run is deleted, as in MLflow's SQL store."""

from __future__ import annotations

from dynamodbstore_events.keys import links_pk
from dynamodbstore_table.port import Delete, Table, begins_with
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.traces.assessments import Assessments, run_of
from mlflow_dynamodbstore.traces.links import ASSESSMENT, RUN


class RunAssessments:
    """Finds the assessments of runs by the links that they leave."""

    def __init__(self, table: Table, assessments: Assessments) -> None:
        self._table = table
        self._assessments = assessments

    def remove(self, run_id: str) -> None:
        """Remove the assessments that a run made, of whatever traces."""
        pk = links_pk(RUN, run_id)
        for link in self._table.query_all(pk, sk=begins_with(f"{ASSESSMENT}#")):
            try:
                assessment = self._assessments.get_assessment(link["trace"], link["id"])
            except MlflowException:
                assessment = None
            if assessment is not None and run_of(assessment.metadata) == run_id:
                self._assessments.delete_assessment(link["trace"], link["id"])
            self._table.write(Delete((pk, link["SK"])))
