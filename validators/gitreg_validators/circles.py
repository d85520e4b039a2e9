"""Rules on the graph: it has no circle, and ancestry goes one way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitreg.errors import Severity
from gitreg.graph import Graph, TooLarge, ref_at
from gitreg.kinds import Aliases, Manifest, status_of
from gitreg.kinds.references import NEEDING, Reference, references_of
from gitreg.refs import LATEST, Address, Ref
from gitreg.resolution import ENDED
from gitreg.validation import Change, Fault, Rule, Subject, each
from gitreg.versions import Version

_SHOWN: Final = 8


def check_acyclic(change: Change) -> Iterator[Fault]:
    """No record needs itself, whichever of the satisfying versions are chosen on the way."""
    graph = Graph(change.head)
    starts = [path for path in _starts(change) if change.is_state or _is_reached(change, graph, path)]
    touched = set(starts)
    try:
        for part in graph.circles(starts):
            for path in sorted(part & touched)[:1]:
                yield _circle_fault(change, graph, path, part)
    except TooLarge:
        says = "what this change depends on is too large a part of the registry to look for a circle in it"
        yield Fault(says, "split the change, or bound the ranges in it", path=min(touched), severity=Severity.ERROR)


def _starts(change: Change) -> Iterator[str]:
    """Give the paths through which the change may close a circle: what is new, needs more, or is newly meant."""
    for subject in change.subjects:
        manifest = subject.manifest
        if isinstance(manifest, Aliases):
            yield from _newly_named(subject, manifest)
        elif manifest.is_versioned and (subject.before is None or _needs(subject) - _needs(subject.earlier)):
            yield subject.path
        elif _has_ended(manifest) and not _has_ended(subject.before):
            yield from _newly_latest(subject)


def _newly_named(subject: Subject, manifest: Aliases) -> Iterator[str]:
    earlier = subject.before
    before = earlier.spec.aliases if isinstance(earlier, Aliases) else {}
    place = manifest.metadata
    for alias, version in sorted(manifest.spec.aliases.items()):
        if before.get(alias) != version:
            yield Address(manifest.spec.of, place.namespace, place.name, version).path


def _has_ended(manifest: Manifest | None) -> bool:
    return status_of(manifest) in ENDED


def _newly_latest(subject: Subject) -> Iterator[str]:
    """Give what `latest` falls back to when a version ends."""
    address = subject.manifest.address
    target = Graph(subject.state).meant(Ref(address.kind, address.namespace, address.name, LATEST))
    yield from [target.path] if target else []


def _needs(subject: Subject | None) -> set[Ref]:
    found = references_of(subject.manifest) if subject else ()
    return {reference.ref for reference in found if reference.relation in NEEDING}


def _is_reached(change: Change, graph: Graph, path: str) -> bool:
    """Tell whether anything mentions the name: a circle has to come back to it."""
    record = change.head.record_at(path)
    return record is not None and graph.is_mentioned(record.address)


def _circle_fault(change: Change, graph: Graph, path: str, part: frozenset[str]) -> Fault:
    way = graph.circle_through(path, part)
    refs = [ref_at(each_path) for each_path in way]
    shown = refs if len(refs) <= _SHOWN else [*refs[: _SHOWN - 1], f"... ({len(refs) - _SHOWN} more)", refs[-1]]
    return Fault(
        f"it needs itself: {' -> '.join(shown)}",
        "take one of these references away, or narrow its range so that the circle cannot be chosen",
        field=_field_towards(change, graph, path, way[1]),
        path=path,
        ref=refs[0],
    )


def _field_towards(change: Change, graph: Graph, path: str, target: str) -> str | None:
    record = change.head.record_at(path)
    for reference in references_of(record.manifest) if record else ():
        if reference.relation in NEEDING and target in graph.admitted(reference.ref):
            return reference.field
    return None


def check_lineage(subject: Subject) -> Iterator[Fault]:
    """Nothing is derived from itself, from a later version of itself, or from a record of another sort."""
    address = subject.manifest.address
    for reference in references_of(subject.manifest):
        if reference.relation == "transforms" and reference.ref.kind != "Dataset":
            says = f"a pipeline reads and writes datasets, and {reference.ref} is a {reference.ref.kind}"
            yield Fault(says, "name a dataset; what else it needs stands in `dependencies`", field=reference.field)
        if reference.relation != "derived_from":
            continue
        fault = _lineage_fault(address, reference)
        if fault:
            yield Fault(fault, "name what it was really made from, in an exact version", field=reference.field)


def _lineage_fault(address: Address, reference: Reference) -> str | None:
    ref = reference.ref
    if ref.kind != address.kind:
        return f"a {address.kind} is derived from another one, and {ref} is a {ref.kind}"
    if (ref.namespace, ref.name) != (address.namespace, address.name):
        return None
    own = Version.parse(address.version or "0.0.0")
    if not isinstance(ref.selector, Version):
        return f"{ref} may mean {address.ref} itself"
    if ref.selector < own:
        return None
    return "it is derived from itself" if ref.selector == own else f"it is derived from {ref}, which is a later version"


RULES: Final = (
    Rule("GR-033", "graph-acyclic", Severity.ERROR, check_acyclic, is_fixed=True),
    Rule("GR-036", "lineage-sane", Severity.ERROR, each(check_lineage)),
)
