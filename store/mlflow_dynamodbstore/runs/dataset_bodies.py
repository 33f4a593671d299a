"""The large part of a dataset (source, schema, profile) as items; nothing is cut.

A body is compressed and split over ``DATASET#<hash>`` / ``BODY#<generation>#<n>``. Each writer
takes a fresh generation and writes it whole before anything names it; whatever names it records how
many parts it has. A body that has been named never changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from dynamodbstore_events.keys import Key, dataset_pk
from dynamodbstore_table.items.parts import compressed_parts, joined
from dynamodbstore_table.port import Item, Put
from mlflow.entities import Dataset
from mlflow.exceptions import MlflowException


@dataclass(frozen=True, slots=True)
class BodyRef:
    """Which body: the dataset's hash, the generation, and its number of parts."""

    dataset_hash: str
    generation: str
    parts: int

    def part_keys(self) -> list[Key]:
        """The keys of the parts, in order."""
        pk = dataset_pk(self.dataset_hash)
        return [(pk, f"BODY#{self.generation}#{n:04d}") for n in range(self.parts)]


def body_items(dataset_hash: str, dataset: Dataset) -> tuple[BodyRef, list[Put]]:
    """A new body for the dataset, and the puts that write it.

    Raises ``INVALID_PARAMETER_VALUE`` for text that is not valid Unicode.
    """
    try:
        text = orjson.dumps(
            [dataset.source_type, dataset.source, dataset.schema, dataset.profile], default=str
        )
    except TypeError as error:
        raise MlflowException.invalid_parameter_value(
            f"The source, schema or profile of dataset {dataset.name!r} can't be kept: {error}"
        ) from None
    chunks = compressed_parts(text)
    body = BodyRef(dataset_hash, uuid.uuid4().hex, len(chunks))
    return body, [
        Put({"PK": pk, "SK": sk, "z": chunk})
        for (pk, sk), chunk in zip(body.part_keys(), chunks, strict=True)
    ]


def read_body(
    body: BodyRef, name: str, digest: str, items: Mapping[Key, Item]
) -> tuple[Dataset, int] | None:
    """The dataset and the bytes that its body takes; None if the body has gone."""
    keys = body.part_keys()
    if not all(key in items for key in keys):
        return None
    text = joined(items[key]["z"] for key in keys)
    source_type, source, schema, profile = orjson.loads(text)
    return Dataset(name, digest, source_type, source, schema, profile), len(text)
