"""Where a store lives: what the four forms of a ``dynamodb:`` URI say."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from dynamodbstore_table.dynamodb.regions import partition_of, similar
from mlflow.exceptions import MlflowException

_FORMS = (
    "dynamodb://<region>/<table>, dynamodb://<host>:<port>/<table>, "
    "dynamodb://http://<host>:<port>/<table> (or https), dynamodb:///<path of a file>"
)
_SCHEME = "dynamodb://"
_CREDENTIALS = re.compile(r"//[^/@]*@")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")

Durability: TypeAlias = Literal["full", "process"]


@dataclass(frozen=True, slots=True)
class RegionLocation:
    """A table in an AWS region, by the SDK's own endpoint and credentials."""

    region: str
    table: str


@dataclass(frozen=True, slots=True)
class EndpointLocation:
    """A table behind an explicit endpoint, such as DynamoDB Local."""

    endpoint_url: str
    table: str


@dataclass(frozen=True, slots=True)
class FileLocation:
    """One embedded file. ``full``: a write survives power loss; ``process``: it survives a kill."""

    path: Path
    durability: Durability = "full"


Location: TypeAlias = RegionLocation | EndpointLocation | FileLocation


def parse_location(uri: str) -> Location:
    """Read a store URI.

    Raises an ``INVALID_PARAMETER_VALUE`` that shows the four forms for anything else.
    """
    if not uri.startswith(_SCHEME):
        _refuse(uri, "it does not begin with 'dynamodb://'")
    rest = uri[len(_SCHEME) :]
    if rest.startswith("/"):
        return _file(uri, rest[1:])
    if rest.startswith(("http://", "https://")):
        return _endpoint(uri, rest)
    authority, _, path = rest.partition("/")
    if ":" in authority:
        return _endpoint(uri, f"http://{rest}")
    if partition_of(authority) is None:
        _refuse(
            uri, f"{authority!r} is neither an AWS region nor <host>:<port>{_likely(authority)}"
        )
    return RegionLocation(authority, _table(uri, path))


def options_of(location: Location) -> str:
    """The options that name a location to a command, quoted for a shell."""
    if isinstance(location, RegionLocation):
        return shlex.join(("--table", location.table, "--region", location.region))
    if isinstance(location, EndpointLocation):
        return shlex.join(("--table", location.table, "--endpoint-url", location.endpoint_url))
    return shlex.join(("--store-uri", f"{_SCHEME}/{quote(str(location.path))}"))


def _file(uri: str, rest: str) -> FileLocation:
    path, _, query = rest.partition("?")
    if not path or path.endswith("/"):
        _refuse(uri, "it names no file")
    durability = "full"
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key != "durability" or value not in ("full", "process"):
            _refuse(uri, f"'{key}={value}' is not durability=full or durability=process")
        durability = value
    return FileLocation(Path(unquote(path)), cast("Durability", durability))


def _endpoint(uri: str, endpoint: str) -> EndpointLocation:
    split = urlsplit(endpoint)
    try:
        host, port = split.hostname, split.port
    except ValueError as error:
        _refuse(uri, str(error))
    if not host:
        _refuse(uri, "it names no host")
    if split.username or split.password:
        _refuse(uri, "credentials do not belong in it; set AWS_ACCESS_KEY_ID and its companions")
    name = f"[{host}]" if ":" in host else host
    netloc = name if port is None else f"{name}:{port}"
    return EndpointLocation(f"{split.scheme}://{netloc}", _table(uri, split.path.lstrip("/")))


def _table(uri: str, name: str) -> str:
    if not _TABLE.fullmatch(name):
        _refuse(uri, f"{name!r} is no table name (3 to 255 of the characters A-Z a-z 0-9 _ . -)")
    return name


def _likely(authority: str) -> str:
    like = similar(authority)
    return f" (is it {' or '.join(like)}?)" if like else ""


def _refuse(uri: str, reason: str) -> NoReturn:
    shown = _CREDENTIALS.sub("//...@", uri)
    raise MlflowException.invalid_parameter_value(
        f"Invalid DynamoDB store URI {shown!r}: {reason}. The forms are: {_FORMS}."
    )
