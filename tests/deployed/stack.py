"""template.yaml, deployed: its functions, queues and roles, as an operator handles them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from dynamodbstore_table.dynamodb.table import DynamoDBTable

from tests.deployed.ministack import OPERATOR, REGION
from tests.lambdas.sam import run_sam

TABLE = "deployed"
_STACK = "mlflow-dynamodbstore"
_DENIAL = "denied-by-the-test"
_BATCHES = "batches"
_DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


class Stack:
    """The stack at an endpoint."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.table = DynamoDBTable(TABLE, region=REGION, endpoint_url=url)
        self._sqs = self.client("sqs")
        self._lambda = self.client("lambda")
        self._iam = self.client("iam")
        (stack,) = self.client("cloudformation").describe_stacks(StackName=_STACK)["Stacks"]
        self.outputs = {found["OutputKey"]: found["OutputValue"] for found in stack["Outputs"]}

    def client(self, service: str) -> Any:
        """An SDK client of a service, by the operator's credentials."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=OPERATOR["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=OPERATOR["AWS_SECRET_ACCESS_KEY"],
        )

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function (``Lifecycle``) with an event; its answer. Fails if it raises."""
        answer = self._lambda.invoke(
            FunctionName=self.outputs[f"{function}FunctionName"], Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def queued(self, output: str = "QueueUrl") -> int:
        """How many messages a queue holds, those in flight and those delayed included."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=list(_DEPTHS)
        )["Attributes"]
        return sum(int(attributes[depth]) for depth in _DEPTHS)

    def redrive(self, enabled: bool) -> None:
        """Let the redrive function read its queue, or not."""
        name = self.outputs["RedriveFunctionName"]
        for mapping in self._lambda.list_event_source_mappings(FunctionName=name)[
            "EventSourceMappings"
        ]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def allow_batches(self) -> None:
        """Grant a right that the stand-in requires for ten messages at once: AWS has no right
        of this name, there it is a part of ``sqs:SendMessage``."""
        for function in ("Search", "Lifecycle"):
            self._put_policy(function, _BATCHES, "Allow", "sqs:SendMessageBatch")

    def deny_table(self, function: str) -> None:
        """Take from a function every right on the table."""
        self._put_policy(function, _DENIAL, "Deny", "dynamodb:*")

    def allow_table(self, function: str) -> None:
        """Give them back."""
        self._iam.delete_role_policy(RoleName=self._role(function), PolicyName=_DENIAL)

    def _put_policy(self, function: str, name: str, effect: str, action: str) -> None:
        statement = {"Effect": effect, "Action": action, "Resource": "*"}
        self._iam.put_role_policy(
            RoleName=self._role(function),
            PolicyName=name,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    def _role(self, function: str) -> str:
        name = self.outputs[f"{function}FunctionName"]
        role: str = self._lambda.get_function_configuration(FunctionName=name)["Role"]
        return role.rpartition("/")[2]


def deploy(url: str, template: Path) -> Stack:
    """Deploy a built template as its operator would."""
    run_sam(
        *("deploy", "--template-file", template, "--stack-name", _STACK, "--resolve-s3"),
        *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"),
        "--parameter-overrides",
        *(f"TableName={TABLE}", "BatchWindow=0", "FtsTrigramFields=description"),
        variables={**OPERATOR, "AWS_ENDPOINT_URL": url},
    )
    stack = Stack(url)
    stack.allow_batches()
    return stack


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Poll until the condition holds; how long that took (s)."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began
