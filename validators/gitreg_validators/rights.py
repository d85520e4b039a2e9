"""Who owns what and who may do what, read off a state: namespaces with those above them, roles and their bindings.

- Owners of a namespace are those that its own record names and those of every namespace above it.
- A person is known by the email, in any case, bare or in `Name <email>`; teams and service accounts by the exact text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from gitreg.kinds import Manifest, Namespace, Role, RoleBinding
from gitreg.refs import KINDS, Address, Ref
from gitreg.repository.snapshot import Snapshot, within
from gitreg.validation import Change
from gitreg.validation.waivers import means

ADMIN: Final = "registry:admin"
WRITE: Final = "registry:write"
_SIGNATURE: Final = re.compile(r"[^<>]*<([^<>@\s]+@[^<>@\s]+)>")
_EMAIL: Final = re.compile(r"[^<>@\s]+@[^<>@\s]+")


def known_as(said: str) -> str:
    """Give the one spelling by which an identity is known: a person's email, or the text itself."""
    signature = _SIGNATURE.fullmatch(said.strip())
    bare = signature.group(1) if signature else said.strip()
    return bare.casefold() if _EMAIL.fullmatch(bare) else bare


def is_team(identity: str) -> bool:
    """Tell whether an identity is a team."""
    return identity.startswith("@")


def who_spoke(change: Change) -> frozenset[str]:
    """Give those who stand behind a change: its author and its approvers."""
    around = change.circumstances
    said = (around.author, *around.approvers)
    return frozenset(known_as(text) for text in said if text)


def levels_of(namespace: str) -> tuple[str, ...]:
    """Give a namespace and those above it, the nearest first."""
    parts = namespace.split("/")
    return tuple("/".join(parts[:n]) for n in range(len(parts), 0, -1))


def namespace_in(state: Snapshot, namespace: str) -> Namespace | None:
    """Give the record of exactly this namespace; None where nobody has founded it."""
    record = state.record(Address("Namespace", namespace, namespace))
    return record.manifest if record and isinstance(record.manifest, Namespace) else None


def owners_of(state: Snapshot, namespace: str) -> tuple[str, ...]:
    """Give the owners of a namespace, those of the namespaces above it included, as they are written."""
    found = (namespace_in(state, level) for level in levels_of(namespace))
    return tuple(dict.fromkeys(owner for record in found if record for owner in record.spec.owners))


def chain_of(change: Change, namespace: str) -> Iterator[Namespace]:
    """Give the records that hold for a namespace, the nearest first: the law's, else those founded with the change."""
    for level in levels_of(namespace):
        found = namespace_in(change.law, level) or namespace_in(change.head, level)
        if found is not None:
            yield found


@dataclass(frozen=True, slots=True)
class Grant:
    """What a binding gives: who may, what, and where."""

    binding: RoleBinding
    role: Role

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who may."""
        return self.binding.spec.subjects

    def gives(self, permission: str) -> bool:
        """Tell whether it gives a permission."""
        return permission in self.role.spec.permissions

    @property
    def is_unscoped(self) -> bool:
        """Whether it holds for everything: every place and every kind."""
        scope = self.binding.spec.scope
        return not (scope.namespaces or scope.refs or scope.labels or self.role.spec.kinds)

    def covers(self, address: Address, manifests: Iterable[Manifest]) -> bool:
        """Tell whether a record, in each of the states in which it is given, lies where the grant holds."""
        is_there = _is_kind(self.role.spec.kinds, address) and _is_place(self.binding, address)
        wanted = self.binding.spec.scope.labels.items()
        return is_there and all(wanted <= manifest.metadata.labels.items() for manifest in manifests)


def _is_kind(kinds: Iterable[str], address: Address) -> bool:
    place = KINDS[address.kind]
    named = {kind.casefold() for kind in kinds}
    return not named or not named.isdisjoint((address.kind.casefold(), place.word, place.folder))


def _is_place(binding: RoleBinding, address: Address) -> bool:
    scope = binding.spec.scope
    if not scope.namespaces and not scope.refs:
        return True
    if any(within(address.namespace, namespace) for namespace in scope.namespaces):
        return True
    return any(means(Ref.parse(text), address) for text in scope.refs)


def grants_in(state: Snapshot, today: date) -> Iterator[Grant]:
    """Give the bindings of a state that hold on a day, by path."""
    for entry in state.children("access"):
        record = state.record_at(entry.path) if entry.is_plain else None
        binding = record.manifest if record else None
        if not isinstance(binding, RoleBinding) or not _holds(binding, today):
            continue
        role = state.record(Address("Role", "", binding.spec.role))
        if role is not None and isinstance(role.manifest, Role):
            yield Grant(binding, role.manifest)


def _holds(binding: RoleBinding, today: date) -> bool:
    return binding.spec.expires_at is None or binding.spec.expires_at >= today


def administrators_of(state: Snapshot, today: date) -> tuple[str, ...]:
    """Give those who administer the whole registry: subjects of bindings of `registry:admin` without a scope."""
    found = (grant for grant in grants_in(state, today) if grant.gives(ADMIN) and grant.is_unscoped)
    return tuple(dict.fromkeys(subject for grant in found for subject in grant.subjects))


def listed(names: Iterable[str]) -> str:
    """Give names as a sentence has them."""
    return ", ".join(names) or "nobody"
