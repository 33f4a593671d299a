"""From a location to a table that can be used."""

from __future__ import annotations

from dynamodbstore_table.dynamodb.retry import OnRetry
from dynamodbstore_table.errors import AccessDenied, TableMissing
from dynamodbstore_table.port import Observer, Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.location import (
    EndpointLocation,
    FileLocation,
    Location,
    RegionLocation,
    options_of,
)


def open_table(
    location: Location, observer: Observer | None = None, on_retry: OnRetry | None = None
) -> Table:
    """The table at a location, which hands its writes to ``observer``; no request is made yet.

    ``on_retry`` is told of requests that have to be made again.
    """
    if isinstance(location, FileLocation):
        from dynamodbstore_table.embedded.shaped import ShapedSqliteTable

        return ShapedSqliteTable(
            location.path,
            durability=location.durability,
            observer=observer,
            on_doubt=logs.clock_doubted,
        )
    from dynamodbstore_table.dynamodb.shaped import ShapedDynamoDBTable

    if isinstance(location, EndpointLocation):
        return ShapedDynamoDBTable(
            location.table,
            endpoint_url=location.endpoint_url,
            observer=observer,
            on_retry=on_retry,
        )
    return ShapedDynamoDBTable(
        location.table, region=location.region, observer=observer, on_retry=on_retry
    )


def require_table(table: Table, location: Location) -> None:
    """Check that the table is there and fits: one request. The table of a local endpoint or file
    is created if it is missing; a region's is the operator's to create.

    Raises ``TableUnfit``, and ``RESOURCE_DOES_NOT_EXIST`` with the commands to run for a region.
    """
    try:
        table.check()
    except TableMissing:
        _create_missing(table, location)
    except AccessDenied as error:
        # Policies of earlier versions don't grant this request: whether the table is there and
        # fits is left to the requests that follow.
        logs.table_not_checked(error)


def _create_missing(table: Table, location: Location) -> None:
    if isinstance(location, RegionLocation):
        raise MlflowException(
            f"There is no DynamoDB table {location.table!r} in region {location.region!r}. Create "
            "it, and the functions that keep its projections, with 'sam deploy --guided', or the "
            f"table alone with 'mlflow-dynamodbstore create-table {options_of(location)}'.",
            error_code=RESOURCE_DOES_NOT_EXIST,
        )
    table.create()
