"""The log that a process writes for its operator: events, one a line, as ``key=value``.

They go to the logger ``mlflow_dynamodbstore`` and to whatever handlers and level the process has
given it or the root logger; nothing of the process's logging is changed. A process without any
(``mlflow server`` is one) shows them among MLflow's own lines, from ``MLFLOW_LOGGING_LEVEL`` on.
The fields are also on the record, as ``record.event``, for handlers that write JSON.

Events name operations, keys of entities and settings; never a tag's or param's value or a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dynamodbstore_projections.config import InvalidConfig
from dynamodbstore_table.dynamodb.retry import Retry
from dynamodbstore_table.errors import (
    TableError,
    TableMissing,
    TableUnavailable,
    TableUnfit,
    Throttled,
    TransactionConflict,
)

from mlflow_dynamodbstore.location import (
    EndpointLocation,
    FileLocation,
    Location,
    RegionLocation,
    options_of,
)
from mlflow_dynamodbstore.server_process import is_worker, starts_a_server

if TYPE_CHECKING:
    from dynamodbstore_table.embedded.clock import ClockState

LOGGER: Final = "mlflow_dynamodbstore"
OF_MLFLOW: Final = "mlflow.dynamodbstore"

_STARTED: Final[set[Location]] = set()
_DOUBTED: Final[set[tuple[Path, int]]] = set()
# Their texts are ours or DynamoDB's own, which hold no values.
_LOGGED_IN_FULL: Final = (
    InvalidConfig,
    TableMissing,
    TableUnavailable,
    TableUnfit,
    Throttled,
    TransactionConflict,
)


def started(location: Location, mode: str, summary: Mapping[str, Any]) -> None:
    """A store has been opened: where, who keeps its projections (``inline`` or ``stream``), and by
    which configuration (``EffectiveConfig.summary``).

    ``mlflow server`` logs it once for a location, and so does every start that changes the
    configuration. Where nothing changed, its workers and the scripts of users log it only where
    the level is DEBUG.
    """
    logged = location in _STARTED
    _STARTED.add(location)
    shown = bool(summary.get("changed")) or (starts_a_server() and not logged)
    level = logging.INFO if shown else logging.DEBUG
    if _logger().isEnabledFor(level):
        fields = {name: _compact(value) for name, value in summary.items()}
        fields["changed"] = "; ".join(summary.get("changed", ()))
        where = {**_where(location), "mode": mode}
        _emit(level, "started", version=version("mlflow-dynamodbstore"), **where, **fields)


def slow_operation(operation: str, ms: float, requests: int) -> None:
    """A call of a store's method took longer than ``MLFLOW_DYNAMODB_SLOW_MS``."""
    _emit(logging.WARNING, "slow_operation", operation=operation, ms=round(ms), requests=requests)


def unexpected_error(operation: str, error: Exception) -> None:
    """A call of a store's method raised what no check has foreseen: the kind, and the place."""
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    code = None if raised is None else raised.tb_frame.f_code
    at = "" if raised is None or code is None else f"{code.co_filename}:{raised.tb_lineno}"
    _emit(
        logging.WARNING,
        "unexpected_error",
        operation=operation,
        error=type(error).__name__,
        at=at,
    )


def request_retried(retry: Retry) -> None:
    """A request is made again: the table throttles, it met a conflict, or its answer was lost."""
    fields: dict[str, Any] = {"operation": retry.operation, "reason": retry.reason}
    if retry.pause_ms is not None:
        fields["pause_ms"] = round(retry.pause_ms)
    _emit(logging.INFO, "request_retried", **fields, attempt=retry.attempt)


def stream_functions_missing(
    location: RegionLocation, projections: Sequence[str], *, every: bool
) -> None:
    """This process keeps these of a table's projections itself, as no stream function does; they
    are all that there are (``every``), or those that the functions are too old for."""
    table, region = location.table, location.region
    _emit(
        logging.WARNING,
        "stream_functions_missing",
        table=table,
        region=region,
        projections=list(projections),
        meaning=(
            "no stream function's heartbeat has come by the table's stream in the last 15 minutes: "
            "this process keeps the projections itself, at more requests a write"
            if every
            else "the stream functions are of a version that does not keep these projections: this "
            "process keeps them itself, at more requests a write"
        ),
        do=(
            f"sam build && sam deploy --guided --region {region} --parameter-overrides "
            f"TableName={table}"
        ),
        if_made_by_create_table=(
            "add ExistingStreamArn=<the stream that 'mlflow-dynamodbstore status' shows>"
        ),
        more="'mlflow-dynamodbstore status' names what is wrong, and what mends it",
    )


