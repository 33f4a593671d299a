"""The registry of a store that keeps no registered models yet.

MLflow's UI asks the registry on the page of every run, and shows none of the page when it is not
there. So what can only be empty is answered as empty, and what would have to be kept is refused
with ``NOT_IMPLEMENTED``, which clients do not retry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException, MlflowNotImplementedException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore

REFUSED = (
    *("create_registered_model", "create_model_version", "copy_model_version"),
    *("create_prompt", "create_prompt_version", "create_webhook", "test_webhook"),
    *("link_prompts_to_trace", "link_prompt_version_to_model", "link_prompt_version_to_run"),
)
OF_A_MODEL = (
    *("update_registered_model", "rename_registered_model", "delete_registered_model"),
    *("get_registered_model", "get_latest_versions", "set_registered_model_tag"),
    *("delete_registered_model_tag", "set_registered_model_alias"),
    *("delete_registered_model_alias", "get_model_version_by_alias"),
)
OF_A_VERSION = (
    *("update_model_version", "transition_model_version_stage", "delete_model_version"),
    *("get_model_version", "get_model_version_download_uri", "set_model_version_tag"),
    "delete_model_version_tag",
)
OF_A_WEBHOOK = ("get_webhook", "update_webhook", "delete_webhook")


class EmptyRegistryStore(AbstractStore):
    """Finds nothing and takes nothing; names the option that brings a registry."""

    def search_registered_models(self, *args: Any, **kwargs: Any) -> PagedList[RegisteredModel]:
        """No model can be registered, so none is found."""
        return PagedList([], None)

    def search_model_versions(self, *args: Any, **kwargs: Any) -> PagedList[ModelVersion]:
        """No version can be registered, so none is found."""
        return PagedList([], None)

    def list_webhooks(self, *args: Any, **kwargs: Any) -> PagedList[Any]:
        """No webhook can be kept, so there is none."""
        return PagedList([], None)

    def list_webhooks_by_event(self, *args: Any, **kwargs: Any) -> PagedList[Any]:
        """No webhook can be kept, so there is none."""
        return PagedList([], None)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        raise MlflowNotImplementedException(
            f"{name} is not available: this version of the DynamoDB store keeps no model "
            "registry. Name a database for it: --registry-store-uri sqlite:///registry.db for "
            "mlflow server, MLFLOW_REGISTRY_URI for a script."
        )

    refuse.__name__ = name
    return refuse


def _missing(name: str, kind: str) -> Callable[..., NoReturn]:
    def miss(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        asked = ", ".join(str(value) for value in (*args, *kwargs.values())[:2])
        raise MlflowException(f"{kind} not found: {asked}", RESOURCE_DOES_NOT_EXIST)

    miss.__name__ = name
    return miss


for _name in REFUSED:
    setattr(EmptyRegistryStore, _name, _refusal(_name))
for _kind, _names in (
    ("Registered Model", OF_A_MODEL),
    ("Model Version", OF_A_VERSION),
    ("Webhook", OF_A_WEBHOOK),
):
    for _name in _names:
        setattr(EmptyRegistryStore, _name, _missing(_name, _kind))
