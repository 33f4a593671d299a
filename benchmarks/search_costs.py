"""What searches cost before and after the projections are there, and how fast a replay is."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence

from dynamodbstore_projections.all import marks_of, search_projections
from dynamodbstore_projections.built import withdraw
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.replay import Scope, rebuild
from dynamodbstore_projections.drivers.sources import TableScan
from fixtures import START_MS
from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType
from operation import Store
from projecting import Deployment
from sections import Cell, Section

_RARE_EACH = 200
_ADJECTIVES = ("bold", "calm", "eager", "gentle", "happy", "keen", "lively", "proud", "quiet")
_NOUNS = ("ant", "crane", "dolphin", "falcon", "gnu", "hare", "mole", "shrimp", "turtle", "wren")

_QUERIES = (
    ("100 ended runs", "", "301 r, 150 rd at 1,000 runs"),
    ("LIKE that 1 in 200 matches", "attributes.run_name LIKE '%needle%'", ""),
    ("LIKE that nothing matches", "attributes.run_name LIKE '%nowhere%'", ""),
    ("LIKE that 1 in 9 matches", "attributes.run_name LIKE 'quiet%'", ""),
    ("tag on META that 1 in 200 has", "tags.mlflow.source.name = 'rare.py'", ""),
)


def search_sections(metered: Deployment, timed: Deployment, sizes: Sequence[int]) -> list[Section]:
    """Two sections: the searches over experiments of these ``sizes`` (in runs), and the replays."""
    searches: list[tuple[Cell, ...]] = []
    replays: list[tuple[Cell, ...]] = []
    for runs in sizes:
        _forget_what_is_built(timed)
        experiment_id = _seed(timed, runs)
        before = [_cost(metered, experiment_id, text) for _, text, _ in _QUERIES]
        for name in ("from nothing", "with nothing to do"):
            replays.append((f"{runs:,} runs more, {name}", *_replayed(timed)))
        after = [_cost(metered, experiment_id, text) for _, text, _ in _QUERIES]
        for (name, _, peer), old, new in zip(_QUERIES, before, after, strict=True):
            if old[2] != new[2]:
                raise AssertionError(f"{name}: {new[2]} runs found, {old[2]} without projections")
            searches.append((f"{name}, of {runs:,}", new[2], *old[:2], *new[:2], peer))
    return [
        Section(
            "search_runs without and with projections",
            ("search", "found", "r without", "rd without", "r", "rd", "published peer"),
            tuple(searches),
        ),
        Section(
            "Replay of every search projection",
            ("table", "items read", "ops written", "seconds", "items/s"),
            tuple(replays),
        ),
    ]


def _forget_what_is_built(deployment: Deployment) -> None:
    table = deployment.table
    names = [projection.name for projection in search_projections()]
    withdraw(table, marks_of(names, ConfigSource(table).read()))


def _seed(deployment: Deployment, runs: int) -> str:
    """Ended runs whose projections nobody keeps."""
    store = deployment.restarted()
    chance = random.Random(runs)
    experiment_id: str = store.create_experiment(f"benchmark {uuid.uuid4().hex}", None, [])
    for number in range(runs):
        rare = number % _RARE_EACH == 0
        words = chance.choice(_ADJECTIVES), "needle" if rare else chance.choice(_NOUNS)
        name = f"{'-'.join(words)}-{chance.randint(0, 999)}"
        tags = [RunTag("mlflow.source.name", "rare.py" if rare else "train.py")]
        run = store.create_run(experiment_id, "ada", START_MS + number, tags, name)
        run_id = run.info.run_id
        metrics = [Metric(key, chance.random(), START_MS, 0) for key in ("loss", "auc", "f1")]
        params = [Param("depth", str(chance.randint(1, 8))), Param("seed", str(number))]
        store.log_batch(run_id, metrics, params, [])
        store.update_run_info(run_id, RunStatus.FINISHED, START_MS + number + 1, None)
    deployment.taken()
    return experiment_id


def _cost(deployment: Deployment, experiment_id: str, text: str) -> tuple[float, float, int]:
    """Requests, read units and runs found of a search for 100, by a store that is warm."""
    store: Store = deployment.restarted()

    def found() -> int:
        return len(store.search_runs([experiment_id], text, ViewType.ACTIVE_ONLY, 100, None, None))

    found()
    deployment.meter.take()
    number = found()
    usage = deployment.meter.take()
    return usage.total_requests, usage.read_units, number


def _replayed(deployment: Deployment) -> tuple[float, float, float, float]:
    begin = time.perf_counter()
    done = rebuild(Scope(deployment.table, search_projections(), TableScan(deployment.table)))
    seconds = time.perf_counter() - begin
    if done.done.failed:
        raise AssertionError(f"the replay failed: {done.done.failed}")
    deployment.taken()
    return done.items, done.done.ops, seconds, done.items / seconds
