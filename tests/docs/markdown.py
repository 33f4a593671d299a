"""The pages as their readers see them: tables, blocks of code, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def read(page: str) -> str:
    """The text of a page of this repository."""
    return (ROOT / page).read_text()


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    after = read(page).split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the first table, without its head."""
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = takewhile(lambda line: line.startswith("|"), lines[head:])
    found = [re.split(r"(?<!\\)\|", line)[1:-1] for line in list(table)[2:]]
    return [[cell.strip() for cell in row] for row in found]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for name, body in _FENCE.findall(text) if name == language]


def commands(text: str, program: str) -> Iterator[list[str]]:
    """The words of every command of a program that a page shows to be typed, wherever it does.

    Words with an ellipsis or in angle brackets stand for others: such commands are left out.
    """
    joined = text.replace("\\\n", " ")
    fenced = "\n".join(body for _, body in _FENCE.findall(joined)).splitlines()
    indented = [line for line in joined.splitlines() if line.startswith("    ")]
    for candidate in [*fenced, *indented, *_SPAN.findall(_FENCE.sub("", joined))]:
        for part in candidate.split("&&"):
            words = re.sub(r"^\S+=\S+ ", "", part.strip())
            if words.startswith(f"{program} ") and not re.search(r"…|<\w", words):
                yield shlex.split(words.split(" > ")[0])
