"""Marks: what postings an entity has in a field, and the transactions that change them.

A mark is an item of its own, beside the postings that it answers for. While it is settled there
are exactly the postings of its one text. A change of many postings takes several transactions:
meanwhile the mark is moving, names every text that may have postings, and what is to become of
them. Each transaction requires the mark to be as it was read and then writes it, or requires the
token of the move that it is a part of. Every part of a move has the same effect from any process,
and may be done twice: so a process that is slow, crashes or comes second neither loses a posting
nor leaves one.
"""

from __future__ import annotations

import hashlib
import json
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import Key, posting_mark_pk, posting_pk
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, Condition, equals
from dynamodbstore_table.port import MAX_OPS, Check, Delete, Item, Op, Put

from dynamodbstore_projections.fts.trigrams import searchable, trigrams
from dynamodbstore_projections.projection import Writes

MOST_CHARACTERS: Final = 10_000
"""A longer text has no trigrams but one posting under ``""``: it may match any pattern.

MLflow takes tags of up to 8,000 characters, but not everywhere does it check."""

ANY_PATTERN: Final = ""

_MOST_TEXTS = 5
_PLAIN_BYTES = 512


@dataclass(frozen=True, slots=True)
class Indexed:
    """A text as it is indexed: folded, in a scope; None is one that is too long for trigrams."""

    scope: str
    text: str | None

    @property
    def trigrams(self) -> frozenset[str]:
        """The trigrams that it has postings under."""
        return frozenset((ANY_PATTERN,)) if self.text is None else trigrams(self.text)


def indexed(scope: str, text: str | None) -> Indexed | None:
    """What to index for a text; None where it has no trigrams, or is None itself."""
    if text is None:
        return None
    if len(text) > MOST_CHARACTERS:
        return Indexed(scope, None)
    folded = searchable(text)
    return Indexed(scope, folded) if trigrams(folded) else None


@dataclass(frozen=True, slots=True)
class Mark:
    """The texts that may have postings. During a move (``move`` is its token) the postings of
    ``wanted`` stay.

    ``as_read`` is the condition that a damaged mark has not changed: any postings may be there, so
    it counts as a move that was begun for no text.
    """

    texts: tuple[Indexed, ...]
    move: str | None = None
    wanted: Indexed | None = None
    as_read: Condition | None = field(default=None, compare=False)

    @property
    def moving(self) -> bool:
        """Whether a move was begun and has not ended: any of its postings may be missing."""
        return self.move is not None

    @property
    def version(self) -> str:
        """What differs between marks: a move's token, or a digest of a settled mark's texts."""
        return self.move or hashlib.sha256(self._content()).hexdigest()[:32]

    @property
    def unchanged(self) -> Condition:
        """The condition that the mark's item is as it was read."""
        return self.as_read or equals("version", self.version)

    def _content(self) -> bytes:
        content: dict[str, Any] = {"texts": [[t.scope, t.text] for t in self.texts]}
        if self.wanted is not None:
            content["wanted"] = [self.wanted.scope, self.wanted.text]
        return json.dumps(content, ensure_ascii=False).encode()

    def item(self, key: Key) -> Item:
        """The mark as an item; its content is compressed where it is long."""
        item: Item = {"PK": key[0], "SK": key[1], "version": self.version}
        if self.moving:
            item["moving"] = True
        content = self._content()
        if len(content) > _PLAIN_BYTES:
            item["z"] = zlib.compress(content)
        else:
            item["says"] = content.decode()
        return item

    @staticmethod
    def of(item: Mapping[str, Any]) -> Mark:
        """The mark that an item keeps, or that of a damaged item."""
        try:
            kept = json.loads(zlib.decompress(item["z"]) if "z" in item else item["says"])
            mark = Mark(
                tuple(Indexed(*text) for text in kept["texts"]),
                item["version"] if "moving" in item else None,
                Indexed(*kept["wanted"]) if "wanted" in kept else None,
            )
        except (LookupError, TypeError, ValueError, zlib.error):
            return _damaged(item)
        return mark if mark.version == item.get("version") else _damaged(item)


