"""Prompts are registered models to MLflow; here is what its own methods for them leave open."""

from __future__ import annotations

from mlflow.entities.model_registry import PromptVersion
from mlflow.entities.model_registry.prompt import Prompt
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)
from mlflow.tracking._tracking_service.utils import _get_store

from mlflow_dynamodbstore.stores.registry_base import RegistryBase

_NO_PROMPT = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE))


class PromptsMixin(RegistryBase):
    """Prompts by name, and their links to what the tracking store keeps.

    MLflow's own methods do the rest: they create, search and tag prompts as registered models.
    """

    def get_prompt(self, name: str) -> Prompt | None:
        """The prompt, or None if there is none of that name.

        Raises what the table refuses: that is not to say that there is no such prompt.
        """
        try:
            model = self.get_registered_model(name)
        except MlflowException as error:
            if error.error_code in _NO_PROMPT:
                return None
            raise
        if model._tags.get(IS_PROMPT_TAG_KEY) != "true":
            return None
        return Prompt(
            name=model.name,
            description=model.description,
            creation_timestamp=model.creation_timestamp,
            tags=dict(model.tags),
        )

    def link_prompt_version_to_run(self, name: str, version: str, run_id: str) -> None:
        """Name the prompt version (a number or an alias) in the run's tag for prompts.

        Links that several processes make at once are all kept. Raises
        ``RESOURCE_DOES_NOT_EXIST`` if the prompt version or the run is missing.
        """
        link = getattr(_get_store(), "link_prompt_versions_to_run", None)
        if link is not None:
            link(run_id, [self._prompt_to_link(name, version)])
        else:
            super().link_prompt_version_to_run(name, version, run_id)

    def link_prompt_version_to_model(self, name: str, version: str, model_id: str) -> None:
        """Like ``link_prompt_version_to_run``, for a logged model."""
        link = getattr(_get_store(), "link_prompt_versions_to_model", None)
        if link is not None:
            link(model_id, [self._prompt_to_link(name, version)])
        else:
            super().link_prompt_version_to_model(name, version, model_id)

    def _prompt_to_link(self, name: str, version: str) -> PromptVersion:
        prompt = self.get_prompt_version(name, version)
        if prompt is None:
            raise MlflowException(
                f"Version {version} of {name!r} is no prompt, so that it can't be linked.",
                RESOURCE_DOES_NOT_EXIST,
            )
        return prompt
