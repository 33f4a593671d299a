"""The shape of each kind of canonical item: the attributes that it must have, and their types.

Others can write into the table too: another program, the console, a partial restore. An item
whose shape does not fit its key would be a ``KeyError`` far from here, so readers pass it over, and
``status`` and ``replay`` name it. What is on an item beyond its shape is no fault. ``keys`` has the
table of keys; a new kind of item there needs its shape here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from dynamodbstore_events.entities import FORM
from dynamodbstore_events.keys import EXPIRING, META, NAME
from dynamodbstore_events.places import PLACE

Types: TypeAlias = frozenset[type]


_NOTHING: Final = type(None)
_TEXT: Final[Types] = frozenset({str})
_WHOLE: Final[Types] = frozenset({int})
_BYTES: Final[Types] = frozenset({bytes})
_FLAG: Final[Types] = frozenset({bool})
_LIST: Final[Types] = frozenset({list})
_MAYBE_TEXT: Final[Types] = frozenset({str, _NOTHING})
_LONG_TEXT: Final[Types] = frozenset({str, dict, _NOTHING})
"""Text, a reference to a long one, or None."""

_CALLED: Final[Mapping[type, str]] = {
    str: "text",
    int: "a whole number",
    bytes: "binary",
    bool: "true or false",
    list: "a list",
    dict: "a map",
    _NOTHING: "null",
    float: "a number",
}
_MOST_SEEN: Final = 10_000


@dataclass(frozen=True)
class Shape:
    """What an item must have (``required``) and may have (``optional``), each with its types.

    ``one_of`` are groups of attributes of which at least one must be there; ``prefixes`` the types
    of attributes whose names begin so; ``required_if`` what must be there where an attribute has a
    value.
    """

    required: Mapping[str, Types] = field(default_factory=dict)
    optional: Mapping[str, Types] = field(default_factory=dict)
    one_of: tuple[frozenset[str], ...] = ()
    prefixes: Mapping[str, Types] = field(default_factory=dict)
    required_if: tuple[str, str, frozenset[str]] | None = None
    together: frozenset[str] = frozenset()
    """Attributes of which an item has all or no one."""
    newest: int = 1
    """The newest form of META (``FORM``) that the shape is of."""


def _of(names: str, types: Types) -> dict[str, Types]:
    return dict.fromkeys(names.split(), types)


_LISTED: Final = _of("gsi1pk gsi1sk gsi2pk gsi2sk", _TEXT)
_EXPIRING: Final = _of("deleted ttl expires", _WHOLE)
_A_TEXT: Final = Shape(
    optional={
        **_of("generation k", _TEXT),
        "v": _MAYBE_TEXT,
        "z": _BYTES,
        "parts": _WHOLE,
        PLACE: _WHOLE,
    },
    one_of=(frozenset("v"), frozenset("z"), frozenset({"generation", "parts"})),
)
_A_PART: Final = Shape(required={"z": _BYTES})
_DATASET_HEADER: Final = {**_of("name digest generation", _TEXT), "parts": _WHOLE}

SHAPES: Final[Mapping[tuple[str, str], Shape]] = {
    ("EXP", META): Shape(
        {
            **_of("name workspace artifact_location stage", _TEXT),
            **_of("epoch created updated run_shards", _WHOLE),
        },
        {**_LISTED, **_EXPIRING, "tagged": _FLAG, "change": _TEXT},
        prefixes={"tag.": frozenset({str, bool})},
    ),
    ("EXP", "TAG"): _A_TEXT,
    ("EXP", "TAG+"): _A_PART,
    ("EXP", "DATASET"): Shape(_DATASET_HEADER, {"source_type": _MAYBE_TEXT}),
    ("EXP", "DATASET CTX"): Shape(optional={"context": _MAYBE_TEXT}),
    ("DATASET", "BODY"): _A_PART,
    ("RUN", META): Shape(
        {
            **_of("experiment_id user_id status stage artifact_uri", _TEXT),
            **_of("start_time epoch", _WHOLE),
            "name": _MAYBE_TEXT,
        },
        {**_LISTED, **_EXPIRING, "tagged": _FLAG, "end_time": frozenset({int, _NOTHING})},
        prefixes={"tag.": frozenset({str, bool})},
    ),
    ("RUN", "TAG"): _A_TEXT,
    ("RUN", "TAG+"): _A_PART,
    ("RUN", "PARAM"): _A_TEXT,
    ("RUN", "PARAM+"): _A_PART,
    ("RUN", "METRIC"): Shape(
        {"last": _BYTES},
        {"p": _LIST, **_of(f"c m {PLACE}", _WHOLE), "nan": _FLAG, "k": _TEXT},
    ),
    ("RUN", "INPUT DATASET"): Shape({**_DATASET_HEADER, "tags": _LIST}, _of("s t", _WHOLE)),
    ("RUN", "INPUT MODEL"): Shape({"model_id": _TEXT}, _of("s t", _WHOLE)),
    ("RUN", "OUTPUT"): Shape({"model_id": _TEXT, "step": _WHOLE}),
    ("RUN", "MODEL"): Shape(optional={"model_id": _TEXT}),
    ("HIST", ""): Shape(
        {"n": _WHOLE, "points": _BYTES},
        {**_of("s_hi s_lo t_hi t_lo ttl", _WHOLE), "k": _TEXT},
    ),
    ("LM", META): Shape(
        {
            **_of("experiment_id name artifact_location stage", _TEXT),
            **_of("created updated status", _WHOLE),
        },
        {**_LISTED, **_of("model_type source_run_id status_message", _MAYBE_TEXT)},
    ),
    ("LM", "TAG"): _A_TEXT,
    ("LM", "TAG+"): _A_PART,
    ("LM", "PARAM"): _A_TEXT,
    ("LM", "PARAM+"): _A_PART,
    ("LM", "METRIC"): Shape(
        {**_of("key run_id", _TEXT), **_of("s t", _WHOLE), "v": _BYTES},
        {**_of("dataset_name dataset_digest", _TEXT), PLACE: _WHOLE},
        together=frozenset({"dataset_name", "dataset_digest"}),
    ),
    ("NAME", NAME): Shape({"id": _TEXT}, _LISTED),
    ("RM", META): Shape(
        {
            **_of("name workspace", _TEXT),
            **_of("created updated last_version revision", _WHOLE),
        },
        {
            **_LISTED,
            **_of("renamed prompt_versions", _WHOLE),
            "description": _LONG_TEXT,
            "deleting": _TEXT,
        },
        prefixes={"tag.": _LONG_TEXT, "alias.": _WHOLE, "latest.": _WHOLE},
    ),
    ("RM", "VERSION"): Shape(
        {
            **_of("number created updated", _WHOLE),
            **_of("stage status", _TEXT),
            "source": _MAYBE_TEXT,
        },
        {
            **_LISTED,
            **_of("storage_location run_id run_link user_id status_message", _MAYBE_TEXT),
            "description": _LONG_TEXT,
        },
        prefixes={"tag.": _LONG_TEXT},
    ),
    ("RM", "TAG"): Shape(optional={**_LISTED, "k": _TEXT}),
    ("RM", "TEXT"): _A_PART,
    ("WEBHOOK", META): Shape(
        {**_of("id workspace name url events status", _TEXT), **_of("created updated", _WHOLE)},
        {**_LISTED, "description": _MAYBE_TEXT, "secret": _TEXT},
    ),
    ("EXPIRED EXP", META): Shape(
        {**_of("workspace gsi2pk name", _TEXT), **_of("deleted run_shards", _WHOLE)},
        {**_LISTED, **_of("expires epoch gone passes", _WHOLE)},
        required_if=("gsi2pk", EXPIRING, frozenset({"expires", "epoch"})),
    ),
    ("EXPIRED", META): Shape(
        {**_of("workspace gsi2pk artifact_uri experiment_id", _TEXT), "deleted": _WHOLE},
        {**_LISTED, **_of("expires epoch gone passes", _WHOLE)},
        required_if=("gsi2pk", EXPIRING, frozenset({"expires", "epoch"})),
    ),
}
"""By the kind of partition and of sort key; ``""`` is any sort key."""

KINDS: Final = frozenset(kind.partition(" ")[0] for kind, _ in SHAPES)
"""The kinds of partitions that hold canonical items with a shape."""


def fault_of(item: Mapping[str, Any], attributes: Sequence[str] | None = None) -> str | None:
    """What is wrong with the shape of an item, or None; see ``ShapeCheck``."""
    return shape_check(None if attributes is None else tuple(attributes)).fault(item)


@lru_cache(maxsize=256)
def shape_check(attributes: tuple[str, ...] | None = None) -> ShapeCheck:
    """The check of items that were read with these attributes; None: whole items."""
    return ShapeCheck(attributes)


_Seen: TypeAlias = tuple[str, str, tuple[str, ...], tuple[type, ...]]
"""The kinds in an item's key, and the names and types of its attributes."""