def _damaged(item: Mapping[str, Any]) -> Mark:
    version = item.get("version")
    as_read = equals("version", version) if isinstance(version, str) else ITEM_EXISTS
    return Mark((), "damaged", as_read=as_read)


@dataclass(frozen=True, slots=True)
class PostingField:
    """One entity's postings of one field; the id is a key part."""

    kind: str
    entity_id: str
    field: str

    @property
    def entity(self) -> Entity:
        """The entity that has the field."""
        return Entity(self.kind, self.entity_id)

    @property
    def mark_key(self) -> Key:
        """The key of the mark."""
        return posting_mark_pk(self.kind, self.entity_id), self.field

    def postings(self, texts: Iterable[Indexed | None]) -> dict[Key, None]:
        """The keys of the postings that these texts have, each once, in a settled order."""
        return {
            (posting_pk(text.scope, self.kind, self.field, trigram), self.entity_id): None
            for text in texts
            if text is not None
            for trigram in sorted(text.trigrams)
        }

    def transactions(
        self, mark: Mark | None, wanted: Indexed | None, unchanged: tuple[Check, ...]
    ) -> Writes:
        """The writes that turn the postings that ``mark`` names into those of ``wanted``.

        ``unchanged`` checks that ``wanted`` is still the entity's text.
        """
        settled = None if wanted is None else Mark((wanted,))
        if mark == settled:
            return []
        texts = () if mark is None else mark.texts
        old, new = self.postings(texts), self.postings([wanted])
        there = {} if mark is None or mark.moving else old
        changes: list[Op] = [
            *(_posting(key) for key in new if key not in there),
            *(Delete(key) for key in old if key not in new),
        ]
        if len(changes) + len(unchanged) < MAX_OPS:
            return [(self._marking(mark, settled), *unchanged, *changes)]
        return self._move(mark, wanted, settled, unchanged)

    def _move(
        self,
        mark: Mark | None,
        wanted: Indexed | None,
        settled: Mark | None,
        unchanged: tuple[Check, ...],
    ) -> Writes:
        texts = () if mark is None else mark.texts
        begin: Writes
        if mark is not None and mark.moving and mark.wanted == wanted:
            # Someone has begun this very move. Joining it disturbs nobody.
            moving, begin = mark, []
        else:
            named = texts if wanted is None or wanted in texts else (*texts, wanted)
            if len(named) > _MOST_TEXTS:
                # Moves were begun again and again, and never ended: their texts pass one item.
                return [
                    *self.transactions(mark, None, unchanged),
                    *self.transactions(None, wanted, unchanged),
                ]
            moving = Mark(named, uuid.uuid4().hex, wanted)
            begin = [(self._marking(mark, moving), *unchanged)]
        old, new = self.postings(moving.texts), self.postings([wanted])
        fence = Check(self.mark_key, equals("version", moving.version))
        # Every posting is put, also those of a text that was there before: so the parts of a move
        # are the same for a process that begins it, joins it, or goes on after a crash. That the
        # text is the entity's is checked with the begin alone: a process with a later text finds
        # the mark moving, and takes it over.
        changes: list[Op] = [_posting(key) for key in new]
        changes += [Delete(key) for key in old if key not in new]
        parts: Writes = [
            (fence, *changes[first : first + MAX_OPS - 1])
            for first in range(0, len(changes), MAX_OPS - 1)
        ]
        return [*begin, *parts, (self._marking(moving, settled),)]

    def _marking(self, mark: Mark | None, becomes: Mark | None) -> Put | Delete:
        """The op that changes the mark, if it is still as it was read."""
        condition: Condition
        condition = ITEM_MISSING if mark is None else mark.unchanged
        if becomes is None:
            return Delete(self.mark_key, condition)
        return Put(becomes.item(self.mark_key), condition)


def _posting(key: Key) -> Put:
    return Put({"PK": key[0], "SK": key[1]})
