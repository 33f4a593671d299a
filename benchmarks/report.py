"""The measured operations as a table for people, for the README, or for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dynamodbstore_table.testing.counting import Meter
from measuring import Cost, Subject, meter_operation, time_operation
from operation import Operation, Store
from rich.console import Console
from rich.table import Table

_OVER = "over"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation's numbers; ``sql_ms`` is the SQL store's, None where it did not run."""

    operation: Operation
    cost: Cost
    ms: float
    sql_ms: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the SQL store."""
        return None if self.sql_ms is None else self.sql_ms / self.ms

    @property
    def verdict(self) -> str:
        """``ok`` or ``over``; empty where there is no budget."""
        if not self.operation.budgets:
            return ""
        cost = (self.cost.requests, self.cost.write_units, self.cost.read_units)
        return "ok" if any(b.holds(*cost) for b in self.operation.budgets) else _OVER


def as_json(rows: Sequence[Row]) -> str:
    """A list of objects, one an operation; times in ms."""
    return json.dumps([_machine_row(row) for row in rows], indent=2)


def as_markdown(rows: Sequence[Row]) -> str:
    """A table in GitHub's Markdown."""
    head = _head(rows)
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [_cells(row, head) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print a table that marks what is over its budget or slower than SQL."""
    head = _head(rows)
    table = Table(*head[:1])
    for name in head[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        slow = row.ratio is not None and row.ratio < 1
        style = "red" if row.verdict == _OVER or slow else None
        table.add_row(*_cells(row, head), style=style)
    console.print(table)


def _head(rows: Sequence[Row]) -> list[str]:
    head = ["operation", "requests", "write units", "read units", "budget", "", "ms"]
    return [*head, "SQL ms", "ratio"] if any(row.sql_ms is not None for row in rows) else head


def _cells(row: Row, head: Sequence[str]) -> list[str]:
    cost = row.cost
    cells = [
        row.operation.name,
        _number(cost.requests),
        _number(cost.write_units),
        _number(cost.read_units),
        " or ".join(str(budget) for budget in row.operation.budgets),
        row.verdict,
        _ms(row.ms),
    ]
    if "ratio" in head:
        cells += ["", ""] if row.sql_ms is None else [_ms(row.sql_ms), f"{row.ratio:.1f}×"]
    return cells


def _machine_row(row: Row) -> dict[str, Any]:
    return {
        "operation": row.operation.name,
        "requests": row.cost.requests,
        "requests_by_kind": row.cost.by_request,
        "write_units": row.cost.write_units,
        "read_units": row.cost.read_units,
        "budgets": [asdict(budget) for budget in row.operation.budgets],
        "verdict": row.verdict or None,
        "ms": row.ms,
        "sql_ms": row.sql_ms,
        "ratio": row.ratio,
    }


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _ms(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def measured(
    operations: list[Operation], subjects: list[Subject], metered: Store, meter: Meter
) -> list[Row]:
    """Measure the operations one after the other; shows on stderr which one is at work."""
    rows = []
    progress = Console(stderr=True)
    with progress.status("") as status:
        for operation in operations:
            status.update(operation.name)
            cost = meter_operation(operation, metered, subjects[0].fixtures, meter)
            times = time_operation(operation, subjects)
            rows.append(Row(operation, cost, times[0], times[1] if len(times) > 1 else None))
    return rows
