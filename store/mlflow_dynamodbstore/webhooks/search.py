"""Listing webhooks, as a search: all of a workspace, or those that are sent for an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import ClassVar, Final

from dynamodbstore_events.keys import webhooks_listing
from dynamodbstore_table.port import Table
from mlflow.entities.webhook import Webhook
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Column, Field, Row
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder
from mlflow_dynamodbstore.search.plan import Plan, Query, Step, table_filter
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import Listed
from mlflow_dynamodbstore.search.values import Candidate, Place
from mlflow_dynamodbstore.webhooks.webhook_items import LISTED, sent_for, webhook_of

_MOST_RESULTS = 1000
_EVENTS = Field(ATTRIBUTE, "events")


class WebhookSearch(Searchable[Webhook]):
    """The webhooks of one workspace, newest first; the filter is an event."""

    name = "webhooks"
    noun = "webhooks"
    rows = "webhooks"
    results = 100
    columns: ClassVar = {_EVENTS.key: Column(itemgetter("events"))}

    def parse(self, request: Request) -> Query:
        limit, event = request.max_results or self.results, request.filter_string
        if not isinstance(limit, int) or not 1 <= limit <= _MOST_RESULTS:
            raise MlflowException.invalid_parameter_value(
                f"max_results must be between 1 and {_MOST_RESULTS}. Got {request.max_results!r}."
            )
        if request.order_by:
            raise MlflowException.invalid_parameter_value("Webhooks are listed newest first.")
        clause = Clause(_EVENTS, "HAS", event, lambda events: f" {event} " in events)
        return self.query(
            request,
            () if event is None else (clause,),
            (),
            TimeOrder(),
            *(webhooks_listing(request.workspace), event),
            listed=True,
            limit=limit,
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[Webhook]:
        workspace = request.workspace
        steps = tuple(Step(one, Place.TABLE, sent_for(one.value)) for one in query.clauses)
        listing = Listing(webhooks_listing(workspace), table_filter(steps))
        return Plan(
            of=self,
            query=query,
            sources=(Listed((listing,), TimeOrder(), attributes=LISTED),),
            steps=steps,
            visible=lambda webhook: webhook["workspace"] == workspace,
            read=_read,
            then="nothing else is read",
        )


WEBHOOKS: Final = WebhookSearch()


def _read(table: Table, found: Sequence[Candidate], shown: Callable[[Row], bool]) -> list[Webhook]:
    return [webhook_of(one.row) for one in found]
