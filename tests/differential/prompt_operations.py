"""Operations on prompts, by MLflow's own methods for them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .registry_base import RegistryOperations
from .registry_filters import orders, prompt_filters
from .registry_words import PROMPTS, aliases, descriptions, prompt_names, texts, versions
from .words import KEYS, rarely

_tags = st.none() | st.dictionaries(st.sampled_from(KEYS[:3]), texts, max_size=2)
_templates = st.sampled_from(
    ("Hello {{name}}", "", [{"role": "user", "content": "Hi {{ name }}"}], "long " * 20_001)
)
_keys = rarely(st.sampled_from(KEYS[:3]), "_mlflow_experiment_ids", "mlflow.prompt.is_prompt", "")
_values = rarely(texts, ",1,", ",1,12,", "true", "false")
_names = rarely(prompt_names, "nothing", "Model", "")
_numbers_and_aliases = st.one_of(versions, aliases)


class PromptOperations(RegistryOperations):
    """Prompts and their versions."""

    @rule(name=prompt_names, description=descriptions, tags=_tags)
    def create_prompt(
        self, name: str, description: str | None, tags: dict[str, str] | None
    ) -> None:
        self.pair.call("create_prompt", name, description, tags)

    @rule(
        name=_names,
        template=_templates,
        description=descriptions,
        tags=_tags,
        answer=st.sampled_from((None, {"type": "object"})),
        config=st.sampled_from((None, {"temperature": 0.5}, {"temperature": "x"})),
    )
    def create_prompt_version(
        self,
        name: str,
        template: Any,
        description: str | None,
        tags: dict[str, str] | None,
        answer: dict[str, Any] | None,
        config: dict[str, Any] | None,
    ) -> None:
        args = (name, template, description, tags, answer, config)
        self.pair.call("create_prompt_version", *args)

    @rule(name=_names, version=_numbers_and_aliases)
    def get_prompt(self, name: str, version: Any) -> None:
        self.pair.call("get_prompt", name)
        self.pair.call("get_prompt_version", name, version)

    @rule(name=_names, alias=aliases)
    def get_prompt_version_by_alias(self, name: str, alias: str) -> None:
        self.pair.call("get_prompt_version_by_alias", name, alias)

    @rule(name=_names, alias=aliases, version=versions)
    def set_prompt_alias(self, name: str, alias: str, version: Any) -> None:
        self.pair.call("set_prompt_alias", name, alias, version)

    @rule(name=_names, alias=aliases)
    def delete_prompt_alias(self, name: str, alias: str) -> None:
        self.pair.call("delete_prompt_alias", name, alias)

    @rule(name=_names, key=_keys, value=_values)
    def set_prompt_tag(self, name: str, key: str, value: str) -> None:
        self.pair.call("set_prompt_tag", name, key, value)

    @rule(name=_names, key=_keys)
    def delete_prompt_tag(self, name: str, key: str) -> None:
        self.pair.call("delete_prompt_tag", name, key)

    @rule(name=_names, version=versions, key=_keys, value=_values)
    def set_prompt_version_tag(self, name: str, version: Any, key: str, value: str) -> None:
        self.pair.call("set_prompt_version_tag", name, version, key, value)

    @rule(name=_names, version=versions, key=_keys)
    def delete_prompt_version_tag(self, name: str, version: Any, key: str) -> None:
        self.pair.call("delete_prompt_version_tag", name, version, key)

    @rule(name=st.sampled_from((*PROMPTS[1:], "nothing")))
    def delete_prompt(self, name: str) -> None:
        self.pair.call("delete_prompt", name)

    @rule(name=_names, version=rarely(st.sampled_from((2, 3)), 1, "x"))
    def delete_prompt_version(self, name: str, version: Any) -> None:
        self.pair.call("delete_prompt_version", name, version)

    @rule(text=prompt_filters, order=orders)
    def search_prompts(self, text: str | None, order: list[str] | None) -> None:
        self.pair.call("search_prompts", text, order_by=order)

    @rule(name=_names, limit=st.sampled_from((None, 1, 2)))
    def search_pages_of_prompt_versions(self, name: str, limit: int | None) -> None:
        self.pair.call_pages("search_prompt_versions", name=name, max_results=limit)

    @rule(text=prompt_filters, limit=st.sampled_from((1, 2)))
    def search_pages_of_prompts(self, text: str | None, limit: int) -> None:
        self.pair.call_pages("search_prompts", filter_string=text, max_results=limit)
