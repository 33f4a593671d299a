"""Postings and marks that disagree: found by their keys, and put right under the mark.

A mark and its postings change together, so this happens only where someone else has had a hand in
the table: a partial restore, a deletion by hand, an entity removed without its projections. Every
change here requires the mark to be as it was read: what is written by others meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import POSTING_MARK, Key, part, unpart
from dynamodbstore_table.conditions import ITEM_MISSING, Condition
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import MAX_OPS, Check, Delete, Put, Table

from dynamodbstore_projections.finding import Finding
from dynamodbstore_projections.fts.posting_marks import ANY_PATTERN, Mark, PostingField
from dynamodbstore_projections.projection import Healed, Project, Writes, ops_of
from dynamodbstore_projections.view import View

POSTING: Final = "FTS"
_PARTS: Final = 5
_KEYS_AT_ONCE: Final = 2000
_FIELDS_AT_ONCE: Final = 100
_POSTINGS_AT_ONCE: Final = 1000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting as its key describes it; the scope is a key part."""

    key: Key
    field: PostingField
    scope: str
    trigram: str

    @property
    def entity(self) -> Entity:
        """The entity that may have the trigram."""
        return self.field.entity

    def named_by(self, mark: Mark | None) -> bool:
        """Whether the mark allows this posting."""
        return mark is not None and any(
            part(text.scope) == self.scope
            and (
                self.trigram == ANY_PATTERN
                if text.text is None
                else self.trigram != ANY_PATTERN and self.trigram in text.text
            )
            for text in mark.texts
        )


def posting_of(key: Key) -> Posting | None:
    """The posting with this key; None if it is not the key of a posting."""
    parts = key[0].split("#")
    if len(parts) != _PARTS or parts[0] != POSTING:
        return None
    _, scope, kind, field, trigram = parts
    return Posting(key, PostingField(kind, key[1], field), scope, unpart(trigram))


def field_of(key: Key) -> PostingField | None:
    """The field of an entity whose mark has this key; None if it is not the key of a mark."""
    if not key[0].startswith(POSTING_MARK):
        return None
    kind, _, entity_id = key[0][len(POSTING_MARK) :].partition("#")
    return PostingField(kind, entity_id, key[1])


Marks = Mapping[PostingField, Mark | None]


def read_marks(table: Table, fields: Iterable[PostingField]) -> dict[PostingField, Mark | None]:
    """The marks as they are now."""
    wanted = {field: field.mark_key for field in dict.fromkeys(fields)}
    found = table.batch_get(wanted.values())
    return {f: Mark.of(found[key]) if key in found else None for f, key in wanted.items()}


def missing_postings(table: Table, marks: Marks) -> dict[PostingField, list[Key]]:
    """The postings that settled marks name and that are not there."""
    missing: dict[PostingField, list[Key]] = {}
    for batch in _batches(marks):
        there = table.batch_get((key for _, key in batch), attributes=())
        for field, key in batch:
            if key not in there:
                missing.setdefault(field, []).append(key)
    return missing


def _batches(marks: Marks) -> Iterator[list[tuple[PostingField, Key]]]:
    batch: list[tuple[PostingField, Key]] = []
    for field, mark in marks.items():
        if mark is None or mark.moving:
            continue
        batch += ((field, key) for key in field.postings(mark.texts))
        if len(batch) >= _KEYS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def strays(postings: Iterable[Posting], marks: Marks) -> list[Posting]:
    """The postings that no mark names."""
    return [posting for posting in postings if not posting.named_by(marks[posting.field])]


def restore(table: Table, missing: Mapping[PostingField, list[Key]], marks: Marks) -> int:
    """Put back the postings that are missing; how many, those aside whose mark has changed."""
    puts = {f: [Put({"PK": k[0], "SK": k[1]}) for k in keys] for f, keys in missing.items()}
    return _fenced(table, puts, marks)


def remove(table: Table, found: Iterable[Posting], marks: Marks) -> int:
    """Delete stray postings; how many, those aside whose mark has changed."""
    deletes: dict[PostingField, list[Delete]] = {}
    for posting in found:
        deletes.setdefault(posting.field, []).append(Delete(posting.key))
    return _fenced(table, deletes, marks)


def _fenced(
    table: Table,
    changes: Mapping[PostingField, list[Put]] | Mapping[PostingField, list[Delete]],
    marks: Marks,
) -> int:
    done = 0
    for field, ops in changes.items():
        mark = marks[field]
        unchanged: Condition
        unchanged = ITEM_MISSING if mark is None else mark.unchanged
        for first in range(0, len(ops), MAX_OPS - 1):
            some = ops[first : first + MAX_OPS - 1]
            try:
                table.write(Check(field.mark_key, unchanged), *some)
            except ConditionFailed:
                # Whoever changed the mark has changed its postings with it.
                break
            done += len(some)
    return done


def heal(table: Table, keys: Iterable[Key], project: Project) -> Healed:
    """Put back the postings that marks name, and remove those that no mark names: the entities of
    these are brought up to date first, so that what they need is there before anything goes."""
    fields, postings = _sorted(keys)
    restored = removed = 0
    for some in _batched(fields, _FIELDS_AT_ONCE):
        marks = read_marks(table, some)
        restored += restore(table, missing_postings(table, marks), marks)
    for batch in _batched(postings, _POSTINGS_AT_ONCE):
        suspected = strays(batch, read_marks(table, (posting.field for posting in batch)))
        if not suspected:
            continue
        failed = project({posting.entity for posting in suspected})
        settled = [posting for posting in suspected if posting.entity not in failed]
        marks = read_marks(table, (posting.field for posting in settled))
        removed += remove(table, strays(settled, marks), marks)
    return Healed(restored, removed)


def inspect(
    projection: str,
    table: Table,
    keys: Iterable[Key],
    writes_of: Callable[[Entity, View], Writes],
) -> Iterator[tuple[Key, Finding]]:
    """What ``heal`` would put right, but for what the entity's own ``writes`` would."""
    fields, postings = _sorted(keys)
    for some in _batched(fields, _FIELDS_AT_ONCE):
        marks, view = read_marks(table, some), View(table)
        for field, lost in missing_postings(table, marks).items():
            # Where the mark itself is to change, its postings are not what is missing.
            if not writes_of(field.entity, view):
                for pk, sk in lost:
                    yield field.mark_key, Finding(projection, "missing", f"{pk} {sk}")
    for batch in _batched(postings, _POSTINGS_AT_ONCE):
        marks, view = read_marks(table, (posting.field for posting in batch)), View(table)
        for posting in strays(batch, marks):
            writes = writes_of(posting.entity, view)
            if not any(isinstance(op, Put) and op.key == posting.key for op in ops_of(writes)):
                where = f"{posting.key[0]} {posting.key[1]}"
                yield posting.key, Finding(projection, "stale", where)


def _sorted(keys: Iterable[Key]) -> tuple[list[PostingField], list[Posting]]:
    fields: dict[PostingField, None] = {}
    postings: list[Posting] = []
    for key in keys:
        posting = posting_of(key)
        if posting is not None:
            postings.append(posting)
        elif (field := field_of(key)) is not None:
            fields[field] = None
    return list(fields), postings


def _batched(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (values[first : first + size] for first in range(0, len(values), size))
