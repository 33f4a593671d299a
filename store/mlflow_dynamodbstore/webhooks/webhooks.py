"""Webhooks: create, get, list, update, delete. MLflow's server sends them."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import NoReturn

from dynamodbstore_events.keys import META, WEBHOOK, Key, webhook_pk
from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.forms import current
from dynamodbstore_table.port import Delete, Item, Put, Table, Update
from mlflow.entities.webhook import Webhook, WebhookEvent, WebhookStatus, WebhookTestResult
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import (
    _validate_webhook_events,
    _validate_webhook_name,
    _validate_webhook_url,
)

from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.searchable import Context, Request
from mlflow_dynamodbstore.webhooks.search import WEBHOOKS
from mlflow_dynamodbstore.webhooks.webhook_items import changed, webhook_item, webhook_of


class Webhooks:
    """The webhooks of a workspace. Names need not be unique; a deleted webhook is gone for good."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def create_webhook(
        self,
        name: str,
        url: str,
        events: list[WebhookEvent],
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Create a webhook, active unless ``status`` is given.

        Raises ``INVALID_PARAMETER_VALUE`` for a bad name, a URL that MLflow does not allow, or
        unknown events, and ``BAD_REQUEST`` for an event given twice.
        """
        _validate_webhook_name(name)
        _validate_webhook_url(url)
        _check_events(events)
        item = webhook_item(
            str(uuid.uuid4()),
            self._scope.workspace,
            get_current_time_millis(),
            name=name,
            url=url,
            events=events,
            description=description,
            secret=secret,
            status=_status(status or WebhookStatus.ACTIVE),
        )
        self._table.write(Put(item, condition=ITEM_MISSING))
        return webhook_of(item)

    def get_webhook(self, webhook_id: str) -> Webhook:
        """The webhook with its secret in plain text; ``RESOURCE_DOES_NOT_EXIST`` without it.

        Where the secret was encrypted with another key, its attribute ``secret`` raises.
        """
        return webhook_of(self._read_webhook(webhook_id))

    def list_webhooks(
        self, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Webhook]:
        """A page of the webhooks, disabled ones too, newest first.

        ``max_results`` is from 1 to 1,000; None or 0 means 100. Raises
        ``INVALID_PARAMETER_VALUE`` for another number or a bad token.
        """
        return self._page_of_webhooks(None, max_results, page_token)

    def list_webhooks_by_event(
        self, event: WebhookEvent, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Webhook]:
        """Like ``list_webhooks``, those only that are sent for this event."""
        return self._page_of_webhooks(event, max_results, page_token)

    def update_webhook(
        self,
        webhook_id: str,
        name: str | None = None,
        description: str | None = None,
        url: str | None = None,
        events: list[WebhookEvent] | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Change what is not None; an empty text is one.

        Raises as ``create_webhook``, and ``RESOURCE_DOES_NOT_EXIST`` without the webhook.
        """
        item = self._read_webhook(webhook_id)
        if name is not None:
            _validate_webhook_name(name)
        if url is not None:
            _validate_webhook_url(url)
        if events is not None:
            _check_events(events)
        attributes = changed(
            name, url, events, description, secret, None if status is None else _status(status)
        )
        new = {**attributes, "updated": get_current_time_millis()}
        try:
            self._table.write(Update(_key(webhook_id), set=new, condition=self._scope.is_ours))
        except ConditionFailed:
            _raise_missing(webhook_id)
        return webhook_of({**item, **new})

    def delete_webhook(self, webhook_id: str) -> None:
        """Remove the webhook with its secret; ``RESOURCE_DOES_NOT_EXIST`` without it."""
        try:
            self._table.write(Delete(_key(webhook_id), condition=self._scope.is_ours))
        except ConditionFailed:
            _raise_missing(webhook_id)

    def test_webhook(self, webhook_id: str, event: WebhookEvent | None = None) -> WebhookTestResult:
        """Send an example of the event (the webhook's first by default), and return how it went."""
        from mlflow.webhooks.delivery import test_webhook

        return test_webhook(self.get_webhook(webhook_id), event)

    def _read_webhook(self, webhook_id: str) -> Item:
        item = self._table.get(_key(webhook_id))
        if item is None or not self._scope.owns(item["workspace"]):
            _raise_missing(webhook_id)
        return current(WEBHOOK, item)

    def _page_of_webhooks(
        self, event: WebhookEvent | None, max_results: int | None, page_token: str | None
    ) -> PagedList[Webhook]:
        text = None if event is None else str(event)
        request = Request(text, max_results, None, page_token, self._scope.workspace)
        return PagedList(*search(self._table, WEBHOOKS, request, Context()))


def _key(webhook_id: str) -> Key:
    return webhook_pk(str(webhook_id)), META


def _check_events(events: list[WebhookEvent]) -> None:
    _validate_webhook_events(events)
    twice = [str(event) for event, times in Counter(events).items() if times > 1]
    if twice:
        raise MlflowException(
            f"The webhook event {twice[0]} is given twice. Give each event once.", BAD_REQUEST
        )


def _status(status: WebhookStatus) -> WebhookStatus:
    try:
        return WebhookStatus(status)
    except ValueError:
        raise MlflowException.invalid_parameter_value(
            f"Webhook status {status!r} is invalid: it must be ACTIVE or DISABLED."
        ) from None


def _raise_missing(webhook_id: str) -> NoReturn:
    raise MlflowException(f"Webhook with ID {webhook_id} not found.", RESOURCE_DOES_NOT_EXIST)
