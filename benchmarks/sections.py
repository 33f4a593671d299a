"""Sections of figures, for people, for docs, or for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

Cell: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True)
class Section:
    """A table of figures; the first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def as_json(sections: Sequence[Section]) -> str:
    """By title a list of objects, one a row."""
    by_title = {
        section.title: [dict(zip(section.columns, row, strict=True)) for row in section.rows]
        for section in sections
    }
    return json.dumps(by_title, indent=2)


def as_markdown(sections: Sequence[Section]) -> str:
    """Tables in GitHub's Markdown, each under its title."""
    parts = []
    for section in sections:
        lines = [section.columns, ("---", *["---:"] * (len(section.columns) - 1))]
        lines += [tuple(map(_text, row)) for row in section.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"**{section.title}**\n\n{table}")
    return "\n\n".join(parts)


def print_sections(sections: Sequence[Section], console: Console) -> None:
    """Print tables."""
    for section in sections:
        table = Table(*section.columns[:1], title=section.title)
        for name in section.columns[1:]:
            table.add_column(name, justify="right")
        for row in section.rows:
            table.add_row(*map(_text, row))
        console.print(table)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if cell >= 100 or cell == int(cell):
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if cell >= 10 else f"{cell:.2f}"
