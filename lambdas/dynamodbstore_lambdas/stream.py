"""What the stream functions have in common: a batch is projected, what failed is queued, and a
heartbeat that came with it is marked.

A stream holds back a shard until its batch succeeds, and reports nowhere how often it has tried. So
an entity that fails is put on the redrive queue at once, where it is tried again for itself, and
its records count as done. Only where the queue does not take it is the record reported as failed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from dynamodbstore_projections.all import projections_of
from dynamodbstore_projections.heartbeat import arrival
from dynamodbstore_table.errors import ConditionFailed, TableError
from dynamodbstore_table.port import Update

from dynamodbstore_lambdas import runtime
from dynamodbstore_lambdas.batch import project_batch, record_entity
from dynamodbstore_lambdas.telemetry import logger, report_batch, report_heartbeat

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handle_stream(
    event: dict[str, Any], context: LambdaContext, function: str
) -> PartialItemFailureResponse:
    """Project a batch of the stream for a function (``search`` or ``lifecycle``); the answer names
    the records that the stream must deliver again."""
    projections = projections_of(function)
    outcome = project_batch(
        event["Records"],
        runtime.projector(projections),
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
    refused = runtime.queue().put(outcome.failed)
    report_batch(outcome, refused, int(time.time() * 1000))
    if outcome.heartbeat_ms is not None:
        _mark_arrival(
            arrival(function, outcome.heartbeat_ms, projections, outcome.stream),
            context.function_name,
        )

    def settle(record: DynamoDBRecord) -> None:
        if not refused:
            return
        entity = record_entity(record.raw_event)
        if entity in refused:
            raise refused[entity]

    processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event, settle, processor, context)


def _mark_arrival(mark: Update, function_name: str) -> None:
    """Mark that a heartbeat came. Where that fails the next one does it; the batch is done."""
    try:
        runtime.table().write(mark)
    except ConditionFailed:
        # The stream has delivered an older one again.
        return
    except TableError as error:
        logger.error("A heartbeat could not be marked", exc_info=error)
        return
    report_heartbeat(function_name)
