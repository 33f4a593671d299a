"""What every group of operations on the registry stands on."""

from __future__ import annotations

from .base import Compared
from .pair import Pair
from .registry_words import IS_PROMPT

_PROMPTS = f"tags.`{IS_PROMPT}` = 'true'"


class RegistryOperations(Compared):
    """Both registries."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self.webhooks: list[str] = []

    def compare_all(self) -> None:
        """Compare all models, prompts, versions and webhooks."""
        call = self.pair.call
        for kind in ("", _PROMPTS):
            for model in call("search_registered_models", kind) or ():
                call("get_registered_model", model.name)
                self.pair.call_unordered("get_latest_versions", model.name)
                for alias in model.aliases:
                    call("get_model_version_by_alias", model.name, alias)
            for version in call("search_model_versions", kind) or ():
                call("get_model_version", version.name, version.version)
                call("get_model_version_download_uri", version.name, version.version)
        call("list_webhooks")
