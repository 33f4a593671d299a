"""The ``lifecycle`` function: stamps and removes what expires, from the stream; and, on a schedule,
sends the heartbeat that the stream carries to the stream functions, and removes what has expired
without a record of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_projections.heartbeat import heartbeat
from dynamodbstore_projections.projection import LIFECYCLE

from dynamodbstore_lambdas import runtime
from dynamodbstore_lambdas.stream import handle_stream
from dynamodbstore_lambdas.telemetry import logger, metrics, report_sent_heartbeat, tracer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_OF_A_SWEEP: Final = 60.0


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | None:
    """A batch of the stream (see ``stream``), or the schedule's event.

    Raises ``ValueError`` for any other event.
    """
    if "Records" in event:
        return handle_stream(event, context, LIFECYCLE)
    if event.get("detail-type") != "Scheduled Event":
        raise ValueError("this event is neither a batch of the stream nor the schedule's")
    runtime.table().write(heartbeat(int(time.time() * 1000)))
    report_sent_heartbeat()
    # A record outlives the stream's 24 hours: what was missed in them is not missed for good.
    remove_expired(runtime.table(), runtime.config_source().current, seconds=SECONDS_OF_A_SWEEP)
    return None
