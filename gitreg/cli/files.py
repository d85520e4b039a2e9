"""The manifest files that a command line names: folders walked, symlinks seen through, faults gathered.

- A folder stands for every `*.yaml` below it, sorted; folders whose names begin with a dot are skipped. Where a
  folder holds a `registry.yaml` it is a registry, and only the folders of its kinds are walked.
- A file is read once, however often and however it is named.
- Below a folder only regular files are opened, and no symlink is followed out of it; what is named itself is opened
  whatever it is, so that a shell's `<(...)` can be read.
- What cannot be read is a finding: one bad name does not hide the faults of the other files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitreg.cli.options import read_stdin
from gitreg.cli.output import print_bytes
from gitreg.errors import Exit, Finding, Rejected, UsageError
from gitreg.manifests import MAX_BYTES, read_manifest
from gitreg.refs import KINDS

STDIN: Final = "-"
READ_AT_MOST: Final = 64 * MAX_BYTES
_MENDS: Final[dict[type[OSError], str]] = {
    FileNotFoundError: "check the path; paths are relative to the current folder",
    NotADirectoryError: "check the path: something on it is a file, not a folder",
    PermissionError: "give the user that runs gitreg the right to read it",
}
UNREADABLE: Final = "unreadable"
UNWRITABLE: Final = "unwritable"
_SORTS: Final = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
_FOLDERS: Final = frozenset(place.folder.removesuffix("/") for place in KINDS.values() if place.folder)
_MARKS: Final = _FOLDERS | {".git", ".gitreg"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was named: what to call it, and where it is; None is stdin. `folder`: what it was found below."""

    origin: str
    path: Path | None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read: the bytes of each file that could be, and a finding for each that could not."""

    files: tuple[tuple[Found, bytes], ...]
    unreadable: tuple[Finding, ...]
    oversized: tuple[Finding, ...]


class CannotRead(Rejected):
    """Some of the named files cannot be read; carries what is wrong with the others too."""

    code = "unreadable"

    def __init__(self, says: str, findings: Sequence[Finding], *, mend: str) -> None:
        super().__init__(says, findings, mend=mend)
        self.exit_code = Exit.COULD_NOT_RUN


def find_manifests(names: Sequence[str]) -> list[Found]:
    """Find the files that arguments name, each once; `UsageError` for a folder that holds none."""
    seen: set[str] = set()
    found: list[Found] = []
    for name in names:
        for one in _expand(name):
            key = STDIN if one.path is None else _true_name(one.path)
            if key not in seen:
                seen.add(key)
                found.append(one)
    return found


def _true_name(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in the name; whoever opens it will say so
        return str(path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, for one; whoever opens it will say so
        return False


def _expand(name: str) -> Iterator[Found]:
    if not name.strip():
        raise UsageError("a file's name is empty", mend="name a file, a folder, or - for stdin")
    if name == STDIN:
        yield Found("<stdin>", None)
    elif _is_folder(Path(name)):
        below = list(_below(Path(name)))
        if not below:
            raise UsageError(
                "there is no manifest below this folder",
                where=printable_name(name),
                expected="files that end in .yaml",
                mend="name a folder that holds manifests, or the files themselves",
            )
        yield from below
    else:
        yield Found(printable_name(name), Path(name))


def _below(folder: Path) -> Iterator[Found]:
    for parent, folders, files in os.walk(folder):
        is_registry = "registry.yaml" in files and not _MARKS.isdisjoint(folders)
        folders[:] = sorted(name for name in folders if _is_walked(name, is_registry=is_registry))
        for name in sorted(files):
            is_ours = name == "registry.yaml" if is_registry else not name.startswith(".")
            if name.endswith(".yaml") and is_ours:
                path = Path(parent, name)
                yield Found(printable_name(str(path)), path, folder)


def _is_walked(name: str, *, is_registry: bool) -> bool:
    return name in _FOLDERS if is_registry else not name.startswith(".")


def read_files(found: Sequence[Found]) -> Contents:
    """Read the files; nothing is raised for one that cannot be."""
    files: list[tuple[Found, bytes]] = []
    unreadable: list[Finding] = []
    oversized: list[Finding] = []
    for one in found:
        odd = _odd_finding(one)
        if odd is not None:
            unreadable.append(odd)
            continue
        try:
            raw = _read(one)
        except (OSError, ValueError) as error:
            unreadable.append(unreadable_finding(one.origin, error))
            continue
        if len(raw) > READ_AT_MOST:
            oversized.append(_oversized(one.origin))
        else:
            files.append((one, raw))
    return Contents(tuple(files), tuple(unreadable), tuple(oversized))


def _read(one: Found) -> bytes:
    if one.path is None:
        return read_stdin(READ_AT_MOST + 1)
    with one.path.open("rb") as file:
        return file.read(READ_AT_MOST + 1)


def _odd_finding(one: Found) -> Finding | None:
    """Say why a file found below a folder is not opened: a link out of the folder, a pipe that nobody may write to."""
    if one.path is None or one.folder is None:
        return None
    target = os.path.realpath(one.path)
    if one.path.is_symlink() and not Path(target).is_relative_to(os.path.realpath(one.folder)):
        says = f"it is a symlink that leads out of {printable_name(str(one.folder))}, to {printable_name(target)}"
        return _not_read(one, says, "put the file itself there, or name what it leads to")
    try:
        mode = one.path.stat().st_mode
    except OSError:  # whoever opens it will say so
        return None
    if stat.S_ISREG(mode):
        return None
    says = f"it is {_SORTS.get(stat.S_IFMT(mode), 'a device')}, and not a file"
    return _not_read(one, says, "remove it, or name the files themselves")


def _not_read(one: Found, says: str, mend: str) -> Finding:
    return Finding("GR-001", UNREADABLE, says, mend, path=one.origin)


def refuse_unread(contents: Contents, says: str) -> None:
    """Raise if anything could not be read whole, with the faults of everything that could."""
    findings = [*contents.unreadable, *contents.oversized]
    if not findings:
        return
    for one, raw in contents.files:
        findings.extend(read_manifest(raw, path=one.origin).findings)
    kind = CannotRead if contents.unreadable else Rejected
    count = len(findings)
    said = f"{says}: {count} error{'s' * (count != 1)}"
    raise kind(said, findings, mend="mend them, and try again")


def unreadable_finding(origin: str, error: OSError | ValueError) -> Finding:
    """Say why a file cannot be read."""
    verb = "read" if isinstance(error, OSError) and type(error) not in _MENDS else "opened"
    mend = _MENDS.get(type(error), "check the file and its disk") if isinstance(error, OSError) else "check the path"
    says = f"it cannot be {verb}: {_why(error)}" if isinstance(error, OSError) else str(error)
    return Finding("GR-001", UNREADABLE, says, mend, path=origin)


def unwritable_finding(origin: str, error: OSError) -> Finding:
    """Say why a file cannot be written: no fault of the manifest, so no rule of the gate."""
    mend = "give the user that runs gitreg the right to write it and its folder, or check the disk"
    return Finding("system", UNWRITABLE, f"it cannot be written: {_why(error)}", mend, path=origin)


def write_output(name: str, raw: bytes) -> None:
    """Write what `--output` names, whole or not at all; `-` is stdout. `UsageError` where it cannot be written."""
    if name == STDIN:
        print_bytes(raw)
        return
    try:
        _write_whole(Path(name), raw)
    except (OSError, ValueError) as error:
        raise UsageError(
            "the output cannot be written",
            where=printable_name(name),
            got=_why(error),
            mend="name a file that can be written, or -",
        ) from error


def _write_whole(named: Path, raw: bytes) -> None:
    if named.exists() and not named.is_file():  # asked before links are followed: a pipe's own name leads nowhere
        named.write_bytes(raw)
        return
    target = Path(os.path.realpath(named))
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with fresh.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            fresh.chmod(stat.S_IMODE(target.stat().st_mode))
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _why(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _oversized(origin: str) -> Finding:
    says = f"the file has more than {READ_AT_MOST:,} bytes, and a manifest has at most {MAX_BYTES:,}"
    return Finding("GR-001", "yaml-subset", says, "keep data out of manifests: link to it", path=origin)


def place_in(top: Path, path: Path) -> str | None:
    """Give a file's path relative to a work tree, with `/`; None where it does not stand in it.

    Folders are seen through symlinks on both sides; a symlink to a file stands where the link stands.
    """
    root = Path(os.path.realpath(top))
    for candidate in (Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(path))):
        if candidate.is_relative_to(root):
            place = candidate.relative_to(root).as_posix()
            return None if place.split("/")[0] == ".git" else place
    return None


def record_place_in(top: Path, path: Path) -> str | None:
    """Give a file's path in a work tree where records stand there; None for a draft, wherever it lies."""
    place = place_in(top, path)
    return place if place is not None and place.split("/")[0] in _FOLDERS else None


def printable_name(name: str) -> str:
    """Give a file's name as text: bytes that are not UTF-8 become `\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
