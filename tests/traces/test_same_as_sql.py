"""Random calls for traces, answered as MLflow's SQL store answers them, errors included.

Left out is what is better here on purpose (docs/decisions/differences.md): spans that come after
``start_trace`` change nothing that it gave, and a span that is logged again is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mlflow.entities import Span, TraceState
from mlflow.entities.assessment import ExpectationValue, FeedbackValue, IssueReference
from mlflow.entities.model_registry.prompt_version import PromptVersion
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.store.tracking import sqlalchemy_store
from mlflow_dynamodbstore.traces import traces as our_traces

from tests.traces.made import HUMAN, new_expectation, new_feedback, new_span, new_trace_info
from tests.traces.pair import Pair, pair, plain_assessment

SESSION, USAGE, COST = "mlflow.trace.session", "mlflow.trace.tokenUsage", "mlflow.trace.cost"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 60))]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(our_traces.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(sqlalchemy_store.time, "sleep", lambda seconds: None)


def trace_ids(random: Random, count: int) -> list[str]:
    return [f"tr-{random.getrandbits(128):032x}" for _ in range(count)]


def fixed_span(trace_id: str, number: int, random: Random) -> Span:
    """The span of this number: the same whenever it is logged, but for its times and status."""
    own = Random(f"{trace_id}{number}")
    attributes: dict[str, Any] = {}
    if own.random() < 0.3:
        attributes["mlflow.chat.tokenUsage"] = {"input_tokens": number, "total_tokens": number}
    if own.random() < 0.3:
        attributes["mlflow.llm.cost"] = {"input_cost": number / 2, "total_cost": number / 2}
    if own.random() < 0.2:
        attributes["user.id"] = "bob"
    start = random.randint(1, 40)
    return new_span(
        trace_id,
        number,
        None if number == 1 else own.randint(1, number - 1),
        name=f"n{random.randint(0, 3)}",
        start_ms=start,
        end_ms=start + random.randint(0, 10),
        status=random.choice(["OK", "ERROR", "UNSET"]),
        inputs="é" * own.choice([1, 500]) if own.random() < 0.3 else None,
        attributes=attributes,
        resource={"service.name": "shop"},
    )


class Calls:
    """One random call after another, of both stores."""

    def __init__(self, stores: Pair) -> None:
        self.stores = stores
        self.random = stores.random
        self.ids = trace_ids(self.random, 4)
        self.ended: set[str] = set()

    def step(self) -> None:
        choices: list[Callable[[], None]] = [self.start, self.log, self.tag, self.read]
        choices += [self.start, self.log, self.log, self.assess, self.assess, self.delete]
        self.random.choice(choices)()

    def start(self) -> None:
        random, trace_id = self.random, self.random.choice(self.ids)
        number = random.choice([0, 0, 0, 1, 2, 3, 4])
        metadata = {
            key: value
            for key, value in {
                USAGE: json.dumps({"input_tokens": random.randint(0, 9), "total_tokens": 3}),
                COST: json.dumps({"input_cost": 0.5, "output_cost": 1.0, "total_cost": 1.5}),
                SESSION: random.choice(["s1", "s2"]),
                "k": random.choice("abc"),
                "long": "x" * random.choice([10, 5_000, 100_000]),
            }.items()
            if random.random() < 0.3
        }
        names = {"mlflow.traceName": random.choice(["n1", "n2"]), "t": random.choice("vw")}
        given: dict[str, Any] = {
            "time_ms": random.randint(1, 50),
            "duration_ms": random.choice([None, 5, 9]),
            "state": random.choice([TraceState.OK, TraceState.ERROR]),
            "tags": {key: value for key, value in names.items() if random.random() < 0.4},
            "metadata": metadata,
            "request": random.choice([None, "why?"]),
        }
        self.ended.add(trace_id)

        def call(store: Any) -> Any:
            store.start_trace(
                new_trace_info(trace_id, self.stores.experiment(store, number), **given)
            )
            return self.stores.plain(store, store.get_trace_info(trace_id))

        self.stores.same(f"start {trace_id} in {number}: {given}"[:300], call)

    def log(self) -> None:
        random, number = self.random, self.random.choice([0, 0, 0, 1, 2, 3, 4])
        chosen = [
            i for i in random.sample(self.ids, random.choice([1, 1, 2])) if i not in self.ended
        ]
        spans = [
            fixed_span(trace_id, n, random)
            for trace_id in chosen
            for n in random.sample(range(1, 7), random.randint(1, 4))
        ]
        self.stores.same(
            f"log {[(s.trace_id, s.span_id) for s in spans]} in {number}",
            lambda store: len(store.log_spans(self.stores.experiment(store, number), spans)),
        )

    def tag(self) -> None:
        random, trace_id = self.random, self.random.choice(self.ids)
        key = random.choice(["t", "service.name", "mlflow.traceName", "a//b", "q" * 260])
        if random.random() < 0.5:
            self.stores.same(
                f"untag {trace_id} {key}", lambda store: store.delete_trace_tag(trace_id, key)
            )
        elif self.stores.ours.batch_get_trace_infos([trace_id]):
            value = random.choice(["v", "w" * 4_000])
            self.stores.same(
                f"tag {trace_id} {key}", lambda store: store.set_trace_tag(trace_id, key, value)
            )

    def read(self) -> None:
        trace_id, partly = self.random.choice(self.ids), self.random.random() < 0.5
        several = [self.random.choice([*self.ids, "tr-none"]) for _ in range(4)]

        def whole(store: Any) -> Any:
            found = store.get_trace(trace_id, allow_partial=partly)
            spans = sorted(span.json_for_export() for span in found.data.spans)
            return self.stores.plain(store, found.info), spans

        self.stores.same(f"get {trace_id}", whole)
        self.stores.same(
            f"infos {several}",
            lambda store: [
                (info.trace_id, self.stores.plain(store, info))
                for info in store.batch_get_trace_infos(several)
            ],
        )

    def assess(self) -> None:
        random, trace_id = self.random, self.random.choice(self.ids)
        ids = [f"a-{n}-{trace_id[:6]}" for n in range(6)]
        assessment_id, other = random.sample(ids, 2)
        value = random.choice(["yes", 5, {"a": [1, "é"]}, float("inf"), True, "x" * 30_000])

        def create(store: Any) -> Any:
            made: Any = new_expectation(trace_id, value)
            if kind < 0.6:
                made = new_feedback(trace_id, value, overrides=other if kind < 0.2 else None)
            made.assessment_id = assessment_id
            return plain_assessment(store.create_assessment(made))

        changes: dict[str, Any] = random.choice(
            [
                {"name": "new"},
                {"feedback": FeedbackValue(7)},
                {"expectation": ExpectationValue("q")},
                {"rationale": "why"},
                {"metadata": {"z": "1"}},
            ]
        )
        kind = random.random()
        call = random.choice(["create", "create", "update", "delete", "get"])
        calls: dict[str, Callable[[Any], Any]] = {
            "create": create,
            "update": lambda store: plain_assessment(
                store.update_assessment(trace_id, assessment_id, **changes)
            ),
            "delete": lambda store: store.delete_assessment(trace_id, assessment_id),
            "get": lambda store: plain_assessment(store.get_assessment(trace_id, assessment_id)),
        }
        self.stores.same(f"{call} {assessment_id} of {trace_id} {kind} {changes}", calls[call])

    def delete(self) -> None:
        random, number = self.random, self.random.choice([0, 0, 1, 2, 3, 4])
        chosen: dict[str, Any] = {"trace_ids": random.sample(self.ids, 2)}
        if random.random() < 0.5:
            chosen = {
                "max_timestamp_millis": random.randint(1, 40),
                "max_traces": random.choice([None, 1, 2]),
            }
        self.stores.same(
            f"delete {chosen} of {number}",
            lambda store: store.delete_traces(self.stores.experiment(store, number), **chosen),
        )
        there = {info.trace_id for info in self.stores.ours.batch_get_trace_infos(self.ids)}
        self.ended &= there


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_of_traces_are_answered_as_by_the_sql_store(tmp_path: Path, seed: int) -> None:
    with pair(tmp_path, seed) as stores:
        calls = Calls(stores)
        for _ in range(60):
            calls.step()


def populate(stores: Pair, count: int = 40) -> list[str]:
    """Traces of all sorts, in the experiments ``a`` and ``b``."""
    random = stores.random
    ids = trace_ids(random, count)
    for trace_id in ids:
        _make(stores, trace_id)
    return ids


def _make(stores: Pair, trace_id: str) -> None:
    random, number = stores.random, stores.random.choice([0, 1])
    base = random.randint(21, 50) * 1000
    spans = [
        new_span(
            trace_id,
            n,
            None if n == 1 else 1,
            name=random.choice(["n1", "N1", "n2", "it's"]),
            start_ms=base + random.randint(-15_000, 15_000),
            end_ms=base + 20_000,
            status=random.choice(["OK", "ERROR", "UNSET"]),
            inputs=random.choice([None, "hello World", "é\n"]),
            attributes=_some(
                random,
                {
                    "mlflow.spanType": random.choice(["LLM", "TOOL"]),
                    "model": random.choice(["gpt", "claude"]),
                    "session.id": random.choice(["s1", "s2"]),
                    "mlflow.llm.model": random.choice(["m1", "m2"]),
                    "mlflow.llm.cost": {"input_cost": n / 4, "total_cost": n / 2},
                },
            ),
        )
        for n in range(1, random.randint(2, 6))
    ]
    given: dict[str, Any] = {
        "time_ms": base,
        "duration_ms": random.choice([None, 5, 9, 100]),
        "state": random.choice([TraceState.OK, TraceState.ERROR, TraceState.IN_PROGRESS]),
        "metadata": _some(
            random,
            {
                SESSION: random.choice(["s1", "s2", "S1"]),
                "k": random.choice(["a", "B", "b%"]),
                "mlflow.sourceRun": random.choice(["r1", "r2"]),
                USAGE: '{"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}',
            },
        ),
        "tags": _some(
            random,
            {
                "mlflow.traceName": random.choice(["Alpha", "beta", "a%"]),
                "t": random.choice(["x", "X", "xy"]),
            },
        ),
    }
    assessed = [
        (
            random.choice(["q", "c"]),
            random.choice(["yes", "no", 5, "5", 1.5, True, {"a": 1}, "é"]),
            random.choice([None, {SESSION: "s1"}, {"z": "1"}]),
            random.choice("fei"),
        )
        for _ in range(random.randint(0, 2))
    ]
    steps = random.choice([("log", "start"), ("start",), ("log",)])
    linked, prompted = random.random() < 0.2, random.random() < 0.2
    for store in (stores.ours, stores.theirs):
        experiment = stores.experiment(store, number)
        if "log" in steps:
            store.log_spans(experiment, spans)
        if "start" in steps:
            store.start_trace(new_trace_info(trace_id, experiment, **given))
        for n, (name, value, metadata, kind) in enumerate(assessed):
            made: Any = new_feedback(trace_id, value, name=name, metadata=metadata)
            if kind == "e":
                made = new_expectation(trace_id, value, name=name)
            elif kind == "i":
                made = IssueReference(
                    issue_id=f"iss-{name}", issue_name="x", source=HUMAN, trace_id=trace_id
                )
            made.assessment_id = f"a{n}-{trace_id}"
            store.create_assessment(made)
        if linked:
            store.link_traces_to_run([trace_id], "r1")
        if prompted:
            store.link_prompts_to_trace(trace_id, [PromptVersion("p", 1, "x")])


def _some(random: Random, values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if random.random() < 0.4}


TEXT = ("=", "!=", "LIKE", "ILIKE", "RLIKE")
NUMBER = ("=", "!=", "<", "<=", ">", ">=")
NULL = ("IS NULL", "IS NOT NULL")
FILTERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("attributes.status", ("=", "!=", "LIKE"), ("'OK'", "'ERROR'", "'O%'")),
    ("trace.status", ("IN", "NOT IN", ">"), ("('OK','IN_PROGRESS')", "'OK'")),
    ("name", TEXT, ("'Alpha'", "'alpha'", "'a%'", "'^A'", "'('")),
    ("name", NULL, ("",)),
    ("timestamp_ms", NUMBER, ("30000", "40000")),
    ("execution_time_ms", NUMBER, ("5", "9", "50")),
    ("end_time", NUMBER, ("30005", "40100")),
    ("run_id", ("=",), ("'r1'", "'r2'", "'none'")),
    ("metadata.`mlflow.sourceRun`", ("!=", "LIKE", *NULL), ("'r1'", "'r%'")),
    ("tags.t", TEXT, ("'x'", "'X'", "'x%'", "'y$'")),
    ("tags.t", (*NULL, "IN"), ("",)),
    ("metadata.k", (*TEXT, *NULL), ("'a'", "'b%'")),
    (f"metadata.`{SESSION}`", (*TEXT, *NULL), ("'s1'", "'s%'")),
    (f"metadata.`{USAGE}`", ("=", "!=", *NULL), ("'x'",)),
    ("prompt", ("=", "!="), ("'p/1'", "'p'")),
    ("span.name", TEXT, ("'n1'", "'n%'", "'1$'", '"it\'s"')),
    ("span.type", TEXT, ("'LLM'", "'llm'", "'T%'")),
    ("span.status", ("=", "!=", "IN"), ("'OK'", "'UNSET'", "('OK','ERROR')")),
    ("span.content", ("LIKE", "ILIKE", "="), ("'%hello%'", "'%WORLD%'", "'%é%'")),
    ("trace.text", ("ILIKE",), ("'%hello%'", "'%gpt%'")),
    ("span.attributes.model", TEXT, ("'%gpt%'", "'%GPT%'", "'^gpt$'", "'laud'")),
    ("feedback.q", TEXT, ("'yes'", "'5'", "'true'", "'%e%'")),
    ("feedback.q", NUMBER, ("5", "1.5")),
    ("feedback.q", NULL, ("",)),
    ("expectation.c", (*TEXT, *NULL), ("'no'", "'%n%'")),
    ("issue.id", ("=", "!="), ("'iss-q'", "'iss-c'")),
    ("client_request_id", TEXT, ("'c'",)),
    ("bogus", ("=",), ("'x'",)),
    ("foo.bar", ("=",), ("'x'",)),
)
ORDERS = (
    *(None, None, ["timestamp_ms DESC"], ["timestamp ASC"], ["execution_time_ms"], ["name ASC"]),
    *(["execution_time DESC"], ["status", "request_id DESC"], ["tags.t DESC"], ["metadata.k"]),
    *(["run_id DESC"], ["experiment_id"], ["end_time"], ["timestamp DESC", "request_id DESC"]),
    *(["name", "name"], [f"metadata.`{COST}`"]),
)


def any_clause(random: Random) -> str:
    field, comparators, values = random.choice(FILTERS)
    comparator = random.choice(comparators)
    return f"{field} {comparator} {'' if comparator in NULL else random.choice(values)}".strip()


@pytest.mark.parametrize("seed", SEEDS)
def test_search_traces_finds_what_the_sql_store_finds(tmp_path: Path, seed: int) -> None:
    with pair(tmp_path, seed) as stores:
        populate(stores)
        random = stores.random
        for _ in range(80):
            clauses = [any_clause(random) for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3]))]
            text, order_by = " AND ".join(clauses) or None, random.choice(ORDERS)
            numbers = random.choice([[0], [1], [0, 1], []])
            most = random.choice([3, 10, 100])
            stores.same(
                f"{text!r} of {numbers}, {most} by {order_by}",
                lambda store, given=(text, order_by, numbers, most): pages(stores, store, *given),
            )


def pages(
    stores: Pair, store: Any, text: str | None, order_by: Any, numbers: list[int], most: int
) -> list[Any]:
    """The first pages that are not empty."""
    locations = [stores.experiment(store, number) for number in numbers]
    found, token = [], None
    for _ in range(4):
        page, token = store.search_traces(
            locations=locations,
            filter_string=text,
            max_results=most,
            order_by=order_by,
            page_token=token,
        )
        found += [[(info.trace_id, stores.plain(store, info)) for info in page]] if page else []
        if not token:
            break
    return found


VIEWS: dict[MetricViewType, tuple[tuple[str, ...], tuple[str, ...]]] = {
    MetricViewType.TRACES: (
        ("trace_count", "session_count", "latency", "input_tokens", "total_tokens", "bogus"),
        ("trace_name", "trace_status"),
    ),
    MetricViewType.SPANS: (
        ("span_count", "latency", "input_cost", "total_cost"),
        ("span_name", "span_type", "span_status", "span_model_name"),
    ),
    MetricViewType.ASSESSMENTS: (
        ("assessment_count", "assessment_value"),
        ("assessment_name", "assessment_value"),
    ),
}
METRIC_FILTERS: tuple[list[str] | None, ...] = (
    *(None, [], ["trace.status = 'OK'"], ["trace.tag.`t` = 'x'"]),
    ["trace.metadata.`mlflow.sourceRun` = 'r1'"],
    ["trace.metadata.`k` = 'a'", "trace.status = 'ERROR'"],
    *(["span.name = 'n1'"], ["span.type = 'TOOL'"], ["assessment.name = 'q'"]),
    *(["assessment.type = 'feedback'"], ["trace.status != 'OK'"]),
    [f"trace.metadata.`{SESSION}` = 's1'"],
)


def any_aggregations(random: Random, metric: str) -> list[MetricAggregation]:
    if metric.endswith("_count"):
        return [MetricAggregation(AggregationType.COUNT)]
    kinds = [AggregationType.AVG, AggregationType.MIN, AggregationType.MAX, AggregationType.SUM]
    found = [MetricAggregation(kind) for kind in random.sample(kinds, random.randint(1, 4))]
    if random.random() < 0.5:
        found.append(MetricAggregation(AggregationType.PERCENTILE, random.choice([50.0, 33.3])))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_query_trace_metrics_gives_what_the_sql_store_gives(tmp_path: Path, seed: int) -> None:
    with pair(tmp_path, seed) as stores:
        populate(stores)
        random = stores.random
        for _ in range(80):
            view = random.choice(list(VIEWS))
            metrics, dimensions = VIEWS[view]
            metric = random.choice(metrics)
            numbers = random.choice([[0], [1], [0, 1], []])
            arguments: tuple[Any, ...] = (
                *(view, metric, any_aggregations(random, metric)),
                random.choice([None, random.sample(dimensions, random.randint(1, 2))]),
                random.choice(METRIC_FILTERS),
                random.choice([None, 5, 3600, 0]),
                *random.choice([(None, None), (20_000, 60_000), (30_000, None), (25_001, 33_000)]),
                random.choice([1000, 1000, 2, 0]),
            )
            stores.same(
                str(arguments),
                lambda store, given=(numbers, arguments): [
                    (point.metric_name, point.dimensions, rounded(point.values))
                    for point in store.query_trace_metrics(
                        [stores.experiment(store, number) for number in given[0]], *given[1]
                    )
                ],
            )


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: (type(value), round(value, 6)) for name, value in values.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_and_correlation_are_those_of_the_sql_store(tmp_path: Path, seed: int) -> None:
    filters = ("status = 'OK'", "tags.t = 'x'", "span.name = 'n1'", "feedback.q = 'yes'")
    with pair(tmp_path, seed) as stores:
        populate(stores)
        random = stores.random
        for _ in range(25):
            least = random.randint(15, 45) * 1000
            most, text = random.choice([None, 0, 1, -1]), random.choice([None, *filters])
            until = least + random.randint(-2, 20) * 1000
            stores.same(
                f"sessions from {least} to {until}, {most} by {text}",
                lambda store, given=(least, until, most, text): [
                    vars(found)
                    for found in store.find_completed_sessions(stores.experiment(store, 0), *given)
                ],
            )
            one, two, base = (random.choice(filters) for _ in range(3))
            stores.same(
                f"{one} with {two} of {base}",
                lambda store, given=(one, two, base): str(
                    vars(
                        store.calculate_trace_filter_correlation(
                            [stores.experiment(store, n) for n in (0, 1)], *given
                        )
                    )
                ),
            )
