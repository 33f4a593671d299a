"""Tags that list what a run or a logged model goes with: prompts, and versions of a model.

Each is a JSON list that several processes add to, so it is changed under a condition: MLflow's own
way, to read the tag and then set it, loses what another process adds in between.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dynamodbstore_events.keys import model_pk, run_pk
from dynamodbstore_table.port import Table
from mlflow.entities.model_registry import PromptVersion
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracing.utils.prompt import update_linked_prompts_tag
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from mlflow_dynamodbstore.core.lifecycle import DELETED
from mlflow_dynamodbstore.core.lookup import Lookup, raise_logged_model_missing
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.tag_changes import change_tag


class Links:
    """Link prompt versions, and versions of registered models."""

    serves = ("link_prompt_versions_to_run", "link_prompt_versions_to_model")

    def __init__(self, table: Table, lookup: Lookup, places: Places) -> None:
        self._table = table
        self._places = places
        self._runs = lookup.runs
        self._models = lookup.logged_models

    def link_prompt_versions_to_run(self, run_id: str, prompts: Sequence[PromptVersion]) -> None:
        """Add prompt versions to the run's tag ``mlflow.linkedPrompts``; those in it stay once.

        Raises as ``set_tag`` does for a run that is missing or not active, and
        ``INTERNAL_ERROR`` if the tag holds something else.
        """
        self._runs.check(run_id)
        change_tag(
            self._table,
            run_pk(run_id),
            TraceTagKey.LINKED_PROMPTS,
            lambda value: update_linked_prompts_tag(value, list(prompts)),
            self._places.next(),
            before_write=lambda: self._runs.require_active(run_id),
        )

    def link_prompt_versions_to_model(
        self, model_id: str, prompts: Sequence[PromptVersion]
    ) -> None:
        """Add prompt versions to the logged model's tag ``mlflow.linkedPrompts``.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for a model that is missing or deleted, and
        ``INTERNAL_ERROR`` if the tag holds something else.
        """
        self._require_model(model_id)
        change_tag(
            self._table,
            model_pk(model_id),
            TraceTagKey.LINKED_PROMPTS,
            lambda value: update_linked_prompts_tag(value, list(prompts)),
            self._places.next(),
        )

    def set_model_versions_tags(self, name: str, version: str, model_id: str) -> None:
        """Add a registered version to the logged model's tag ``mlflow.modelVersions``.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for a model that is missing or deleted.
        """
        self._require_model(model_id)
        registered = {"name": name, "version": version}

        def with_version(value: str | None) -> str:
            versions = json.loads(value) if value else []
            return json.dumps(versions if registered in versions else [*versions, registered])

        place = self._places.next()
        change_tag(self._table, model_pk(model_id), MLFLOW_MODEL_VERSIONS, with_version, place)

    def _require_model(self, model_id: str) -> None:
        if self._models.meta(model_id)["stage"] == DELETED:
            raise_logged_model_missing(model_id)
