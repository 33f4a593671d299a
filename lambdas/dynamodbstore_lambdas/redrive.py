"""The ``redrive`` function: projects the entities on the queue wholly, from what is stored now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.all import all_projections
from dynamodbstore_projections.projector import Report

from dynamodbstore_lambdas import runtime
from dynamodbstore_lambdas.redrive_queue import MalformedMessage, entity_in
from dynamodbstore_lambdas.telemetry import logger, metrics, report_redrive, tracer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class ProjectsEntities(Protocol):
    """The part of the projector that redriving needs."""

    def project_entities(self, entities: Iterable[Entity]) -> Report: ...


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch of the queue; what fails goes back to it, and in the end to the dead letters."""
    bodies = [record["body"] for record in event["Records"]]
    named, failed = entities_of(bodies)
    failed |= redrive_entities(named, runtime.projector(all_projections()))
    report_redrive(len(bodies), failed)

    def settle(record: SQSRecord) -> None:
        if record.body in failed:
            raise failed[record.body]

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, settle, processor, context)


def entities_of(bodies: Iterable[str]) -> tuple[dict[str, Entity], dict[str, Exception]]:
    """The entities that messages name, by message; and for each other message its error."""
    named: dict[str, Entity] = {}
    failed: dict[str, Exception] = {}
    for body in bodies:
        try:
            named[body] = entity_in(body)
        except MalformedMessage as error:
            failed[body] = error
    return named, failed


def redrive_entities(
    named: Mapping[str, Entity], projector: ProjectsEntities
) -> dict[str, Exception]:
    """Project the entities that messages name, each once; the messages that failed, and why."""
    try:
        errors = projector.project_entities(dict.fromkeys(named.values())).failed
    except Exception as error:
        errors = dict.fromkeys(named.values(), error)
    return {body: errors[entity] for body, entity in named.items() if entity in errors}
