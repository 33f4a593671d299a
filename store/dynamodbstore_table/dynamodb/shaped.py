"""The adapter for DynamoDB that can pass over items of another shape."""

from __future__ import annotations

from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.shaped import ShapedReads


class ShapedDynamoDBTable(ShapedReads, DynamoDBTable):
    """A table on DynamoDB that can pass over items of another shape."""
