"""How records are addressed: the kinds' words and folders, file paths, refs and ids.

- A path says who a record is: kind, namespace, name and version can be read off it, and written back to the same path.
- A ref is what people type: `[kind:]namespace/name[@selector]`; without a kind it means a model.
- An id is derived, never written down: UUIDv5 of the registry's uid and the record's ref.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from typing import Final

from gitreg.errors import UsageError
from gitreg.versions import InvalidRange, InvalidVersion, Range, Version

NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"
NAMESPACE_PATTERN: Final = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?(/[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?){0,2}$"
ALIAS_PATTERN: Final = r"^[a-z][a-z0-9-]{0,62}$"
LATEST: Final = "latest"
RESERVED_NAMES: Final = frozenset({"versions", "history", "aliases", "resolve", "search"})
"""Names that the API's paths need for themselves."""
WINDOWS_NAMES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}
)
"""Names that no file may have on Windows, whatever follows a dot."""

_NAME = re.compile(NAME_PATTERN.replace("$", r"\Z"))
_NAMESPACE = re.compile(NAMESPACE_PATTERN.replace("$", r"\Z"))
_ALIAS = re.compile(ALIAS_PATTERN.replace("$", r"\Z"))


class Shape(Enum):
    """What a record of a kind is addressed by."""

    VERSION = "namespace, name and version"
    NAME = "namespace and name"
    NAMESPACE = "a namespace path"
    FLAT = "a name"
    ALIASES = "the record that it names"
    SINGLE = "nothing: there is one"


@dataclass(frozen=True, slots=True)
class KindAddress:
    """Where a kind lives: its word in refs, its folder in the registry repo (and in the API), its shape."""

    kind: str
    word: str
    folder: str
    shape: Shape

    @property
    def is_versioned(self) -> bool:
        """Tell whether a record of this kind is one version of something."""
        return self.shape is Shape.VERSION


KINDS: Final[dict[str, KindAddress]] = {
    address.kind: address
    for address in (
        KindAddress("Registry", "registry", "registry.yaml", Shape.SINGLE),
        KindAddress("Namespace", "namespace", "namespaces", Shape.NAMESPACE),
        KindAddress("Model", "model", "models", Shape.VERSION),
        KindAddress("Dataset", "dataset", "datasets", Shape.VERSION),
        KindAddress("Config", "config", "configs", Shape.VERSION),
        KindAddress("Pipeline", "pipeline", "pipelines", Shape.VERSION),
        KindAddress("PipelineTemplate", "template", "templates", Shape.VERSION),
        KindAddress("TestSuite", "suite", "suites", Shape.VERSION),
        KindAddress("Policy", "policy", "policies", Shape.VERSION),
        KindAddress("PolicyLink", "policy-link", "policy-links", Shape.NAME),
        KindAddress("MetadataSchema", "metadata-schema", "metadata-schemas", Shape.VERSION),
        KindAddress("Aliases", "aliases", "", Shape.ALIASES),
        KindAddress("Role", "role", "access", Shape.FLAT),
        KindAddress("RoleBinding", "role-binding", "access", Shape.FLAT),
        KindAddress("Waiver", "waiver", "waivers", Shape.FLAT),
    )
}
VERSIONED_KINDS: Final = tuple(kind for kind, address in KINDS.items() if address.is_versioned)

_BY_WORD = {address.word: address for address in KINDS.values()}
_VERSIONED_FOLDERS = {address.folder: address.kind for address in KINDS.values() if address.is_versioned}


def kind_named(word: str) -> KindAddress:
    """Find a kind by its name, its word in refs or its folder, in any case; `UsageError` with the nearest otherwise."""
    folded = word.casefold()
    for address in KINDS.values():
        if folded in (address.kind.casefold(), address.word, address.folder or address.word):
            return address
    words = [address.word for address in KINDS.values()]
    near = get_close_matches(folded, words, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"there is no kind {word!r}",
        got=word,
        expected=", ".join(words),
        mend=f"{hint}use one of the kinds that `gitreg schema --list` prints",
    )


