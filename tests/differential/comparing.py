"""Running random sequences of operations against a pair of stores."""

from __future__ import annotations

import os
from typing import cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .base import Compared
from .pair import Pair

_MORE = os.environ.get("DIFFERENTIAL_EXAMPLES")
_SHRINK = "DIFFERENTIAL_SHRINK" in os.environ
_STEPS = 40


def compare(machine: type[Compared], pair: Pair, examples: int) -> None:
    """Run random sequences, each on empty stores; raises for the first that finds a difference."""
    profile = settings(
        max_examples=int(_MORE) if _MORE else examples,
        stateful_step_count=_STEPS,
        derandomize=_MORE is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if _SHRINK else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    new = cast("type[Compared]", lambda: machine(pair))
    run_state_machine_as_test(new, settings=profile)
