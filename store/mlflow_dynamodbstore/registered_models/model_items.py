"""A registered model's META item, and from it to MLflow's entity. Pure.

Each tag, alias and latest version is an attribute of its own, so that one can be set without
reading or replacing the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.entities import DELETING, REGISTERED_MODEL
from dynamodbstore_events.keys import (
    META,
    Key,
    is_hashed,
    model_tag_lookup,
    name_beginning,
    name_listed,
    outside_default_workspace,
    part,
    prompts_listing,
    registered_model_pk,
    registered_models_listing,
    tag_sk,
    tag_value_listed,
)
from dynamodbstore_table.conditions import Condition, Missing, both, equals
from dynamodbstore_table.port import Item, Put
from mlflow.entities.model_registry import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim
from mlflow_dynamodbstore.core.long_texts import StoredText, Texts, text_of

TAG: Final = "tag."
ALIAS: Final = "alias."
LATEST: Final = "latest."
DESCRIPTION: Final = "description"
LAST_VERSION: Final = "last_version"
REVISION: Final = "revision"
"""Counts the changes of aliases, stages and versions: stages are written only if it is as read."""
PROMPT_VERSIONS: Final = "prompt_versions"
"""How many versions, deleted ones too, have the tag of a prompt. MLflow hides all versions of a
name of which one has it."""

PROMPT_TAG: Final = TAG + IS_PROMPT_TAG_KEY
PROMPT: Final = "true"


def model_meta(
    model_key: str, workspace: str, name: str, now_ms: int, texts: Mapping[str, StoredText]
) -> Item:
    """The META item of a new registered model; ``texts`` are its description and tags, as they
    are kept, by attribute name."""
    pk = registered_model_pk(model_key)
    return {
        "PK": pk,
        "SK": META,
        "name": name,
        "workspace": workspace,
        "created": now_ms,
        "updated": now_ms,
        LAST_VERSION: 0,
        REVISION: 0,
        **texts,
        "gsi1pk": listing(workspace, is_prompt(texts)),
        "gsi1sk": name_listed(name),
    }


def model_claim(workspace: str, name: str, model_key: str) -> Put:
    """The op that claims a name for a model; it fails where another model holds the name."""
    op = claim(workspace, REGISTERED_MODEL_KIND, name, model_key)
    if workspace == DEFAULT_WORKSPACE_NAME:
        return op
    listed = {
        "gsi2pk": outside_default_workspace(REGISTERED_MODEL),
        "gsi2sk": f"{workspace}#{name_beginning(name)}",
    }
    return Put({**op.item, **listed}, op.condition)


def model_key_of(item: Mapping[str, Any]) -> str:
    """The model's key, from any item of its partition."""
    key: str = item["PK"].partition("#")[2]
    return key


def meta_key(model_key: str) -> Key:
    """The key of the META item."""
    return registered_model_pk(model_key), META


def is_model(meta: Mapping[str, Any] | None, name: str) -> bool:
    """Whether this META is that of the model which now has this name."""
    return meta is not None and meta["name"] == name and DELETING not in meta


def is_still(name: str) -> Condition:
    """The condition that a META item is that of the model which now has this name."""
    return both(equals("name", name), Missing(DELETING))


def listing(workspace: str, prompt: bool) -> str:
    """Where a model is listed."""
    return prompts_listing(workspace) if prompt else registered_models_listing(workspace)


def is_prompt(item: Mapping[str, Any]) -> bool:
    """Whether an item (or its attributes of tags) is that of a prompt or of a prompt's version:
    searches show prompts and other models apart."""
    return bool(item.get(PROMPT_TAG) == PROMPT)


def tag_lookup_item(model_key: str, workspace: str, key: str, value: str | None) -> Item:
    """The item by which a model is found among those that have a tag."""
    item: Item = {
        "PK": registered_model_pk(model_key),
        "SK": tag_sk(key),
        "gsi2pk": model_tag_lookup(workspace, key),
        "gsi2sk": tag_value_listed(value, model_key),
    }
    if is_hashed(part(key)):
        item["k"] = key
    return item


def stored_tags(item: Mapping[str, Any]) -> dict[str, StoredText]:
    """The tags of a model or version by key, as they are kept."""
    return _named(item, TAG)


def tags_of(item: Mapping[str, Any], texts: Texts) -> dict[str, str | None]:
    """The tags of a model or version; raises ``TextReplaced`` for a long one that is not in
    ``texts``."""
    return {key: text_of(stored, texts) for key, stored in stored_tags(item).items()}


def aliases_of(meta: Mapping[str, Any]) -> dict[str, int]:
    """The version numbers that aliases stand for."""
    return _named(meta, ALIAS)


def aliases_for(meta: Mapping[str, Any], number: int) -> list[str]:
    """The aliases of one version."""
    return [alias for alias, at in aliases_of(meta).items() if at == number]


def latest_of(meta: Mapping[str, Any]) -> dict[str, int]:
    """By stage, the highest number of a version in it."""
    return _named(meta, LATEST)


def registered_model(
    meta: Mapping[str, Any], texts: Texts, latest_versions: Sequence[ModelVersion]
) -> RegisteredModel:
    """MLflow's registered model; raises ``TextReplaced`` for a long text that is not there."""
    return RegisteredModel(
        meta["name"],
        creation_timestamp=meta["created"],
        last_updated_timestamp=meta["updated"],
        description=text_of(meta.get(DESCRIPTION), texts),
        latest_versions=list(latest_versions),
        tags=[RegisteredModelTag(key, value) for key, value in tags_of(meta, texts).items()],
        aliases=[RegisteredModelAlias(alias, at) for alias, at in aliases_of(meta).items()],
        workspace=meta["workspace"],
    )


def _named(item: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: v for name, v in item.items() if name.startswith(prefix)}
