"""Rules on the files themselves, whatever is in them: plain, at a documented place, and fit for every system.

- They look at paths and modes of what a change adds or alters; to take a file away is always fine.
- A file that stood there before, under the same path and in the same mode, is not held against a change of its text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from gitreg.errors import Severity
from gitreg.refs import KINDS, WINDOWS_NAMES, Shape, addresses_at, is_name, is_version
from gitreg.repository.git import EXECUTABLE, Entry, EntryChange, printable
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, Fault, Rule

_SCRIPTS: Final = (".github/", "hooks/")
_FREE: Final = (".github/", ".gitreg/", "docs/", "examples/", "hooks/")
"""Folders in which any file may stand."""
_PAGES: Final = ("README", "LICENSE", "CHANGELOG", "CONTRIBUTING", "SECURITY", "CODEOWNERS")
_FILES: Final = frozenset(
    {
        *_PAGES,
        *(f"{page}.md" for page in _PAGES),
        ".editorconfig",
        ".gitattributes",
        ".gitignore",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
        ".yamllint",
        "access/allowed_signers",
    }
)
_BESIDE_RECORDS: Final = frozenset({"README.md", ".gitkeep"})
_FOLDERS: Final = {place.folder: place for place in KINDS.values() if place.folder and "." not in place.folder}
_WORDS: Final = {word.lower(): place.folder for place in _FOLDERS.values() for word in (place.word, place.kind)}
_SHAPES: Final = {
    Shape.VERSION: "<namespace>/<name>/<version>.yaml, with a version like 1.0.0",
    Shape.NAME: "<namespace>/<name>.yaml",
    Shape.NAMESPACE: "<namespace>.yaml",
    Shape.FLAT: "<name>.yaml",
}
_ODD: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_MOST_BYTES: Final = 255


def check_modes(change: Change) -> Iterator[Fault]:
    """Every file is a plain one: no symlink, no submodule, no executable but scripts under .github/ and hooks/."""
    for file in change.files:
        new = file.new
        if new is None or new.is_plain or (file.old is not None and file.old.mode == new.mode):
            continue
        if new.mode != EXECUTABLE or not file.path.startswith(_SCRIPTS):
            yield Fault(
                f"{_shown(file.path)} is {new.sort}; expected a plain file (mode 100644)",
                _mend_of_mode(new),
                path=printable(file.path),
            )


def _mend_of_mode(entry: Entry) -> str:
    if entry.mode == EXECUTABLE:
        return f"take the executable bit away: `git update-index --chmod=-x {printable(entry.path)}`"
    return "put a plain file here, or take it out"


def check_places(change: Change) -> Iterator[Fault]:
    """Nothing stands in a registry but manifests at their places and the files that its layout names."""
    for file in _new_files(change):
        if not _is_documented(file.path):
            yield Fault(
                f"{_shown(file.path)} is neither at a manifest's place nor a documented file",
                _nearest_place(file.path),
                path=printable(file.path),
            )


def _new_files(change: Change) -> Iterator[EntryChange]:
    return (file for file in change.files if file.new is not None and file.old is None)


def _is_documented(path: str) -> bool:
    if addresses_at(path) or path in _FILES or path.startswith(_FREE):
        return True
    folder, _, leaf = path.rpartition("/")
    first, *names = folder.split("/")
    return leaf in _BESIDE_RECORDS and first in _FOLDERS and all(map(is_name, names))


def _nearest_place(path: str) -> str:
    """Say where a file that stands nowhere should stand."""
    meant = path
    for mend in (_with_yaml, _with_lower_folders, _with_plain_version, _with_known_folder):
        meant = mend(meant)
        if meant != path and _is_documented(meant):
            return f"move it to {printable(meant)}"
    first, _, rest = meant.partition("/")
    if rest and first in _FOLDERS:
        wrong = next((name for name in rest.split("/")[:-1] if not is_name(name)), None)
        why = f": {_shown(wrong)} does not keep the name grammar" if wrong is not None else ""
        return f"a {_FOLDERS[first].word} stands at {first}/{_SHAPES[_FOLDERS[first].shape]}{why}"
    return "documentation goes to docs/, samples to examples/, scripts to hooks/ or .github/; the rest stays outside"


def _with_yaml(path: str) -> str:
    stem, dot, ending = path.rpartition(".")
    return f"{stem}.yaml" if dot and ending.lower() in ("yml", "yaml", "json") else path


def _with_lower_folders(path: str) -> str:
    folder, slash, leaf = path.rpartition("/")
    return f"{folder.lower()}{slash}{leaf}"


def _with_plain_version(path: str) -> str:
    """Turn `v1.0.0` into `1.0.0`, `1.0` into `1.0.0`, and leave build metadata out."""
    folder, slash, leaf = path.rpartition("/")
    stem, dot, ending = leaf.rpartition(".")
    plain = stem.lstrip("vV").partition("+")[0]
    for version in (plain, f"{plain}.0", f"{plain}.0.0"):
        if is_version(version):
            return f"{folder}{slash}{version}{dot}{ending}"
    return path


def _with_known_folder(path: str) -> str:
    first, slash, rest = path.partition("/")
    near = get_close_matches(first, _FOLDERS, n=1)
    folder = _WORDS.get(first) or (near[0] if near else first)
    return f"{folder}{slash}{rest}"


def check_portable(change: Change) -> Iterator[Fault]:
    """Every path can be checked out on Windows, macOS and Linux alike."""
    for file in _new_files(change):
        if addresses_at(file.path):
            continue
        for find in (_fault_of_encoding, _fault_of_characters, _fault_of_names):
            says = find(file.path)
            if says:
                yield Fault(says, "choose another name for it", path=printable(file.path))
                break


def _fault_of_encoding(path: str) -> str | None:
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return f"the path {_shown(path)} is not UTF-8"
    if any(len(name) > _MOST_BYTES for name in raw.split(b"/")):
        return f"a name in the path has more than {_MOST_BYTES} bytes"
    return None


def _fault_of_characters(path: str) -> str | None:
    odd = _ODD.search(path)
    if odd:
        return f"the path {_shown(path)} has the character {odd[0]!r}, which Windows cannot hold"
    if not unicodedata.is_normalized("NFC", path):
        return f"the path {_shown(path)} is not in Unicode's normal form NFC, and macOS would change it"
    return None


def _fault_of_names(path: str) -> str | None:
    for name in path.split("/"):
        if name.endswith((".", " ")):
            return f"the name {name!r} ends with {name[-1]!r}, which Windows drops"
        if name.split(".")[0].lower() in WINDOWS_NAMES:
            return f"the name {name!r} cannot be a file on Windows"
        if name.lower() in (".git", "git~1"):
            return f"the name {name!r} is Git's own"
    return None


def check_case(change: Change) -> Iterator[Fault]:
    """No path is the same as another one up to upper and lower case."""
    seen: dict[str, dict[str, set[str]]] = {}
    for file in _new_files(change):
        for path in _levels(file.path):
            folder = path.rpartition("/")[0]
            if folder not in seen:
                seen[folder] = _by_fold(change.head, folder)
            for other in sorted(seen[folder].get(_fold(path), set()) - {path}):
                says = f"{_shown(path)} and {_shown(other)} are one path where upper and lower case are the same"
                yield Fault(says, "choose another name, or use the one that is there", path=printable(file.path))


def _levels(path: str) -> Iterator[str]:
    """Give a path and the folders above it; a record's folders are lower case already."""
    yield path
    while "/" in path and not addresses_at(path):
        path = path.rpartition("/")[0]
        yield path


def _by_fold(state: Snapshot, folder: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in state.children(folder):
        found.setdefault(_fold(entry.path), set()).add(entry.path)
    return found


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _shown(path: str) -> str:
    return repr(printable(path))


RULES: Final = (
    Rule("GR-006", "file-hygiene", Severity.ERROR, check_modes, is_fixed=True),
    Rule("GR-006", "file-hygiene", Severity.ERROR, check_places, is_fixed=True),
    Rule("GR-006", "file-hygiene", Severity.ERROR, check_portable, is_fixed=True),
    Rule("GR-006", "file-hygiene", Severity.ERROR, check_case, is_fixed=True),
)
