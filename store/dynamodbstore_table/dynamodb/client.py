"""One table's requests to DynamoDB: a client made when it is needed, retries, errors, a meter."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from dynamodbstore_table.dynamodb.errors import Place, is_lost, is_transient, translate
from dynamodbstore_table.dynamodb.retry import Backoff, OnPause, OnRetry, Retry
from dynamodbstore_table.dynamodb.sdk import Connection, SdkFailed, Stage, connect, failure
from dynamodbstore_table.errors import (
    TableError,
    TableUnavailable,
    Throttled,
    TransactionConflict,
)
from dynamodbstore_table.request_count import REQUESTS

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 20
_SDK_ATTEMPTS = 4
_FAILURE_HOLDS_S = 2.0
_WITH_CAPACITY = frozenset(
    {
        "batch_get_item",
        "batch_write_item",
        "delete_item",
        "get_item",
        "put_item",
        "query",
        "scan",
        "transact_write_items",
        "update_item",
    }
)
_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request that was made, a retry included.

    ``operation`` is DynamoDB's name for it (``PutItem``); the units are the consumed
    capacity that the engine reports, 0 where it reports none.
    """

    operation: str
    write_units: float = 0.0
    read_units: float = 0.0


OnRequest: TypeAlias = Callable[[Request], None]
Answer = TypeVar("Answer")


class _Lost(threading.local):
    """``answers`` counts the requests of this thread whose answer was lost, since it began."""

    answers = 0