@dataclass(frozen=True, slots=True)
class Address:
    """Who a record is, whichever commit it is read from. `of` is the kind that an Aliases record belongs to."""

    kind: str
    namespace: str
    name: str
    version: str | None = None
    of: str | None = None

    @property
    def path(self) -> str:
        """Give the one path in the registry repo where this record may stand."""
        place = KINDS[self.kind]
        match place.shape:
            case Shape.SINGLE:
                return place.folder
            case Shape.NAMESPACE:
                return f"{place.folder}/{self.namespace}.yaml"
            case Shape.FLAT:
                return f"{place.folder}/{self.name}.yaml"
            case Shape.NAME:
                return f"{place.folder}/{self.namespace}/{self.name}.yaml"
            case Shape.ALIASES:
                return f"{KINDS[self.of or 'Model'].folder}/{self.namespace}/{self.name}/aliases.yaml"
            case Shape.VERSION:
                return f"{place.folder}/{self.namespace}/{self.name}/{self.version}.yaml"

    @property
    def folder(self) -> str:
        """Give the folder that holds every version of this name."""
        return self.path.rpartition("/")[0]

    @property
    def ref(self) -> str:
        """Give the ref that names exactly this record."""
        place = KINDS[self.kind]
        match place.shape:
            case Shape.SINGLE:
                return place.word
            case Shape.NAMESPACE:
                return f"{place.word}:{self.namespace}"
            case Shape.FLAT:
                return f"{place.word}:{self.name}"
            case Shape.NAME:
                return f"{place.word}:{self.namespace}/{self.name}"
            case Shape.ALIASES:
                return f"{place.word}:{KINDS[self.of or 'Model'].word}/{self.namespace}/{self.name}"
            case Shape.VERSION:
                return f"{place.word}:{self.namespace}/{self.name}@{self.version}"

    def id(self, registry_uid: str) -> str:
        """Derive the record's id: UUIDv5 (RFC 9562) of the registry's uid and the ref."""
        return str(uuid.uuid5(_space_of(registry_uid), self.ref))


@lru_cache(maxsize=64)
def _space_of(uid: str) -> uuid.UUID:
    return uuid.UUID(uid)


@lru_cache(maxsize=65536)
def addresses_at(path: str) -> tuple[Address, ...]:
    """Read off a path whose record may stand there: one, two under `access/` (a role or a binding), or none."""
    if path == "registry.yaml":
        return (Address("Registry", "", "registry"),)
    folder, _, rest = path.partition("/")
    if not rest.endswith(".yaml"):
        return ()
    stem = rest.removesuffix(".yaml")
    if folder == "namespaces":
        return (Address("Namespace", stem, stem),) if _NAMESPACE.match(stem) else ()
    if folder == "access":
        return (Address("Role", "", stem), Address("RoleBinding", "", stem)) if _NAME.match(stem) else ()
    if folder == "waivers":
        return (Address("Waiver", "", stem),) if _NAME.match(stem) else ()
    if folder == "policy-links":
        namespace, _, name = stem.rpartition("/")
        return (Address("PolicyLink", namespace, name),) if _is_place(namespace, name) else ()
    if folder in _VERSIONED_FOLDERS:
        return _versioned_at(_VERSIONED_FOLDERS[folder], stem)
    return ()


def _versioned_at(kind: str, stem: str) -> tuple[Address, ...]:
    holder, _, leaf = stem.rpartition("/")
    namespace, _, name = holder.rpartition("/")
    if not _is_place(namespace, name):
        return ()
    if leaf == "aliases":
        return (Address("Aliases", namespace, name, of=kind),)
    return (Address(kind, namespace, name, leaf),) if is_version(leaf) else ()


def _is_place(namespace: str, name: str) -> bool:
    return bool(_NAMESPACE.match(namespace) and _NAME.match(name))


@lru_cache(maxsize=65536)
def is_version(text: str) -> bool:
    """Tell whether a text is a version as manifests may carry it: strict semver without build metadata."""
    try:
        return not Version.parse(text).build
    except InvalidVersion:
        return False


def is_range(text: str) -> bool:
    """Tell whether a text is an npm-style range."""
    try:
        Range.parse(text)
    except InvalidRange:
        return False
    return True


def is_name(text: str) -> bool:
    """Tell whether a text keeps the name grammar."""
    return bool(_NAME.match(text))


def is_namespace(text: str) -> bool:
    """Tell whether a text is a namespace path of one to three names."""
    return bool(_NAMESPACE.match(text))


def is_alias(text: str) -> bool:
    """Tell whether a text may name an alias: the alias grammar, and nothing that reads as a version or a range."""
    return bool(_ALIAS.match(text)) and not is_range(text)


