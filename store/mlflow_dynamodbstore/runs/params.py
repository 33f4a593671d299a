"""Params of runs: written once, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_events.keys import param_sk, run_pk
from dynamodbstore_table.conditions import ITEM_MISSING, Either, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.texts import text_items, text_name
from dynamodbstore_table.port import Table, Update
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE
from mlflow.utils.validation import _validate_param

from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.text_values import required_texts


class Params:
    """Log a run's params."""

    def __init__(self, table: Table, lookup: Lookup, places: Places) -> None:
        self._table = table
        self._places = places
        self._runs = lookup.runs

    def log_param(self, run_id: str, param: Param) -> None:
        """Log a param of an active run; its own value may be logged again.

        Raises ``INVALID_PARAMETER_VALUE`` if the run has another value under the key.
        """
        required_texts("param", [param])
        param = _validate_param(param.key, param.value)
        self._runs.require_active(run_id)
        place = self._places.next()
        op = param_op(run_id, param, place)
        try:
            self._table.write(op)
        except ConditionFailed as failure:
            raise param_conflict(run_id, op, failure.item) from None


def param_op(run_id: str, param: Param, place: int) -> Update:
    """The op that logs a validated param where the run has none, or this value, under its key.

    Raises ``BAD_REQUEST`` for the value None.
    """
    if param.value is None:
        raise MlflowException(
            f"The value of the param {param.key!r} is None; give text.", BAD_REQUEST
        )
    text = text_items(run_pk(run_id), param_sk(param.key), param.key, param.value)
    return text.update(place, Either((ITEM_MISSING, equals("v", param.value))))


def param_conflict(run_id: str, op: Update, known: Mapping[str, Any] | None) -> MlflowException:
    """The error of logging another value for one param."""
    return MlflowException(
        f"Changing param values is not allowed. Run {run_id!r} has the param {_change(op, known)}."
        " Log the new value under another key, or in another run.",
        INVALID_PARAMETER_VALUE,
    )


def param_conflicts(
    run_id: str, conflicts: list[tuple[Update, Mapping[str, Any] | None]]
) -> MlflowException:
    """The error of a batch with other values for params that the run has."""
    changes = ", ".join(_change(op, known) for op, known in conflicts)
    return MlflowException(
        f"Changing param values is not allowed. Run {run_id!r} has these params of the batch with "
        f"other values: {changes}. Nothing of the batch was logged.",
        INVALID_PARAMETER_VALUE,
    )


def _change(op: Update, known: Mapping[str, Any] | None) -> str:
    before = "gone meanwhile" if known is None else repr(known.get("v"))
    return f"{text_name({'SK': op.key[1], **op.set})!r}: logged {before}, new {op.set['v']!r}"
