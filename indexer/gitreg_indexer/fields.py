"""The fields that filters, facets and sorting know: canonical paths with their types, and the names they go by.

- A path is canonical: the path in the stored document without list positions (`spec.capabilities.contextLength`,
  `metadata.tags`); a field is the same whichever kinds have it.
- A field goes by its path; by its path without `metadata.`, `spec.` or `registry.`, in this order where more than one
  has it; and by a short name (`SHORT_NAMES`). What stands below a map or below free JSON is a field too.
- The table is made from the kinds (`field_table.py`, `make generate`); it is read when it is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from gitreg.errors import UsageError

Column = Literal["number", "text"]
FieldType = Literal["word", "text", "number", "time", "boolean", "version", "part", "map", "any"]
"""`text` is long; a `part` has fields of its own, a `map` has free keys, and what stands at `any` is free JSON."""

TABLE: Final = "fields.json"
HEADS: Final = ("metadata", "spec", "registry")
NAMESPACE: Final = "metadata.namespace"
CUSTOM: Final = "spec.custom"
SHORT_NAMES: Final[dict[str, str]] = {
    "status": "spec.lifecycle.status",
    "deprecationDate": "spec.lifecycle.deprecationDate",
    "retirementDate": "spec.lifecycle.retirementDate",
    "successor": "spec.lifecycle.successor",
    "contextLength": "spec.capabilities.contextLength",
    "maxOutputTokens": "spec.capabilities.maxOutputTokens",
    "embeddingDimensions": "spec.capabilities.embeddingDimensions",
    "supportsFunctions": "spec.capabilities.supportsFunctions",
    "supportsVision": "spec.capabilities.supportsVision",
    "supportsStreaming": "spec.capabilities.supportsStreaming",
    "supportsBatching": "spec.capabilities.supportsBatching",
    "modalities": "spec.capabilities.modalities",
    "inputModalities": "spec.capabilities.inputModalities",
    "outputModalities": "spec.capabilities.outputModalities",
    "features": "spec.capabilities.features",
    "inputPrice": "spec.pricing.perMillionTokens.input",
    "outputPrice": "spec.pricing.perMillionTokens.output",
    "currency": "spec.pricing.currency",
    "breakingChanges": "spec.release.breakingChanges",
    "changelog": "spec.release.changelog",
}
_LONGEST_GUESSED: Final = 100
_NEAR: Final = 0.75
_NEARER: Final = 0.8
"""How near what begins with another letter must be, and the end of a way to a field: few letters make both alike."""
_SHORTEST_BEGINNING: Final = 3
_SHORTEST_END: Final = 5


@dataclass(frozen=True, slots=True)
class Field:
    """One field, by canonical path.

    `kinds` are the kinds of record that have it. `several` tells that more than one value may stand there. `values` are
    all that it can be, where they are few. `entries` is the type of what stands under the free keys of a map, of free
    JSON, or of a part that allows more than its schema names; None where there are no free keys.
    """

    path: str
    type: FieldType
    kinds: tuple[str, ...] = ()
    several: bool = False
    values: tuple[str, ...] = ()
    entries: FieldType | None = None

    @property
    def name(self) -> str:
        """The shortest name that it goes by."""
        return name_of(self.path)

    def below(self, path: str) -> Field | None:
        """Give the field at a path below this one, where any key may stand here."""
        if self.entries is None:
            return None
        further: FieldType | None = "any" if self.entries == "any" else None
        return replace(self, path=path, type=self.entries, entries=further)


@dataclass(frozen=True)
class CustomFields:
    """The fields below `spec.custom` that namespaces have typed by a MetadataSchema; see `custom_fields`.

    `fields` has one for each such namespace (`spec.custom.acme/nlp`) and those below it.
    """

    fields: Mapping[str, Field] = field(default_factory=dict)

    def find(self, path: str) -> Field | None:
        """Give the field at a path below `spec.custom`; None where a schema says that nothing stands there.

        What no schema speaks of is `any`: what a filter compares it with decides.
        """
        above = next((self.fields[up] for up in _upwards(path) if up in self.fields), None)
        if above is None:
            return _untyped(path)
        if above.path == path:
            return above
        found = above.below(path)
        if found is None and "." in path[len(above.path) + 1 :]:  # a namespace may have dots: `acme.ai` beside `acme`
            return _untyped(path)
        return found


def _untyped(path: str) -> Field:
    is_namespace = "." not in path[len(CUSTOM) + 1 :]
    return replace(_table().fields[CUSTOM], path=path, type="map" if is_namespace else "any")


NO_CUSTOM_FIELDS: Final = CustomFields()


@dataclass(frozen=True)
class _Table:
    fields: Mapping[str, Field]
    columns: Mapping[str, Column]
    names: Mapping[str, str]


def columns() -> Mapping[str, Column]:
    """Give the canonical paths that results can be sorted by; at most one value stands at each in any record."""
    found: Mapping[str, Column] = _data()["columns"]
    return found


def known_fields() -> Mapping[str, Field]:
    """Give the fields of all kinds by canonical path, parents before their children."""
    return _table().fields


def resolve(name: str, custom: CustomFields = NO_CUSTOM_FIELDS, kind: str | None = None) -> Field:
    """Give the field that goes by a name; `UsageError` with the nearest one (of a kind) where there is none."""
    found = find(name, custom)
    if found is None:
        near = nearest(name, custom, kind)
        raise UsageError(
            f"there is no field {name!r}",
            got=name,
            expected="a field of some kind of record, like `provider` or `capabilities.contextLength`",
            mend=f"did you mean {near!r}?" if near else "docs/query-language.md lists the fields",
        )
    return found


def find(name: str, custom: CustomFields = NO_CUSTOM_FIELDS) -> Field | None:
    """Give the field that goes by a name; None where there is none."""
    table = _table()
    if name in table.names:
        return table.fields[table.names[name]]
    for upper in _upwards(name):
        path = table.names.get(upper)
        if path is not None and upper != name:
            whole = f"{path}{name[len(upper) :]}"
            if "" in whole.split("."):
                return None
            return custom.find(whole) if path == CUSTOM else table.fields[path].below(whole)
    return None


def name_of(path: str) -> str:
    """Give the shortest name that the field at a canonical path goes by."""
    shortest = _shortest()
    for upper in _upwards(path):
        if upper in shortest:
            return f"{shortest[upper]}{path[len(upper) :]}"
    return path


def nearest(name: str, custom: CustomFields = NO_CUSTOM_FIELDS, kind: str | None = None) -> str | None:
    """Give the name that somebody most likely meant who wrote one that nothing goes by; of a kind's fields, if named.

    None where no name is near: a wrong one would lead astray.
    """
    if len(name) > _LONGEST_GUESSED:
        return None
    customs = tuple(name_of(path) for path in custom.fields if path.count(".") > 2)
    tidy = ".".join(filter(None, name.split(".")))
    return next((near for near in (tidy, *_near(tidy, customs, kind)) if find(near, custom) is not None), None)


@lru_cache(maxsize=256)
def _near(name: str, customs: tuple[str, ...], kind: str | None) -> tuple[str, ...]:
    """Give names that may be meant, the likeliest first."""
    asked = _bare(name).lower()
    known = [*_candidates(kind), *customs]
    guesses = (_ended, _begun, _alike, _behind_wrong_block, _nearly_ended)
    return tuple(dict.fromkeys(name for guess in guesses for name in guess(asked, known)))


def _begun(asked: str, known: list[str]) -> list[str]:
    """Give the one name of a single part that begins so."""
    found = [name for name in known if "." not in name and name.lower().startswith(asked)]
    return found if len(found) == 1 and len(asked) >= _SHORTEST_BEGINNING else []


def _alike(asked: str, known: list[str]) -> list[str]:
    """Give the names that are alike part by part; where any key may stand below, its part is the one that was asked."""
    parts, table = asked.split("."), _table()
    found: list[tuple[float, str]] = []
    for name in known:
        own = name.split(".")
        field = table.fields.get(table.names.get(name, ""))
        is_open = field is not None and field.entries is not None and len(own) < len(parts)
        if len(own) == len(parts) or is_open:
            likeness = min(map(_likeness, parts, (part.lower() for part in own)))
            if likeness:
                found.append((likeness, ".".join([*own, *parts[len(own) :]])))
    return [name for _, name in sorted(found, key=lambda each: -each[0])]


def _likeness(one: str, other: str) -> float:
    """Tell how much two parts of names are alike, up to 1; 0 where they are not near."""
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other)
    least = _NEAR if one[:1] == other[:1] else _NEARER
    is_near = matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least
    ratio = matcher.ratio() if is_near else 0.0
    return ratio if ratio >= least else 0.0


def _ended(asked: str, known: list[str]) -> list[str]:
    """Give the name of a field whose way was not told."""
    if _is_block(asked.partition(".")[0]):
        return []
    return _of_one_block([name for name in known if name.lower().endswith(f".{asked}")])


def _behind_wrong_block(asked: str, known: list[str]) -> list[str]:
    """Give the name that stands behind a first part which is nothing."""
    head, _, rest = asked.partition(".")
    return [] if _is_block(head) else [name for name in known if name.lower() == rest]


def _is_block(head: str) -> bool:
    return any(name.lower() == head for name in _table().names)


def _nearly_ended(asked: str, known: list[str]) -> list[str]:
    """Give the name of a field whose last part is much like the one part that was asked."""
    if "." in asked or len(asked) < _SHORTEST_END:
        return []
    near = {name: _likeness(asked, name.lower().rpartition(".")[2]) for name in known}
    best = max(near.values())
    return _of_one_block([name for name in known if near[name] == best >= _NEARER])


def _of_one_block(names: list[str]) -> list[str]:
    """Give the name that is less deep than all others, where they are of one block; none where it may be several."""
    shallow = sorted(names, key=lambda name: name.count("."))[:2]
    is_one = len({name.partition(".")[0] for name in names}) == 1
    return shallow[:1] if is_one and len({name.count(".") for name in shallow}) == len(shallow) else []


def _upwards(path: str) -> Iterator[str]:
    """Give a path, and what stands above it, the nearest first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _bare(name: str) -> str:
    head, _, rest = name.partition(".")
    return rest if head in HEADS and rest else name


