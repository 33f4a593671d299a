"""Where links to prompts are written: a tag of the run or logged model, in any tracking store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol, runtime_checkable

from mlflow.entities import LoggedModelTag, RunTag
from mlflow.entities.model_registry import PromptVersion
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracing.utils.prompt import update_linked_prompts_tag

_TAG: Final = TraceTagKey.LINKED_PROMPTS


@runtime_checkable
class LinksPrompts(Protocol):
    """A tracking store that adds to these tags itself, so that no writer's link is lost."""

    def link_prompt_versions_to_run(self, run_id: str, prompts: Sequence[PromptVersion]) -> None:
        """Add prompt versions to the run's tag; those in it stay once."""

    def link_prompt_versions_to_model(
        self, model_id: str, prompts: Sequence[PromptVersion]
    ) -> None:
        """Add prompt versions to the logged model's tag."""


def linking_store(tracking: Any) -> LinksPrompts:
    """The tracking store itself if it can link prompts, as ours can, else a way to do it there."""
    return tracking if isinstance(tracking, LinksPrompts) else _ReadAndSet(tracking)


class _ReadAndSet:
    """Links prompts in a tracking store of another kind: the threads of this process lose no link,
    and other processes may, as with MLflow's own registries."""

    _LOCK: Final = threading.Lock()

    def __init__(self, tracking: Any) -> None:
        self._tracking = tracking

    def link_prompt_versions_to_run(self, run_id: str, prompts: Sequence[PromptVersion]) -> None:
        with self._LOCK:
            linked = self._tracking.get_run(run_id).data.tags.get(_TAG)
            changed = update_linked_prompts_tag(linked, list(prompts))
            if changed != linked:
                self._tracking.set_tag(run_id, RunTag(_TAG, changed))

    def link_prompt_versions_to_model(
        self, model_id: str, prompts: Sequence[PromptVersion]
    ) -> None:
        with self._LOCK:
            linked = self._tracking.get_logged_model(model_id).tags.get(_TAG)
            changed = update_linked_prompts_tag(linked, list(prompts))
            if changed != linked:
                self._tracking.set_logged_model_tags(model_id, [LoggedModelTag(_TAG, changed)])