class ShapeCheck:
    """Checks the shape of items of any kind. Only ``attributes`` are checked; a missing one is no
    fault where items may not be ``whole``.

    An item of a partition of no kind that is known here has no fault, nor has one whose key was
    not read. Shapes (names and types) that it has found good once are not looked at again: nearly
    all items are of a few shapes.
    """

    def __init__(self, attributes: Iterable[str] | None = None, *, whole: bool = True) -> None:
        self._attributes = None if attributes is None else frozenset(attributes)
        self._whole = whole
        self._good: set[_Seen] = set()
        self._last: dict[str, _Seen] = {}

    def fault(self, item: Mapping[str, Any]) -> str | None:
        """What is wrong with an item, in words that follow its key; None for nothing."""
        try:
            pk, sk = item["PK"], item["SK"]
        except KeyError:
            return None
        kind, sort = pk.partition("#")[0], sk.partition("#")[0]
        if sort in _WITH_SORTS_OF_THEIR_OWN:
            sort = _sort_kind(sort, sk)
        seen = (kind, sort, tuple(item), tuple(map(type, item.values())))
        # Most items are as the last one was; to compare them takes a third of hashing them.
        if seen == self._last.get(sort) or kind not in KINDS:
            return None
        if seen in self._good:
            self._last[sort] = seen
            return None
        shape = SHAPES.get(_kind(kind, pk, sort))
        if shape is None:
            return "no kind of item that this store writes"
        if sort == META and _is_newer(item.get(FORM), shape):
            # A newer version's, which readers refuse by its name.
            return None
        fault = self._fault_of(shape, item)
        if fault is None and shape.required_if is None:
            if len(self._good) >= _MOST_SEEN:
                self._good.clear()
            self._good.add(seen)
        return fault

    def _fault_of(self, shape: Shape, item: Mapping[str, Any]) -> str | None:
        for name in shape.required:
            if self._whole and name not in item and self._read(name):
                return f"{name} is missing"
        for name, value in item.items():
            types = shape.required.get(name) or shape.optional.get(name) or _prefixed(shape, name)
            if types and type(value) not in types and self._read(name):
                return _wrong(name, type(value), types)
        if not self._whole:
            return None
        groups = shape.one_of
        whole = groups and all(map(self._read, frozenset().union(*groups)))
        if whole and not any(group <= item.keys() for group in groups):
            names = (" and ".join(sorted(group)) for group in groups)
            return f"{' or '.join(names)} is missing"
        lacking = sorted(shape.together - item.keys())
        if lacking and len(lacking) < len(shape.together) and all(map(self._read, lacking)):
            return f"{lacking[0]} is missing"
        if shape.required_if is not None:
            name, at, others = shape.required_if
            for other in sorted(others):
                if item.get(name) == at and other not in item and self._read(other):
                    return f"{other} is missing"
        return None

    def _read(self, name: str) -> bool:
        return self._attributes is None or name in self._attributes


