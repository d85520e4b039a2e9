"""What a rule is, and where rules come from.

- A rule is a function from a change to faults; it never prints, writes or stops early.
- A rule on states is written for one record (`each`): what the record's earlier state was guilty of already is not
  held against a change that leaves it as it is.
- Rules are found through the entry-point group `gitreg.validators`, the same door that plugins use; a plugin's rules
  run in a process of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, wraps
from importlib import metadata
from typing import Final, TypeAlias

from gitreg.errors import GitregError, Severity
from gitreg.kinds import Manifest
from gitreg.validation.change import Change, Subject

GROUP: Final = "gitreg.validators"
DISTRIBUTION: Final = "llm-gitreg"
_CODE: Final = re.compile(r"[A-Z]{2,8}-[0-9]{3}")
_POSITION: Final = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule finds: what is wrong and how to mend it; the rule, its weight and the place are filled in after.

    `severity` is given where this fault weighs less or more than the rule; it is then not weighed by the registry.
    `line` and `column` count from 1 and are given where `field` cannot tell the place.
    """

    says: str
    mend: str
    field: str | None = None
    path: str | None = None
    ref: str | None = None
    severity: Severity | None = None
    line: int | None = None
    column: int | None = None


Check: TypeAlias = Callable[[Change], Iterable[Fault]]
Inspect: TypeAlias = Callable[[Subject], Iterable[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate.

    `is_fixed` rules keep their severity whatever the registry says, and cannot be waived. `runs_apart` rules are run in
    a process of their own with a time limit: those that execute what a manifest says (patterns, templates).
    `on_state` tells whether the rule has something to say of a state by itself, without a change. `concerns`
    tells, for a rule that runs apart, whether a change has anything for it: then no process is made for nothing.
    """

    code: str
    slug: str
    severity: Severity
    check: Check
    is_fixed: bool = False
    runs_apart: bool = False
    on_state: bool = True
    concerns: Callable[[Change], bool] | None = None

    @property
    def name(self) -> str:
        """Give the name of the rule's function."""
        return getattr(self.check, "__name__", self.slug)

    @property
    def summary(self) -> str:
        """Say in a line what the rule finds."""
        return (self.check.__doc__ or "").strip().split("\n")[0]


def each(inspect: Inspect) -> Check:
    """Make a check of a function that looks at one record where it stands."""

    @wraps(inspect)
    def check(change: Change) -> Iterator[Fault]:
        for subject in change.subjects:
            found = [_placed(fault, subject) for fault in inspect(subject)]
            earlier = subject.earlier if found else None
            known = {_key(fault) for fault in inspect(earlier)} if earlier is not None else set()
            yield from (fault for fault in found if _key(fault) not in known)

    return check


def touches(*kinds: type[Manifest]) -> Callable[[Change], bool]:
    """Tell for `Rule.concerns` whether a change adds or edits a record of some kinds."""
    return lambda change: any(isinstance(subject.manifest, kinds) for subject in change.subjects)


def _placed(fault: Fault, subject: Subject) -> Fault:
    return replace(fault, path=fault.path or subject.path, ref=fault.ref or subject.ref)


def _key(fault: Fault) -> tuple[str, str]:
    """Know a fault again where a list has another order."""
    return _POSITION.sub("[]", fault.field or ""), fault.says


@cache
def load_rules() -> tuple[Rule, ...]:
    """Load every rule that is installed, by code; `GitregError` for a plugin that breaks the contract."""
    found: list[Rule] = []
    for entry in metadata.entry_points(group=GROUP):
        is_ours = entry.dist is not None and entry.dist.name == DISTRIBUTION
        found.extend(entry.load() if is_ours else _rules_of(entry))
    return tuple(sorted(found, key=lambda rule: rule.code))


def _rules_of(entry: metadata.EntryPoint) -> Iterator[Rule]:
    """Load a plugin's rules; they are run apart, and may not take a code of ours."""
    whose = f"the plugin {entry.name!r} ({entry.value})"
    try:
        rules = tuple(entry.load())
    except Exception as error:
        raise _broken(whose, f"it cannot be loaded: {type(error).__name__}: {error}") from error
    for rule in rules:
        if not isinstance(rule, Rule):
            raise _broken(whose, f"it gives {rule!r} for a rule")
        if not _CODE.fullmatch(rule.code) or rule.code.startswith("GR-"):
            raise _broken(whose, f"it has a rule with the code {rule.code!r}; GR is gitreg's own")
        yield replace(rule, runs_apart=True, concerns=None)


def _broken(whose: str, got: str) -> GitregError:
    return GitregError(
        f"{whose} breaks the contract of rules, so nothing can be validated",
        got=got,
        expected="an iterable of gitreg.validation.Rule with codes like AC-001",
        mend="mend the plugin, or uninstall it",
    )
