"""From the name of a thing to its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from dynamodbstore_events.keys import META, Key
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.items.forms import current
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.core.claims import claim_key
from mlflow_dynamodbstore.core.memory import Recent
from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.versioned.items import has_name
from mlflow_dynamodbstore.versioned.kind import Kind

_T = TypeVar("_T")

_MOST_TRIES: Final = 20
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A thing by its kind and key, its META item, and by sort key the other items that were
    read with it."""

    kind: Kind
    key: str
    meta: Item
    items: Mapping[str, Item] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        """The partition key."""
        return self.kind.pk(self.key)

    @property
    def meta_key(self) -> Key:
        """The key of the META item."""
        return self.kind.meta_key(self.key)

    @property
    def name(self) -> str:
        """The name that the thing had when it was read."""
        name: str = self.meta["name"]
        return name


class NamedLookup:
    """Finds the things of one kind in a scope by name, most in one request.

    The first thing of a name has a key made of the name. Where another one has the name now, its
    claim names it, and the process remembers it. What is remembered is a guess at what to read:
    only the META item that was read, and the claim, decide whose the name is.
    """

    def __init__(self, table: Table, scope: Scope, kind: Kind) -> None:
        self._table = table
        self.scope = scope
        self.kind = kind
        self._keys: Recent[tuple[str, str], str] = Recent(_MOST_REMEMBERED)

    def find(self, name: str, sort_keys: Sequence[str] = ()) -> Found | None:
        """The thing that has the name, with those of the items in its partition that exist, or
        None; raises ``INVALID_PARAMETER_VALUE`` for what can't be a name."""
        self.kind.validate(name)
        workspace, kind = self.scope.workspace, self.kind
        claimed = claim_key(workspace, kind.code, name)
        guess = self._keys.get((workspace, name)) or kind.first_key(workspace, name)
        for _ in range(_MOST_TRIES):
            pk = kind.pk(guess)
            found = self._table.batch_get([claimed, (pk, META), *((pk, sk) for sk in sort_keys)])
            claim = found.get(claimed)
            if claim is None:
                self._keys.forget((workspace, name))
                return None
            if claim["id"] != guess:
                guess = claim["id"]
                continue
            meta = found.get((pk, META))
            if meta is not None and has_name(meta, name):
                self._remember(workspace, name, guess)
                items: dict[str, Any] = {sk: found[pk, sk] for sk in sort_keys if (pk, sk) in found}
                return Found(kind, guess, current(kind.code, meta), items)
        raise TransactionConflict(
            f"the {kind.word} named {name!r} changes faster than it can be read"
        )

    def require(self, name: str, sort_keys: Sequence[str] = ()) -> Found:
        """As ``find``, but raises ``RESOURCE_DOES_NOT_EXIST`` where there is no such thing."""
        found = self.find(name, sort_keys)
        if found is None:
            raise self.kind.missing(name)
        return found

    def changing(
        self,
        name: str,
        attempt: Callable[[], _T],
        on: tuple[type[Exception], ...] = (ConditionFailed,),
    ) -> _T:
        """What an attempt at changing or reading the thing of a name returns, see ``retried``."""
        return retried(f"the {self.kind.word} {name!r}", attempt, on)

    def _remember(self, workspace: str, name: str, key: str) -> None:
        if key == self.kind.first_key(workspace, name):
            self._keys.forget((workspace, name))
        else:
            self._keys.put((workspace, name), key)
