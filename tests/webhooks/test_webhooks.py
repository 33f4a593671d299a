"""Webhooks as they are kept: the secret unreadable, the listing in order, what is bad refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from dynamodbstore_events.keys import META, webhook_pk
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from mlflow.entities.webhook import Webhook, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.webhooks import webhooks

from tests.tracking.stores import refused

KEY = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"
MODEL_CREATED = WebhookEvent.from_str("registered_model.created")
VERSION_CREATED = WebhookEvent.from_str("model_version.created")
URL = "https://example.com/hook"


@pytest.fixture(autouse=True)
def _no_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    monkeypatch.setenv(KEY, Fernet.generate_key().decode())


@pytest.fixture(params=["embedded", "server"])
def table(request: pytest.FixtureRequest) -> Table:
    fixture = {"embedded": "sqlite_table", "server": "dynoxide_table"}[request.param]
    found: SqliteTable | DynamoDBTable = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def registry(table: Table) -> DynamoRegistryStore:
    return DynamoRegistryStore(table)


def created(
    registry: DynamoRegistryStore,
    name: str = "hook",
    events: Sequence[WebhookEvent] = (MODEL_CREATED,),
    **more: Any,
) -> Webhook:
    return registry.create_webhook(name, URL, list(events), **more)


def names(page: list[Webhook]) -> list[str]:
    return [webhook.name for webhook in page]


class TestKeeping:
    def test_a_webhook_is_read_back_whole(self, registry: DynamoRegistryStore) -> None:
        webhook = created(
            registry,
            "hook-1",
            [VERSION_CREATED, MODEL_CREATED],
            description="tells the team",
            secret="s3cret",
            status=WebhookStatus.DISABLED,
        )

        read = registry.get_webhook(webhook.webhook_id)

        assert vars(read) == vars(webhook)
        assert (read.name, read.url, read.description) == ("hook-1", URL, "tells the team")
        assert (read.secret, read.status) == ("s3cret", WebhookStatus.DISABLED)
        assert set(read.events) == {MODEL_CREATED, VERSION_CREATED}
        assert read.creation_timestamp == read.last_updated_timestamp
        assert read.workspace == "default"

    def test_update_webhook_leaves_what_is_not_given(self, registry: DynamoRegistryStore) -> None:
        webhook = created(registry, description="text", secret="s3cret")

        updated = registry.update_webhook(webhook.webhook_id, events=[VERSION_CREATED])

        read = registry.get_webhook(webhook.webhook_id)
        assert vars(read) == vars(updated)
        assert read.events == [VERSION_CREATED]
        assert (read.name, read.description, read.secret) == ("hook", "text", "s3cret")

    def test_two_webhooks_may_have_one_name(self, registry: DynamoRegistryStore) -> None:
        assert created(registry).webhook_id != created(registry).webhook_id

    def test_a_deleted_webhook_is_gone_with_its_secret(
        self, registry: DynamoRegistryStore, table: Table
    ) -> None:
        webhook_id = created(registry, secret="s3cret").webhook_id

        registry.delete_webhook(webhook_id)

        assert table.get((webhook_pk(webhook_id), META)) is None
        assert registry.list_webhooks() == []
        for call in (registry.get_webhook, registry.update_webhook, registry.delete_webhook):
            with refused("RESOURCE_DOES_NOT_EXIST"):
                call(webhook_id)


class TestSecrets:
    def test_the_table_holds_no_secret_in_plain_text(
        self, registry: DynamoRegistryStore, table: Table
    ) -> None:
        webhook_id = created(registry, secret="s3cret").webhook_id

        item = table.get((webhook_pk(webhook_id), META))

        assert item is not None
        assert "s3cret" not in repr(item)
        assert "s3cret" in registry.get_webhook(webhook_id).secret

    def test_another_server_with_the_key_reads_the_secret(
        self, registry: DynamoRegistryStore, table: Table
    ) -> None:
        webhook_id = created(registry, secret="s3cret").webhook_id

        assert DynamoRegistryStore(table).get_webhook(webhook_id).secret == "s3cret"

    def test_get_webhook_without_the_key_returns_all_but_the_secret(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook_id = created(registry, secret="s3cret").webhook_id
        monkeypatch.setenv(KEY, Fernet.generate_key().decode())

        [listed] = registry.list_webhooks()

        assert listed.to_proto().name == "hook"
        with pytest.raises(MlflowException, match=KEY):
            _ = listed.secret
        assert registry.update_webhook(webhook_id, secret="new").secret == "new"

    def test_a_webhook_whose_secret_is_lost_is_not_sent_unsigned(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook_id = created(registry, secret="s3cret").webhook_id
        monkeypatch.setenv(KEY, Fernet.generate_key().decode())

        result = registry.test_webhook(webhook_id)

        assert not result.success
        assert KEY in result.error_message

    def test_without_a_key_a_process_reads_what_it_wrote(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(KEY)

        webhook_id = created(registry, secret="s3cret").webhook_id

        assert registry.get_webhook(webhook_id).secret == "s3cret"

    def test_an_invalid_key_stops_the_start_and_is_not_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY, "hunter2")

        with pytest.raises(MlflowException, match=f"{KEY} is not a key") as stopped:
            build_registry_store(f"dynamodb:///{tmp_path / 'registry.ddb'}")

        assert stopped.value.error_code == "INVALID_PARAMETER_VALUE"
        assert "hunter2" not in stopped.value.message


class TestListing:
    @pytest.fixture
    def seven(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> DynamoRegistryStore:
        """Seven webhooks, created a millisecond apart; every other one is for versions."""
        times = iter(range(1_000, 2_000))
        monkeypatch.setattr(webhooks, "get_current_time_millis", lambda: next(times))
        for number in range(7):
            created(registry, f"hook-{number}", [(MODEL_CREATED, VERSION_CREATED)[number % 2]])
        return registry

    def test_list_webhooks_returns_the_newest_first(self, seven: DynamoRegistryStore) -> None:
        assert names(seven.list_webhooks()) == [f"hook-{number}" for number in range(6, -1, -1)]

    def test_list_webhooks_pages_follow_each_other(self, seven: DynamoRegistryStore) -> None:
        first = seven.list_webhooks(3)
        second = seven.list_webhooks(3, first.token)
        third = seven.list_webhooks(3, second.token)

        assert names([*first, *second, *third]) == names(seven.list_webhooks())
        assert (len(third), third.token) == (1, None)

    def test_a_page_ends_where_the_listing_does(self, seven: DynamoRegistryStore) -> None:
        assert seven.list_webhooks(7).token is None

    def test_a_webhook_made_meanwhile_moves_no_page(self, seven: DynamoRegistryStore) -> None:
        first = seven.list_webhooks(3)
        created(seven, "newer")

        second = seven.list_webhooks(3, first.token)

        assert names(second) == ["hook-3", "hook-2", "hook-1"]

    def test_list_webhooks_by_event_follows_pages(self, seven: DynamoRegistryStore) -> None:
        first = seven.list_webhooks_by_event(VERSION_CREATED, 2)
        second = seven.list_webhooks_by_event(VERSION_CREATED, 2, first.token)

        assert names([*first, *second]) == ["hook-5", "hook-3", "hook-1"]

    def test_list_webhooks_returns_disabled_webhooks_too(
        self, registry: DynamoRegistryStore
    ) -> None:
        created(registry, status=WebhookStatus.DISABLED)

        assert names(registry.list_webhooks_by_event(MODEL_CREATED)) == ["hook"]

    def test_a_token_of_another_listing_is_refused(self, seven: DynamoRegistryStore) -> None:
        token = seven.list_webhooks(3).token

        with refused("INVALID_PARAMETER_VALUE"):
            seven.list_webhooks_by_event(MODEL_CREATED, 3, token)

    @pytest.mark.parametrize("limit", [-1, 1001, "1"])
    def test_list_webhooks_refuses_a_limit_out_of_range(
        self, registry: DynamoRegistryStore, limit: int | str
    ) -> None:
        with refused("INVALID_PARAMETER_VALUE"):
            registry.list_webhooks(limit)


class TestRefusals:
    @pytest.mark.parametrize(
        "bad",
        [
            {"name": "Not A Name"},
            {"url": "ftp://example.com"},
            {"events": ["registered_model.created"]},
            {"status": "PAUSED"},
            {"secret": "\ud800"},
        ],
        ids=["name", "url", "events", "status", "secret"],
    )
    def test_bad_webhooks_are_refused_and_not_kept(
        self, registry: DynamoRegistryStore, bad: dict[str, Any]
    ) -> None:
        good = {"name": "hook", "url": URL, "events": [MODEL_CREATED]}
        webhook_id = created(registry).webhook_id

        with refused("INVALID_PARAMETER_VALUE"):
            registry.create_webhook(**{**good, **bad})
        with refused("INVALID_PARAMETER_VALUE"):
            registry.update_webhook(webhook_id, **bad)

        assert names(registry.list_webhooks()) == ["hook"]
        assert registry.get_webhook(webhook_id).url == URL

    def test_an_event_given_twice_is_refused(self, registry: DynamoRegistryStore) -> None:
        with refused("BAD_REQUEST"):
            created(registry, events=[MODEL_CREATED, MODEL_CREATED])

    def test_a_private_address_is_refused(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS")

        with refused("INVALID_PARAMETER_VALUE"):
            registry.create_webhook("hook", "https://127.0.0.1/hook", [MODEL_CREATED])
