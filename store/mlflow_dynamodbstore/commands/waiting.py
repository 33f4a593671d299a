"""Waiting until running processes know what has changed, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep

import click


def pause(seconds: float) -> None:
    """Wait."""
    sleep(seconds)


def pause_saying(why: str) -> Callable[[float], None]:
    """Wait, after a line on standard error that says why and how long."""

    def wait(seconds: float) -> None:
        click.echo(f"{why} Waiting for {seconds:.0f} s.", err=True)
        pause(seconds)

    return wait
