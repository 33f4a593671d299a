"""What the commands that set a list of the configuration have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from mlflow_dynamodbstore.commands.config_options import finish
from mlflow_dynamodbstore.commands.table_options import existing
from mlflow_dynamodbstore.commands.waiting import pause_saying
from mlflow_dynamodbstore.config.changes import ConfigList, ListChange, set_list
from mlflow_dynamodbstore.location import Location

_TAKING_AWAY: Final = pause_saying(
    "Searches no longer rely on what is taken away; it goes when every running server and function "
    "has heard of that."
)

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class ListWords:
    """What a list is called, and the copies that a replay removes of what is taken away; the
    projection that keeps them; and what has them always, without being in the list."""

    name: str
    copies: str
    projection: str
    always: tuple[str, ...] = ()


def list_options(
    option: str, fault_of: Callable[[object], str | None], **details: Any
) -> Callable[[Command], Command]:
    """Give a command an option for each value of a list, and ``--none``; it takes ``values``.

    A value with a fault is wrong usage, and so are none without ``--none`` and some with it.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(values: tuple[str, ...], no_values: bool, **options: Any) -> None:
            if no_values == bool(values):
                raise click.UsageError(
                    f"Name all that there shall be, each with {option}; or take everything away "
                    "with --none."
                )
            command(values=values, **options)

        none = click.option("--none", "no_values", is_flag=True, help="Take everything away.")
        one = click.option(option, "values", multiple=True, callback=_checked(fault_of), **details)
        return one(none(run))

    return decorate


def _checked(fault_of: Callable[[object], str | None]) -> Callable[..., tuple[str, ...]]:
    def check(
        ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
    ) -> tuple[str, ...]:
        for value in values:
            fault = fault_of(value)
            if fault is not None:
                raise click.BadParameter(f"{value!r} is {fault}.", ctx, param)
        return values

    return check


def set_values(
    location: Location,
    config_list: ConfigList,
    values: Iterable[str],
    words: ListWords,
    said: Mapping[str, Any],
    *,
    replay: bool,
    as_json: bool,
) -> None:
    """Set the list and say so, for machines with what is ``said`` already; replay if that is asked
    for."""
    with existing(location) as table:
        change = set_list(table, config_list, values, _TAKING_AWAY)
    after = {config_list.name: list(change.after)}
    finish(
        location,
        {**said, **after, "added": change.added, "removed": change.removed},
        _lines(change, words),
        projection=words.projection,
        outdated=change.outdated,
        replay=replay,
        as_json=as_json,
    )


def _lines(change: ListChange, words: ListWords) -> list[str]:
    lines = [f"always: {_listed(words.always)}"] if words.always else []
    lines.append(f"{words.name}: {_listed(change.after)}")
    if not change.differs:
        return [*lines, "nothing changed"]
    if change.before is None:
        lines.append("the item was not as it should be, and was written anew")
    kept = [value for value in change.added if value in change.marked]
    if kept:
        lines.append(f"added: {_listed(kept)}; searches use them already")
    added = [value for value in change.added if value not in change.marked]
    if added:
        lines.append(f"added: {_listed(added)}; searches use them when a replay has built them")
    if change.removed:
        lines.append(f"taken away: {_listed(change.removed)}; a replay removes {words.copies}")
    return lines


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values) or "none"
