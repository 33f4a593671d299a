"""Several processes that start the same work at the same moment."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any

from mlflow.exceptions import MlflowException

PROCESSES = 4
_SECONDS = 60


def together(work: Callable[[int], Any], processes: int = PROCESSES) -> list[Any]:
    """What ``work(number of the process)`` returns in each of some processes.

    They are forks, so that none has to import MLflow first; ``work`` must open its own store.
    """
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes)
    results = context.SimpleQueue()

    def run(number: int) -> None:
        try:
            start.wait(_SECONDS)
            results.put((number, work(number), None))
        except BaseException:
            results.put((number, None, traceback.format_exc()))

    children = [context.Process(target=run, args=(n,), daemon=True) for n in range(processes)]
    for child in children:
        child.start()
    done = sorted((results.get() for _ in children), key=lambda result: result[0])
    for child in children:
        child.join(_SECONDS)
    failures = [failure for _, _, failure in done if failure]
    assert not failures, "\n".join(failures)
    return [result for _, result, _ in done]


def outcome(call: Callable[[], Any]) -> str:
    """ "done", or the code of MLflow's error."""
    try:
        call()
    except MlflowException as error:
        return str(error.error_code)
    return "done"
