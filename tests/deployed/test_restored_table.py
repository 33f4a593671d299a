"""docs/operations.md, walked on the stand-in: a stream that was made anew, and restored tables.

The stand-in may restore more than AWS does: what a restored table has not on AWS is taken away
first.
"""

from __future__ import annotations

import json

import boto3
import pytest
from dynamodbstore_projections.all import STREAM_FUNCTIONS
from dynamodbstore_projections.heartbeat import read_heartbeats
from dynamodbstore_table.dynamodb.table import DynamoDBTable

from tests.deployed.ministack import OPERATOR
from tests.deployed.stack import wait_until
from tests.deployed.test_deployment_page import Page, Shell, page, shell
from tests.docs import markdown
from tests.lambdas.samples import FOLDER
from tests.projections.entities import everything
from tests.projections.exports import export

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

__all__ = ["page", "shell"]

_WRITE = """python - <<PROGRAM
from mlflow import MlflowClient
client = MlflowClient("dynamodb://$AWS_REGION/{table}")
run = client.create_run(client.create_experiment("exp {name}"), run_name="{name}")
client.set_terminated(run.info.run_id)
PROGRAM"""
_FIND = """python - <<PROGRAM
from mlflow import MlflowClient
client = MlflowClient("dynamodb://$AWS_REGION/{table}")
found = client.search_experiments(filter_string="name LIKE '%{name}%'")
runs = client.search_runs([e.experiment_id for e in found], "attributes.run_name LIKE '%{name}%'")
print("found", len(found), len(runs))
PROGRAM"""


