"""A registered model's META item, and from it to MLflow's entity. Pure.

What all named things have is in ``versioned.items``. The latest version of each stage is an
attribute of its own too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.entities import FORM, REGISTERED_MODEL
from dynamodbstore_events.keys import (
    META,
    Key,
    is_hashed,
    model_tag_lookup,
    name_listed,
    part,
    prompts_listing,
    registered_model_pk,
    registered_models_listing,
    tag_sk,
    tag_value_listed,
)
from dynamodbstore_table.items.forms import current, newest_form
from dynamodbstore_table.port import Item
from dynamodbstore_table.shaped import require_shape
from mlflow.entities.model_registry import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from mlflow_dynamodbstore.core.long_texts import StoredText, Texts, text_of
from mlflow_dynamodbstore.versioned.items import (
    LAST_VERSION,
    REVISION,
    TAG,
    aliases_of,
    tags_of,
    with_prefix,
)

LATEST: Final = "latest."
DESCRIPTION: Final = "description"
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
        FORM: newest_form(REGISTERED_MODEL),
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


def meta_key(model_key: str) -> Key:
    """The key of the META item."""
    return registered_model_pk(model_key), META


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


def latest_of(meta: Mapping[str, Any]) -> dict[str, int]:
    """By stage, the highest number of a version in it."""
    return with_prefix(meta, LATEST)


def registered_model(
    meta: Mapping[str, Any], texts: Texts, latest_versions: Sequence[ModelVersion]
) -> RegisteredModel:
    """MLflow's registered model; raises ``TextReplaced`` for a long text that is not there, and
    ``NewerForm``."""
    require_shape(meta)
    meta = current(REGISTERED_MODEL, meta)
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
