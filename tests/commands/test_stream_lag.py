"""How far the stream functions are behind, from the metrics that they write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from dynamodbstore_projections.all import LIFECYCLE, SEARCH, STREAM_FUNCTIONS
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow_dynamodbstore.commands.stream_lag import NAMESPACE, StreamLag, stream_lag
from moto import mock_aws

from tests.commands.cli import run, run_json
from tests.commands.endpoints import answering
from tests.engines import free_port
from tests.lambdas.template import template
from tests.projections.heartbeats import arrive

REGION = "eu-central-1"
NAMED = ("--table", "mlflow", "--region", REGION)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account in this process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def streaming(aws: None) -> None:
    """A table whose stream functions are at work."""
    table = DynamoDBTable("mlflow", region=REGION)
    table.create()
    arrive(table)
    table.close()


def put_lag(function: str, ms: float, seconds_ago: float) -> None:
    boto3.client("cloudwatch", region_name=REGION).put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": "Lag",
                "Dimensions": [{"Name": "service", "Value": function}],
                "Timestamp": datetime.fromtimestamp(time.time() - seconds_ago, timezone.utc),
                "Value": ms,
                "Unit": "Milliseconds",
            }
        ],
    )


@pytest.mark.usefixtures("aws")
class TestInCloudWatch:
    def test_is_the_latest_of_each_function(self) -> None:
        put_lag(SEARCH, 90_000, 1800)
        put_lag(SEARCH, 1_500, 120)
        put_lag(LIFECYCLE, 700, 120)

        assert stream_lag(REGION, STREAM_FUNCTIONS) == StreamLag({SEARCH: 1500, LIFECYCLE: 700})

    def test_of_a_function_that_was_not_called_is_not_known(self) -> None:
        put_lag(SEARCH, 1_500, 120)

        found = stream_lag(REGION, STREAM_FUNCTIONS)

        assert found.by_function == {SEARCH: 1500, LIFECYCLE: None}
        assert found.most_ms == 1500


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"__type": "AccessDenied", "message": "not authorized"}, "GetMetricData is not granted"),
        ({"__type": "InternalServiceFault", "message": "x"}, "InternalServiceFault"),
    ],
)
def test_where_cloudwatch_refuses_it_says_why(
    monkeypatch: pytest.MonkeyPatch, body: Mapping[str, Any], says: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with answering(body, 400) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", url)

        found = stream_lag(REGION, STREAM_FUNCTIONS)

    assert says in found.unknown
    assert found.most_ms is None


def test_where_cloudwatch_can_not_be_reached_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)

    found = stream_lag(REGION, STREAM_FUNCTIONS).unknown

    assert "CloudWatch in eu-central-1 can't be reached" in found


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"AWS_ENDPOINT_URL_CLOUDWATCH": "localhost:1"}, "Invalid endpoint"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x.com/a"}, "Unsupported host"),
    ],
)
def test_where_the_configuration_is_wrong_the_lag_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: Mapping[str, str], cause: str
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    if "AWS_ENDPOINT_URL_CLOUDWATCH" in variables:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    found = stream_lag(REGION, STREAM_FUNCTIONS)

    assert cause in found.unknown
    assert found.most_ms is None


@pytest.mark.usefixtures("streaming")
class TestInTheStatus:
    def test_is_told_with_its_source(self) -> None:
        put_lag(SEARCH, 1_500, 120)

        shown = run("status", *NAMED).output

        assert "lag                  search 1.5 s, lifecycle was not called" in shown
        assert "metric Lag in CloudWatch" in shown

    def test_is_told_to_machines(self) -> None:
        put_lag(SEARCH, 1_500, 120)

        found = run_json("status", *NAMED)

        assert found["projections"]["mode"] == "stream"
        assert found["lag_ms"] == 1500
        assert found["lag_by_function"] == {SEARCH: 1500, LIFECYCLE: None}

    def test_names_the_stream_for_the_template(self) -> None:
        arn = run_json("status", *NAMED)["stream_arn"]

        assert arn.startswith(f"arn:aws:dynamodb:{REGION}:")
        assert ":table/mlflow/stream/" in arn


def test_the_metric_is_the_one_that_the_functions_write() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE
