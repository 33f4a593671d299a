"""Our store and MLflow's SQL store side by side: the same calls, and their answers compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from dynamodbstore_table.port import Put
from mlflow.entities import TraceInfo
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, sql_store

KEPT_FOR_EVER = {
    "trace_retention_days": 0,
    "soft_deleted_retention_days": 0,
    "metric_history_retention_days": 0,
}
MISSING, WRONG = "999999", "x"


class Pair:
    """Both stores, with experiments of the same names: ``a``, ``b``, the default one, one that is
    missing, and an id that is none."""

    def __init__(self, ours: DynamoTrackingStore, theirs: SqlAlchemyStore, seed: int) -> None:
        self.ours = ours
        self.theirs = theirs
        self.random = Random(seed)
        names = [f"{name}{seed}" for name in "ab"]
        self.experiments = [
            *((ours.create_experiment(name), theirs.create_experiment(name)) for name in names),
            *(("0", "0"), (MISSING, MISSING), (WRONG, WRONG)),
        ]
        self.log: list[str] = []

    def experiment(self, store: Any, number: int) -> str:
        return self.experiments[number][0 if store is self.ours else 1]

    def same(self, what: str, call: Callable[[Any], Any]) -> None:
        """Make a call of both stores; the answers, or MLflow's error codes, must be equal."""
        self.log.append(what)
        ours, theirs = (answer(call, store) for store in (self.ours, self.theirs))
        assert ours == theirs, "\n".join(self.log[-30:])

    def plain(self, store: Any, info: TraceInfo) -> dict[str, Any]:
        """A trace without what the stores choose themselves: experiment ids, locations."""
        side = 0 if store is self.ours else 1
        numbers = [n for n, ids in enumerate(self.experiments) if ids[side] == info.experiment_id]
        tags = {k: v for k, v in info.tags.items() if k != "mlflow.artifactLocation"}
        return {
            "experiment": numbers,
            "times": (info.request_time, info.execution_duration, str(info.state)),
            "texts": (info.request_preview, info.response_preview, info.client_request_id),
            "tags": tags,
            "metadata": dict(info.trace_metadata),
            "location": info.tags.get("mlflow.artifactLocation", "").partition("/traces/")[2],
            "assessments": sorted(str(plain_assessment(a)) for a in info.assessments),
        }


def plain_assessment(found: Any) -> tuple[Any, ...]:
    value = found.issue if found.issue else found.value
    return (
        *(found.assessment_id, found.name, str(value), found.valid, found.overrides),
        *(str(found.metadata), found.rationale, found.span_id),
    )


def answer(call: Callable[[Any], Any], store: Any) -> Any:
    try:
        return call(store)
    except MlflowException as error:
        return error.error_code


@contextmanager
def pair(folder: Path, seed: int) -> Iterator[Pair]:
    """A pair on new files, in which nothing expires."""
    with embedded_store(folder) as ours, sql_store(folder) as theirs:
        ours._table.write(Put({"PK": "CONFIG", "SK": "TTL_POLICY", **KEPT_FOR_EVER}))
        yield Pair(DynamoTrackingStore(ours._table, folder.as_uri()), theirs, seed)
