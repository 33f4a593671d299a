"""What an execution environment makes once and keeps for its invocations."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from dynamodbstore_projections.all import all_projections
from dynamodbstore_projections.built import announce_newer
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Table

from dynamodbstore_lambdas.environment import Environment, read_environment
from dynamodbstore_lambdas.redrive_queue import RedriveQueue


@cache
def environment() -> Environment:
    """The environment of this process; raises ``InvalidEnvironment``."""
    return read_environment(os.environ)


@cache
def table() -> Table:
    """The table that the environment names, by the SDK's own region, endpoint and credentials."""
    return DynamoDBTable(environment().table_name)


@cache
def queue() -> RedriveQueue:
    """The queue that the environment names."""
    import boto3

    client: Any = boto3.client("sqs")
    return RedriveQueue(client, environment().queue_url)


@cache
def config_source() -> ConfigSource:
    """The configuration, remembered from one invocation to the next for up to 30 seconds."""
    return ConfigSource(table(), environment().fts_fields)


def projector(projections: Sequence[Projection]) -> Projector:
    """A projector of these projections on the table."""
    announce_versions()
    return Projector(table(), projections, config_source().current)


@cache
def announce_versions() -> None:
    """Announce versions of projections that the table's marks do not name yet; once."""
    announce_newer(table(), all_projections(), config_source().current, int(time.time() * 1000))


def forget() -> None:
    """Make everything anew at the next use: the environment has changed."""
    for made in (environment, table, queue, config_source, announce_versions):
        made.cache_clear()