_WITH_SORTS_OF_THEIR_OWN: Final = frozenset({"TAG", "PARAM", "INPUT", "DATASET"})


def _sort_kind(first: str, sk: str) -> str:
    if first not in _WITH_SORTS_OF_THEIR_OWN:
        return first
    if first == "INPUT":
        return f"INPUT {sk.split('#', 2)[1]}" if "#" in sk else first
    if first == "DATASET":
        return "DATASET CTX" if "#CTX" in sk else first
    return f"{first}+" if "#+" in sk else first


def shape_kind(pk: str, sk: str) -> tuple[str, str] | None:
    """The key in ``SHAPES`` of the shape of an item with this key; None where it has none."""
    sort = sk.partition("#")[0]
    kind = _kind(pk.partition("#")[0], pk, _sort_kind(sort, sk))
    return kind if kind in SHAPES else None


def _kind(kind: str, pk: str, sort: str) -> tuple[str, str]:
    if kind == "HIST":
        return kind, ""
    return "EXPIRED EXP" if pk.startswith("EXPIRED#EXP#") else kind, sort


def _is_newer(form: object, shape: Shape) -> bool:
    return type(form) is int and form > shape.newest


def _prefixed(shape: Shape, name: str) -> Types | None:
    return next((t for prefix, t in shape.prefixes.items() if name.startswith(prefix)), None)


def _wrong(name: str, found: type, types: Types) -> str:
    wanted = " or ".join(sorted(_CALLED.get(t, t.__name__) for t in types))
    return f"{name} is {_CALLED.get(found, found.__name__)}, not {wanted}"
