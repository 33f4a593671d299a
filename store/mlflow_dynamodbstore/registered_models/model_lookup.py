"""From a registered model's name to its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from dynamodbstore_events.keys import META, registered_model_key, registered_model_pk, version_sk
from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Item, Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.utils.validation import _validate_model_name, _validate_model_version

from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim_key
from mlflow_dynamodbstore.core.long_texts import read_texts
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.model_items import aliases_for, is_model
from mlflow_dynamodbstore.registered_models.version_items import (
    can_be_number,
    is_deleted,
    model_version,
)

_MOST_TRIES: Final = 20
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model by its key, its META item, and by sort key the other items that were asked for."""

    key: str
    meta: Item
    items: Mapping[str, Item] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        """The partition key."""
        return registered_model_pk(self.key)


class ModelLookup:
    """Finds models by name, most in one request.

    The first model of a name has a key made of the name. Where another model has the name now, its
    claim says which, and the process remembers it. What is remembered is a guess at what to read:
    only the META item that was read, and the claim, say whose the name is.
    """

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self.scope = scope
        self._keys: dict[tuple[str, str], str] = {}

    def find(self, name: str, sort_keys: Sequence[str] = ()) -> FoundModel | None:
        """The model of the scope that has the name, with those of the items in its partition that
        exist, or None; raises ``INVALID_PARAMETER_VALUE`` for what can't be a name."""
        _validate_model_name(name)
        workspace = self.scope.workspace
        claimed = claim_key(workspace, REGISTERED_MODEL_KIND, name)
        guess = self._keys.get((workspace, name)) or registered_model_key(workspace, name)
        for _ in range(_MOST_TRIES):
            pk = registered_model_pk(guess)
            found = self._table.batch_get([claimed, (pk, META), *((pk, sk) for sk in sort_keys)])
            claim = found.get(claimed)
            if claim is None:
                self._keys.pop((workspace, name), None)
                return None
            if claim["id"] != guess:
                guess = claim["id"]
                continue
            meta = found.get((pk, META))
            if meta is not None and is_model(meta, name):
                self._remember(workspace, name, guess)
                items: dict[str, Any] = {sk: found[pk, sk] for sk in sort_keys if (pk, sk) in found}
                return FoundModel(guess, meta, items)
        raise TransactionConflict(f"the model named {name!r} changes faster than it can be read")

    def require(self, name: str, sort_keys: Sequence[str] = ()) -> FoundModel:
        """As ``find``, but raises ``RESOURCE_DOES_NOT_EXIST`` where there is no such model."""
        found = self.find(name, sort_keys)
        if found is None:
            raise_model_missing(name)
        return found

    def require_version(self, name: str, version: str | int) -> tuple[FoundModel, Item]:
        """The model and the item of a version that has not been deleted.

        Raises ``INVALID_PARAMETER_VALUE`` for a version that is not a number, and
        ``RESOURCE_DOES_NOT_EXIST`` where there is no such model or version.
        """
        _validate_model_name(name)
        number: int = _validate_model_version(version)
        if not can_be_number(number):
            raise_version_missing(name, version)
        sk = version_sk(number)
        found = self.find(name, [sk])
        item = None if found is None else found.items.get(sk)
        if found is None or item is None or is_deleted(item):
            raise_version_missing(name, version)
        return found, item

    def version_entity(self, found: FoundModel, item: Item) -> ModelVersion:
        """MLflow's version, with its aliases; raises ``TextReplaced`` if it has just changed."""
        texts = read_texts(self._table, [item])
        return model_version(found.meta, item, texts, aliases_for(found.meta, item["number"]))

    def _remember(self, workspace: str, name: str, key: str) -> None:
        if key == registered_model_key(workspace, name):
            self._keys.pop((workspace, name), None)
        else:
            if len(self._keys) >= _MOST_REMEMBERED:
                self._keys.clear()
            self._keys[workspace, name] = key


def raise_model_missing(name: str) -> NoReturn:
    """Raise MLflow's error for a registered model that is not there."""
    raise MlflowException(f"Registered Model with name={name} not found", RESOURCE_DOES_NOT_EXIST)


def raise_version_missing(name: str, version: str | int) -> NoReturn:
    """Raise MLflow's error for a model version that is not there."""
    raise MlflowException(
        f"Model Version (name={name}, version={version}) not found", RESOURCE_DOES_NOT_EXIST
    )