class Client:
    """Makes the requests of one table; safe for many threads, and after a fork."""

    def __init__(
        self,
        table: str,
        *,
        region: str | None,
        endpoint_url: str | None,
        max_connections: int,
        on_request: OnRequest | None,
        backoff: Backoff,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.table = table
        self.place = Place(table, region, endpoint_url)
        self.backoff = backoff
        self._region = region
        self._endpoint_url = endpoint_url
        self._max_connections = max_connections
        self._on_request = on_request
        self._on_retry = on_retry
        self._lock = threading.Lock()
        self._made: tuple[int, Connection] | None = None
        self._lost = _Lost()
        self._failed: tuple[float, str] | None = None
        self._closed = False

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Make one request about the table, again while it is throttled or meets a conflict.

        ``operation`` is the client's method (``put_item``). Raises the table's own errors only;
        positions of a ``ConditionFailed`` are those of the request.
        """
        return self.send(operation, TableName=self.table, **parameters)

    def send(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """``call`` for an operation that names the table elsewhere."""
        return self.repeat(operation, lambda: self.attempt(operation, **parameters))

    def repeat(self, operation: str, attempt: Callable[[], Answer]) -> Answer:
        """Call ``attempt``, which makes one request, until it is not throttled or in conflict.

        An error that it raises at last is ``in_doubt`` where an answer to one of the requests, the
        SDK's own retries included, was lost.
        """
        lost = self.lost_answers
        try:
            return self.backoff.retry(
                attempt, (Throttled, TransactionConflict), self.on_pause(operation)
            )
        except TableError as error:
            error.in_doubt = self.lost_answers > lost
            raise

    @property
    def lost_answers(self) -> int:
        """How many answers to requests of this thread have been lost since it began.

        Such a request may have been done: the connection broke after it was sent, or the engine
        reported an error of its own (HTTP 5xx).
        """
        return self._lost.answers

    def attempt(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """``send`` with the SDK's retries only."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._on_request is not None and operation in _WITH_CAPACITY:
            parameters["ReturnConsumedCapacity"] = "TOTAL"
        REQUESTS.made += 1
        stage: Stage = "credentials"
        try:
            connection = self._connection()
            connection.refresh_credentials()
            stage = "request"
            answer: dict[str, Any] = getattr(connection.client, operation)(**parameters)
        except (TableUnavailable, SdkFailed) as error:
            raise TableUnavailable(str(error)) from None
        except Exception as error:
            # The message has the SDK's own; whoever reads a log is spared the SDK's frames.
            if stage == "request" and isinstance(error, ClientError):
                raise translate(error, self.place) from None
            if stage == "request" and not isinstance(error, BotoCoreError):
                # Raised while an answer was read, for all that is known.
                self._lost.answers += 1
            raise TableUnavailable(failure(error, self.place.where, stage)) from None
        return answer

    def on_pause(self, operation: str) -> OnPause:
        """The callback to run before a request of this client's method is repeated."""
        return functools.partial(self._report_retry, operation.title().replace("_", ""))

    def close(self) -> None:
        """Close the connections; no request can be made afterwards."""
        self._closed = True
        made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].client.close()

    def sdk(self) -> Any:
        """The SDK's client of this process, made when it is first needed.

        Raises ``SdkFailed``, and ``TableUnavailable`` after ``close``.
        """
        return self._connection().client

    def _connection(self) -> Connection:
        made = self._made
        # Sockets must not be shared with the process that this one was forked from.
        if made is not None and made[0] == os.getpid():
            return made[1]
        if made is not None:
            self._lock = threading.Lock()
        with self._lock:
            if self._closed:
                raise TableUnavailable(f"the table {self.table!r} has been closed")
            made = self._made
            if made is None or made[0] != os.getpid():
                made = self._made = (os.getpid(), self._connect_unless_failed())
        return made[1]

    def _connect_unless_failed(self) -> Connection:
        # To look for credentials may take seconds, for which every thread waits: not each of them
        # shall look again.
        failed = self._failed
        if failed is not None and time.monotonic() - failed[0] < _FAILURE_HOLDS_S:
            raise SdkFailed(failed[1])
        try:
            return self._connect()
        except SdkFailed as error:
            self._failed = (time.monotonic(), str(error))
            raise

    def _connect(self) -> Connection:
        from botocore.config import Config

        connection = connect(
            "dynamodb",
            region=self._region,
            endpoint_url=self._endpoint_url,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": _SDK_ATTEMPTS},
                max_pool_connections=self._max_connections,
                tcp_keepalive=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                # Ops are checked before they come here, and checking again doubles the CPU time.
                parameter_validation=False,
            ),
        )
        client = connection.client
        client.meta.events.register("before-parse.dynamodb", self._check_answer)
        client.meta.events.register("response-received.dynamodb", self._count_lost)
        if self._on_request is not None:
            client.meta.events.register("response-received.dynamodb", self._metered)
        if self._on_retry is not None:
            client.meta.events.register("response-received.dynamodb", self._attempted)
        return connection

    def _report_retry(
        self, operation: str, reason: str, attempt: int, pause_s: float | None = None
    ) -> None:
        if self._on_retry is not None:
            pause_ms = None if pause_s is None else pause_s * 1000
            self._on_retry(Retry(operation, reason, attempt, pause_ms))

    def _count_lost(
        self,
        parsed_response: Mapping[str, Any] | None = None,
        exception: Exception | None = None,
        **_: Any,
    ) -> None:
        if is_lost(parsed_response, exception):
            self._lost.answers += 1

    def _attempted(
        self,
        event_name: str,
        parsed_response: Mapping[str, Any] | None = None,
        exception: Exception | None = None,
        context: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Report an attempt that the SDK repeats by itself."""
        reason = is_transient(parsed_response, exception)
        attempt = int((context or {}).get("retries", {}).get("attempt", 1))
        if reason and attempt < _SDK_ATTEMPTS:
            self._report_retry(event_name.rpartition(".")[2], reason, attempt)

    def _check_answer(self, response_dict: Mapping[str, Any], **_: Any) -> None:
        """Refuse an answer that is no JSON object: the SDK would make an empty one of it, as if a
        write was done, or as if there was no item."""
        body = response_dict["body"].strip()
        if response_dict["status_code"] == 200 and not (body[:1] == b"{" and body[-1:] == b"}"):
            # The engine may have done what was requested behind what answers.
            self._lost.answers += 1
            content_type = response_dict["headers"].get("content-type", "no content type")
            raise TableUnavailable(
                f"what answers for {self.place.where} is not DynamoDB: it sent {content_type}, "
                f"{bytes(body[:40])!r}: check the endpoint, and the proxies on the way"
            )

    def _metered(
        self, event_name: str, parsed_response: dict[str, Any] | None = None, **_: Any
    ) -> None:
        assert self._on_request is not None
        operation = event_name.rpartition(".")[2]
        units = _consumed(parsed_response or {})
        if operation in _READS:
            self._on_request(Request(operation, read_units=units))
        else:
            self._on_request(Request(operation, write_units=units))


def _consumed(answer: dict[str, Any]) -> float:
    consumed = answer.get("ConsumedCapacity") or []
    tables = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(table.get("CapacityUnits", 0.0) for table in tables))
