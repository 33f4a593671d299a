"""The workspace that a call works in."""

from __future__ import annotations

from dataclasses import dataclass

from dynamodbstore_events.keys import experiments_listing, webhooks_listing
from dynamodbstore_table.conditions import Condition, equals
from dynamodbstore_table.port import Delete, Put, Table
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.claims import claim, holder, release


@dataclass(frozen=True, slots=True)
class Scope:
    """A workspace, with the listings that it is found in and the names that are claimed in it.

    ``shared`` means that the table may hold other workspaces too: an entity's workspace must then
    be known before the entity is read or changed. Without it no request is made to find that out.
    """

    workspace: str = DEFAULT_WORKSPACE_NAME
    shared: bool = False

    @property
    def experiments_listing(self) -> str:
        """The partition of the index that lists the workspace's experiments."""
        return experiments_listing(self.workspace)

    @property
    def webhooks_listing(self) -> str:
        """The partition of the index that lists the workspace's webhooks."""
        return webhooks_listing(self.workspace)

    @property
    def is_ours(self) -> Condition:
        """The condition that an item which names its workspace is of this one."""
        return equals("workspace", self.workspace)

    def owns(self, workspace: str) -> bool:
        """Whether what belongs to a workspace may be seen and changed."""
        return workspace == self.workspace

    def claim(self, kind: str, name: str, entity_id: str, stale_id: str | None = None) -> Put:
        """The op that claims a name in the workspace, see ``claims.claim``."""
        return claim(self.workspace, kind, name, entity_id, stale_id)

    def release(self, kind: str, name: str, entity_id: str) -> Delete:
        """The op that gives a name of the workspace up, see ``claims.release``."""
        return release(self.workspace, kind, name, entity_id)

    def holder(self, table: Table, kind: str, name: str) -> str | None:
        """The id of the entity that holds a name in the workspace, or None."""
        return holder(table, self.workspace, kind, name)
