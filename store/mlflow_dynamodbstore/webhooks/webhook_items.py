"""A webhook as an item, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dynamodbstore_events.entities import FORM
from dynamodbstore_events.keys import (
    META,
    WEBHOOK,
    newest_first,
    outside_default_workspace,
    webhook_pk,
    webhooks_listing,
)
from dynamodbstore_table.conditions import Condition, Contains
from dynamodbstore_table.items.forms import current, newest_form
from dynamodbstore_table.port import Item
from dynamodbstore_table.shaped import require_shape
from mlflow.entities.webhook import Webhook, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.webhooks.webhook_secrets import UNREADABLE, decrypted, encrypted

LISTED: Final = (
    *("PK", "SK", "gsi1sk", "id", "workspace", "name", "url", "events", "description", "status"),
    *("secret", "created", "updated", FORM),
)


class UnreadableWebhook(Webhook):  # type: ignore[misc]
    """A webhook whose secret this process can't decrypt.

    All but the secret can be seen and changed. To send with it fails, as unsigned it must not go.
    """

    @property
    def secret(self) -> str | None:
        """Raises ``INTERNAL_ERROR`` with the fix."""
        raise MlflowException(f"The secret of webhook {self.webhook_id} {UNREADABLE}.")


def webhook_item(
    webhook_id: str,
    workspace: str,
    now_ms: int,
    *,
    name: str,
    url: str,
    events: Iterable[WebhookEvent],
    description: str | None,
    secret: str | None,
    status: WebhookStatus,
) -> Item:
    """The item of a new webhook."""
    item: Item = {
        "PK": webhook_pk(webhook_id),
        "SK": META,
        FORM: newest_form(WEBHOOK),
        "gsi1pk": webhooks_listing(workspace),
        "gsi1sk": newest_first(now_ms, webhook_id),
        "id": webhook_id,
        "workspace": workspace,
        "created": now_ms,
        "updated": now_ms,
        **changed(name, url, events, description, secret, status),
    }
    if workspace != DEFAULT_WORKSPACE_NAME:
        item["gsi2pk"] = outside_default_workspace(WEBHOOK)
        item["gsi2sk"] = f"{workspace}#{webhook_id}"
    return item


def changed(
    name: str | None,
    url: str | None,
    events: Iterable[WebhookEvent] | None,
    description: str | None,
    secret: str | None,
    status: WebhookStatus | None,
) -> dict[str, str]:
    """The attributes of what is not None."""
    given = {
        "name": name,
        "url": url,
        "events": None if events is None else _events_text(events),
        "description": description,
        "secret": None if secret is None else encrypted(secret),
        "status": None if status is None else status.value,
    }
    return {attribute: value for attribute, value in given.items() if value is not None}


def sent_for(event: WebhookEvent) -> Condition:
    """The condition that a webhook is sent for this event."""
    return Contains("events", f" {event} ")


def webhook_of(item: Mapping[str, Any]) -> Webhook:
    """The webhook of an item; raises ``NewerForm``."""
    require_shape(item)
    item = current(WEBHOOK, item)
    kept = item.get("secret")
    secret = None if kept is None else decrypted(kept)
    kind = UnreadableWebhook if kept is not None and secret is None else Webhook
    return kind(
        webhook_id=item["id"],
        name=item["name"],
        url=item["url"],
        events=[WebhookEvent.from_str(event) for event in item["events"].split()],
        creation_timestamp=item["created"],
        last_updated_timestamp=item["updated"],
        description=item.get("description"),
        status=WebhookStatus(item["status"]),
        secret=secret,
        workspace=item["workspace"],
    )


def _events_text(events: Iterable[WebhookEvent]) -> str:
    # Each between spaces, so that a condition can look for one; in the SQL store's order.
    ordered = sorted(events, key=lambda event: (event.entity.value, event.action.value))
    return "".join(f" {event}" for event in ordered) + " "
