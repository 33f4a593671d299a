"""What logging a run's inputs writes: a plan made of values, no table needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dynamodbstore_events.keys import (
    Key,
    dataset_context_sk,
    dataset_hash,
    dataset_input_sk,
    dataset_sk,
    experiment_pk,
    model_input_sk,
    run_pk,
)
from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.port import MAX_OPS, Item, Put
from mlflow.entities import DatasetInput, LoggedModelInput
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from mlflow_dynamodbstore.core.text_values import required_text
from mlflow_dynamodbstore.runs.dataset_bodies import BodyRef, body_items
from mlflow_dynamodbstore.runs.dataset_inputs import input_item


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset that a run wants as an input, and the keys of the three items that record it."""

    run_id: str
    dataset_input: DatasetInput
    hash: str
    header: Key
    marker: Key
    edge: Key

    @property
    def keys(self) -> tuple[Key, Key, Key]:
        return self.header, self.marker, self.edge


@dataclass(slots=True)
class InputPlan:
    """``bodies`` are to be written first; each group of ``groups`` is one transaction's worth."""

    bodies: list[Put] = field(default_factory=list)
    groups: list[list[Put]] = field(default_factory=list)


def dataset_uses(
    experiment_id: str, run_id: str, dataset_inputs: Iterable[DatasetInput]
) -> list[DatasetUse]:
    """One use for each dataset; of the same name and digest the first counts."""
    uses: dict[str, DatasetUse] = {}
    for dataset_input in dataset_inputs:
        dataset = dataset_input.dataset
        identity = dataset_hash(experiment_id, dataset.name, dataset.digest)
        if identity in uses:
            continue
        uses[identity] = DatasetUse(
            run_id,
            dataset_input,
            identity,
            (experiment_pk(experiment_id), dataset_sk(identity)),
            (experiment_pk(experiment_id), marker_sk(identity, _context(dataset_input))),
            (run_pk(run_id), dataset_input_sk(identity)),
        )
    return list(uses.values())


def marker_sk(identity: str, context: str | None) -> str:
    """The sort key that records the use of the dataset in this context (None: in no context)."""
    if context is None:
        return f"{dataset_sk(identity)}#CTX"
    return dataset_context_sk(identity, context)


def _context(dataset_input: DatasetInput) -> str | None:
    tags = dataset_input.tags
    return next((tag.value for tag in tags if tag.key == MLFLOW_DATASET_CONTEXT), None)


def plan_inputs(uses: Sequence[DatasetUse], known: Mapping[Key, Item], now_ms: int) -> InputPlan:
    """What has to be written now, where ``known`` are those of the uses' items that exist.

    An input that the run already has changes nothing. Raises ``BAD_REQUEST`` if a new one gives a
    tag key twice.
    """
    plan = InputPlan()
    for position, use in enumerate(uses):
        if use.edge in known:
            continue
        _check_tags(use.dataset_input)
        puts: list[Put] = []
        header = known.get(use.header)
        if header is not None:
            body = BodyRef(use.hash, header["generation"], header["parts"])
        else:
            body, bodies = body_items(use.hash, use.dataset_input.dataset)
            plan.bodies += bodies
            puts.append(_header(use, body))
        if use.marker not in known:
            puts.append(_marker(use))
        edge = input_item(use.run_id, use.dataset_input, body, now_ms, position)
        puts.append(Put(edge, condition=ITEM_MISSING))
        plan.groups.append(puts)
    return plan


def _header(use: DatasetUse, body: BodyRef) -> Put:
    pk, sk = use.header
    dataset = use.dataset_input.dataset
    item: Item = {
        "PK": pk,
        "SK": sk,
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "generation": body.generation,
        "parts": body.parts,
    }
    return Put(item, condition=ITEM_MISSING)


def _marker(use: DatasetUse) -> Put:
    pk, sk = use.marker
    item: Item = {"PK": pk, "SK": sk}
    context = _context(use.dataset_input)
    return Put(item if context is None else {**item, "context": context})


def _check_tags(dataset_input: DatasetInput) -> None:
    keys = [tag.key for tag in dataset_input.tags]
    if len(set(keys)) < len(keys):
        raise MlflowException(
            f"The tags of dataset input {dataset_input.dataset.name!r} give a key twice: {keys}. "
            "Give each key once.",
            BAD_REQUEST,
        )


def model_inputs(run_id: str, models: Iterable[LoggedModelInput]) -> list[Put]:
    """The puts of a run's model inputs; a repeated one changes nothing."""
    puts: dict[str, Put] = {}
    for model in models:
        check_model_id(model.model_id)
        item: Item = {
            "PK": run_pk(run_id),
            "SK": model_input_sk(model.model_id),
            "model_id": model.model_id,
        }
        puts[model.model_id] = Put(item)
    return list(puts.values())


def check_model_id(model_id: str | None) -> None:
    """Raise ``BAD_REQUEST`` if there is no model id, ``INVALID_PARAMETER_VALUE`` if it is no
    text."""
    if model_id is None:
        raise MlflowException("The model_id of a run's model cannot be None.", BAD_REQUEST)
    required_text(model_id, "model_id")


def transactions(groups: Iterable[list[Put]]) -> list[list[Put]]:
    """The groups joined into as few writes as hold them, no group torn apart."""
    writes: list[list[Put]] = []
    for group in groups:
        if writes and len(writes[-1]) + len(group) <= MAX_OPS:
            writes[-1] += group
        else:
            writes.append(list(group))
    return writes
