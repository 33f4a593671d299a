"""What template.yaml creates is what the code needs, and may do no more than it must."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
from dynamodbstore_lambdas.environment import FTS_TRIGRAM_FIELDS, QUEUE_URL, TABLE_NAME
from dynamodbstore_lambdas.telemetry import NAMESPACE
from dynamodbstore_projections.heartbeat import FRESH_MS
from dynamodbstore_table.schema import STREAM, TIME_TO_LIVE, table_definition

from tests.lambdas.template import (
    FUNCTIONS,
    ROOT,
    STREAM_FUNCTIONS,
    properties,
    statements,
    stream_source,
    template,
)


def test_the_table_is_the_one_that_the_code_creates() -> None:
    table = properties("Table")
    created = table_definition("mlflow")

    for name in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"):
        assert table[name] == created[name], name
    assert table["TimeToLiveSpecification"] == TIME_TO_LIVE
    assert table["StreamSpecification"]["StreamViewType"] == STREAM["StreamViewType"]
    assert "LocalSecondaryIndexes" not in table


def test_the_table_outlives_its_stack() -> None:
    table = template()["Resources"]["Table"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    recovery = table["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


def test_table_and_queues_are_encrypted() -> None:
    assert properties("Table")["SSESpecification"]["SSEEnabled"] is True
    for queue in ("RedriveQueue", "DeadLetterQueue"):
        assert properties(queue)["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_is_in_the_code(function: str) -> None:
    module, _, name = properties(function)["Handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


def test_the_functions_have_the_variables_that_they_read() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert variables[TABLE_NAME] == {"Ref": "TableName"}
    assert variables[QUEUE_URL] == {"Ref": "RedriveQueue"}
    assert variables[FTS_TRIGRAM_FIELDS] == {"Ref": "FtsTrigramFields"}


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_a_stream_function_gives_up_in_the_end_with_a_dead_letter(function: str) -> None:
    source = stream_source(function)

    assert source["BisectBatchOnFunctionError"] is True
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < source["MaximumRetryAttempts"] <= 100
    assert 0 < source["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert source["DestinationConfig"]["OnFailure"]["Destination"] == {
        "GetAtt": "DeadLetterQueue.Arn"
    }


def test_the_stream_functions_differ_in_their_filters_only() -> None:
    search, lifecycle = ({**stream_source(function)} for function in STREAM_FUNCTIONS)

    assert search.pop("FilterCriteria") != lifecycle.pop("FilterCriteria")
    assert search == lifecycle


def test_a_message_is_not_delivered_again_while_a_function_may_have_it() -> None:
    timeout = template()["Globals"]["Function"]["Timeout"]

    assert properties("RedriveQueue")["VisibilityTimeout"] >= 6 * timeout
    assert properties("RedriveQueue")["RedrivePolicy"]["deadLetterTargetArn"] == {
        "GetAtt": "DeadLetterQueue.Arn"
    }


def test_heartbeats_come_every_five_minutes() -> None:
    schedule = properties("LifecycleFunction")["Events"]["Heartbeat"]["Properties"]["Schedule"]

    assert schedule == "rate(5 minutes)"


def test_no_role_may_do_any_action_of_a_service() -> None:
    actions = {action for _, statement in statements() for action in _list(statement["Action"])}

    assert actions
    assert not [action for action in actions if "*" in action]


def test_only_tracing_is_allowed_on_every_resource() -> None:
    on_all = {
        action
        for _, statement in statements()
        for action in _list(statement["Action"])
        if "*" in _list(statement["Resource"])
    }

    assert on_all == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_items_may_be_changed_in_the_one_table_only() -> None:
    arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"
    allowed = {
        resource["Sub"]
        for _, statement in statements()
        for resource in _list(statement["Resource"])
        if any(action.startswith("dynamodb:") for action in _list(statement["Action"]))
    }

    assert allowed == {arn, f"{arn}/index/*", f"{arn}/stream/*"}


def test_no_role_may_scan_or_manage_the_table() -> None:
    actions = {
        action.removeprefix("dynamodb:")
        for _, statement in statements()
        for action in _list(statement["Action"])
        if action.startswith("dynamodb:") and "stream" not in str(statement["Resource"])
    }

    assert actions == {
        *("BatchGetItem", "GetItem", "Query"),
        *("BatchWriteItem", "ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"),
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_are_kept_for_the_days_of_the_parameter(function: str) -> None:
    logs = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]

    assert properties(logs)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize(
    ("metric", "watched"),
    [
        ("IteratorAge", set(STREAM_FUNCTIONS)),
        ("Errors", set(FUNCTIONS)),
        ("Heartbeats", set(STREAM_FUNCTIONS)),
        ("ApproximateNumberOfMessagesVisible", {"RedriveQueue", "DeadLetterQueue"}),
    ],
)
def test_alarms_watch_age_errors_and_queues(metric: str, watched: set[str]) -> None:
    found = set()
    for resource in template()["Resources"].values():
        alarm = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm" and alarm["MetricName"] == metric:
            (reference,) = alarm["Dimensions"][0]["Value"].values()
            found.add(reference.partition(".")[0])

    assert found == watched


def test_an_alarm_fires_where_no_heartbeat_comes() -> None:
    alarms = [
        resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        and resource["Properties"]["MetricName"] == "Heartbeats"
    ]

    assert len(alarms) == len(STREAM_FUNCTIONS)
    for alarm in alarms:
        # The metric is as missing as the heartbeats.
        assert alarm["TreatMissingData"] == "breaching"
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert alarm["Namespace"] == NAMESPACE
        assert [dimension["Name"] for dimension in alarm["Dimensions"]] == ["function_name"]
        assert alarm["Period"] * alarm["EvaluationPeriods"] >= FRESH_MS / 1000


def test_the_operator_page_has_what_to_do_for_each_alarm() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    _, _, section = page.partition("## For each alarm")
    rows = [row for row in section.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    alarms = {
        name
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }

    assert {name for row in cells for name in re.findall(r"`(\w+)`", row[0])} == alarms
    assert all(len(row) == 3 and all(row) for row in cells)


def test_the_store_uri_is_an_output() -> None:
    outputs = template()["Outputs"]

    assert outputs["StoreUri"]["Value"] == {"Sub": "dynamodb://${AWS::Region}/${TableName}"}
    assert {"TableName", "QueueUrl"} <= set(outputs)


def test_packaged_libraries_are_pinned() -> None:
    lines = (ROOT / "lambdas" / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]

    assert packages
    assert all("==" in package for package in packages)
    assert not [package for package in packages if package.startswith(("boto", "orjson", "mlflow"))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
