"""Operations on registered models and their versions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

from .registry_base import RegistryOperations
from .registry_words import (
    KNOWN_MODEL,
    aliases,
    descriptions,
    good_names,
    good_versions,
    model_tags,
    names,
    run_ids,
    some_model_tags,
    some_version_tags,
    sources,
    stages,
    tag_keys,
    tag_values,
    version_tags,
    versions,
)
from .words import rarely

_models = rarely(good_names, "nothing")
_links = st.sampled_from((None, "", "http://run"))
_logged_models = rarely(st.none(), KNOWN_MODEL, "m-unknown", "")


class ModelOperations(RegistryOperations):
    """Registered models: create, get, change, rename, delete, tag."""

    @rule(name=names, tags=some_model_tags, description=descriptions)
    def create_registered_model(
        self, name: str, tags: list[RegisteredModelTag] | None, description: str | None
    ) -> None:
        self.pair.call("create_registered_model", name, tags, description)

    @rule(name=good_names)
    def create_plain_registered_model(self, name: str) -> None:
        self.pair.call("create_registered_model", name)

    @rule(name=names)
    def get_registered_model(self, name: str) -> None:
        self.pair.call("get_registered_model", name)

    @rule(name=names, description=descriptions)
    def update_registered_model(self, name: str, description: str | None) -> None:
        self.pair.call("update_registered_model", name, description)

    @rule(name=_models, new_name=names)
    def rename_registered_model(self, name: str, new_name: str) -> None:
        self.pair.call("rename_registered_model", name, new_name)

    @rule(name=rarely(st.sampled_from(("model", "nothing")), "Model", "m_x", "", None))
    def delete_registered_model(self, name: str) -> None:
        self.pair.call("delete_registered_model", name)

    @rule(name=names, tag=model_tags)
    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        self.pair.call("set_registered_model_tag", name, tag)

    @rule(name=_models, key=tag_keys, value=tag_values)
    def set_odd_registered_model_tag(self, name: str, key: str, value: str) -> None:
        self.pair.call("set_registered_model_tag", name, RegisteredModelTag(key, value))

    @rule(name=_models, key=tag_keys)
    def delete_registered_model_tag(self, name: str, key: str) -> None:
        self.pair.call("delete_registered_model_tag", name, key)


class VersionOperations(RegistryOperations):
    """Versions: create, get, change, move between stages, delete, tag, copy; and aliases."""

    @rule(
        name=names,
        source=sources,
        run_id=run_ids,
        tags=some_version_tags,
        link=_links,
        description=descriptions,
        model_id=_logged_models,
    )
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None,
        tags: list[ModelVersionTag] | None,
        link: str | None,
        description: str | None,
        model_id: str | None,
    ) -> None:
        args = (name, source, run_id, tags, link, description)
        self.pair.call("create_model_version", *args, model_id=model_id)

    @rule(name=good_names, run_id=run_ids)
    def create_plain_model_version(self, name: str, run_id: str | None) -> None:
        self.pair.call("create_model_version", name, "s3://b/m", run_id)

    @rule(name=_models, version=versions)
    def get_model_version(self, name: str, version: Any) -> None:
        self.pair.call("get_model_version", name, version)
        self.pair.call("get_model_version_download_uri", name, version)

    @rule(name=_models, version=versions, description=descriptions)
    def update_model_version(self, name: str, version: Any, description: str | None) -> None:
        self.pair.call("update_model_version", name, version, description)

    @rule(name=_models, version=versions, stage=stages, archive=st.booleans())
    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive: bool
    ) -> None:
        self.pair.call("transition_model_version_stage", name, version, stage, archive)

    @rule(name=_models, version=rarely(st.sampled_from((2, 3)), 1, "x", 0, "2"))
    def delete_model_version(self, name: str, version: Any) -> None:
        self.pair.call("delete_model_version", name, version)

    @rule(name=_models, version=versions, tag=version_tags)
    def set_model_version_tag(self, name: str, version: Any, tag: ModelVersionTag) -> None:
        self.pair.call("set_model_version_tag", name, version, tag)

    @rule(name=_models, version=good_versions, key=tag_keys, value=tag_values)
    def set_odd_model_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        self.pair.call("set_model_version_tag", name, version, ModelVersionTag(key, value))

    @rule(name=_models, version=versions, key=tag_keys)
    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        self.pair.call("delete_model_version_tag", name, version, key)

    @rule(name=_models, alias=aliases, version=versions)
    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        self.pair.call("set_registered_model_alias", name, alias, version)

    @rule(name=_models, alias=aliases)
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self.pair.call("delete_registered_model_alias", name, alias)

    @rule(name=_models, alias=aliases)
    def get_model_version_by_alias(self, name: str, alias: str) -> None:
        self.pair.call("get_model_version_by_alias", name, alias)

    @rule(name=_models, those=st.none() | st.lists(stages, max_size=3))
    def get_latest_versions(self, name: str, those: list[str] | None) -> None:
        self.pair.call_unordered("get_latest_versions", name, those)

    @rule(name=good_names, version=good_versions, new_name=names)
    def copy_model_version(self, name: str, version: int, new_name: str) -> None:
        found = self.pair.call("get_model_version", name, version)
        if found is not None:
            self.pair.call("copy_model_version", found, new_name)