@dataclass(frozen=True, slots=True)
class Ref:
    """What somebody asked for: a name and which of its versions.

    `selector` is an exact `Version`, a `Range`, an alias (text), or None where none was given.
    """

    kind: str
    namespace: str
    name: str
    selector: Version | Range | str | None = None
    of: str | None = None
    written: str | None = field(default=None, compare=False)
    """The selector as it was written; a range reads the same however it is written."""

    @classmethod
    def parse(cls, text: str, *, kind: str = "Model") -> Ref:
        """Read a ref; `kind` is meant where the text names none. `UsageError` says what is wrong with it."""
        return _parsed(text, kind)

    @property
    def place(self) -> str:
        """Give the ref without its selector."""
        return self.address().ref if not KINDS[self.kind].is_versioned else self._name_ref()

    def _name_ref(self) -> str:
        return f"{KINDS[self.kind].word}:{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return self.place if self.selector is None else f"{self.place}@{self.written or self.selector}"

    def address(self, version: str | None = None) -> Address:
        """Give the address of one version, or of the record itself where the kind has no versions."""
        return Address(self.kind, self.namespace, self.name, version, self.of)


@lru_cache(maxsize=65536)
def _parsed(text: str, kind: str) -> Ref:
    word, colon, rest = text.partition(":")
    if colon and word in _BY_WORD:
        kind, body = _BY_WORD[word].kind, rest
    elif colon and "/" not in word and "@" not in word:
        kind, body = kind_named(word).kind, rest
    else:
        body = text
    if text == "registry":
        kind, body = "Registry", ""
    return _ref_of(kind, body, text)


def _ref_of(kind: str, body: str, text: str) -> Ref:
    place = KINDS[kind]
    match place.shape:
        case Shape.SINGLE:
            return _registry_ref(body, text)
        case Shape.NAMESPACE:
            return Ref(kind, _checked_namespace(body, text), body)
        case Shape.FLAT:
            return Ref(kind, "", _checked_name(body, text))
        case Shape.NAME:
            namespace, _, name = body.rpartition("/")
            return Ref(kind, _checked_namespace(namespace, text), _checked_name(name, text))
        case Shape.ALIASES:
            word, _, rest = body.partition("/")
            namespace, _, name = rest.rpartition("/")
            of = _versioned_kind(word, text)
            return Ref(kind, _checked_namespace(namespace, text), _checked_name(name, text), of=of)
        case Shape.VERSION:
            holder, at, selector = body.partition("@")
            namespace, _, name = holder.rpartition("/")
            chosen = read_selector(selector, text) if at else None
            space, name = _checked_namespace(namespace, text), _checked_name(name, text)
            return Ref(kind, space, name, chosen, written=selector if at else None)


def _versioned_kind(word: str, text: str) -> str:
    place = kind_named(word)
    if place.is_versioned:
        return place.kind
    raise UsageError(
        f"{text!r} is not a ref: a {place.word} has no versions, and so no aliases",
        got=text,
        expected="aliases:kind/namespace/name, with one of " + ", ".join(KINDS[kind].word for kind in VERSIONED_KINDS),
        mend="write it like `aliases:model/acme/summarizer`",
    )


def _registry_ref(body: str, text: str) -> Ref:
    if not body:
        return Ref("Registry", "", "registry")
    raise UsageError(
        f"{text!r} is not a ref: a registry has one record of itself, and nothing follows its name",
        got=text,
        expected="registry",
        mend="write `registry`",
    )


def _checked_namespace(namespace: str, text: str) -> str:
    if is_namespace(namespace):
        return namespace
    raise UsageError(
        f"{text!r} is not a ref: {namespace!r} is not a namespace",
        got=text,
        expected="[kind:]namespace/name[@selector], with a namespace of one to three lower-case names",
        mend="write it like `acme/summarizer@^2` or `pipeline:acme/nlp/triage@production`",
    )


def _checked_name(name: str, text: str) -> str:
    if is_name(name):
        return name
    raise UsageError(
        f"{text!r} is not a ref: {name!r} is not a name",
        got=text,
        expected=f"a name that matches {NAME_PATTERN}",
        mend="write it in lower case with digits, '.', '_' and '-', like `acme/summarizer`",
    )


def read_selector(text: str, ref: str) -> Version | Range | str:
    """Read what follows the `@` of a ref: a version, an alias or a range; `UsageError` names the whole ref."""
    if is_version(text):
        return Version.parse(text)
    if is_alias(text):
        return text
    why = "it is empty"
    if text.strip():
        try:
            return Range.parse(text)
        except InvalidRange as error:
            why = str(error)
    raise UsageError(
        f"{ref!r} is not a ref: {text!r} is neither a version, a range nor an alias",
        got=text,
        expected="a version (2.1.0), an npm-style range (^2, >=2.0.0 <3.0.0) or an alias (production)",
        mend=f"mend the part after '@': {why}",
    )
