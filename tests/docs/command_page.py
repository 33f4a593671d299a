"""docs/commands.md, made from the commands: ``python -m tests.docs.command_page`` writes it."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import click
from mlflow_dynamodbstore.cli import main

from tests.commands.cli import commands

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_COMMON = ("table", "region", "endpoint_url", "store_uri", "as_json")
_HEAD = """\
# Commands

Every command names its table in one of three ways, and prints JSON for machines with `--json`:

| options | the table |
|---|---|
| `--table T --region R` | in an AWS region |
| `--table T --endpoint-url URL` | of DynamoDB Local or the like |
| `--store-uri URI` | that [the URI](configuration.md#store-uris) names; the way to name a file |

Exit codes: 0 done; 1 failed, or drift was found; 2 wrong usage. A command that fails
writes one line to standard error, which ends with what to do.

Completion in bash, for good in `~/.bashrc` (in zsh and fish the same, with their names):

    eval "$(_MLFLOW_DYNAMODBSTORE_COMPLETE=bash_source mlflow-dynamodbstore)"
"""


def page() -> str:
    """The page as it should be."""
    return "\n".join([_HEAD, *(_section(path, command) for path, command in commands())])


def _section(path: tuple[str, ...], command: click.Command) -> str:
    text, _, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    lines = [f"## {' '.join(path)}", "", text.strip(), "", *_indented(example), ""]
    own = [param for param in command.params if param.name not in _COMMON]
    if own:
        lines += ["| option | meaning |", "|---|---|", *map(_row, own), ""]
    return "\n".join(lines)


def _indented(example: str) -> list[str]:
    return [f"    {line}" for line in textwrap.dedent(example).strip().splitlines()]


def _row(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        name = param.make_metavar(click.Context(main))
        return f"| `{name}` | As in a search; none finds everything. |"
    assert isinstance(param, click.Option)
    name = param.opts[0]
    if isinstance(param.type, click.Choice):
        name += f" {'|'.join(map(str, param.type.choices))}"
    elif not param.is_flag:
        name += f" {_kind(param)}"
    meaning = param.help or ""
    if param.show_default:
        default = param.default
        shown = ", ".join(map(str, default)) if isinstance(default, list | tuple) else default
        meaning = f"{meaning} [default: {shown}]".strip()
    return f"| `{name.replace('|', chr(92) + '|')}` | {meaning.replace('|', chr(92) + '|')} |"


def _kind(option: click.Option) -> str:
    if isinstance(option.type, click.IntRange):
        low, high = option.type.min, option.type.max
        return f"{low}…{high}" if high is not None else f"{low}…"
    return str(option.metavar or option.type.name).strip("[]").upper()


if __name__ == "__main__":
    PAGE.write_text(page())
