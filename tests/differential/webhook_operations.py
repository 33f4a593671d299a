"""Operations on webhooks."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule
from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent, WebhookStatus

from .registry_base import RegistryOperations
from .words import INDEX, rarely

_EVENTS = [WebhookEvent(e, a) for e, actions in VALID_ENTITY_ACTIONS.items() for a in actions]

_names = rarely(st.sampled_from(("hook", "hook-2", "a.b_c")), "", None, "Hook", "-a", "a" * 64, 7)
_urls = rarely(
    st.sampled_from(("https://example.com/a", "https://example.com/b")),
    *("", " ", None, "http://example.com", "example.com", "https://", 7),
)
_some_events = st.sampled_from(sorted(_EVENTS, key=str)[:4])
_events = rarely(
    st.lists(_some_events, min_size=1, max_size=3, unique=True),
    *([], None, "model_version.created", [_EVENTS[0], _EVENTS[0]], _EVENTS),
)
_secrets = st.sampled_from((None, "", "secret", "é"))
_statuses = st.sampled_from((None, WebhookStatus.ACTIVE, WebhookStatus.DISABLED))
_descriptions = st.sampled_from((None, "", "text", "é"))
_limits = rarely(st.sampled_from((None, 0, 1, 2, 1000)), -1, 1001)
_few = st.sampled_from((1, 2, 3))


class WebhookOperations(RegistryOperations):
    """Create, get, list, update, delete."""

    @rule(
        name=_names,
        url=_urls,
        events=_events,
        description=_descriptions,
        secret=_secrets,
        status=_statuses,
    )
    def create_webhook(
        self,
        name: str,
        url: str,
        events: list[WebhookEvent],
        description: str | None,
        secret: str | None,
        status: WebhookStatus | None,
    ) -> None:
        # The SQL store leaves the order of webhooks of one millisecond open.
        self.pair.world.now_ms += 1
        args = (name, url, events, description, secret, status)
        webhook = self.pair.call("create_webhook", *args)
        if webhook is not None:
            self.webhooks.append(webhook.webhook_id)

    @rule(i=INDEX)
    def get_webhook(self, i: int) -> None:
        self.pair.call("get_webhook", self.webhook(i))

    @rule(
        i=INDEX,
        name=st.none() | _names,
        url=st.none() | _urls,
        events=st.none() | _events,
        description=_descriptions,
        secret=_secrets,
        status=_statuses,
    )
    def update_webhook(
        self,
        i: int,
        name: str | None,
        url: str | None,
        events: list[WebhookEvent] | None,
        description: str | None,
        secret: str | None,
        status: WebhookStatus | None,
    ) -> None:
        self.pair.call(
            "update_webhook", self.webhook(i), name, description, url, events, secret, status
        )

    @rule(i=INDEX)
    def delete_webhook(self, i: int) -> None:
        self.pair.call("delete_webhook", self.webhook(i))

    @rule(limit=_limits, event=_some_events)
    def list_webhooks(self, limit: int | None, event: WebhookEvent) -> None:
        self.pair.call("list_webhooks", limit)
        self.pair.call("list_webhooks_by_event", event, limit)

    @rule(limit=_few, event=_some_events)
    def list_pages_of_webhooks(self, limit: int, event: WebhookEvent) -> None:
        self.pair.call_pages("list_webhooks", max_results=limit)
        self.pair.call_pages("list_webhooks_by_event", event=event, max_results=limit)

    def webhook(self, index: int) -> str:
        return self.pick(self.webhooks, index, "nothing")
