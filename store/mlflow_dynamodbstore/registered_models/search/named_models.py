"""The models of some names, in one request where none was ever renamed."""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_events.keys import registered_model_key
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim_key
from mlflow_dynamodbstore.registered_models.model_items import meta_key
from mlflow_dynamodbstore.versioned.items import has_name


def named_models(table: Table, workspace: str, names: Iterable[str]) -> list[Item]:
    """The META items of those of the names that models have now."""
    claims = {name: claim_key(workspace, REGISTERED_MODEL_KIND, name) for name in names}
    guesses = {name: meta_key(registered_model_key(workspace, name)) for name in claims}
    found = table.batch_get([*claims.values(), *guesses.values()])
    keys = {name: meta_key(found[claim]["id"]) for name, claim in claims.items() if claim in found}
    elsewhere = [key for name, key in keys.items() if key != guesses[name]]
    if elsewhere:
        found |= table.batch_get(elsewhere)
    metas = ((name, found.get(key)) for name, key in keys.items())
    return [meta for name, meta in metas if meta is not None and has_name(meta, name)]
