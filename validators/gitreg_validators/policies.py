"""Rules on policies: that the required ones are linked, that exceptions are sound, and that what is linked is kept.

- A policy holds for a record where a PolicyLink selects the record and names the policy; asked is the highest version
  that the link allows. Every link counts, whichever namespace it stands in.
- What cannot be decided here is told and never taken for a pass.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from gitreg.errors import NotFoundError, Severity
from gitreg.kinds import Manifest, Policy, PolicyLink
from gitreg.kinds.policy import Condition, DeclarativeRule
from gitreg.kinds.policy_link import PolicyException, Selector
from gitreg.manifests.difference import is_same
from gitreg.refs import Address, Ref
from gitreg.repository.snapshot import Snapshot, within
from gitreg.resolution import ENDED
from gitreg.validation import Change, Fault, Rule, Subject, each, touches
from gitreg.validation.waivers import means
from gitreg_validators.data_paths import values_at
from gitreg_validators.patterns import fault_of_pattern
from gitreg_validators.rights import chain_of, known_as, who_spoke

JUDGED: Final = frozenset({"Model", "Dataset", "Pipeline", "Config", "TestSuite"})
"""The kinds that policies can be for."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Decide = Callable[[list[Any], Any], "bool | None"]


class Links:
    """The PolicyLinks of the states of one change, each state's read once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[PolicyLink, ...]] = {}

    def selecting(self, subject: Subject) -> list[PolicyLink]:
        """Give the links that select a record where it stands."""
        if subject.manifest.kind not in JUDGED:
            return []
        state = subject.state
        known = self._known.get(id(state))
        if known is None:
            known = self._known[id(state)] = tuple(_links_in(state))
        return [link for link in known if is_selected(state, link.spec.selector, subject.manifest)]


def _links_in(state: Snapshot) -> Iterator[PolicyLink]:
    for entry in state.walk("policy-links"):
        record = state.record_at(entry.path) if entry.is_plain else None
        if record is not None and isinstance(record.manifest, PolicyLink):
            yield record.manifest


def is_selected(state: Snapshot, selector: Selector, manifest: Manifest) -> bool:
    """Tell whether a record meets everything that a selector gives."""
    address, metadata = manifest.address, manifest.metadata
    if manifest.kind not in selector.kinds:
        return False
    if selector.namespaces and not any(within(address.namespace, above) for above in selector.namespaces):
        return False
    if selector.refs and not any(_is_meant(state, Ref.parse(text), address) for text in selector.refs):
        return False
    return set(selector.tags) <= set(metadata.tags) and selector.labels.items() <= metadata.labels.items()


def _is_meant(state: Snapshot, ref: Ref, address: Address) -> bool:
    """Tell whether a ref means a record; an alias means what it names in this state."""
    return _resolved(state, ref) == address if isinstance(ref.selector, str) else means(ref, address)


def _resolved(state: Snapshot, ref: Ref) -> Address | None:
    try:
        return state.resolve(ref)
    except NotFoundError:
        return None


def _policy_of(state: Snapshot, text: str) -> Policy | None:
    """Give the policy that a ref means: the highest version that it allows."""
    address = _resolved(state, Ref.parse(text, kind="Policy"))
    record = state.record(address) if address else None
    return record.manifest if record and isinstance(record.manifest, Policy) else None


def check_coverage(change: Change) -> Iterable[Fault]:
    """Policies that a namespace requires are linked to the records in it."""
    links = Links()

    def inspect(subject: Subject) -> Iterator[Fault]:
        if subject.manifest.kind not in JUDGED:
            return
        linked = {
            policy.address.folder
            for link in links.selecting(subject)
            for text in link.spec.policies
            if (policy := _policy_of(subject.state, text))
        }
        for namespace, text in _required(change, subject):
            policy = _policy_of(subject.state, text)
            if policy is None or subject.manifest.kind not in policy.spec.applies_to:
                continue
            if policy.address.folder not in linked:
                yield Fault(
                    f"the namespace {namespace} requires the policy {text}, and no link binds this record to it",
                    f"register a PolicyLink of {text} whose selector meets this record, or put its labels and tags as "
                    "the link that there is wants them",
                    field="metadata.namespace",
                )

    return each(inspect)(change)


def _required(change: Change, subject: Subject) -> dict[tuple[str, str], None]:
    """Give the policies that are required of a record and who requires them, each once."""
    chain = chain_of(change, subject.manifest.address.namespace)
    return dict.fromkeys((record.metadata.name, text) for record in chain for text in record.spec.required_policies)


def check_exceptions(subject: Subject) -> Iterator[Fault]:
    """An exception from a policy has a reason and an end that has not passed."""
    manifest = subject.manifest
    for n, exception in enumerate(manifest.spec.exceptions if isinstance(manifest, PolicyLink) else ()):
        field, what = f"spec.exceptions[{n}]", f"the exception {exception.id!r}"
        if not exception.reason.strip():
            yield Fault(f"{what} has no reason", "say why the policy is not held against it", field=f"{field}.reason")
        if exception.expires_at is None:
            says, mend = f"{what} has no end", "give it an expiresAt, and look at it again then"
            yield Fault(says, mend, field=field, severity=Severity.WARNING)
        elif exception.expires_at < subject.today:
            mend = "take it out, or have it approved anew with a later expiresAt"
            yield Fault(f"{what} ended on {exception.expires_at}", mend, field=f"{field}.expiresAt")


def has_links(change: Change) -> bool:
    """Tell whether anything links policies to records."""
    return bool(change.subjects) and bool(change.head.children("policy-links"))


def check_results(change: Change) -> Iterable[Fault]:
    """The policies that are linked to a record are kept, or somebody allowed the exception."""
    links = Links()

    def inspect(subject: Subject) -> Iterator[Fault]:
        by_policy: dict[str, tuple[Policy, list[PolicyException]]] = {}
        change = subject.change
        for link in links.selecting(subject):
            for text in link.spec.policies:
                policy = _policy_of(subject.state, text)
                if policy is not None:
                    by_policy.setdefault(policy.address.ref, (policy, []))[1].extend(_granted(change, link, policy))
        for policy, exceptions in by_policy.values():
            yield from _judge(subject, policy, exceptions)

    return each(inspect)(change)


def _judge(subject: Subject, policy: Policy, exceptions: list[PolicyException]) -> Iterator[Fault]:
    spec = policy.spec
    if subject.manifest.kind not in spec.applies_to or spec.enforcement == "report" or spec.lifecycle.status in ENDED:
        return
    faults = list(_broken(subject, policy))
    if faults and not any(_lets_off(subject, policy, exception) for exception in exceptions):
        yield from faults


def _granted(change: Change, link: PolicyLink, policy: Policy) -> Iterator[PolicyException]:
    """Give the exceptions of a link that count for a policy.

    The link belongs to the policy's namespace or one above it, and the exception has landed or is being approved now by
    who it says: a change cannot let itself off.
    """
    if not within(policy.metadata.namespace, link.metadata.namespace):
        return
    record = change.law.record(link.address)
    landed = record.manifest.spec.exceptions if record and isinstance(record.manifest, PolicyLink) else ()
    spoke = who_spoke(change)
    yield from (one for one in link.spec.exceptions if one in landed or known_as(one.approved_by) in spoke)


def _broken(subject: Subject, policy: Policy) -> Iterator[Fault]:
    rule = policy.spec.rule
    if not isinstance(rule, DeclarativeRule):
        yield from _undecided(subject, policy, f"its language is {rule.language}")
        return
    data = subject.manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    for condition in rule.all_of:
        found = [value for value in values_at(data, condition.field) if value not in ([], {})]
        is_kept = OPERATORS[condition.operator](found, condition.value)
        if is_kept is None:
            yield from _undecided(subject, policy, f"{condition.operator} cannot be asked with {condition.value!r}")
        elif not is_kept:
            yield _fault(policy, condition, found)


def _undecided(subject: Subject, policy: Policy, why: str) -> Iterator[Fault]:
    """Say that somebody has to look: what is not known is never a pass. Of a whole state that is only told."""
    if policy.spec.enforcement == "block":
        yield Fault(
            f"{policy.address.ref} is not decided here: {why}",
            "have whoever can decide it, the policy engine or a person, look at this record before it lands",
            severity=Severity.WARNING if subject.change.is_state else Severity.REVIEW,
        )


def _fault(policy: Policy, condition: Condition, found: list[Any]) -> Fault:
    got = ", ".join(map(repr, found[:3])) or "not stated"
    wanted = condition.operator if condition.value is None else f"{condition.operator} {condition.value!r}"
    says = f"{policy.address.ref} is not kept ({policy.spec.message or policy.spec.title}): "
    return Fault(
        f"{says}{condition.field} is {got}, wanted: {wanted}",
        policy.spec.remediation or f"mend {condition.field}, or have an exception approved in the PolicyLink",
        field=condition.field,
        severity=Severity.WARNING if policy.spec.enforcement == "warn" else None,
    )


def _lets_off(subject: Subject, policy: Policy, exception: PolicyException) -> bool:
    """Tell whether an exception holds for this record and policy today; nobody allows one for their own record."""
    author = subject.change.circumstances.author
    return (
        _holds_on(exception, subject.today)
        and bool(exception.reason.strip())
        and (author is None or known_as(exception.approved_by) != known_as(author))
        and _is_meant(subject.state, Ref.parse(exception.policy, kind="Policy"), policy.address)
        and _is_meant(subject.state, Ref.parse(exception.record), subject.manifest.address)
    )


def _holds_on(exception: PolicyException, day: date) -> bool:
    return exception.expires_at is None or day <= exception.expires_at


# Conditions: the values that were found at the field, and what they are compared with. None: it cannot be decided.


def _equals(found: list[Any], value: Any) -> bool:
    return bool(found) and all(is_same(one, value) for one in found)


def _differs(found: list[Any], value: Any) -> bool:
    return not any(is_same(one, value) for one in found)


def _is_in(found: list[Any], value: Any) -> bool | None:
    if not isinstance(value, list):
        return None
    return bool(found) and all(any(is_same(one, other) for other in value) for one in _each_of(found))


def _is_not_in(found: list[Any], value: Any) -> bool | None:
    if not isinstance(value, list):
        return None
    return not any(is_same(one, other) for other in value for one in _each_of(found))


def _contains(found: list[Any], value: Any) -> bool:
    return bool(found) and all(_has(one, value) for one in found)


def _has(whole: Any, value: Any) -> bool:
    if isinstance(whole, list):
        return any(is_same(item, value) for item in whole)
    return isinstance(whole, str) and isinstance(value, str) and value in whole


def _matches(found: list[Any], value: Any) -> bool | None:
    try:
        pattern = re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError):
        return None
    return bool(found) and all(isinstance(one, str) and pattern.search(one) for one in _each_of(found))


def _ordered(compare: Callable[[Any, Any], bool]) -> Decide:
    def decide(found: list[Any], value: Any) -> bool | None:
        order = _order_of(value)
        if order is None:
            return None
        return bool(found) and all(_order_of(one) is order and compare(one, value) for one in _each_of(found))

    return decide


def _order_of(value: Any) -> str | None:
    """Say in what order a value stands: numbers among numbers, days among days."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "numbers"
    return "days" if isinstance(value, str) and _DAY.fullmatch(value) else None


