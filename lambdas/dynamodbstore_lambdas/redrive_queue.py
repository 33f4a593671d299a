"""The queue of entities whose projections failed: what is put on it, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from dynamodbstore_events.entities import Entity, entity_of

_MESSAGES_A_REQUEST: Final = 10
_LONGEST_REASON: Final = 1_000


class NotQueued(Exception):
    """An entity could not be put on the queue; the message has the reason."""


class MalformedMessage(ValueError):
    """A message that names no entity."""


class RedriveQueue:
    """The SQS queue at ``url``, by an SDK client of SQS."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, failed: Mapping[Entity, Exception]) -> dict[Entity, NotQueued]:
        """Put each entity on the queue with the reason of its failure.

        Returns those that the queue did not take. An entity may be queued more than once.
        """
        refused: dict[Entity, NotQueued] = {}
        for entities in _chunks(failed):
            try:
                refused |= self._send(entities, failed)
            except Exception as error:
                reason = NotQueued(f"{type(error).__name__}: {error}")
                refused |= dict.fromkeys(entities, reason)
        return refused

    def _send(
        self, entities: list[Entity], failed: Mapping[Entity, Exception]
    ) -> dict[Entity, NotQueued]:
        answer = self._client.send_message_batch(
            QueueUrl=self._url,
            Entries=[
                {"Id": str(position), "MessageBody": message(entity, failed[entity])}
                for position, entity in enumerate(entities)
            ],
        )
        return {
            entities[int(entry["Id"])]: NotQueued(f"{entry['Code']}: {entry.get('Message', '')}")
            for entry in answer.get("Failed", ())
        }


def message(entity: Entity, error: Exception) -> str:
    """The body of an entity's message: its key, and the reason of the failure for people."""
    reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    return json.dumps({"entity": entity.pk, "reason": reason})


def entity_in(body: str) -> Entity:
    """The entity that a message names; raises ``MalformedMessage``."""
    try:
        entity = entity_of(json.loads(body)["entity"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedMessage(f"the message {body[:200]!r} names no entity") from error
    if entity is None:
        raise MalformedMessage(f"the message {body[:200]!r} names no entity")
    return entity


def _chunks(failed: Mapping[Entity, Exception]) -> Iterator[list[Entity]]:
    entities = iter(failed)
    while chunk := list(islice(entities, _MESSAGES_A_REQUEST)):
        yield chunk
