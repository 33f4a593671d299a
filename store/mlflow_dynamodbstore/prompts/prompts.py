"""Prompts are registered models to MLflow; here is what its own methods for them leave open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.entities.model_registry import ModelVersion, PromptVersion
from mlflow.entities.model_registry.prompt import Prompt
from mlflow.exceptions import MlflowException
from mlflow.prompt.registry_utils import has_prompt_tag, model_version_to_prompt_version
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from mlflow_dynamodbstore.prompts.linking import LinksPrompts, linking_store
from mlflow_dynamodbstore.registered_models.aliases import Aliases
from mlflow_dynamodbstore.registered_models.model_versions import ModelVersions
from mlflow_dynamodbstore.registered_models.registered_models import RegisteredModels

_NO_PROMPT = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE))


class Prompts:
    """Prompts by name, and their links to what the tracking store keeps.

    MLflow's own methods do the rest: they create, search and tag prompts as registered models.
    ``tracking`` returns the tracking store in use.
    """

    def __init__(
        self,
        models: RegisteredModels,
        versions: ModelVersions,
        aliases: Aliases,
        tracking: Callable[[], Any],
    ) -> None:
        self._models = models
        self._versions = versions
        self._aliases = aliases
        self._tracking = tracking

    def get_prompt(self, name: str) -> Prompt | None:
        """The prompt, or None if no prompt has that name.

        Raises the table's errors: they don't mean that the prompt is missing.
        """
        try:
            model = self._models.get_registered_model(name)
        except MlflowException as error:
            if error.error_code in _NO_PROMPT:
                return None
            raise
        if not has_prompt_tag(model._tags):
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
        prompt = self._version_to_link(name, version)
        self._links().link_prompt_versions_to_run(run_id, [prompt])

    def link_prompt_version_to_model(self, name: str, version: str, model_id: str) -> None:
        """Like ``link_prompt_version_to_run``, for a logged model."""
        prompt = self._version_to_link(name, version)
        self._links().link_prompt_versions_to_model(model_id, [prompt])

    def _links(self) -> LinksPrompts:
        return linking_store(self._tracking())

    def _version_to_link(self, name: str, version: str) -> PromptVersion:
        model = self._models.get_registered_model(name)
        if not has_prompt_tag(model._tags):
            raise MlflowException(
                f"{name!r} is a registered model and not a prompt. Give the name of a prompt.",
                INVALID_PARAMETER_VALUE,
            )
        found = self._numbered_or_aliased(name, version)
        if not has_prompt_tag(found.tags):
            raise MlflowException(
                f"Version {version} of {name!r} is no prompt, so that it can't be linked.",
                RESOURCE_DOES_NOT_EXIST,
            )
        return model_version_to_prompt_version(found, prompt_tags=dict(model.tags))

    def _numbered_or_aliased(self, name: str, version: str) -> ModelVersion:
        try:
            number = int(version)
        except ValueError:
            return self._aliases.get_model_version_by_alias(name, version)
        return self._versions.get_model_version(name, number)
