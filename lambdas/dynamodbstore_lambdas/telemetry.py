"""Logs, metrics and traces of the functions; their names are set by ``POWERTOOLS_*`` variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from dynamodbstore_events.entities import Entity

from dynamodbstore_lambdas.batch import Outcome
from dynamodbstore_lambdas.redrive_queue import NotQueued

NAMESPACE: Final = "MlflowDynamodbstore"

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
tracer = Tracer(patch_modules=["boto3"])


def report_batch(outcome: Outcome, refused: Mapping[Entity, NotQueued], now_ms: int) -> None:
    """Metrics of one batch of the stream, and a log line for each thing that went wrong.

    ``Lag`` (ms) is from when the oldest record was written to when its batch was done; records
    have their time to the second.
    """
    metrics.add_metric("Events", MetricUnit.Count, outcome.records)
    metrics.add_metric("Entities", MetricUnit.Count, outcome.entities)
    metrics.add_metric("Ops", MetricUnit.Count, outcome.ops)
    metrics.add_metric("Failed", MetricUnit.Count, len(outcome.failed))
    metrics.add_metric("Malformed", MetricUnit.Count, len(outcome.malformed))
    if outcome.oldest_ms is not None:
        metrics.add_metric("Lag", MetricUnit.Milliseconds, max(0, now_ms - outcome.oldest_ms))
    for malformed in outcome.malformed:
        logger.error("A malformed record was passed over", reason=str(malformed))
    for entity, error in outcome.failed.items():
        logger.error(
            "An entity could not be projected",
            entity=entity.pk,
            queued=entity not in refused,
            refused=str(refused.get(entity, "")),
            exc_info=error,
        )


def report_redrive(messages: int, failed: Mapping[str, Exception]) -> None:
    """Metrics of one batch of the queue, and a log line for each message that failed."""
    metrics.add_metric("Redriven", MetricUnit.Count, messages - len(failed))
    metrics.add_metric("Failed", MetricUnit.Count, len(failed))
    for body, error in failed.items():
        logger.error("A message could not be redriven", body=body, exc_info=error)


def report_sent_heartbeat() -> None:
    """The metric of a heartbeat that the schedule has sent."""
    metrics.add_metric("HeartbeatsSent", MetricUnit.Count, 1)


def report_heartbeat(function_name: str) -> None:
    """The metric of a heartbeat that has reached a function, by the function's own name: so
    that the functions of several stacks differ, and each has an alarm for its absence."""
    with single_metric(
        name="Heartbeats",
        unit=MetricUnit.Count,
        value=1,
        namespace=NAMESPACE,
        default_dimensions={"function_name": function_name},
    ):
        pass
