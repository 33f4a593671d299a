"""Registries that are full from the start, so that most operations meet something."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import initialize
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

from .registry_base import RegistryOperations
from .registry_words import ALIASES, NAMES, PROMPTS, RUNS, STAGES
from .words import KEYS, VALUES

_FEW = KEYS[:4]


class RegistryPopulated(RegistryOperations):
    """Starts with some models and prompts that have a bit of everything."""

    @initialize(seed=st.integers(0, 2**32 - 1), size=st.sampled_from((4, 6, 2, 0)))
    def populate(self, seed: int, size: int) -> None:
        chance = Random(seed)
        for name in chance.sample(NAMES, min(size, len(NAMES))):
            self._add_model(chance, name)
        for name in chance.sample(PROMPTS[:2], min(size // 2, 2)):
            self._add_prompt(chance, name)

    def _add_model(self, chance: Random, name: str) -> None:
        call = self.pair.call
        tags = [RegisteredModelTag(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        call("create_registered_model", name, tags, chance.choice((None, "text")))
        for number in range(1, chance.randrange(5)):
            tags = [ModelVersionTag(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
            run_id = chance.choice((*RUNS, None))
            source = chance.choice(("s3://b/m", "S3://b/m", "runs:/r1/m"))
            call("create_model_version", name, source, run_id, tags)
            if chance.random() < 0.5:
                call("transition_model_version_stage", name, number, chance.choice(STAGES), False)
            if chance.random() < 0.5:
                call("set_registered_model_alias", name, chance.choice(ALIASES), number)
        if chance.random() < 0.3:
            call("delete_model_version", name, 2)

    def _add_prompt(self, chance: Random, name: str) -> None:
        call = self.pair.call
        call(
            "create_prompt", name, None, {k: chance.choice(VALUES) for k in chance.sample(_FEW, 1)}
        )
        for number in range(1, chance.randrange(4)):
            tags = {"a": chance.choice(VALUES)}
            call("create_prompt_version", name, f"Hello {number}", None, tags)
        if chance.random() < 0.5:
            call("set_prompt_tag", name, "_mlflow_experiment_ids", ",1,12,")