def _each_of(found: list[Any]) -> Iterator[Any]:
    for one in found:
        yield from one if isinstance(one, list) else [one]


OPERATORS: Final[Mapping[str, Decide]] = {
    "exists": lambda found, _: bool(found),
    "absent": lambda found, _: not found,
    "equals": _equals,
    "not_equals": _differs,
    "in": _is_in,
    "not_in": _is_not_in,
    "contains": _contains,
    "matches_regex": _matches,
    "less_than": _ordered(operator.lt),
    "greater_than": _ordered(operator.gt),
    "at_least": _ordered(operator.ge),
    "at_most": _ordered(operator.le),
}


def check_patterns(subject: Subject) -> Iterator[Fault]:
    """What a policy compares with is what its operators take: patterns that compile, lists, numbers or days."""
    rule = subject.manifest.spec.rule if isinstance(subject.manifest, Policy) else None
    for n, condition in enumerate(rule.all_of if isinstance(rule, DeclarativeRule) else ()):
        if OPERATORS[condition.operator]([], condition.value) is None:
            says = f"{condition.operator} cannot be asked with {condition.value!r}"
            wanted = _wanted(condition)
            yield Fault(f"{says}: {wanted}", "mend the value, or ask otherwise", field=f"spec.rule.allOf[{n}].value")


def _wanted(condition: Condition) -> str:
    if condition.operator == "matches_regex":
        return f"it is no pattern ({fault_of_pattern(condition.value)})"
    if condition.operator in ("in", "not_in"):
        return "a list is wanted"
    return "a number is wanted, or a day like 2026-12-31"


RULES: Final = (
    Rule("GR-070", "policy-coverage", Severity.ERROR, check_coverage),
    Rule("GR-070", "policy-coverage", Severity.ERROR, each(check_exceptions)),
    Rule("GR-071", "policy-result", Severity.ERROR, check_results, runs_apart=True, concerns=has_links),
    Rule("GR-071", "policy-result", Severity.ERROR, each(check_patterns), runs_apart=True, concerns=touches(Policy)),
)
