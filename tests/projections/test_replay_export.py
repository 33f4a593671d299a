"""Replay from a DynamoDB export to S3: the export has the keys, the table the items."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.export_files import ExportFiles, InvalidExport
from dynamodbstore_projections.drivers.replay import SETTLE_SECONDS, rebuild
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put
from mlflow.entities import RunTag

from tests.projections.entities import everything
from tests.projections.exports import TABLE_ARN, TABLE_ID, export, incremental_export
from tests.projections.replays import (
    bare_table,
    contents,
    drift_of,
    replayed,
    run_named,
    scope_of,
    store_on,
)

LATER_MS = int(SETTLE_SECONDS * 1000) + 1000


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = bare_table(tmp_path / "table.ddb")
    store = store_on(table)
    for number in range(5):
        run_named(store, f"lion {number}", ended=True)
    yield table
    table.close()


def exported(table: SqliteTable, folder: Path, at_ms: int | None = None) -> ExportFiles:
    items = everything(table, "").values()
    return files_in(export(folder / "export", items, at_ms or now_ms()))


def files_in(folder: Path) -> ExportFiles:
    """The export in a folder, of the table that the tests replay."""
    return ExportFiles(folder, TABLE_ARN, TABLE_ID)


class TestRebuilding:
    def test_rebuild_from_an_export_equals_one_from_a_scan(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        result = rebuild(scope_of(table, exported(table, tmp_path), workers=2))

        assert result.items == len(list(_canonical(table)))
        assert not drift_of(table).total

    def test_rebuild_reads_the_table_where_it_has_changed_since_the_export(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        files = exported(table, tmp_path)
        store = store_on(table)
        runs = [run.info.run_id for run in store.search_runs(["0"], "", 1, 10)]
        store.set_tag(runs[0], RunTag("mlflow.runName", "tiger"))
        for item in list(table.query_all(f"RUN#{runs[1]}")):
            table.write(Delete((item["PK"], item["SK"])))

        replayed(table, files)

        assert not drift_of(table).total
        assert (f"SUMMARY#{runs[1]}", "SUMMARY") not in contents(table)

    def test_rebuild_sweeps_the_projections_own_items_in_the_export(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        table.write(Put({"PK": "FTS#0#RUN#name#xyz", "SK": "nobody"}))

        result = replayed(table, exported(table, tmp_path))

        assert result.done.removed == 1

    def test_rebuild_goes_on_from_a_checkpoint_within_a_file(
        self, table: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dynamodbstore_projections.drivers.export_files._LINES_A_PAGE", 2)
        files = exported(table, tmp_path)
        (part, *_) = files.parts

        first, second, *_ = files.pages(part, None)
        again, *_ = files.pages(part, first.next)

        assert first.next == {"lines": 2}
        assert again == second


def _canonical(table: SqliteTable) -> Iterator[tuple[str, str]]:
    own = ("FTS#", "FTSMARK#", "SUMMARY#", "CONFIG")
    return (key for key in everything(table, "") if not key[0].startswith(own))


class TestMarks:
    def test_marks_are_earned_by_an_export_that_has_all_that_others_did_not_keep(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        result = replayed(table, exported(table, tmp_path, now_ms() + LATER_MS))

        assert result.built == {"summary", "fts:name", "tags:mlflow.*"}
        assert not result.unmarked

    def test_marks_are_not_earned_by_an_older_export_but_by_the_next(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        old = replayed(table, exported(table, tmp_path, now_ms() - 60_000))
        assert old.unmarked == {"summary", "fts:name", "tags:mlflow.*"}
        assert not ConfigSource(table).read().built

        new = replayed(table, exported(table, tmp_path / "next", now_ms() + LATER_MS))
        assert new.built == {"summary", "fts:name", "tags:mlflow.*"}

    def test_marks_are_not_earned_by_an_incremental_export(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        changes = incremental_export(
            tmp_path / "export", everything(table, "").values(), now_ms() + LATER_MS
        )

        result = replayed(table, files_in(changes))

        assert not result.built
        assert not drift_of(table).total


class TestWrongExports:
    def test_export_is_refused_if_the_directory_is_not_one(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidExport, match=r"manifest-summary\.json"):
            files_in(tmp_path)

    def test_export_in_another_format_is_refused(self, table: SqliteTable, tmp_path: Path) -> None:
        exported(table, tmp_path)
        summary = tmp_path / "export" / "manifest-summary.json"
        summary.write_text(json.dumps({**json.loads(summary.read_text()), "outputFormat": "ION"}))

        with pytest.raises(InvalidExport, match="the format is ION"):
            files_in(tmp_path / "export")

    def test_export_is_refused_if_a_data_file_was_not_copied(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        (part, *_) = exported(table, tmp_path).parts
        (tmp_path / "export" / "data" / part).unlink()

        with pytest.raises(InvalidExport, match=f"{part} is missing"):
            files_in(tmp_path / "export")

    def test_export_is_refused_if_a_data_file_was_copied_in_part(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        files = exported(table, tmp_path)
        path = tmp_path / "export" / "data" / files.parts[0]
        path.write_bytes(path.read_bytes()[:-20])

        with pytest.raises(InvalidExport, match="copy it again"):
            replayed(table, files)

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:dynamodb:eu-central-1:123456789012:table/other",
            "arn:aws:dynamodb:us-east-1:123456789012:table/mlflow",
            "arn:aws:dynamodb:eu-central-1:210987654321:table/mlflow",
        ],
        ids=["name", "region", "account"],
    )
    def test_export_of_another_table_is_refused_by_both_names(
        self, table: SqliteTable, tmp_path: Path, arn: str
    ) -> None:
        folder = export(
            tmp_path / "export", everything(table, "").values(), now_ms(), table_arn=arn
        )

        with pytest.raises(InvalidExport, match=f"is of the table {arn}, and not of {TABLE_ARN}"):
            files_in(folder)

    def test_export_of_an_earlier_table_of_the_same_name_is_refused(
        self, table: SqliteTable, tmp_path: Path
    ) -> None:
        folder = export(
            tmp_path / "export", everything(table, "").values(), now_ms(), table_id="0a1b"
        )

        with pytest.raises(InvalidExport, match=f"of this name .id 0a1b, now {TABLE_ID}"):
            files_in(folder)

    def test_export_is_refused_for_a_file(self, table: SqliteTable, tmp_path: Path) -> None:
        folder = export(tmp_path / "export", everything(table, "").values(), now_ms())

        with pytest.raises(InvalidExport, match="an embedded file has no exports"):
            ExportFiles(folder, None)

    @pytest.mark.parametrize("kept", [0, 1, 2])
    def test_export_whose_list_of_files_lacks_some_is_refused(
        self, table: SqliteTable, tmp_path: Path, kept: int
    ) -> None:
        exported(table, tmp_path)
        manifest = tmp_path / "export" / "manifest-files.json"
        manifest.write_text("\n".join(manifest.read_text().splitlines()[:kept]))

        with pytest.raises(InvalidExport, match=r"manifest-summary\.json counts"):
            files_in(tmp_path / "export")

    @pytest.mark.parametrize("name", ["tableArn", "itemCount"])
    def test_export_whose_summary_lacks_the_table_or_the_count_is_refused(
        self, table: SqliteTable, tmp_path: Path, name: str
    ) -> None:
        exported(table, tmp_path)
        summary = tmp_path / "export" / "manifest-summary.json"
        found = json.loads(summary.read_text())
        del found[name]
        summary.write_text(json.dumps(found))

        with pytest.raises(InvalidExport, match="None"):
            files_in(tmp_path / "export")

    def test_export_with_other_keys_is_refused(self, table: SqliteTable, tmp_path: Path) -> None:
        files = files_in(export(tmp_path / "export", [{"id": "1"}], now_ms()))

        with pytest.raises(InvalidExport, match="line 1: no key PK, SK"):
            replayed(table, files)
