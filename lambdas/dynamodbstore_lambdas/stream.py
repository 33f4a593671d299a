"""What the stream functions have in common: a batch is projected, and what failed is queued.

A stream holds back a shard until its batch succeeds, and tells nobody how often it has tried. So
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

from dynamodbstore_lambdas.batch import Projects, project_batch, record_entity
from dynamodbstore_lambdas.redrive_queue import RedriveQueue
from dynamodbstore_lambdas.telemetry import report_batch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handle_stream(
    event: dict[str, Any], context: LambdaContext, projector: Projects, queue: RedriveQueue
) -> PartialItemFailureResponse:
    """Project a batch of the stream; the answer names the records that it must deliver again."""
    outcome = project_batch(
        event["Records"], projector, lambda: context.get_remaining_time_in_millis() / 1000
    )
    refused = queue.put(outcome.failed)
    report_batch(outcome, refused, int(time.time() * 1000))

    def settle(record: DynamoDBRecord) -> None:
        entity = record_entity(record.raw_event)
        if entity in refused:
            raise refused[entity]

    processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event, settle, processor, context)
