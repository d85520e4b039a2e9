"""Which findings somebody was let off: waivers that have landed, are for this rule and record, and still hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from gitreg.errors import Finding, UsageError
from gitreg.kinds import Waiver
from gitreg.refs import Address, Ref, addresses_at
from gitreg.repository.snapshot import Snapshot, within
from gitreg.versions import Range, Version


def waive(findings: Iterable[Finding], law: Snapshot, today: date, fixed: frozenset[str]) -> list[Finding]:
    """Mark the findings that a waiver of the law covers; fixed rules know none."""
    found = list(findings)
    if not any(finding.rule not in fixed for finding in found):
        return found
    waivers = [waiver for waiver in _waivers(law) if waiver.spec.expires_at >= today and waiver.spec.rule not in fixed]
    if not waivers:
        return found
    return [replace(f, waived=True) if any(_covers(waiver, f) for waiver in waivers) else f for f in found]


def _waivers(law: Snapshot) -> Iterator[Waiver]:
    for entry in law.children("waivers"):
        record = law.record_at(entry.path) if entry.is_plain else None
        if record is not None and isinstance(record.manifest, Waiver):
            yield record.manifest


def _covers(waiver: Waiver, finding: Finding) -> bool:
    address = _address_of(finding)
    if waiver.spec.rule != finding.rule or address is None:
        return False
    scope = waiver.spec.scope
    if any(within(address.namespace, namespace) for namespace in scope.namespaces if address.namespace):
        return True
    return any(means(Ref.parse(text), address) for text in scope.refs)


def _address_of(finding: Finding) -> Address | None:
    if finding.ref is not None:
        try:
            ref = Ref.parse(finding.ref)
        except UsageError:
            return None
        version = str(ref.selector) if isinstance(ref.selector, Version) else None
        return ref.address(version)
    found = addresses_at(finding.path) if finding.path else ()
    return found[0] if found else None


def means(ref: Ref, address: Address) -> bool:
    """Tell whether a ref means a record: the same name, and a version that the selector allows; without one, all."""
    if (ref.kind, ref.namespace, ref.name, ref.of) != (address.kind, address.namespace, address.name, address.of):
        return False
    selector = ref.selector
    if selector is None or address.version is None:
        return selector is None or address.version is None
    version = Version.parse(address.version)
    if isinstance(selector, Range):
        return selector.allows(version)
    return selector == version
