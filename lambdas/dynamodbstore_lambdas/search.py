"""The ``search`` function: keeps what searches use, from the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynamodbstore_projections.projection import SEARCH

from dynamodbstore_lambdas.stream import handle_stream
from dynamodbstore_lambdas.telemetry import logger, metrics, tracer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch of the stream; see ``stream``."""
    return handle_stream(event, context, SEARCH)
