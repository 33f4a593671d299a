"""Faults put between the adapter and DynamoDB, in botocore: what a busy service answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from types import SimpleNamespace
from typing import Any, NoReturn

import botocore.exceptions
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from dynamodbstore_table.dynamodb.table import DynamoDBTable

ALWAYS = 10**9
_WRITES = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"})


@dataclass
class Faults:
    """The faults of one table's client, and the parameters of the calls that it made."""

    table: DynamoDBTable
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
            self.calls.append((model.name, params))

        self.on("provide-client-params.dynamodb", record)

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """Let the handler answer an event of botocore's before all others."""
        self.table.client.sdk().meta.events.register_first(event, handler)

    def count(self, operation: str) -> int:
        """How often the adapter called an operation; retries within the SDK are not counted."""
        return sum(1 for name, _ in self.calls if name == operation)

    def fail(
        self, operation: str, code: str, times: int = ALWAYS, message: str = "", **more: Any
    ) -> None:
        """Let the next calls of an operation fail, without a request, when the SDK gives up."""
        remaining = iter(range(times))

        def answer(**_: Any) -> tuple[Any, dict[str, Any]] | None:
            if next(remaining, None) is None:
                return None
            error = {"Code": code, "Message": message}
            return SimpleNamespace(status_code=400), {"Error": error, **more}

        self.on(f"before-call.dynamodb.{operation}", answer)

    def cancel(self, *codes: str, times: int = ALWAYS) -> None:
        """Let the next transactions be cancelled for these reasons, one for each of their ops."""
        reasons = [{"Code": code} for code in codes]
        self.fail(
            "TransactWriteItems",
            "TransactionCanceledException",
            times,
            CancellationReasons=reasons,
        )

    def lose_answers(self, operation: str, times: int = 1) -> None:
        """Make the next HTTP requests of an operation, but let the connection break before the
        answer arrives."""
        self._answer(operation, repeat(None, times))

    def lose_next_answers(self, times: int = 1) -> None:
        """``lose_answers`` of the next writes, of whichever operations."""
        remaining = iter(range(times))

        def send(request: Any, **_: Any) -> None:
            target = str(request.headers["X-Amz-Target"].decode()).rpartition(".")[2]
            if target in _WRITES and next(remaining, None) is not None:
                _lose(request)

        self.on("before-send.dynamodb", send)

    def answer(self, operation: str, *codes: str | None) -> None:
        """Answer the next HTTP requests of an operation with these errors; None loses an answer."""
        self._answer(operation, iter(codes))

    def refuse_connections(self) -> None:
        """Let no further request find a server."""

        def send(request: Any, **_: Any) -> None:
            raise botocore.exceptions.EndpointConnectionError(endpoint_url=request.url)

        self.on("before-send.dynamodb", send)

    def _answer(self, operation: str, codes: Iterator[str | None]) -> None:
        def send(request: Any, **_: Any) -> AWSResponse | None:
            code = next(codes, "")
            if code == "":
                return None
            if code is not None:
                return _refusal(request.url, code)
            return _lose(request)

        self.on(f"before-send.dynamodb.{operation}", send)

    def process_only(self, most: int, times: int = ALWAYS) -> None:
        """Let the next batches be processed in part: the rest comes back as unprocessed."""
        remaining = iter(range(times))

        def cut(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> Any:
            if next(remaining, None) is None:
                return None
            [(table, request)] = params["RequestItems"].items()
            if model.name == "BatchWriteItem":
                kept, rest = request[:most], request[most:]
            else:
                kept = {**request, "Keys": request["Keys"][:most]}
                rest = {**request, "Keys": request["Keys"][most:]}
            context["rest"] = {table: rest}
            return {**params, "RequestItems": {table: kept}}

        def give_back(
            parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
        ) -> None:
            name = "UnprocessedItems" if model.name == "BatchWriteItem" else "UnprocessedKeys"
            rest = context.get("rest", {})
            if any(rest.values()):
                parsed[name] = rest

        for operation in ("BatchWriteItem", "BatchGetItem"):
            self.on(f"provide-client-params.dynamodb.{operation}", cut)
            self.on(f"after-call.dynamodb.{operation}", give_back)

    def process_nothing(self, operation: str, times: int = ALWAYS, after: int = 0) -> None:
        """Let the next batches, behind the first ``after``, come back whole, as unprocessed,
        without a request."""
        remaining = iter(range(after + times))

        def answer(context: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
            number = next(remaining, None)
            if number is None or number < after:
                return None
            name = "UnprocessedItems" if operation == "BatchWriteItem" else "UnprocessedKeys"
            return SimpleNamespace(status_code=200), {name: context["requested"]}

        def remember(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
            context["requested"] = params["RequestItems"]

        self.on(f"provide-client-params.dynamodb.{operation}", remember)
        self.on(f"before-call.dynamodb.{operation}", answer)


def _lose(request: Any) -> NoReturn:
    with _session() as session:
        session.send(request)
    raise botocore.exceptions.ConnectionClosedError(endpoint_url=request.url)


def _refusal(url: str, code: str) -> AWSResponse:
    status = 500 if code == "InternalServerError" else 400
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}).encode()
    return AWSResponse(url, status, {}, _Body(body))


class _Body:
    """A response's body, as the SDK reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


@contextmanager
def _session() -> Iterator[URLLib3Session]:
    session = URLLib3Session()
    try:
        yield session
    finally:
        session.close()
