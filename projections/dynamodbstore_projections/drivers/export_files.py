"""A DynamoDB export to S3, copied to a directory, as a source of a replay.

The layout is that of "DynamoDB table export output format" in the DynamoDB developer guide:
``manifest-summary.json``, ``manifest-files.json`` with a line for each data file, and
``data/*.json.gz`` with a line for each item. Incremental exports name the keys that changed, which
is as good.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from dynamodbstore_events.attribute_values import MalformedRecord, decode_value
from dynamodbstore_events.keys import Key

from dynamodbstore_projections.drivers.sources import KeyPage, Position

_SUMMARY: Final = "manifest-summary.json"
_FILES: Final = "manifest-files.json"
_FORMAT: Final = "DYNAMODB_JSON"
_LINES_A_PAGE: Final = 1000


class InvalidExport(ValueError):
    """The directory is no whole export; the message names the file and what is wrong."""


class ExportFiles:
    """The data files of an export of one table, each a part.

    ``table_arn`` and ``table_id`` are those of the table to replay, as ``DescribeTable`` returns
    them; None where the engine has no such thing. Raises ``InvalidExport`` for a directory without
    manifests, an export of another table, another format than DynamoDB JSON, a data file that is
    missing, or a list of data files that lacks some.
    """

    def __init__(self, directory: Path, table_arn: str | None, table_id: str | None = None) -> None:
        self._directory = directory
        summary = _json(directory / _SUMMARY, _text(directory / _SUMMARY))
        _require_table(directory / _SUMMARY, summary, table_arn, table_id)
        found = summary.get("outputFormat", _FORMAT)
        if found != _FORMAT:
            raise InvalidExport(
                f"{directory / _SUMMARY}: the format is {found}; export the table as {_FORMAT}"
            )
        self._arn = str(summary.get("exportArn", directory.name))
        self._as_of_ms = _as_of_ms(directory / _SUMMARY, summary)
        self._items: dict[str, int] = {}
        for line in _text(directory / _FILES).splitlines():
            if line.strip():
                self._add(_json(directory / _FILES, line))
        exported = summary.get("itemCount")
        if exported != self.items:
            raise InvalidExport(
                f"{directory / _FILES} lists files with {self.items} items, and {_SUMMARY} counts "
                f"{exported}: copy the whole export again"
            )

    def _add(self, entry: Mapping[str, Any]) -> None:
        manifest = self._directory / _FILES
        try:
            name = PurePosixPath(entry["dataFileS3Key"]).name
            items = int(entry["itemCount"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidExport(f"{manifest}: an entry lacks {error}") from error
        if not (self._directory / "data" / name).is_file():
            raise InvalidExport(
                f"{self._directory / 'data' / name} is missing, which {_FILES} names: copy the "
                "whole export, its data files too"
            )
        self._items[name] = items

    @property
    def items(self) -> int:
        """How many items the export has, by its manifest."""
        return sum(self._items.values())

    @property
    def as_of_ms(self) -> int:
        return self._as_of_ms

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"source": "export", "export": self._arn}

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self._items)

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        """Raises ``InvalidExport`` for a file that is damaged or incomplete."""
        path = self._directory / "data" / part
        passed = 0 if start is None else int(start["lines"])
        keys: list[Key] = []
        number = 0
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if number <= passed:
                        continue
                    keys.append(_key(path, number, line))
                    if len(keys) == _LINES_A_PAGE:
                        yield KeyPage(keys, {"lines": number})
                        keys = []
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise InvalidExport(f"{path} is damaged: {error}; copy it again") from error
        if number != self._items[part]:
            raise InvalidExport(
                f"{path} has {number} items, but {_FILES} lists {self._items[part]}: copy it again"
            )
        yield KeyPage(keys, None)


def _require_table(
    path: Path, summary: Mapping[str, Any], table_arn: str | None, table_id: str | None
) -> None:
    """Refuse the export of any table but this one: its keys would be taken for all that there are.

    A table that was created again under its name has the same ARN and another id.
    """
    if table_arn is None:
        raise InvalidExport(
            "an embedded file has no exports to S3: replay it without --from-export"
        )
    found_arn, found_id = summary.get("tableArn"), summary.get("tableId")
    if found_arn != table_arn:
        raise InvalidExport(
            f"{path} is of the table {found_arn}, and not of {table_arn}: name an export of this "
            "table, or replay without --from-export"
        )
    if found_id is not None and table_id is not None and found_id != table_id:
        raise InvalidExport(
            f"{path} is of an earlier table of this name (id {found_id}, now {table_id}): export "
            "the table again, or replay without --from-export"
        )


def _as_of_ms(path: Path, summary: Mapping[str, Any]) -> int:
    """The time that a full export shows the table at; 0 for one of changes only, which never has
    all that there was."""
    if summary.get("exportType", "FULL_EXPORT") != "FULL_EXPORT":
        return 0
    try:
        # Python 3.10 does not read the Z.
        time = datetime.fromisoformat(summary["exportTime"].replace("Z", "+00:00"))
    except (KeyError, AttributeError, ValueError) as error:
        raise InvalidExport(f"{path}: no exportTime that can be read: {error}") from error
    return int(time.timestamp() * 1000)


def _key(path: Path, number: int, line: str) -> Key:
    record = _json(path, line)
    image = record.get("Item") or record.get("Keys") or {}
    try:
        pk, sk = decode_value(image.get("PK")), decode_value(image.get("SK"))
    except MalformedRecord as error:
        raise InvalidExport(f"{path}, line {number}: no key PK, SK: {error}") from error
    if not isinstance(pk, str) or not isinstance(sk, str):
        raise InvalidExport(
            f"{path}, line {number}: PK and SK are not text: another table's export"
        )
    return pk, sk


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidExport(
            f"can't read {path}: {error}; name the directory of the export that has {_SUMMARY}"
        ) from error


def _json(path: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidExport(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidExport(f"{path} is not a manifest, nor data, of an export: {text[:60]!r}")
    return found
