"""The functions on a table and a queue in process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from dynamodbstore_lambdas import runtime
from dynamodbstore_table.port import Table
from moto import mock_aws

REGION = "eu-central-1"
SERVICE = "a-function"

# The functions' loggers and metrics are made when their modules are loaded.
os.environ["POWERTOOLS_SERVICE_NAME"] = SERVICE


@dataclass
class Context:
    """What Lambda hands a handler beside the event."""

    seconds: float = 100.0
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Deployed:
    """The table and the queue that the functions use."""

    table: Table
    sqs: Any
    queue_url: str
    context: Context

    def queued(self) -> list[dict[str, Any]]:
        """The messages on the queue, taken from it."""
        bodies: list[dict[str, Any]] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return bodies
            bodies += [json.loads(message["Body"]) for message in answer["Messages"]]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """A new table and queue, and functions that have just been started."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="redrive")["QueueUrl"]
        monkeypatch.setenv("TABLE_NAME", "mlflow")
        monkeypatch.setenv("QUEUE_URL", url)
        runtime.forget()
        table = runtime.table()
        table.create()
        yield Deployed(table, sqs, url, Context())
        table.close()
        runtime.forget()
