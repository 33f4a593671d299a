"""MLflow's own SQL registry, for the ratios: opened, and filled in bulk."""

from __future__ import annotations

from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlRegisteredModel,
    SqlRegisteredModelTag,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from operation import Store
from registry_fixtures import SOURCE, run_of, tags_of

_TIME_MS = 1_700_000_000_000


def open_sql_registry(uri: str) -> Store:
    """MLflow's SQL registry at a URI such as ``sqlite:///file.db``, its schema made if missing."""
    return SqlAlchemyStore(uri)


def seed_sql_registry(store: Store, names: list[str]) -> None:
    """Insert the rows that registering the models would leave, all at once."""
    times = {"creation_time": _TIME_MS, "last_updated_time": _TIME_MS}
    models = [{"name": name, **times} for name in names]
    tags = [
        {"name": name, "key": key, "value": value}
        for number, name in enumerate(names)
        for key, value in tags_of(number).items()
    ]
    versions = [
        {"name": name, "version": 1, "source": SOURCE, "run_id": run_of(number), **times}
        for number, name in enumerate(names)
    ]
    with store.ManagedSessionMaker() as session:
        session.bulk_insert_mappings(SqlRegisteredModel, models)
        session.bulk_insert_mappings(SqlRegisteredModelTag, tags)
        session.bulk_insert_mappings(SqlModelVersion, versions)
