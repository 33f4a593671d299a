"""What one kind of named things has of its own; registered models are such a kind.

The items of a thing are in a partition of its own: ``META`` with its name, tags, aliases and
counters, its versions, and long texts. Its key never changes, and a claim item names the holder of
a name: a rename is one write however many versions there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dynamodbstore_events.keys import (
    META,
    Key,
    name_beginning,
    named_pk,
    outside_default_workspace,
)
from dynamodbstore_table.port import Delete, Put
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.claims import claim, release


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of things.

    ``code`` begins their partition keys and names their claims, ``word`` is what messages call one.
    ``first_key`` makes the key of the first thing of a name from a workspace and the name.
    ``deleted_lookup`` lists things that are deleted and whose items are not all removed yet.
    ``validate`` raises for what can't be a name; ``missing`` is the error for a name that no thing
    has.
    """

    code: str
    word: str
    first_key: Callable[[str, str], str]
    deleted_lookup: str
    validate: Callable[[str], object]
    missing: Callable[[str], MlflowException]

    def pk(self, key: str) -> str:
        """The partition key of a thing."""
        return named_pk(self.code, key)

    def meta_key(self, key: str) -> Key:
        """The key of a thing's META item."""
        return self.pk(key), META

    def claim(self, workspace: str, name: str, key: str) -> Put:
        """The op that claims a name for a thing; it fails where another one holds the name."""
        op = claim(workspace, self.code, name, key)
        if workspace == DEFAULT_WORKSPACE_NAME:
            return op
        listed = {
            "gsi2pk": outside_default_workspace(self.code),
            "gsi2sk": f"{workspace}#{name_beginning(name)}",
        }
        return Put({**op.item, **listed}, op.condition)

    def release(self, workspace: str, name: str, key: str) -> Delete:
        """The op that gives a name up; it fails unless this thing holds it."""
        return release(workspace, self.code, name, key)
