"""Rules on new names: that none is taken for another's.

- A name is new where no version of it has landed; one that has landed was decided about.
- Names are looked up by how they look, never listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import Final

from gitreg.errors import Severity
from gitreg.refs import KINDS
from gitreg.repository.lookups import fold
from gitreg.validation import Change, Fault, Rule, Subject
from gitreg_validators.rights import chain_of, known_as, levels_of, listed

SHORTEST: Final = 5
"""Shorter names are near to each other by chance."""
MOST_COMPARED: Final = 200
"""New names of one change that are compared one by one with what is near to them."""
_ALPHABET: Final = ascii_lowercase + digits + "-._"
_NUMBER: Final = re.compile(r"[0-9]+(?:[._-][0-9]+)*")
_SEPARATORS: Final = str.maketrans("._", "--")


@dataclass(frozen=True, slots=True)
class NewName:
    """A name that the change brings: its kind, its namespace, and the first record of it."""

    kind: str
    namespace: str
    name: str
    subject: Subject

    def fault(self, says: str, mend: str) -> Fault:
        """Tell something of the name."""
        return Fault(says, mend, field="metadata.name", path=self.subject.path, ref=self.subject.ref)


def _new_names(change: Change) -> list[NewName]:
    found: dict[tuple[str, str, str], NewName] = {}
    for subject in change.subjects:
        address = subject.manifest.address
        key = (address.kind, address.namespace, address.name)
        if subject.manifest.is_versioned and not change.base.versions(*key):
            found.setdefault(key, NewName(*key, subject))
    return list(found.values())


def _owners(change: Change, namespace: str) -> frozenset[str]:
    return frozenset(known_as(owner) for record in chain_of(change, namespace) for owner in record.spec.owners)


def _is_foreign(change: Change, new: NewName, namespace: str) -> bool:
    """Tell whether a namespace has owners, and none of them owns the new name's."""
    owners = _owners(change, namespace)
    return bool(owners) and owners.isdisjoint(_owners(change, new.namespace))


def check_fold(change: Change) -> Iterator[Fault]:
    """No new name looks like another's but for `-`, `_` and `.`."""
    news = _new_names(change)
    for kind in sorted({new.kind for new in news}):
        some = [new for new in news if new.kind == kind]
        alike: dict[str, list[tuple[str, str]]] = {}
        for namespace, name in change.head.names_folding(kind, {fold(new.name) for new in some}):
            alike.setdefault(fold(name), []).append((namespace, name))
        for new in some:
            yield from _fold_faults(change, new, alike.get(fold(new.name), ()))


def _fold_faults(change: Change, new: NewName, alike: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    for namespace, name in alike:
        if name != new.name and _is_foreign(change, new, namespace):
            yield new.fault(
                f"the new name {new.namespace}/{new.name} differs from {namespace}/{name} only in '-', '_' or '.', and "
                f"that is owned by {listed(sorted(_owners(change, namespace)))}",
                f"choose a name that cannot be mistaken for it; the same thing under its very name is {name}",
            )


def check_near(change: Change) -> Iterator[Fault]:
    """A new name one keystroke from another owner's is looked at by somebody."""
    news = [new for new in _new_names(change) if len(new.name) >= SHORTEST]
    if len(news) > MOST_COMPARED and not change.circumstances.is_bulk:
        yield Fault(
            f"{len(news)} new names are too many to compare each with what is near to it; "
            f"the first {MOST_COMPARED} were compared",
            f"make smaller changes of at most {MOST_COMPARED} names, or mark it as bulk",
        )
    for new in news[:MOST_COMPARED]:
        for namespace, name in change.head.names_spelt(new.kind, _one_off(new.name)):
            if _is_near(new.name, name) and _is_foreign(change, new, namespace):
                yield new.fault(
                    f"the new name {new.namespace}/{new.name} is one keystroke from {namespace}/{name}, "
                    f"which is owned by {listed(sorted(_owners(change, namespace)))}",
                    "choose a name that is further off, or have somebody approve it",
                )


def _is_near(new: str, other: str) -> bool:
    """Tell whether one name may be a slip of the other: neither short, nor a number of a family, nor GR-040's."""
    is_family = _NUMBER.sub("0", new) == _NUMBER.sub("0", other)
    return len(other) >= SHORTEST and not is_family and fold(new) != fold(other)


def _one_off(name: str) -> set[str]:
    """Give every text one edit away: a character left out, put in, replaced, or two neighbours swapped."""
    cuts = [(name[:n], name[n:]) for n in range(len(name) + 1)]
    found = {head + tail[1:] for head, tail in cuts}
    found.update(head + char + tail[1:] for head, tail in cuts for char in _ALPHABET)
    found.update(head + char + tail for head, tail in cuts for char in _ALPHABET)
    found.update(head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1)
    return found - {name}


def check_prefix(change: Change) -> Iterator[Fault]:
    """Reserved prefixes are used in the namespaces that they are reserved for."""
    prefixes = {_spelt(prefix): spaces for prefix, spaces in change.gate.reserved_prefixes.items()}
    for new in _new_names(change):
        levels = set(levels_of(new.namespace))
        for prefix, spaces in sorted(prefixes.items()):
            if _spelt(new.name).startswith(prefix) and levels.isdisjoint(spaces):
                word = KINDS[new.kind].word
                yield new.fault(
                    f"names that begin with {prefix!r} are reserved for {listed(spaces)}, and this {word} is in "
                    f"{new.namespace}",
                    "choose another name, register it there, or have somebody approve it",
                )


def _spelt(text: str) -> str:
    """Give a text as prefixes are compared: in lower case, every separator a `-`."""
    return text.casefold().translate(_SEPARATORS)


RULES: Final = (
    Rule("GR-040", "name-fold", Severity.ERROR, check_fold),
    Rule("GR-041", "name-near", Severity.REVIEW, check_near, on_state=False),
    Rule("GR-042", "brand-prefix", Severity.REVIEW, check_prefix),
)
