"""Rules on who a record is: its place and its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitreg.errors import Finding, Severity
from gitreg.refs import RESERVED_NAMES, WINDOWS_NAMES, Address, addresses_at
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, Rule, unreadable

MAX_PATH: Final = 200


def _check_path(change: Change) -> Iterator[Finding]:
    """Find manifests that stand where their kind, namespace, name and version do not say."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if manifest is None or manifest.address in addresses_at(record.path):
            continue
        yield path_identity.finding(
            f"the file stands at {record.path}, and says that it is {manifest.address.ref}",
            f"move it to {manifest.address.path}, or correct its kind, namespace, name or version",
            path=record.path,
        ).at(ref=manifest.address.ref)


def _check_name(change: Change) -> Iterator[Finding]:
    """Find names that some system cannot hold or that the API needs for itself."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if manifest is None or record.before is not None:
            continue
        address = manifest.address
        fault = _fault_of_name(address.name.rpartition("/")[2]) or _fault_of_path(address.path)
        if fault is None and address.namespace:
            fault = next(filter(None, map(_fault_of_name, address.namespace.split("/"))), None)
        if fault:
            yield name_grammar.finding(fault, "choose another name", field="metadata.name", path=record.path).at(
                ref=address.ref
            )


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


def _check_namespace(change: Change) -> Iterator[Finding]:
    """Find records whose namespace nobody has founded."""
    for record in change.records:
        manifest = record.after.manifest if record.after else None
        if manifest is None or not manifest.address.namespace or record.before is not None:
            continue
        namespace = manifest.address.namespace
        if manifest.kind == "Namespace" or _is_founded(change.head, namespace):
            continue
        yield namespace_founded.finding(
            f"nobody owns the namespace {namespace!r}: it has no record",
            f"register {Address('Namespace', namespace, namespace).path}; "
            "`gitreg schema namespace --minimal` prints one",
            field="metadata.namespace",
            path=record.path,
        ).at(ref=manifest.address.ref)


def _is_founded(head: Snapshot, namespace: str) -> bool:
    parts = namespace.split("/")
    paths = ("/".join(parts[: n + 1]) for n in range(len(parts)))
    return any(head.entry(Address("Namespace", path, path).path) for path in paths)


path_identity = Rule("GR-004", "path-identity", Severity.ERROR, _check_path, is_fixed=True)
name_grammar = Rule("GR-005", "name-grammar", Severity.ERROR, _check_name, is_fixed=True)
namespace_founded = Rule("GR-050", "ownership", Severity.WARNING, _check_namespace)
schema = Rule("GR-003", "schema", Severity.ERROR, unreadable, is_fixed=True)

RULES: Final = (schema, path_identity, name_grammar, namespace_founded)
