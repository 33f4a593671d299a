"""Giving names to things: create, rename, delete. A name is unique whoever else is writing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from dynamodbstore_events.entities import DELETING
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Item, Op, Table, Update
from mlflow.utils.time import get_current_time_millis

from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.versioned.deletion import (
    deletion_mark,
    finish_interrupted,
    remove_marked,
)
from mlflow_dynamodbstore.versioned.items import still_named
from mlflow_dynamodbstore.versioned.lookup import Found, NamedLookup

_T = TypeVar("_T")


class Naming:
    """Creates, renames and deletes the things of one kind in a scope."""

    def __init__(self, table: Table, lookup: NamedLookup) -> None:
        self._table = table
        self._lookup = lookup
        self._kind = lookup.kind

    def create(
        self,
        name: str,
        write: Callable[[str], _T],
        refuse: Callable[[Found], object],
        *,
        alone: bool = True,
    ) -> _T:
        """Create the thing of a new name: what ``write`` returns, which gets the key to use.

        ``write`` claims the name with its first op and puts META with its second, which must not
        be there. ``refuse`` gets the thing that has the name, and raises. Where ``write`` takes
        more than one write it is not ``alone``: the partition must be its own before META is there.
        """
        workspace = self._lookup.scope.workspace
        key = self._kind.first_key(workspace, name) if alone else new_key()
        contention = Contention(f"who is named {name!r}")
        while True:
            try:
                return write(key)
            except ConditionFailed as failed:
                if 0 in failed.failures:
                    holder = self._lookup.find(name)
                    if holder is not None:
                        refuse(holder)
                    # It has just been given up: try again.
                    contention.wait()
                    continue
                met = failed.failures[1]
            if met is not None and DELETING in met:
                remove_marked(self._table, met)
            contention.wait()
            key = new_key()

    def rename(
        self,
        name: str,
        new_name: str,
        changed: Callable[[Found], dict[str, Any]],
        refuse: Callable[[], NoReturn],
    ) -> Item:
        """Give a thing another name, in one write: its META item as it is then.

        ``changed`` makes the attributes of META that a rename sets (also one to the same name),
        ``name`` among them; ``refuse`` raises where another thing has the name. Raises
        ``RESOURCE_DOES_NOT_EXIST`` where no thing has the old one.
        """

        def attempt() -> Item:
            found = self._lookup.require(name)
            attributes = changed(found)
            try:
                self._table.write(*self._renaming(found, new_name, attributes))
            except ConditionFailed as failed:
                if 1 in failed.failures:
                    refuse()
                raise
            return {**found.meta, **attributes}

        return self._lookup.changing(name, attempt)

    def _renaming(self, found: Found, new_name: str, attributes: dict[str, Any]) -> list[Op]:
        update = Update(found.meta_key, set=attributes, condition=still_named(found.name))
        if new_name == found.name:
            return [update]
        workspace = found.meta["workspace"]
        return [
            update,
            self._kind.claim(workspace, new_name, found.key),
            self._kind.release(workspace, found.name, found.key),
        ]

    def delete(self, name: str) -> None:
        """Delete a thing with all of its items; raises ``RESOURCE_DOES_NOT_EXIST``.

        It has gone with the first write, whatever it takes to remove what is left.
        """

        def mark() -> Item:
            found = self._lookup.require(name)
            now = get_current_time_millis()
            marked = deletion_mark(self._kind, found.key, now, still_named(name))
            given_up = self._kind.release(found.meta["workspace"], name, found.key)
            self._table.write(marked, given_up)
            return {**found.meta, **marked.set}

        remove_marked(self._table, self._lookup.changing(name, mark))
        finish_interrupted(self._table, self._kind, get_current_time_millis())


def new_key() -> str:
    """A key that no thing has."""
    return uuid.uuid4().hex
