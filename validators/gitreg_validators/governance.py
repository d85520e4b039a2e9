"""Rules on changes of who decides: a quorum of those who decide now agrees, and main is only ever added to.

- A quorum is more than half of those who are named; a team counts as one. Its author agrees to a change.
- Asked are, as of the base, the owners of a namespace or those of one above it; for what holds for the whole registry,
  its administrators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gitreg.errors import Severity
from gitreg.kinds import Namespace
from gitreg.repository.snapshot import REGISTRY_PATH, RecordChange
from gitreg.validation import Change, Fault, Rule
from gitreg_validators.owners_file import HEAD, PLACE, SETTINGS, codeowners_of
from gitreg_validators.rights import administrators_of, known_as, levels_of, listed, namespace_in, who_spoke

_FOLDERS: Final = tuple(path[1:] for path in SETTINGS if path != "/registry.yaml")
_SOURCES: Final = ("access/", "namespaces/")


def check_namespace_governance(change: Change) -> Iterator[Fault]:
    """Owners, quotas and required policies of a namespace change with a quorum of its owners."""
    spoke = who_spoke(change)
    for record in change.records:
        before, after = _sides(record)
        changed = _governed(before, after) if before is not None and after is not None else []
        if before is None or not changed:
            continue
        levels = [namespace_in(change.law, level) for level in levels_of(before.metadata.name)]
        asked = [level.spec.owners for level in levels if level is not None]
        if not any(_is_quorum(owners, spoke) for owners in asked):
            yield Fault(
                f"{listed(changed)} of the namespace {before.metadata.name} changed; "
                f"{_count(before.spec.owners, spoke)}",
                _mend(before.spec.owners, spoke),
                field=f"spec.{changed[0]}",
                path=record.path,
                ref=before.address.ref,
            )


def _sides(record: RecordChange) -> tuple[Namespace | None, Namespace | None]:
    before = record.before.manifest if record.before else None
    after = record.after.manifest if record.after else None
    return before if isinstance(before, Namespace) else None, after if isinstance(after, Namespace) else None


def _governed(before: Namespace, after: Namespace) -> list[str]:
    """Name what differs of what only a quorum decides; the order of a list says nothing."""
    old, new = before.spec, after.spec
    differs = {
        "owners": set(old.owners) != set(new.owners),
        "quotas": old.quotas != new.quotas,
        "requiredPolicies": set(old.required_policies) != set(new.required_policies),
    }
    return [name for name, is_other in differs.items() if is_other]


def check_settings_governance(change: Change) -> Iterator[Fault]:
    """Access, waivers and the gate's settings change with a quorum of the registry's administrators."""
    changed = _settings_changed(change)
    if not changed:
        return
    what = listed(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    asked = administrators_of(change.law, change.circumstances.today)
    if not asked:
        yield Fault(
            f"what holds for the whole registry changed ({what}), and nobody administers it, so nobody was asked",
            "bind an administrator: a RoleBinding in access/ without a scope, of a role with registry:admin "
            "(`gitreg schema role-binding --minimal` prints one)",
            path=changed[0],
            severity=Severity.WARNING,
        )
        return
    spoke = who_spoke(change)
    if not _is_quorum(asked, spoke):
        says = f"what holds for the whole registry changed ({what}); {_count(asked, spoke)}"
        yield Fault(says, _mend(asked, spoke), path=changed[0])


def _settings_changed(change: Change) -> list[str]:
    """Give the files whose change the administrators decide about; whoever founds a registry asks nobody."""
    before, after = change.base.settings, change.head.settings
    found = [file.path for file in change.files if file.path.startswith(_FOLDERS) and file.path != PLACE]
    if change.base.entry(REGISTRY_PATH) is None:
        found.clear()
    elif before is None:
        found.append(REGISTRY_PATH)
    elif after is not None and (before.spec.gate, before.spec.limits) != (after.spec.gate, after.spec.limits):
        found.append("registry.yaml")
    return found


def _agreed(asked: Sequence[str], spoke: frozenset[str]) -> list[str]:
    return [owner for owner in asked if known_as(owner) in spoke]


def _is_quorum(asked: Sequence[str], spoke: frozenset[str]) -> bool:
    named = {known_as(owner) for owner in asked}
    return 2 * len(named & spoke) > len(named)


def _count(asked: Sequence[str], spoke: frozenset[str]) -> str:
    wanted = len({known_as(owner) for owner in asked}) // 2 + 1
    return f"asked are {listed(asked)}, of whom {wanted} must agree; agreed: {listed(_agreed(asked, spoke))}"


def _mend(asked: Sequence[str], spoke: frozenset[str]) -> str:
    silent = next(owner for owner in asked if known_as(owner) not in spoke)
    return f"have more of them approve it (`--approver {silent}`), or somebody decide for them"


def check_codeowners(change: Change) -> Iterator[Fault]:
    """The generated CODEOWNERS follows the owners that it was made from.

    One without owners, as `gitreg init` lays it down, is not in use yet.
    """
    standing = change.head.read(PLACE)
    if standing is None or standing[1] == HEAD.encode():
        return
    if not any(file.path.startswith(_SOURCES) for file in change.files):
        return
    if standing[1] != codeowners_of(change.head, change.circumstances.today).encode():
        yield Fault(
            "owners or access changed, and .github/CODEOWNERS does not say what they say now",
            "make it again: `gitreg codeowners > .github/CODEOWNERS`",
            path=PLACE,
            severity=Severity.WARNING,
        )


def check_descent(change: Change) -> Iterator[Fault]:
    """The new tip of main descends from the last accepted one."""
    if not change.circumstances.descends:
        yield Fault(
            "the new tip does not descend from the last accepted one: history was rewritten or replaced",
            "put the accepted tip back, and bring what is new on top of it; what is wrong is mended by a new commit",
        )


RULES: Final = (
    Rule("GR-052", "governance-change", Severity.REVIEW, check_namespace_governance, on_state=False),
    Rule("GR-052", "governance-change", Severity.REVIEW, check_settings_governance, on_state=False),
    Rule("GR-052", "governance-change", Severity.REVIEW, check_codeowners, on_state=False),
    Rule("GR-055", "append-only-main", Severity.ERROR, check_descent, is_fixed=True, on_state=False),
)