class Walk:
    """The stack of the deployment page, and the blocks of the operations page."""

    def __init__(self, shell: Shell, deployment: Page) -> None:
        self.shell = shell
        self.url = shell.variables["AWS_ENDPOINT_URL"]
        head = deployment.text.partition("\n## ")[0]
        (beginning,) = markdown.blocks(head, "sh")
        shell.run(Page._here(beginning))
        shell.run(deployment.blocks("## 1. The table and the functions")[0])
        shell.run(deployment.block("## 2. A bucket for artifacts"))
        self.region = shell.variables["AWS_REGION"]
        self.dynamodb = self.client("dynamodb")

    def client(self, service: str) -> object:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id=OPERATOR["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=OPERATOR["AWS_SECRET_ACCESS_KEY"],
        )

    def blocks(self, heading: str) -> list[str]:
        return markdown.blocks(markdown.section("docs/operations.md", heading), "sh")

    def found(self, table: str, name: str) -> str:
        return self.shell.run(_FIND.format(table=table, name=name)).strip().splitlines()[-1]

    def write(self, table: str, name: str) -> None:
        self.shell.run(_WRITE.format(table=table, name=name))

    def send_heartbeat(self, table: str) -> None:
        """Let the schedule run now, and wait until both functions have marked it."""
        name = self.shell.run(
            "aws cloudformation describe-stacks --stack-name mlflow-store --region $AWS_REGION "
            "--query \"Stacks[0].Outputs[?OutputKey=='LifecycleFunctionName'].OutputValue\" "
            "--output text"
        ).strip()
        lambdas: object = self.client("lambda")
        event = (FOLDER / "schedule.json").read_text()
        answer = lambdas.invoke(FunctionName=name, Payload=event)  # type: ignore[attr-defined]
        assert "FunctionError" not in answer, answer["Payload"].read()
        read = DynamoDBTable(table, region=self.region, endpoint_url=self.url)
        sent = read_heartbeats(read, STREAM_FUNCTIONS).sent
        assert sent is not None
        wait_until(
            lambda: all(
                (found.at or 0) >= sent // 1000 * 1000
                for found in read_heartbeats(read, STREAM_FUNCTIONS).arrived.values()
            ),
            90,
            "the heartbeat has reached both functions",
        )
        read.close()

    def status(self, table: str) -> dict[str, object]:
        printed = self.shell.run(
            f"mlflow-dynamodbstore status --table {table} --region $AWS_REGION --json"
        )
        found: dict[str, object] = json.loads(printed.strip().splitlines()[-1])
        return found

    def take_away_what_aws_does_not_restore(self, table: str) -> None:
        dynamodb: object = self.dynamodb
        described = dynamodb.describe_table(TableName=table)["Table"]  # type: ignore[attr-defined]
        if (described.get("StreamSpecification") or {}).get("StreamEnabled"):
            dynamodb.update_table(  # type: ignore[attr-defined]
                TableName=table, StreamSpecification={"StreamEnabled": False}
            )
        ttl = dynamodb.describe_time_to_live(TableName=table)  # type: ignore[attr-defined]
        if ttl["TimeToLiveDescription"]["TimeToLiveStatus"] != "DISABLED":
            dynamodb.update_time_to_live(  # type: ignore[attr-defined]
                TableName=table,
                TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"},
            )
        self.has(table, stream=False, ttl=False)

    def export_to_bucket(self, table: str) -> None:
        """An export as AWS writes it: the stand-in's own writes no files."""
        read = DynamoDBTable(table, region=self.region, endpoint_url=self.url)
        folder = self.shell.folder.parent / "export"
        export(folder, everything(read, "").values(), 0)
        read.close()
        self.shell.run(
            "export EXPORT=01695097218000-d6299cbd\n"
            f"aws s3 cp --recursive {folder}/data s3://$BUCKET/AWSDynamoDB/$EXPORT/data/"
        )

    def has(self, table: str, *, stream: bool, ttl: bool) -> None:
        dynamodb: object = self.dynamodb
        described = dynamodb.describe_table(TableName=table)["Table"]  # type: ignore[attr-defined]
        found = dynamodb.describe_time_to_live(TableName=table)  # type: ignore[attr-defined]
        assert bool((described.get("StreamSpecification") or {}).get("StreamEnabled")) is stream
        enabled = found["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
        assert enabled is ttl


def test_the_ways_back_are_walked(
    shell: Shell, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in OPERATOR.items():
        monkeypatch.setenv(variable, value)
    walk = Walk(shell, page)
    table = shell.variables["TABLE"]
    walk.write(table, "lion")
    walk.send_heartbeat(table)
    assert walk.status(table)["problems"] == []

    # Given a stream that was turned off for a moment: status names it, the page mends it
    shell.run(
        f"aws dynamodb update-table --table-name {table} --region $AWS_REGION "
        "--stream-specification StreamEnabled=false"
    )
    (problem,) = walk.status(table)["problems"]  # type: ignore[misc]
    assert problem["state"] == "stream_off"
    walk.write(table, "lynx")
    turn_on, reconnect = walk.blocks("## The stream does not reach the functions")
    shell.run(turn_on)
    shell.run(without_build(reconnect))
    walk.send_heartbeat(table)
    assert walk.status(table)["problems"] == []
    assert walk.found(table, "lynx") == "found 1 1"

    # And a backup, and an export
    shell.run(
        "export BACKUP=$(aws dynamodb create-backup --table-name $TABLE --backup-name now "
        "--region $AWS_REGION --query BackupDetails.BackupArn --output text)"
    )
    walk.export_to_bucket(table)

    # Then each of the three ways leads to a table that has what it needs
    name_it, backup, point, imported, give_back, connect = walk.blocks("## The table is restored")
    shell.run(name_it)
    for number, restore in enumerate((imported, point, backup)):
        new = shell.variables["NEW"] = f"{table}-restored-{number}"
        shell.run(restore)
        walk.take_away_what_aws_does_not_restore(new)
        shell.run(give_back)
        walk.has(new, stream=True, ttl=True)

    # And functions that are connected to it keep it
    printed = shell.run(without_build(connect))
    assert "built:" in printed
    walk.send_heartbeat(new)
    status = walk.status(new)
    assert status["problems"] == []
    assert status["projections"]["mode"] == "stream"  # type: ignore[index]
    assert walk.found(new, "lynx") == "found 1 1"
    walk.write(new, "owl")
    wait_until(lambda: walk.found(new, "owl") == "found 1 1", 60, "the functions keep it")

    # While what was imported or restored to a point in time is as complete, as a replay shows
    for number in range(2):
        printed = shell.run(
            f"mlflow-dynamodbstore replay --table {table}-restored-{number} --region $AWS_REGION"
        )
        assert "built: fts:name, summary, tags:mlflow.*" in printed


def without_build(block: str) -> str:
    """The commands, but for the build: that of the first deployment is still there."""
    return block.replace("sam build\n", "")
