"""A program that is traced as programs are: nested calls, exceptions, threads, generators, async.

Run as ``python traced_program.py``; it logs to ``MLFLOW_TRACKING_URI`` and prints, as JSON, the
experiment's id and the run of its evaluation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator

import mlflow
from mlflow.genai.scorers import scorer

EXPERIMENT = "traced"
LONG = "é" * 1_000_000
THREADS = 5
ROWS = 4


@mlflow.trace
def double(x: int | str) -> int | str:
    return x * 2


@mlflow.trace(span_type="LLM", attributes={"model": "gpt"})
def answer(x: int, fail: bool = False) -> dict[str, int]:
    double(x)
    double(x + 1)
    if fail:
        raise ValueError("boom")
    return {"answer": x}


@mlflow.trace
async def answer_later(x: int) -> int | str:
    await asyncio.sleep(0)
    return double(x)


@mlflow.trace
def count(n: int) -> Iterator[int]:
    yield from range(n)


@scorer
def exact(outputs: dict[str, int], expectations: dict[str, dict[str, int]]) -> bool:
    return outputs == expectations["wanted"]


@scorer
def length(outputs: dict[str, int]) -> int:
    return len(str(outputs))


def main() -> None:
    experiment = mlflow.set_experiment(EXPERIMENT)
    answer(1)
    with contextlib.suppress(ValueError):
        answer(2, fail=True)
    asyncio.run(answer_later(3))
    list(count(4))
    threads = [threading.Thread(target=answer, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    double(LONG)
    mlflow.flush_trace_async_logging()
    rows = [{"inputs": {"x": n}, "expectations": {"wanted": {"answer": n}}} for n in range(ROWS)]
    result = mlflow.genai.evaluate(data=rows, predict_fn=answer, scorers=[exact, length])
    mlflow.flush_trace_async_logging()
    metrics = {name: float(value) for name, value in result.metrics.items()}
    print(
        json.dumps(
            {"experiment": experiment.experiment_id, "run": result.run_id, "metrics": metrics}
        )
    )


if __name__ == "__main__":
    main()
