"""The embedded file: its schema, its place, and how a connection is set up."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

from dynamodbstore_table.embedded.clock import start_clock
from dynamodbstore_table.embedded.files import network_file_system
from dynamodbstore_table.errors import TableUnavailable

Durability: TypeAlias = Literal["full", "process"]

# "MLDD": distinguishes the file from any other SQLite database, above all from MLflow's own.
APPLICATION_ID: Final = 0x4D4C4444
SCHEMA_VERSION: Final = 1
# 8 KB holds several chunks of metric history; 4 KB pages would spill each into a page of its own.
PAGE_BYTES: Final = 8192
# 32 MB of changes: a checkpoint of them takes some milliseconds, most of them until the disk
# confirms them. Where every commit waits for that anyway, 2 MB: to write over a log takes half
# the time of making it longer, and from its first checkpoint on it is written over.
CHECKPOINT_PAGES: Final[dict[Durability, int]] = {"full": 256, "process": 4000}
MAX_LOG_BYTES: Final = 64 * 1024 * 1024
# Kibibytes of pages that a connection keeps at most. The file is not mapped into memory: reading a
# mapped page of a file that has been cut short ends the process.
CACHE_KIBIBYTES: Final = 32 * 1024
_READERS_WAIT_MS: Final = 200

_SCHEMA: Final = (
    """CREATE TABLE items (
        pk TEXT NOT NULL, sk TEXT NOT NULL, ttl INTEGER,
        gsi1pk TEXT, gsi1sk TEXT, gsi2pk TEXT, gsi2sk TEXT,
        body BLOB NOT NULL, PRIMARY KEY (pk, sk)
    ) WITHOUT ROWID""",
    "CREATE INDEX gsi1 ON items (gsi1pk, gsi1sk, pk, sk) WHERE gsi1pk IS NOT NULL",
    # ttl makes the index answer alone: GSI2 holds nothing but keys.
    "CREATE INDEX gsi2 ON items (gsi2pk, gsi2sk, pk, sk, ttl) WHERE gsi2pk IS NOT NULL",
    "CREATE INDEX expiry ON items (ttl) WHERE ttl IS NOT NULL",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def connect(path: Path, durability: Durability, *, create: bool = False) -> sqlite3.Connection:
    """Open the file. Nothing is made unless ``create``; ``describe`` explains what it raises."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
        uri=True,
    )
    try:
        if create:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        for pragma in (
            f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}",
            f"PRAGMA cache_size = -{CACHE_KIBIBYTES}",
            "PRAGMA mmap_size = 0",
            "PRAGMA temp_store = MEMORY",
            "PRAGMA secure_delete = OFF",
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES[durability]}",
            f"PRAGMA journal_size_limit = {MAX_LOG_BYTES}",
        ):
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def create_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Make the schema unless it is there; safe while other processes do the same."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(connection, path):
            for statement in _SCHEMA:
                connection.execute(statement)
            start_clock(connection)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself ends a transaction that meets a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def has_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is ours and ready. Raises ``TableUnavailable`` if it is another's."""
    if not _is_ours(connection, path):
        return False
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise TableUnavailable(
            f"{path} was written by a newer version of mlflow-dynamodbstore (schema {version}, "
            f"this one knows {SCHEMA_VERSION}): upgrade the package"
        )
    return True


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    # In this order: another process may be making the schema, which sets both in one commit.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    if found == APPLICATION_ID:
        return True
    if found or tables:
        raise TableUnavailable(
            f"{path} is a SQLite database of another program: name another path, or move it away"
        )
    return False


def trim_log(connection: sqlite3.Connection, path: Path) -> None:
    """Empty the write-ahead log if it has grown past 64 MB.

    Checkpoints alone can't while there is always some reader on the log: this one holds new
    readers back from it, for up to 200 ms.
    """
    try:
        size = path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return
    if size <= MAX_LOG_BYTES:
        return
    # What was written is committed: a disk that fails here fails the next write, too.
    with suppress(sqlite3.Error):
        connection.execute(f"PRAGMA busy_timeout = {_READERS_WAIT_MS}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA busy_timeout = 0")


def check_place(path: Path) -> None:
    """Raise ``TableUnavailable`` if the file can't live there: no directory, or a network's."""
    if not path.parent.is_dir():
        raise TableUnavailable(
            f"can't open {path}: the directory {path.parent} does not exist; create it first"
        )
    if path.is_dir():
        raise TableUnavailable(f"can't open {path}: it is a directory, a file is needed")
    kind = network_file_system(path)
    if kind is not None:
        raise TableUnavailable(
            f"{path} is on a network file system ({kind}), where SQLite's locks and shared memory "
            "don't hold and the file would be damaged: use a path on a local disk, or a DynamoDB "
            "table for servers on several machines"
        )