def items_passed_over(error: Exception) -> None:
    """Items that this store has not written so were met, and are passed over from now on."""
    _emit(
        logging.WARNING,
        "items_passed_over",
        error=type(error).__name__,
        meaning="items of another shape than this store writes were read, and are passed over",
        do="'mlflow-dynamodbstore replay --verify' names them; put them right or delete them",
    )


def projections_behind(entity: str, error: Exception) -> None:
    """An entity was written, but its projections could not be brought up to date."""
    _emit(
        logging.WARNING,
        "projections_behind",
        entity=entity,
        **reason_of(error),
        heals="with its next write, or by mlflow-dynamodbstore replay",
    )


def configuration_invalid(error: InvalidConfig) -> None:
    """An item of ``CONFIG`` has become invalid; this process goes on with the item as it was."""
    _emit(
        logging.WARNING,
        "configuration_invalid",
        **reason_of(error),
        meaning="this process goes on with the item as it was; no server starts until it is mended",
    )


def table_not_checked(error: TableError) -> None:
    """Whether the table fits the store could not be checked at the start."""
    _emit(
        logging.WARNING,
        "table_not_checked",
        **reason_of(error),
        meaning="the store starts; whether its table fits is not checked",
    )


def expiry_delayed(error: TableError) -> None:
    """What has expired could not be removed yet; that is tried again."""
    _emit(logging.WARNING, "expiry_delayed", **reason_of(error), heals="tried again in a minute")


def clock_doubted(state: ClockState) -> None:
    """The machine's clock is too far off the time of a file; the tables of one file, and the
    workers of one server, report it once."""
    doubt = state.path, round((state.machine - state.file) / 86_400)
    if doubt in _DOUBTED or is_worker():
        return
    _DOUBTED.add(doubt)
    location = FileLocation(state.path)
    _emit(
        logging.WARNING,
        "clock_doubted",
        file=str(state.path),
        machine=utc(state.machine),
        file_time=utc(state.file),
        meaning="what expires goes by the file's time until the machine's has held for an hour",
        do=(
            "set the machine's clock; or, if it is right, mlflow-dynamodbstore clock confirm "
            f"{options_of(location)}"
        ),
    )


def utc(seconds: float) -> str:
    """A time in Unix seconds as text, or the number where a calendar does not reach."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def removal_delayed(entity: str, error: TableError) -> None:
    """The items of a deleted model are not all removed yet."""
    _emit(
        logging.WARNING,
        "removal_delayed",
        entity=entity,
        **reason_of(error),
        heals="with a later deletion of a model",
    )


def webhook_key_missing(variable: str, make_one: str) -> None:
    """A webhook was given a secret that no other process, and none after a restart, can read."""
    _emit(
        logging.WARNING,
        "webhook_key_missing",
        variable=variable,
        meaning="this process alone can read webhooks' secrets, and they are lost when it ends",
        do=f"set the variable on every server, to what this prints: {make_one}",
    )


def reason_of(error: Exception) -> dict[str, str]:
    """An error without what may be a user's data: its kind, and its text if that is ours."""
    shown = {"error": type(error).__name__}
    return shown | {"reason": str(error)} if isinstance(error, _LOGGED_IN_FULL) else shown


def _where(location: Location) -> dict[str, str]:
    if isinstance(location, RegionLocation):
        return {"engine": "dynamodb", "region": location.region, "table": location.table}
    if isinstance(location, EndpointLocation):
        return {"engine": "dynamodb", "endpoint": location.endpoint_url, "table": location.table}
    return {
        "engine": "embedded",
        "file": str(location.path.absolute()),
        "durability": location.durability,
    }


def _compact(value: Any) -> Any:
    """A value and its source, or values by source, as ``value:source``; a list with commas."""
    if isinstance(value, Mapping) and value.keys() == {"value", "source"}:
        return f"{value['value']}:{value['source']}"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{source}" for name, source in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _logger() -> logging.Logger:
    logger = logging.getLogger(LOGGER)
    return logger if logger.hasHandlers() else logging.getLogger(OF_MLFLOW)


def _emit(level: int, event: str, /, **fields: Any) -> None:
    logger = _logger()
    if logger.isEnabledFor(level):
        _structured(logger.name).log(level, event, **fields)


@cache
def _structured(name: str) -> Any:
    import structlog

    # Wrapped, not configured: structlog's configuration belongs to the process, too.
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[_on_one_line, _Rendered()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _on_one_line(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = " ".join(value.split())
    return fields


class _Rendered:
    """The last processor: the line, and the fields beside it on the record."""

    def __init__(self) -> None:
        import structlog

        self._line = structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False)

    def __call__(self, logger: object, name: str, fields: MutableMapping[str, Any]) -> Any:
        return {"msg": self._line(logger, name, {**fields}), "extra": {"event": dict(fields)}}
