"""A model version's item, and from it to MLflow's entity. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.keys import (
    LAST_VERSION_NUMBER,
    Key,
    registered_model_pk,
    run_versions_lookup,
    version_listed,
    version_of_run,
    version_sk,
    versions_listing,
)
from dynamodbstore_table.conditions import Compare, Condition
from dynamodbstore_table.port import Item
from dynamodbstore_table.shaped import require_shape
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL, STAGE_NONE
from mlflow.entities.model_registry.model_version_status import ModelVersionStatus

from mlflow_dynamodbstore.core.long_texts import StoredText, Texts, text_of
from mlflow_dynamodbstore.registered_models.model_items import DESCRIPTION
from mlflow_dynamodbstore.versioned.items import tags_of

_READY: Final = ModelVersionStatus.to_string(ModelVersionStatus.READY)

NOT_DELETED: Final[Condition] = Compare("stage", "!=", STAGE_DELETED_INTERNAL)
"""The condition that there is a version and that it has not been deleted."""

REDACTED: Final[Mapping[str, str | None]] = {
    DESCRIPTION: None,
    "user_id": None,
    "source": "REDACTED-SOURCE-PATH",
    "run_id": "REDACTED-RUN-ID",
    "run_link": "REDACTED-RUN-LINK",
    "status_message": None,
}
"""What is left in these attributes of a version that has been deleted; its number stays taken."""

LISTED: Final = ("gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk")


def version_item(
    model_key: str,
    workspace: str,
    number: int,
    now_ms: int,
    attributes: Mapping[str, str | None],
    texts: Mapping[str, StoredText],
) -> Item:
    """The item of a new version. ``attributes`` are its ``source``, ``storage_location``,
    ``run_id`` and ``run_link``, ``texts`` its description and tags as they are kept."""
    item: Item = {
        "PK": registered_model_pk(model_key),
        "SK": version_sk(number),
        "number": number,
        "created": now_ms,
        "stage": STAGE_NONE,
        "status": _READY,
        **attributes,
        **texts,
        "gsi1pk": versions_listing(workspace),
        **touched(model_key, number, now_ms),
    }
    if run_id := attributes.get("run_id"):
        item["gsi2pk"] = run_versions_lookup(run_id)
        item["gsi2sk"] = version_of_run(model_key, number)
    return item


def touched(model_key: str, number: int, now_ms: int) -> dict[str, Any]:
    """The attributes that record when a version was changed."""
    return {"updated": now_ms, "gsi1sk": version_listed(now_ms, model_key, number)}


def version_key(model_key: str, number: int) -> Key:
    """The key of a version's item."""
    return registered_model_pk(model_key), version_sk(number)


def can_be_number(number: int) -> bool:
    """Whether any version can have this number."""
    return 1 <= number <= LAST_VERSION_NUMBER


def is_deleted(version: Mapping[str, Any]) -> bool:
    """Whether an item is that of a deleted version."""
    return bool(version["stage"] == STAGE_DELETED_INTERNAL)


def updated_at(meta: Mapping[str, Any], version: Mapping[str, Any]) -> int:
    """When the version was last changed (ms): renaming a model counts for all of its versions."""
    updated: int = version["updated"]
    return max(updated, meta.get("renamed", 0))


def model_version(
    meta: Mapping[str, Any],
    version: Mapping[str, Any],
    texts: Texts,
    aliases: list[str] | None = None,
) -> ModelVersion:
    """MLflow's model version, ``meta`` being its model's META item.

    Raises ``TextReplaced`` for a long text that is not in ``texts``.
    """
    require_shape(meta)
    require_shape(version)
    return ModelVersion(
        name=meta["name"],
        version=version["number"],
        creation_timestamp=version["created"],
        last_updated_timestamp=updated_at(meta, version),
        description=text_of(version.get(DESCRIPTION), texts),
        user_id=version.get("user_id"),
        current_stage=version["stage"],
        source=version["source"],
        run_id=version.get("run_id"),
        status=version["status"],
        status_message=version.get("status_message"),
        tags=[ModelVersionTag(key, value) for key, value in tags_of(version, texts).items()],
        run_link=version.get("run_link"),
        aliases=aliases,
        workspace=meta["workspace"],
    )
