"""Rules on how much there may be: quotas of namespaces, and the registry's widths and sizes.

- Quotas and limits are the base's; a namespace that is founded with the change has those that it is founded with.
- A namespace counts with all below it, and so toward the quota of every namespace above it. Only what grows is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gitreg.errors import Severity
from gitreg.kinds import Namespace
from gitreg.refs import KINDS, Address, Shape, addresses_at
from gitreg.repository.git import Entry
from gitreg.repository.snapshot import RecordChange, Snapshot
from gitreg.validation import Change, Fault, Rule
from gitreg_validators.rights import chain_of

FOLDERS: Final = tuple(sorted({place.folder for place in KINDS.values() if place.shape in (Shape.VERSION, Shape.NAME)}))
"""The folders whose files count: those of namespaces."""

Measure = Callable[[Snapshot, str], int]


def _entries(state: Snapshot, namespace: str) -> Iterator[tuple[Address, Entry]]:
    for folder in FOLDERS:
        for entry in state.walk(f"{folder}/{namespace}"):
            for address in addresses_at(entry.path):
                yield address, entry


def count_names(state: Snapshot, namespace: str) -> int:
    """Count the names of all kinds in a namespace and below."""
    named = (address for address, _ in _entries(state, namespace) if address.kind != "Aliases")
    return len({(address.kind, address.namespace, address.name) for address in named})


def count_versions(state: Snapshot, namespace: str) -> int:
    """Count the versions of all names in a namespace and below."""
    return sum(address.version is not None for address, _ in _entries(state, namespace))


def count_bytes(state: Snapshot, namespace: str) -> int:
    """Count the bytes of all manifests in a namespace and below."""
    return sum(len(state.content(entry)) for _, entry in _entries(state, namespace) if entry.is_plain)


MEASURES: Final[dict[str, Measure]] = {"names": count_names, "versions": count_versions, "bytes": count_bytes}


def check_quotas(change: Change) -> Iterator[Fault]:
    """A namespace does not outgrow its quotas, nor those of the namespaces above it."""
    founded: dict[str, tuple[Namespace, RecordChange]] = {}
    for record in change.records:
        address = addresses_at(record.path)[0]
        if record.new is not None:
            for namespace in chain_of(change, address.namespace):
                founded.setdefault(namespace.metadata.name, (namespace, record))
    for name, (namespace, record) in sorted(founded.items()):
        for measure, count in MEASURES.items():
            most = getattr(namespace.spec.quotas, measure)
            if most is not None:
                yield from _over_quota(change, record, name, measure, count, most)


def _over_quota(
    change: Change, record: RecordChange, namespace: str, measure: str, count: Measure, most: int
) -> Iterator[Fault]:
    now = count(change.head, namespace)
    if now > most and now > count(change.base, namespace):
        yield Fault(
            f"{namespace} would hold {now:,} {measure}, and its quota is {most:,}",
            f"register it elsewhere, or ask the owners of {namespace} to raise spec.quotas.{measure} of "
            f"namespaces/{namespace}.yaml first, in a change of its own",
            path=record.path,
        )


def check_widths(change: Change) -> Iterator[Fault]:
    """No namespace has more names of one kind than the registry allows, and the registry no more namespaces."""
    added = [record for record in change.records if record.old is None]
    most = change.limits.names_per_namespace
    first: dict[tuple[str, str], RecordChange] = {}
    for record in added:
        address = addresses_at(record.path)[0]
        if KINDS[address.kind].folder in FOLDERS:
            first.setdefault((address.kind, address.namespace), record)
    for (kind, namespace), record in first.items():
        now = _width(change.head, kind, namespace, most)
        if now > most and now > _width(change.base, kind, namespace, most):
            folder = KINDS[kind].folder
            yield Fault(
                f"{folder}/{namespace} would hold {now:,} names, and at most {most:,} may stand in one namespace",
                "divide the namespace (`acme/nlp` below `acme`), or have limits.namesPerNamespace raised",
                path=record.path,
            )
    yield from _too_many_namespaces(change, [r for r in added if r.path.startswith("namespaces/")])


def _width(state: Snapshot, kind: str, namespace: str, most: int) -> int:
    """Count the names of a kind in a namespace; where all that stands there is not too much, that."""
    entries = state.children(f"{KINDS[kind].folder}/{namespace}")
    if not KINDS[kind].is_versioned:
        return sum(bool(addresses_at(entry.path)) and not entry.is_tree for entry in entries)
    folders = sum(entry.is_tree for entry in entries)
    return len(state.names(kind, namespace)) if folders > most else folders


def _too_many_namespaces(change: Change, added: list[RecordChange]) -> Iterator[Fault]:
    most = change.limits.namespaces
    count = _records_in(change.head.walk("namespaces")) if added else 0
    if count > most:
        yield Fault(
            f"there would be {count:,} namespaces, and at most {most:,} may stand in this registry",
            "use a namespace that there is, or have limits.namespaces raised in registry.yaml",
            path=added[0].path,
        )


def _records_in(entries: Iterable[Entry]) -> int:
    return sum(bool(addresses_at(entry.path)) for entry in entries)


def check_files(change: Change) -> Iterator[Fault]:
    """A change has no more files than the registry allows in one."""
    most = change.limits.files_per_change
    if len(change.files) > most:
        yield Fault(
            f"it touches {len(change.files):,} files, and at most {most:,} may be in one change",
            "divide it into several changes, or have limits.filesPerChange raised in registry.yaml",
        )


def check_size(change: Change) -> Iterator[Fault]:
    """A manifest has no more bytes than the registry allows."""
    most = change.limits.manifest_bytes
    for subject in change.subjects:
        size, before = len(subject.raw), len(subject.earlier.raw) if subject.earlier else 0
        if size > max(most, before):
            yield Fault(
                f"it has {size:,} bytes, and at most {most:,} may be in one manifest",
                "put what is long behind a link (`metadata.docs`), or have limits.manifestBytes raised",
                path=subject.path,
                ref=subject.ref,
            )


RULES: Final = (
    Rule("GR-080", "quota", Severity.ERROR, check_quotas),
    Rule("GR-080", "quota", Severity.ERROR, check_widths),
    Rule("GR-080", "quota", Severity.ERROR, check_files, on_state=False),
    Rule("GR-080", "quota", Severity.ERROR, check_size),
)
