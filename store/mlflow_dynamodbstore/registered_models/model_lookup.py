"""From a registered model's name to its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dynamodbstore_events.keys import META, registered_model_key, registered_model_pk
from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim_key
from mlflow_dynamodbstore.registered_models.model_items import is_model

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

    def __init__(self, table: Table) -> None:
        self._table = table
        self._keys: dict[tuple[str, str], str] = {}

    def find(self, workspace: str, name: str, sort_keys: Sequence[str] = ()) -> FoundModel | None:
        """The model that has the name, with those of the items in its partition that exist."""
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

    def _remember(self, workspace: str, name: str, key: str) -> None:
        if key == registered_model_key(workspace, name):
            self._keys.pop((workspace, name), None)
        else:
            if len(self._keys) >= _MOST_REMEMBERED:
                self._keys.clear()
            self._keys[workspace, name] = key