@cache
def _data() -> Any:
    return orjson.loads(Path(__file__).with_name(TABLE).read_bytes())


@cache
def _table() -> _Table:
    data = _data()
    kinds: list[str] = data["kinds"]
    fields = {row[0]: _field(row, kinds) for row in data["fields"]}
    names = {path: path for path in fields}
    for head in HEADS:
        for path in fields:
            if path.startswith(f"{head}."):
                names.setdefault(path.removeprefix(f"{head}."), path)
    return _Table(fields, data["columns"], {**SHORT_NAMES, **names})


_LEFT_OUT: Final[list[Any]] = [0, (), None]


def _field(row: list[Any], kinds: list[str]) -> Field:
    path, type_, numbers, several, values, entries = row + _LEFT_OUT[len(row) - 3 :]
    whose = tuple(kinds[number] for number in numbers) if numbers else tuple(kinds)
    return Field(path, type_, whose, bool(several), tuple(values), entries)


@cache
def _shortest() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, path in _table().names.items():
        if len(name) < len(found.get(path, name + "+")):
            found[path] = name
    return found


@cache
def _candidates(kind: str | None) -> tuple[str, ...]:
    """Give the names of a kind's fields, or of all kinds', but those that say more than they need to."""
    table = _table()
    return tuple(
        name
        for name, path in table.names.items()
        if (kind is None or kind in table.fields[path].kinds)
        and (table.names.get(_bare(name)) != path or _bare(name) == name)
    )


_POSITION: Final = re.compile(r"\[[0-9]*\]")


def without_positions(path: str) -> str:
    """Give the canonical form of a path that may have list positions in it (`items[0].code`)."""
    return _POSITION.sub("", path)
