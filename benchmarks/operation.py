"""What a benchmark measures: one MLflow operation, how often, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Store: TypeAlias = Any
"""A tracking store or a registry of MLflow: ours or its own on SQL."""

AnyFixtures: TypeAlias = Any
"""What there is in a store for operations to work on: ``Fixtures``, ``RegistryFixtures``."""

Step: TypeAlias = Callable[[int], object]
"""Does the work once. Its argument counts 0, 1, 2, … so that no two repetitions write the same."""

Prepare: TypeAlias = Callable[[Store, AnyFixtures, int], Step]
"""Makes what the steps need, unmeasured; the last argument is how many steps there will be."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an operation may cost on DynamoDB; None sets no limit."""

    requests: float | None = None
    write_units: float | None = None
    read_units: float | None = None

    def holds(self, requests: float, write_units: float, read_units: float) -> bool:
        """Whether these costs are within the budget."""
        limits = (self.requests, self.write_units, self.read_units)
        costs = (requests, write_units, read_units)
        # Capacity comes in halves and is averaged over repetitions.
        return all(
            limit is None or cost <= limit + 0.005
            for cost, limit in zip(costs, limits, strict=True)
        )

    def __str__(self) -> str:
        limits = ((self.requests, "r"), (self.write_units, "w"), (self.read_units, "rd"))
        return ", ".join(f"{limit:g} {unit}" for limit, unit in limits if limit is not None)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, and its budgets: to keep to one of them is enough.

    ``metered`` steps are averaged for requests and capacity units. For the time ``blocks`` of
    ``calls`` steps are made, and the median of the blocks' means counts.
    """

    name: str
    prepare: Prepare
    budgets: tuple[Budget, ...] = ()
    metered: int = 20
    blocks: int = 15
    calls: int = 20

    def quick(self) -> Operation:
        """The same with as few repetitions as can show that it works."""
        return Operation(self.name, self.prepare, self.budgets, min(self.metered, 2), 3, 1)
