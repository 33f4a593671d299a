"""The append-only index: postings of texts that never change."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from dynamodbstore_projections.fts.posting_sweep import posting_of
from dynamodbstore_projections.fts.trigrams import required_trigrams
from dynamodbstore_projections.fts.written_once import (
    MOST_TRIGRAMS,
    WrittenOnce,
    WrittenOnceIndex,
)
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.testing.counting import CountingTable, Meter
from hypothesis import given
from hypothesis import strategies as st

from tests.projections.entities import everything

INDEX = WrittenOnceIndex("TRACE", "text")


def ms(year: int, month: int, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=timezone.utc).timestamp() * 1000)


MAY, JUNE, JULY = ms(2026, 5, 31), ms(2026, 6, 15), ms(2026, 7, 1)


def write(table: SqliteTable, entity_id: str, text: str, at_ms: int = JUNE) -> WrittenOnce:
    written = WrittenOnce("7", at_ms, entity_id, text)
    table.bulk(INDEX.puts(written))
    return written


def found(table: SqliteTable, pattern: str, begin: int = MAY, end: int = JULY) -> list[str]:
    return INDEX.candidates(table, "7", begin, end, required_trigrams(pattern))


def test_candidates_are_those_whose_text_has_every_trigram(sqlite_table: SqliteTable) -> None:
    write(sqlite_table, "a", "What is a lynx?")
    write(sqlite_table, "b", "A LYNX sleeps")
    write(sqlite_table, "c", "Only owls here")

    assert found(sqlite_table, "%lynx%") == ["a", "b"]
    assert found(sqlite_table, "%lynx%sleep%") == ["b"]
    assert found(sqlite_table, "%wolf%") == []


def test_candidates_come_newest_first_over_buckets_and_within_the_times(
    sqlite_table: SqliteTable,
) -> None:
    for entity_id, at_ms in (("may", MAY), ("june", JUNE), ("july", JULY)):
        write(sqlite_table, entity_id, "the same text", at_ms)

    assert found(sqlite_table, "%same%") == ["july", "june", "may"]
    assert found(sqlite_table, "%same%", MAY + 1, JULY - 1) == ["june"]
    assert found(sqlite_table, "%same%", JULY, JULY) == ["july"]


def test_candidates_of_another_scope_are_not_seen(sqlite_table: SqliteTable) -> None:
    write(sqlite_table, "a", "What is a lynx?")

    assert INDEX.candidates(sqlite_table, "8", MAY, JULY, required_trigrams("%lynx%")) == []


def test_a_text_with_too_many_trigrams_may_match_any_pattern(sqlite_table: SqliteTable) -> None:
    written = write(sqlite_table, "long", " ".join(map(str, range(1000))))

    assert len(INDEX.keys(written)) == 1
    assert found(sqlite_table, "%lynx%") == ["long"]


def test_candidates_without_trigrams_are_refused(sqlite_table: SqliteTable) -> None:
    with pytest.raises(ValueError, match="read the listing"):
        found(sqlite_table, "%ab%")


def test_writing_again_changes_nothing_and_deleting_leaves_nothing(
    sqlite_table: SqliteTable,
) -> None:
    written = write(sqlite_table, "a", "What is a lynx?")
    once = everything(sqlite_table, "FTSONCE#")
    write(sqlite_table, "a", "What is a lynx?")
    assert everything(sqlite_table, "FTSONCE#") == once

    sqlite_table.bulk(INDEX.deletes(written))

    assert everything(sqlite_table, "FTSONCE#") == {}


def test_postings_expire_with_their_entity(sqlite_table: SqliteTable) -> None:
    written = WrittenOnce("7", JUNE, "a", "What is a lynx?")

    sqlite_table.bulk(INDEX.puts(written, expires=1_000_000))

    assert found(sqlite_table, "%lynx%") == []


def test_a_posting_costs_one_write_unit_and_is_not_taken_for_a_name_s(
    sqlite_table: SqliteTable,
) -> None:
    meter = Meter()
    puts = INDEX.puts(WrittenOnce("7", JUNE, "a", "What is a lynx?"))

    CountingTable(sqlite_table, meter).bulk(puts)

    assert meter.take().write_units == len(puts)
    # What sweeps the postings of names leaves these alone.
    assert all(posting_of(put.key) is None for put in puts)


@given(
    st.text(st.characters(exclude_characters="\0"), max_size=60),
    st.text(alphabet="abcé%_🚀", min_size=3, max_size=6),
)
def test_every_text_that_has_the_pattern_s_trigrams_is_among_its_keys(
    text: str, literal: str
) -> None:
    written = WrittenOnce("7", JUNE, "a", f"{text}{literal}")
    wanted = required_trigrams(f"%{literal}%")
    keys = {pk.rpartition("#")[2] for pk, _ in INDEX.keys(written)}

    assert len(keys) <= MOST_TRIGRAMS
    assert {t.replace("%", "%25").replace("#", "%23") for t in wanted} <= keys
