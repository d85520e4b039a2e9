"""Rules on who a record is: that it can be read, its place and its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitreg.errors import Severity
from gitreg.refs import RESERVED_NAMES, WINDOWS_NAMES, addresses_at
from gitreg.validation import Change, Fault, Rule, Subject, each

MAX_PATH: Final = 200


def read_faults(change: Change, code: str) -> Iterator[Fault]:
    """Give what the reader said of the changed files under one code."""
    for record in change.records:
        for found in record.after.findings if record.after else ():
            if found.rule == code:
                yield Fault(found.says, found.mend, found.field, path=record.path, line=found.line, column=found.column)


def check_subset(change: Change) -> Iterator[Fault]:
    """A manifest is one small document of YAML's safe subset."""
    return read_faults(change, "GR-001")


def check_schema(change: Change) -> Iterator[Fault]:
    """A manifest has the fields of its kind, and no others."""
    return read_faults(change, "GR-003")


def check_spelling(change: Change) -> Iterator[Fault]:
    """Names and namespaces keep the name grammar."""
    return read_faults(change, "GR-005")


def check_semver(change: Change) -> Iterator[Fault]:
    """A version is strict semver without build metadata."""
    return read_faults(change, "GR-010")


def check_derived(change: Change) -> Iterator[Fault]:
    """What Git knows is never written by hand: ids, times, authors, compliance."""
    return read_faults(change, "GR-019")


def check_path(change: Change) -> Iterator[Fault]:
    """A file stands where its kind, namespace, name and version say."""
    for subject in change.subjects:
        address = subject.manifest.address
        if address not in addresses_at(subject.path):
            yield Fault(
                f"the file stands at {subject.path}, and says that it is {address.ref}",
                f"move it to {address.path}, or correct its kind, namespace, name or version",
                field="metadata.name",
                path=subject.path,
                ref=address.ref,
            )


def check_name(subject: Subject) -> Iterator[Fault]:
    """A name is none that some system cannot hold or that the API needs for itself."""
    address = subject.manifest.address
    fault = _fault_of_name(address.name.rpartition("/")[2]) or _fault_of_path(address.path)
    if fault is None and address.namespace:
        fault = next(filter(None, map(_fault_of_name, address.namespace.split("/"))), None)
    if fault:
        yield Fault(fault, "choose another name", field="metadata.name")


def _fault_of_name(name: str) -> str | None:
    if name in RESERVED_NAMES:
        return f"the name {name!r} is reserved for the API's paths"
    if name.endswith(".lock"):
        return f"the name {name!r} ends with .lock, which Git keeps for itself"
    if name.split(".")[0] in WINDOWS_NAMES:
        return f"the name {name!r} cannot be a file on Windows"
    return None


def _fault_of_path(path: str) -> str | None:
    if len(path) > MAX_PATH:
        return f"the path has {len(path)} characters, and at most {MAX_PATH} can be checked out everywhere"
    return None


RULES: Final = (
    Rule("GR-001", "yaml-subset", Severity.ERROR, check_subset, is_fixed=True),
    Rule("GR-003", "schema", Severity.ERROR, check_schema, is_fixed=True),
    Rule("GR-004", "path-identity", Severity.ERROR, check_path, is_fixed=True),
    Rule("GR-005", "name-grammar", Severity.ERROR, check_spelling, is_fixed=True),
    Rule("GR-005", "name-grammar", Severity.ERROR, each(check_name), is_fixed=True),
    Rule("GR-010", "semver", Severity.ERROR, check_semver, is_fixed=True),
    Rule("GR-019", "derived-fields", Severity.ERROR, check_derived, is_fixed=True),
)
