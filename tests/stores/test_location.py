"""The four forms of a store URI, and what has no such form."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from dynamodbstore_table.dynamodb.regions import is_known, partitions
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.location import (
    EndpointLocation,
    FileLocation,
    Location,
    RegionLocation,
    options_of,
    parse_location,
)


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("dynamodb://us-east-1/my-table", RegionLocation("us-east-1", "my-table")),
        ("dynamodb://us-gov-west-1/my.table_2", RegionLocation("us-gov-west-1", "my.table_2")),
        ("dynamodb://localhost:8000/dev", EndpointLocation("http://localhost:8000", "dev")),
        ("dynamodb://[::1]:8000/dev", EndpointLocation("http://[::1]:8000", "dev")),
        (
            "dynamodb://http://dynamodb.local:8000/dev",
            EndpointLocation("http://dynamodb.local:8000", "dev"),
        ),
        ("dynamodb://https://db.example/dev", EndpointLocation("https://db.example", "dev")),
        ("dynamodb:///mlflow.ddb", FileLocation(Path("mlflow.ddb"))),
        ("dynamodb:///data/a%20b.ddb", FileLocation(Path("data/a b.ddb"))),
        ("dynamodb:////srv/mlflow.ddb", FileLocation(Path("/srv/mlflow.ddb"))),
        ("dynamodb:///m.ddb?durability=process", FileLocation(Path("m.ddb"), "process")),
        ("dynamodb:///m.ddb?durability=full", FileLocation(Path("m.ddb"), "full")),
    ],
)
def test_a_uri_says_where_the_store_is(uri: str, location: Location) -> None:
    assert parse_location(uri) == location


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sqlite:///mlflow.db", "does not begin with"),
        ("dynamodb:", "does not begin with"),
        ("dynamodb://", "neither an AWS region nor"),
        ("dynamodb:///", "names no file"),
        ("dynamodb:////", "names no file"),
        ("dynamodb:///folder/", "names no file"),
        ("dynamodb://us-east-1", "no table name"),
        ("dynamodb://us-east-1/", "no table name"),
        ("dynamodb://us-east-1/ab", "no table name"),
        ("dynamodb://us-east-1/a/table", "no table name"),
        ("dynamodb://us-east-1/a table", "no table name"),
        ("dynamodb://somewhere/table", "'somewhere' is neither an AWS region nor"),
        ("dynamodb://localhost/table", "'localhost' is neither an AWS region nor"),
        ("dynamodb://localhost:port/table", "Port could not be cast"),
        ("dynamodb://localhost:99999/table", "Port out of range"),
        ("dynamodb://http:///table", "names no host"),
        ("dynamodb://http://key:secret@host:1/table", "credentials do not belong"),
        ("dynamodb:///m.ddb?durability=none", "'durability=none' is not"),
        ("dynamodb:///m.ddb?durability=", "'durability=' is not"),
        ("dynamodb:///m.ddb?speed=1", "'speed=1' is not"),
    ],
)
def test_what_is_no_store_uri_is_refused_with_the_forms(uri: str, reason: str) -> None:
    with pytest.raises(MlflowException) as refusal:
        parse_location(uri)

    assert refusal.value.error_code == "INVALID_PARAMETER_VALUE"
    assert reason in refusal.value.message
    for form in ("<region>/<table>", "<host>:<port>/<table>", "http://<host>", "<path of a file>"):
        assert form in refusal.value.message


@pytest.mark.parametrize(
    "location",
    [
        RegionLocation("eu-central-1", "mlflow"),
        EndpointLocation("http://localhost:8000", "mlflow"),
        EndpointLocation("http://[::1]:8000", "mlflow"),
        *(
            FileLocation(Path(path))
            for path in (
                "mlflow.ddb",
                "/srv/mlflow.ddb",
                "a b.ddb",
                "a%41.ddb",
                "it's here?/#1 & $HOME;.ddb",
                "größe*~.ddb",
            )
        ),
    ],
)
def test_the_options_of_a_location_can_be_pasted(location: Location) -> None:
    first, one, *rest = shlex.split(options_of(location))

    if first == "--store-uri":
        assert parse_location(one) == location
    else:
        second, other = rest
        assert (first, second) in {("--table", "--region"), ("--table", "--endpoint-url")}
        assert parse_location(f"dynamodb://{other}/{one}") == location


def test_every_region_of_aws_with_dynamodb_is_a_region() -> None:
    session = botocore.session.get_session()

    for partition in session.get_available_partitions():
        for region in session.get_available_regions("dynamodb", partition):
            if region != "local":
                location = parse_location(f"dynamodb://{region}/mlflow")
                assert location == RegionLocation(region, "mlflow")
                assert is_known(region)


def test_a_region_of_every_partition_is_a_region() -> None:
    for partition in partitions():
        for region in partition.regions:
            assert parse_location(f"dynamodb://{region}/mlflow") == RegionLocation(region, "mlflow")


def test_a_region_that_is_newer_than_the_sdk_is_a_region() -> None:
    assert parse_location("dynamodb://eu-central-9/mlflow") == RegionLocation(
        "eu-central-9", "mlflow"
    )
    assert not is_known("eu-central-9")


def test_a_mistyped_region_is_refused_with_those_that_are_like_it() -> None:
    with pytest.raises(MlflowException, match="is it eu-central-1"):
        parse_location("dynamodb://eu_central-1/mlflow")


@pytest.mark.parametrize("uri", ["dynamodb:///mlflow.ddb", "dynamodb://localhost:8000/mlflow"])
def test_a_uri_without_a_region_does_not_load_the_sdk(uri: str) -> None:
    program = (
        "import sys; from mlflow_dynamodbstore.location import parse_location; "
        f"parse_location({uri!r}); print('botocore' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.strip() == "False", done.stderr


def test_a_secret_in_a_uri_is_not_repeated() -> None:
    with pytest.raises(MlflowException) as refusal:
        parse_location("dynamodb://http://key:topsecret@host:1/table")

    assert "topsecret" not in refusal.value.message
