"""Searching traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import methodcaller
from typing import Any, ClassVar, Final

from dynamodbstore_events.keys import ASSESS, INFO, META, trace_pk, traces_listing
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Table
from mlflow.entities import TraceInfo
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import SEARCH_TRACES_DEFAULT_MAX_RESULTS
from mlflow.tracing.constant import TraceMetadataKey, TraceTagKey
from mlflow.utils.search_utils import SearchTraceUtils
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.search.clause import (
    ATTRIBUTE,
    Clause,
    Column,
    Field,
    Row,
    clause,
    only_values,
)
from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, IS_NULL
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder, time_order
from mlflow_dynamodbstore.search.order import Order
from mlflow_dynamodbstore.search.plan import Bounds, Plan, Query, steps_of, table_filter
from mlflow_dynamodbstore.search.pushdown import time_range
from mlflow_dynamodbstore.search.requests import check_max_results, parsed
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import ByKey, ByLinks, Listed, Source
from mlflow_dynamodbstore.search.tokens import Tokens, fingerprint
from mlflow_dynamodbstore.search.values import Candidate, Place, Values
from mlflow_dynamodbstore.traces.assessment_items import Form, assessments_from
from mlflow_dynamodbstore.traces.entity import trace_info
from mlflow_dynamodbstore.traces.head import HEAD_TAGS, Head, is_deleting
from mlflow_dynamodbstore.traces.search_values import (
    ASSESSED,
    ASSESSED_ITSELF,
    METADATA_OF,
    OF_PROMPT,
    OF_RUN,
    SKEW_MS,
    SPAN,
    TAGS,
    AssessmentForms,
    Linked,
    SpanFact,
    SpanFacts,
    TextsOfInfo,
    attribute_pattern,
    linked_traces,
    read_apart,
)

_ID = Field(ATTRIBUTE, "request_id")
_TIME = Field(ATTRIBUTE, "timestamp_ms")
_ON_HEAD: Final = {
    TraceMetadataKey.TRACE_SESSION: "session",
    TraceMetadataKey.TOKEN_USAGE: "usage",
    TraceMetadataKey.COST: "cost",
    TraceMetadataKey.SOURCE_RUN: "run",
    TraceMetadataKey.MODEL_ID: "model",
}
"""The metadata that META has as attributes, so that the table filters by it."""
_CANONICAL: Final = (TraceMetadataKey.TOKEN_USAGE, TraceMetadataKey.COST)
_BOUNDS: Final = Bounds(candidates=2000, seconds=5.0)
_NUMBERS: Final = ("<", "<=", ">", ">=")


def _id(row: Row) -> str:
    return Head.from_item(row).trace_id


def _end(row: Row) -> int:
    return int(row["time"]) + int(row.get("duration") or 0)


class TraceSearch(Searchable[TraceInfo]):
    """Traces of some experiments, whatever their experiments' stage."""

    name = "traces"
    noun = "traces"
    results = SEARCH_TRACES_DEFAULT_MAX_RESULTS
    options = ("experiment_ids",)
    smallest_chunk = 100
    columns: ClassVar = {
        "request_id": Column(_id),
        "timestamp_ms": Column(methodcaller("get", "time"), "time"),
        "execution_time_ms": Column(methodcaller("get", "duration"), "duration"),
        "end_time_ms": Column(_end),
        "status": Column(methodcaller("get", "state"), "state"),
        "client_request_id": Column(methodcaller("get", "client_id"), "client_id"),
        "experiment_id": Column(lambda row: int(row["experiment_id"])),
        **{name: Column(methodcaller("get", name), name) for name in HEAD_TAGS.values()},
        **{name: Column(methodcaller("get", name), name) for name in _ON_HEAD.values()},
    }

    def parse(self, request: Request) -> Query:
        check_max_results(request.max_results)
        filter_string, order_by = request.filter_string, list(request.order_by or ())
        orders = _orders(order_by)
        found = parsed("filter", filter_string, _parse_filter)
        comes = time_order(orders, _TIME, _ID)
        tokens = Tokens(
            fingerprint("traces", sorted(_ids(request)), filter_string or "", order_by),
            () if comes is None else comes.types,
        )
        return Query(
            clauses=_clauses(found),
            comes=comes or TimeOrder(),
            orders=orders if comes is None else (),
            limit=request.max_results,
            tokens=tokens,
            start=tokens.decode(request.page_token),
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[TraceInfo]:
        found = context.experiments(_ids(request))
        by_ids = only_values(query.clauses, _ID)
        named = [one.on for one in query.clauses if one.on.kind in (OF_RUN, OF_PROMPT)]
        listed = by_ids is None and not named
        kinds = _kinds(query, tuple(found), consistent=not listed)
        steps = steps_of(query.clauses, self.columns, kinds, listed=listed, ranged=_TIME)
        sources: list[Source] = []
        if by_ids is not None:
            sources.append(ByKey(tuple((trace_pk(str(i)), META) for i in by_ids)))
        elif named:
            sources.append(ByLinks(partial(_linked_keys, on=named[0]), str(named[0])))
        else:
            times = time_range(step.clause for step in steps if step.place is Place.KEYS)
            order = query.comes if isinstance(query.comes, TimeOrder) else TimeOrder()
            listings = tuple(
                Listing(traces_listing(e.experiment_id, shard), table_filter(steps))
                for e in found.values()
                for shard in range(e.trace_shards)
            )
            sources.append(Listed(listings, order, times))

        def visible(row: Row) -> bool:
            return row["experiment_id"] in found and not is_deleting(row)

        return Plan(
            of=self,
            query=query,
            sources=tuple(sources),
            steps=steps,
            visible=visible,
            read=partial(_read, consistent=not listed),
            then="tags, metadata and assessments of these are then read",
            kinds=kinds,
            notes=(f"experiments: {len(found)}",),
            bounds=_BOUNDS if _opens_bodies(query) else None,
        )


TRACES: Final = TraceSearch()


class SearchTraces:
    """``search_traces``."""

    def __init__(self, table: Table, lookup: Lookup, config: ConfigSource) -> None:
        self._table = table
        self._lookup = lookup
        self._config = config

    def search_traces(
        self,
        experiment_ids: list[str] | None = None,
        filter_string: str | None = None,
        max_results: int = SEARCH_TRACES_DEFAULT_MAX_RESULTS,
        order_by: list[str] | None = None,
        page_token: str | None = None,
        model_id: str | None = None,
        locations: list[str] | None = None,
    ) -> tuple[list[TraceInfo], str | None]:
        """A page of the traces that match, and the token of the next page (None: no more).

        ``locations`` are experiment ids; None means all experiments. Raises
        ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        wanted = _wanted(experiment_ids, locations)
        if wanted is None:
            wanted = self._lookup.experiments.all_ids()
        request = Request(filter_string, max_results, order_by, page_token, experiment_ids=wanted)
        context = Context(self._config.current, experiments=self._lookup.experiments.known_many)
        return search(self._table, TRACES, request, context)


def _wanted(experiment_ids: list[str] | None, locations: list[str] | None) -> list[str] | None:
    if experiment_ids is not None and locations is not None:
        raise MlflowException.invalid_parameter_value(
            "`experiment_ids` is deprecated, use `locations` instead; give one of them only."
        )
    return locations if experiment_ids is None else experiment_ids


def _ids(request: Request) -> list[str]:
    return list(dict.fromkeys(map(str, _parse_experiment_ids(list(request.experiment_ids)))))


def _parse_filter(text: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = SearchTraceUtils.parse_search_filter_for_search_traces(text)
    return found


def _opens_bodies(query: Query) -> bool:
    return any(on.kind == SPAN and on.key.startswith(_CONTENT) for on in query.fields)


def _kinds(query: Query, experiment_ids: tuple[str, ...], consistent: bool) -> dict[str, Values]:
    bounds = [
        one.value for one in query.clauses if one.on == _TIME and one.comparator in (">", ">=")
    ]
    texts, links = TextsOfInfo(consistent), Linked()
    return {
        TAGS: texts,
        METADATA_OF: texts,
        SPAN: SpanFacts(
            bodies=_opens_bodies(query),
            earliest_ms=int(max(bounds)) - SKEW_MS if bounds else None,
        ),
        ASSESSED: AssessmentForms(experiment_ids, consistent),
        ASSESSED_ITSELF: AssessmentForms((), consistent),
        OF_RUN: links,
        OF_PROMPT: links,
    }


_CONTENT: Final = "content "


def _clauses(found: Iterable[Mapping[str, Any]]) -> tuple[Clause, ...]:
    clauses: list[Clause] = []
    spans: list[tuple[str, Callable[[SpanFact], bool], bool]] = []
    of_run: Clause | None = None
    for one in found:
        kind, key, value = one["type"], one["key"], one["value"]
        comparator = one["comparator"].upper()
        if SearchTraceUtils.is_issue(kind, key, comparator):
            clauses.append(_of_assessments(one, _issue(value), ASSESSED_ITSELF))
        elif SearchTraceUtils.is_attribute(kind, key, comparator):
            clauses.append(clause(Field(ATTRIBUTE, key), comparator, value))
        elif SearchTraceUtils.is_tag(kind, comparator):
            clauses.append(tag_clause(key, comparator, value))
        elif SearchTraceUtils.is_request_metadata(kind, comparator):
            made = metadata_clause(key, comparator, value)
            # Of two runs in a filter the SQL store takes the last.
            if made.on.kind == OF_RUN:
                of_run = made
            else:
                clauses.append(made)
        elif SearchTraceUtils.is_span(kind, key, comparator):
            spans.append((f"{key} {comparator} {value!r}", *_span_test(key, comparator, value)))
        elif SearchTraceUtils.is_assessment(kind, key, comparator):
            clauses.append(_of_assessments(one, _assessment_test(kind, key, comparator, value)))
        else:
            raise MlflowException.invalid_parameter_value(
                f"Invalid search expression type '{kind}'"
            )
    if of_run is not None:
        clauses.append(of_run)
    if spans:
        clauses.append(_of_one_span(spans))
    return tuple(clauses)


def tag_clause(key: str, comparator: str, value: Any) -> Clause:
    """A clause on a tag of a trace; raises ``INVALID_PARAMETER_VALUE`` for one on prompts that is
    not ``= 'name/version'``."""
    if key == TraceTagKey.LINKED_PROMPTS:
        if comparator != "=":
            raise MlflowException.invalid_parameter_value(
                f"Invalid comparator '{comparator}' for prompts filter. Only '=' is supported "
                'with format: prompt = "name/version"'
            )
        if value.count("/") != 1:
            raise MlflowException.invalid_parameter_value(
                f"Invalid prompts filter value '{value}'. "
                'Expected format: prompt = "name/version"'
            )
        return Clause(Field(OF_PROMPT, value), "=", value, bool)
    if key in HEAD_TAGS:
        return _on_head(HEAD_TAGS[key], comparator, value)
    return clause(Field(TAGS, key), comparator, value)


def metadata_clause(key: str, comparator: str, value: Any) -> Clause:
    """A clause on a trace's metadata.

    Raises ``INVALID_PARAMETER_VALUE`` for a comparator that token usage or cost does not take.
    """
    if key == TraceMetadataKey.SOURCE_RUN and comparator == "=":
        return Clause(Field(OF_RUN, value), "=", value, bool)
    if key in _CANONICAL and comparator not in ("=", "!=", IS_NULL, IS_NOT_NULL):
        raise MlflowException.invalid_parameter_value(
            f"Comparator '{comparator}' is not supported for reserved metadata '{key}'. "
            "Only '=', '!=', 'IS NULL', and 'IS NOT NULL' are supported."
        )
    if key in _ON_HEAD:
        return _on_head(_ON_HEAD[key], comparator, value)
    return clause(Field(METADATA_OF, key), comparator, value)


def _on_head(name: str, comparator: str, value: Any) -> Clause:
    on = Field(ATTRIBUTE, name)
    if comparator in (IS_NULL, IS_NOT_NULL):
        wanted = comparator == IS_NOT_NULL
        return Clause(on, comparator, None, lambda found: (found is not None) is wanted)
    return clause(on, comparator, value)


def _of_one_span(spans: Sequence[tuple[str, Callable[[SpanFact], bool], bool]]) -> Clause:
    """One clause of all that must hold of one span."""
    tests = [test for _, test, _ in spans]
    words = " AND ".join(text for text, _, _ in spans)
    bodies = any(of_content for _, _, of_content in spans)
    on = Field(SPAN, f"{_CONTENT if bodies else ''}({words})")

    def one_passes(facts: Sequence[SpanFact]) -> bool:
        return any(all(test(fact) for test in tests) for fact in facts)

    return Clause(on, "of one span", len(spans), one_passes)


def _span_test(key: str, comparator: str, value: Any) -> tuple[Callable[[SpanFact], bool], bool]:
    """A test of a span, and whether it is on its JSON."""
    if key.startswith("attributes."):
        name = SearchTraceUtils._trim_backticks(key[len("attributes.") :])
        comparator, value = attribute_pattern(name, comparator, value)
        key = "content"
    made = clause(Field(SPAN, key), comparator, value)
    return (lambda fact: made.test(getattr(fact, key))), key == "content"


FormTest = Callable[[Form, bool], bool]


def _of_assessments(one: Mapping[str, Any], test: FormTest, kind: str = ASSESSED) -> Clause:
    on = Field(kind, f"{one['type']}.{one['key']}")
    comparator: str = one["comparator"].upper()

    def any_passes(forms: Sequence[tuple[Form, bool]]) -> bool:
        return any(test(form, valid) for form, valid in forms)

    if comparator == IS_NULL:
        return Clause(on, "has none", None, lambda forms: not any_passes(forms))
    return Clause(on, comparator, one["value"], any_passes)


def _issue(issue_id: str) -> FormTest:
    return lambda form, valid: form["type"] == "issue" and form["name"] == issue_id


def _assessment_test(kind: str, name: str, comparator: str, value: Any) -> FormTest:
    compare: Callable[[Form], bool]
    if comparator in (IS_NULL, IS_NOT_NULL):
        compare = _always
    elif comparator in _NUMBERS:
        plain = clause(Field(ASSESSED, name), comparator, float(value))
        compare = lambda form: (number := _number(form["value"])) is not None and plain.test(number)  # noqa: E731
    elif comparator in ("=", "!="):
        wanted = {str(value), json.dumps(value)}
        equal = comparator == "="
        compare = lambda form: (json.dumps(form["value"]) in wanted) is equal  # noqa: E731
    else:
        text = clause(Field(ASSESSED, name), comparator, value)
        compare = lambda form: text.test(json.dumps(form["value"]))  # noqa: E731
    return lambda form, valid: (
        valid and form["type"] == kind and form["name"] == name and compare(form)
    )


def _always(form: Form) -> bool:
    return True


def _number(value: Any) -> float | None:
    from mlflow.store.tracking.utils.trace_analytics import assessment_aggregate

    number, is_number = assessment_aggregate(value)
    return number if is_number else None


def _orders(order_by: Sequence[str]) -> tuple[Order, ...]:
    """The orders, most important first; raises MLflow's errors for what can't be sorted by."""
    orders: list[Order] = []
    seen: set[tuple[str, str]] = set()
    for text in order_by:
        kind, key, ascending = parsed(
            "order", text, SearchTraceUtils.parse_order_by_for_search_traces
        )
        orders.append(Order(_order_field(kind, key), ascending))
        if (kind, key) in seen:
            raise MlflowException(f"`order_by` contains duplicate fields: {order_by}")
        seen.add((kind, key))
    return tuple(orders)


def _order_field(kind: str, key: str) -> Field:
    if SearchTraceUtils.is_attribute(kind, key, "="):
        if key.startswith("end_time"):
            raise MlflowException(f"Traces can't be ordered by '{key}'.")
        return Field(ATTRIBUTE, key)
    if SearchTraceUtils.is_tag(kind, "="):
        return Field(ATTRIBUTE, HEAD_TAGS[key]) if key in HEAD_TAGS else Field(TAGS, key)
    if SearchTraceUtils.is_request_metadata(kind, "="):
        if key in _CANONICAL:
            raise MlflowException.invalid_parameter_value(
                f"Ordering by reserved metadata '{key}' is not supported because it is "
                "represented by multiple columns."
            )
        return Field(ATTRIBUTE, _ON_HEAD[key]) if key in _ON_HEAD else Field(METADATA_OF, key)
    raise MlflowException.invalid_parameter_value(f"Invalid identifier type '{kind}'")


def _linked_keys(table: Table, on: Field) -> list[tuple[str, str]]:
    return [(trace_pk(i), META) for i in dict.fromkeys(linked_traces(table, on))]


def _read(
    table: Table,
    candidates: Sequence[Candidate],
    shown: Callable[[Row], bool],
    *,
    consistent: bool,
) -> list[TraceInfo]:
    """The traces; their METAs are those that were listed."""
    rows = [candidate.row for candidate in candidates]
    infos = read_apart(table, rows, INFO, consistent=consistent)
    assessed = [row for row in rows if row.get("assessed")]
    texts = read_apart(table, assessed, ASSESS, consistent=consistent) if assessed else {}
    traces = []
    for row in rows:
        head = Head.from_item(row)
        assessments = assessments_from(texts.get(row["PK"], {}), head.trace_id)
        traces.append(trace_info(head, infos.get(row["PK"], {}), assessments))
    return traces
