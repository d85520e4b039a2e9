"""The gate's frame: what a change is, what rules weigh, who is let off, and what becomes of a rule that breaks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from gate_support import (
    AUTHOR,
    BASE,
    TODAY,
    Files,
    around,
    change_of,
    commit,
    found_by,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    registry_yaml,
)

from gitreg.errors import Exit, Finding, GitregError, RepositoryError, Severity
from gitreg.kinds import KIND_TYPES
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository
from gitreg.repository.snapshot import Memory, Overlay, Snapshot
from gitreg.repository.writing import write_commit
from gitreg.validation import (
    GROUP,
    Change,
    Circumstances,
    Fault,
    Report,
    Rule,
    Subject,
    check,
    each,
    load_rules,
    outcome_of,
    validate,
)
from gitreg_validators import RULES
from gitreg_validators.gate import Gate

NEW = path_of("new")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("gate"), BASE).snapshot()


def find(change: Change) -> Iterator[Fault]:
    """Every record is found."""
    for subject in change.subjects:
        yield Fault("found", "mend it", "spec.provider", subject.path, subject.ref)


def licences(subject: Subject) -> Iterator[Fault]:
    """No record has a licence."""
    licence = getattr(subject.manifest.spec, "license", None)
    if licence:
        yield Fault(f"it has {licence}", "remove it", "spec.license")


def rule(check: Callable[[Change], Iterable[Any]] = find, code: str = "GR-900", **about: Any) -> Rule:
    return Rule(code, "a-rule", **{"severity": Severity.ERROR, "check": check, **about})


def weights(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity.value) for finding in found]


# Weight


@pytest.mark.parametrize(
    ("own", "said", "is_fixed", "expected"),
    [
        pytest.param("review", None, False, "review", id="its-own"),
        pytest.param("review", "warning", False, "warning", id="lowered"),
        pytest.param("warning", "error", False, "error", id="raised"),
        pytest.param("error", "off", False, None, id="off"),
        pytest.param("error", "warning", True, "error", id="fixed"),
        pytest.param("error", "off", True, "error", id="fixed-and-off"),
    ],
)
def test_a_rule_weighs_what_the_base_says(
    tmp_path: Path, own: str, said: str | None, is_fixed: bool, expected: str | None
) -> None:
    registry = new_registry(tmp_path)
    severities = {"GR-901": "error", **({"GR-900": said} if said else {})}
    strict = commit(registry, {"registry.yaml": registry_yaml(registry.snapshot(), spec__gate__severities=severities)})
    found = found_by(strict, {NEW: model("new")}, [rule(severity=Severity(own), is_fixed=is_fixed)])
    assert weights(found) == ([("GR-900", expected)] if expected else [])


def test_a_change_cannot_lower_what_it_is_judged_by(base: Snapshot) -> None:
    off = {known.code: "off" for known in (*RULES, rule())}
    files = {NEW: b"a: [", path_of(): model(license="mit")}
    lowered = {**files, "registry.yaml": registry_yaml(base, spec__gate__severities=off)}
    chosen = [rule(), *(known for known in RULES if known.code in ("GR-001", "GR-011"))]
    assert weights(f for f in found_by(base, lowered, chosen) if f.path in files) == weights(
        found_by(base, files, chosen)
    )


def test_a_fault_with_a_weight_of_its_own_keeps_it(tmp_path: Path) -> None:
    def light(_: Change) -> Iterator[Fault]:
        yield Fault("a", "b", severity=Severity.WARNING)
        yield Fault("b", "b")

    registry = new_registry(tmp_path)
    raised = registry_yaml(registry.snapshot(), spec__gate__severities={"GR-900": "review"})
    strict = commit(registry, {"registry.yaml": raised})
    assert weights(found_by(strict, {}, [rule(light)])) == [("GR-900", "warning"), ("GR-900", "review")]


def test_a_state_and_a_first_commit_are_judged_by_their_own_settings(base: Snapshot) -> None:
    lowered = {"registry.yaml": registry_yaml(base, spec__gate__severities={"GR-900": "warning"})}
    head = change_of(base, lowered).head
    assert {weight for _, weight in weights(check(Change.state(head), [rule()]))} == {"warning"}
    first = Change(Snapshot(base.repo, None, base.memory), head)
    assert {weight for _, weight in weights(check(first, [rule()]))} == {"warning"}


# Order, places, ratchet


def test_findings_come_in_one_order_and_with_their_places(base: Snapshot) -> None:
    files = {NEW: model("new"), path_of("a"): model("a"), path_of(): model(license="mit"), path_of("x"): b"a: ["}
    two = [rule(code="GR-902"), rule(), *(known for known in RULES if known.code in ("GR-001", "GR-011"))]
    found = found_by(base, dict(reversed(list(files.items()))), two)
    assert found == found_by(base, files, reversed(two))
    assert [(finding.path, finding.rule) for finding in found] == [
        (path_of("a"), "GR-900"),
        (path_of("a"), "GR-902"),
        (path_of(), "GR-011"),
        (path_of(), "GR-900"),
        (path_of(), "GR-902"),
        (NEW, "GR-900"),
        (NEW, "GR-902"),
        (path_of("x"), "GR-001"),
    ]
    assert all(finding.line and finding.column and finding.source for finding in found)


def test_a_fault_in_what_goes_is_placed_in_what_was(base: Snapshot) -> None:
    def gone(change: Change) -> Iterator[Fault]:
        yield from (Fault("gone", "put it back", "spec.license", record.path) for record in change.records)

    (found,) = found_by(base, {path_of(version="1.1.0"): None}, [rule(gone)])
    assert found.source == "  license: mit"


def test_old_offences_are_not_held_against_a_change_and_new_ones_are(base: Snapshot) -> None:
    held = [rule(each(licences))]
    landed = path_of(version="1.1.0")
    assert found_by(base, {landed: model(version="1.1.0", license="mit", description="Described.")}, held) == []
    for files in (
        {landed: model(version="1.1.0", license="apache-2.0")},
        {path_of(): model(license="mit")},
        {NEW: model("new", license="mit")},
    ):
        (found,) = found_by(base, files, held)
        assert (found.path, found.field) == (next(iter(files)), "spec.license")
        assert found.ref
        assert found.ref.startswith("model:acme/")


def test_an_offence_is_known_again_where_a_list_has_another_order(base: Snapshot) -> None:
    def tagged(subject: Subject) -> Iterator[Fault]:
        for n, tag in enumerate(subject.manifest.metadata.tags):
            yield Fault(f"the tag {tag}", "remove it", f"metadata.tags[{n}]")

    before = change_of(base, {path_of(): model(tags=["a", "b"])})
    oid = write_commit(
        base.repo, parent=base.commit, changes={path_of(): model(tags=["a", "b"])}, author=AUTHOR, committer=AUTHOR,
        message="tags",
    )  # fmt: skip
    assert len(check(before, [rule(each(tagged))])) == 2
    landed = Snapshot(base.repo, oid, base.memory)
    found = found_by(landed, {path_of(): model(tags=["c", "b", "a"])}, [rule(each(tagged))])
    assert [finding.says for finding in found] == ["the tag c"]


def test_a_subject_knows_its_text_its_earlier_self_and_the_day(base: Snapshot) -> None:
    raw = model(description="Described.")
    change = change_of(base, {path_of(): raw, NEW: model("new"), path_of("x"): b"a: ["})
    landed, new = change.subjects
    assert (landed.raw, landed.ref, landed.today) == (raw, "model:acme/chat@1.0.0", TODAY)
    assert landed.earlier
    assert (landed.earlier.raw, landed.is_new, new.is_new, new.earlier) == (BASE[path_of()], False, True, None)
    assert replace(new, path="models/acme/no/1.0.0.yaml").raw == b""


# Rules that break


def raises(_: Change) -> Iterator[Fault]:
    raise ValueError("no")
    yield


def hangs(_: Change) -> Iterator[Fault]:
    time.sleep(60)
    yield Fault("late", "hurry")


def crashes(_: Change) -> Iterator[Fault]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield Fault("dead", "live")


def exits(_: Change) -> Iterator[Fault]:
    raise SystemExit(0)
    yield


def goes_quiet(_: Change) -> Iterator[Fault]:
    os.closerange(3, 65_536)
    time.sleep(60)
    yield Fault("quiet", "speak")


def babbles(_: Change) -> list[Any]:
    return ["a", Fault("true", "mend it"), None]


class Sticky:
    """Cannot be handed over."""

    def __reduce__(self) -> Any:
        raise TypeError("it sticks")


class Fragile:
    """Can be handed over, and not be taken."""

    def __reduce__(self) -> Any:
        return (int, ("x",))


def sticks(_: Change) -> list[Any]:
    return [Sticky()]


def shatters(_: Change) -> list[Any]:
    return [Fragile()]


def floods(_: Change) -> Iterator[Fault]:
    for n in range(3000):
        yield Fault(f"{n} {'x' * 1000}", "mend it")


COULD_NOT = "the rule could not decide: "
BREAKING: Mapping[str, tuple[Callable[[Change], Iterable[Any]], str]] = {
    "raises": (raises, COULD_NOT + "it raised ValueError: no"),
    "hangs": (hangs, COULD_NOT + "it took longer than 0.5 s"),
    "crashes": (crashes, COULD_NOT + "its process ended early (SIGKILL)"),
    "exits": (exits, COULD_NOT + "its process ended early"),
    "goes quiet": (goes_quiet, COULD_NOT + "its process ended early"),
    "sticks": (sticks, COULD_NOT + "what it gives cannot be handed over: TypeError: it sticks"),
    "shatters": (shatters, COULD_NOT + "what it gives cannot be taken: ValueError"),
    "gives nothing to go through": (lambda _: None, COULD_NOT + "it raised TypeError"),  # type: ignore[return-value,dict-item]
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_rule_that_breaks_apart_is_a_finding_and_the_others_are_kept(base: Snapshot, name: str) -> None:
    broken, says = BREAKING[name]
    chosen = [
        rule(code="GR-901", runs_apart=True),
        rule(broken, "GR-902", runs_apart=True, severity=Severity.WARNING),
        rule(code="GR-903", runs_apart=True),
        rule(),
    ]
    patience = 0.5 if name == "hangs" else 30  # the others end by themselves, however busy the machine is
    found = check(change_of(base, {NEW: model("new")}), chosen, patience=patience)
    (told,) = [finding for finding in found if finding.rule == "GR-902"]
    assert told.says.startswith(says)
    assert (told.slug, told.severity) == ("a-rule", Severity.ERROR)
    assert "can switch it off meanwhile" in told.mend
    assert {finding.rule for finding in found} == {"GR-900", "GR-901", "GR-902", "GR-903"}


def test_a_rule_that_raises_here_is_a_finding_too(base: Snapshot) -> None:
    found = found_by(base, {NEW: model("new")}, [rule(raises, "GR-901"), rule()])
    assert [(finding.rule, finding.path) for finding in found] == [("GR-901", None), ("GR-900", NEW)]
    assert found[0].says == COULD_NOT + "it raised ValueError: no"


@pytest.mark.parametrize("runs_apart", [False, True])
def test_what_is_no_fault_is_told_beside_those_that_are(base: Snapshot, runs_apart: bool) -> None:
    found = found_by(base, {NEW: model("new")}, [rule(babbles, runs_apart=runs_apart)])
    assert [finding.says for finding in found] == [
        "the rule gave NoneType for a fault",
        "the rule gave str for a fault",
        "true",
    ]


def test_many_faults_come_over_whole(base: Snapshot) -> None:
    assert len(found_by(base, {NEW: model("new")}, [rule(floods, runs_apart=True)])) == 3000


@pytest.mark.parametrize("runs_apart", [False, True])
def test_a_broken_repository_is_not_a_finding(base: Snapshot, runs_apart: bool) -> None:
    def reads(_: Change) -> Iterator[Fault]:
        raise RepositoryError("an object is missing", mend="fetch it", where="here", got="a" * 40)
        yield

    with pytest.raises(RepositoryError) as caught:
        found_by(base, {NEW: model("new")}, [rule(reads, runs_apart=runs_apart)])
    assert caught.value.explain() == (f"an object is missing\n  where: here\n  got: {'a' * 40}\n  mend: fetch it")


def test_nothing_is_run_apart_where_nothing_changed(base: Snapshot) -> None:
    assert found_by(base, {}, [rule(hangs, runs_apart=True)]) == []


def test_a_rule_run_apart_reads_what_it_needs(base: Snapshot) -> None:
    def mentions(change: Change) -> Iterator[Fault]:
        yield from (Fault(path, "mend it") for path in change.head.mentioning(["acme/chat"]))

    files = {NEW: model("new", dependencies=[{"ref": "acme/chat@^1"}])}
    assert [finding.says for finding in found_by(base, files, [rule(mentions, runs_apart=True)])] == [NEW]


def test_a_rule_on_changes_says_nothing_of_a_state(base: Snapshot) -> None:
    state = Change.state(base)
    assert check(state, [rule(on_state=False)]) == []
    assert len(check(state, [rule()])) == len(state.subjects)


# Where rules come from


@dataclass
class FakeEntry:
    """An entry point of a distribution that is not ours."""

    rules: Any
    name: str = "acme"
    value: str = "acme_rules:RULES"
    dist: Any = None

    def load(self) -> Any:
        if isinstance(self.rules, Exception):
            raise self.rules
        return self.rules


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], tuple[Rule, ...]]]:
    """Load the rules with a plugin among them."""
    real = list(metadata.entry_points(group=GROUP))

    def load(plugin: Any) -> tuple[Rule, ...]:
        def entry_points(group: str) -> list[Any]:
            assert group == GROUP
            return [*real, FakeEntry(plugin)]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        load_rules.cache_clear()
        return load_rules()

    yield load
    monkeypatch.undo()
    load_rules.cache_clear()


def test_rules_are_found_through_their_entry_points() -> None:
    assert GROUP == "gitreg.validators"
    loaded = load_rules()
    assert set(loaded) >= set(RULES)
    assert [known.code for known in loaded] == sorted(known.code for known in loaded)


def test_a_plugins_rule_is_run_apart_and_weighed_like_others(
    base: Snapshot, plugged: Callable[[Any], tuple[Rule, ...]]
) -> None:
    loaded = plugged([rule(code="AC-001", severity=Severity.REVIEW)])
    (ours,) = [known for known in loaded if known.code == "AC-001"]
    assert ours.runs_apart
    assert set(loaded) >= set(RULES)
    found = validate(change_of(base, {NEW: model("new")})).findings
    assert ("AC-001", "review", NEW) in [(finding.rule, finding.severity.value, finding.path) for finding in found]


@pytest.mark.parametrize(
    ("plugin", "got"),
    [
        pytest.param([rule(code="GR-900")], "GR is gitreg's own", id="our-code"),
        pytest.param([rule(code="GR-xxx")], "'GR-xxx'", id="like-our-code"),
        pytest.param([rule(code="ac-001")], "'ac-001'", id="lower-case"),
        pytest.param([rule(code="AC-0001")], "'AC-0001'", id="four-digits"),
        pytest.param([find], "for a rule", id="not-a-rule"),
        pytest.param(ImportError("no such module"), "ImportError: no such module", id="cannot-be-loaded"),
        pytest.param(5, "TypeError", id="nothing-to-go-through"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_refused(
    plugged: Callable[[Any], tuple[Rule, ...]], plugin: Any, got: str
) -> None:
    with pytest.raises(GitregError, match="the plugin 'acme' \\(acme_rules:RULES\\) breaks the contract") as caught:
        plugged(plugin)
    assert got in str(caught.value.got)


def test_codes_and_slugs_belong_together() -> None:
    slugs = {(known.code, known.slug) for known in RULES}
    assert len({code for code, _ in slugs}) == len(slugs)
    assert all(known.summary.endswith(".") and known.name.startswith("check_") for known in RULES)
    assert rule(lambda _: []).summary == ""


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_no_rule_raises_at_an_example(base: Snapshot, kind: str) -> None:
    raw = KIND_TYPES[kind].example.encode()
    for path in ("registry.yaml", NEW, "access/x.yaml"):
        found = found_by(base, {path: raw})
        assert all(finding.mend for finding in found)
        assert not any("could not decide" in finding.says for finding in found)


# Waivers


def waiver(rule: str = "GR-900", expires: date = TODAY, **scope: Any) -> bytes:
    spec = {"rule": rule, "scope": scope, "reason": "a", "approvedBy": "author@example.com"}
    return manifest("Waiver", {"name": "w"}, {**spec, "expiresAt": expires.isoformat()})


IN_EU = path_of("new", namespace="acme/eu")
EU = {IN_EU: model("new", namespace="acme/eu")}
ROLE = "access/r.yaml"
WAIVED: Mapping[str, tuple[bytes, Files, bool]] = {
    "its namespace": (waiver(namespaces=["acme"]), {NEW: model("new")}, True),
    "a namespace above": (waiver(namespaces=["acme"]), EU, True),
    "one of two namespaces": (waiver(namespaces=["other", "acme"]), {NEW: model("new")}, True),
    "a namespace below": (waiver(namespaces=["acme/eu"]), {NEW: model("new")}, False),
    "a namespace of the same beginning": (waiver(namespaces=["ac"]), {NEW: model("new")}, False),
    "its name in a range": (waiver(refs=["acme/new@^1"]), {NEW: model("new")}, True),
    "its very version": (waiver(refs=["acme/new@1.0.0"]), {NEW: model("new")}, True),
    "one of two refs": (waiver(refs=["acme/old@^1", "acme/new@1.x"]), {NEW: model("new")}, True),
    "its name without versions": (waiver(refs=["acme/new"]), {NEW: model("new")}, True),
    "another version": (waiver(refs=["acme/new@1.0.1"]), {NEW: model("new")}, False),
    "another range": (waiver(refs=["acme/new@^2"]), {NEW: model("new")}, False),
    "another name": (waiver(refs=["acme/newer@^1"]), {NEW: model("new")}, False),
    "its name elsewhere": (waiver(refs=["other/new@^1"]), {NEW: model("new")}, False),
    "another kind": (waiver(refs=["dataset:acme/new@^1"]), {NEW: model("new")}, False),
    "an alias says nothing": (waiver(refs=["acme/new@stable"]), {NEW: model("new")}, False),
    "no scope": (waiver(), {NEW: model("new")}, False),
    "a record without versions": (waiver(refs=["role:r"]), {ROLE: manifest(
        "Role", {"name": "r"}, {"permissions": ["registry:read"]})}, True),
    "a record without a namespace": (waiver(namespaces=["acme"]), {ROLE: manifest(
        "Role", {"name": "r"}, {"permissions": ["registry:read"]})}, False),
    "the namespace itself": (waiver(namespaces=["acme"]), {"namespaces/acme.yaml": namespace("acme", "a@example.com")},
        True),
    "another rule": (waiver("GR-901", namespaces=["acme"]), {NEW: model("new")}, False),
    "a day more": (waiver(expires=date(2026, 6, 2), namespaces=["acme"]), {NEW: model("new")}, True),
    "over since yesterday": (waiver(expires=date(2026, 5, 31), namespaces=["acme"]), {NEW: model("new")}, False),
    "it cannot be read": (b"a: [", {NEW: model("new")}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", WAIVED)
def test_a_waiver_that_has_landed_lets_off_what_it_names(base: Snapshot, name: str) -> None:
    raw, files, is_waived = WAIVED[name]
    oid = write_commit(
        base.repo, parent=base.commit, changes={"waivers/w.yaml": raw}, author=AUTHOR, committer=AUTHOR, message="w"
    )
    report = validate(change_of(Snapshot(base.repo, oid, base.memory), files), [rule()])
    assert [finding.waived for finding in report.findings] == [is_waived]
    assert report.outcome == ("pass" if is_waived else "fail")
    assert ("waived" in report.findings[0].explain()) is is_waived


def test_a_waiver_for_a_path_goes_by_the_place(base: Snapshot) -> None:
    def placed(change: Change) -> Iterator[Fault]:
        yield Fault("of a record's place", "a", path=NEW)
        yield Fault("of no record's place", "a", path="docs/a.md")
        yield Fault("of no place", "a")
        yield Fault("of no ref", "a", path=NEW, ref="no ref at all")

    changes = {"waivers/w.yaml": waiver(namespaces=["acme"])}
    oid = write_commit(base.repo, parent=base.commit, changes=changes, author=AUTHOR, committer=AUTHOR, message="w")
    found = found_by(Snapshot(base.repo, oid, base.memory), {NEW: model("new")}, [rule(placed)])
    assert [finding.says for finding in found if finding.waived] == ["of a record's place"]


def test_a_change_cannot_waive_what_it_is_judged_by(base: Snapshot) -> None:
    files = {NEW: model("new"), "waivers/w.yaml": waiver(namespaces=["acme"])}
    assert not any(finding.waived for finding in found_by(base, files, [rule()]))


@pytest.mark.parametrize("code", ["GR-900", "GR-000"])
def test_fixed_rules_are_never_waived(tmp_path: Path, code: str) -> None:
    registry = new_registry(tmp_path)
    state = commit(registry, {"waivers/w.yaml": waiver(code, namespaces=["acme"])})
    change = replace(change_of(state, {NEW: model("new")}), conflicts=(NEW,))
    found = check(change, [rule(is_fixed=True)])
    assert {finding.rule for finding in found} == {"GR-000", "GR-900"}
    assert not any(finding.waived for finding in found)


def test_a_waiver_that_is_no_plain_file_is_none(base: Snapshot) -> None:
    state = change_of(base, {}).head
    assert found_by(state, {"waivers/w.yaml": None, NEW: model("new")}, [rule()])


# Outcome and report


def finding(code: str, severity: Severity, **about: Any) -> Finding:
    return Finding(code, "a-rule", "says", "mend", severity, **about)


@pytest.mark.parametrize(
    ("findings", "approved", "expected"),
    [
        pytest.param([], (), "pass", id="nothing"),
        pytest.param([finding("GR-900", Severity.WARNING)], (), "pass", id="a-warning"),
        pytest.param([finding("GR-900", Severity.REVIEW)], (), "review", id="a-review"),
        pytest.param([finding("GR-900", Severity.ERROR)], (), "fail", id="an-error"),
        pytest.param(
            [finding("GR-900", Severity.REVIEW), finding("GR-901", Severity.ERROR)], (), "fail", id="both"
        ),
        pytest.param([finding("GR-900", Severity.REVIEW)], ("GR-900",), "pass", id="a-review-that-was-decided"),
        pytest.param([finding("GR-900", Severity.REVIEW)], ("GR-901",), "review", id="another-decision"),
        pytest.param([finding("GR-900", Severity.ERROR)], ("GR-900",), "fail", id="errors-are-not-decided"),
        pytest.param([finding("GR-900", Severity.ERROR, waived=True)], (), "pass", id="waived"),
        pytest.param(
            [finding("GR-900", Severity.ERROR, waived=True), finding("GR-900", Severity.ERROR)], (), "fail",
            id="one-of-two-waived",
        ),
    ],
)  # fmt: skip
def test_the_outcome_is_that_of_the_heaviest(findings: list[Finding], approved: tuple[str, ...], expected: str) -> None:
    assert outcome_of(findings, approved) == expected
    report = Report(outcome_of(findings, approved), None, None, tuple(findings), 0, 0, 0.0)
    assert report.exit_code == {"pass": Exit.FINE, "fail": Exit.FAULTS, "review": Exit.REVIEW}[expected]


def test_an_approved_rule_passes_the_gate(base: Snapshot) -> None:
    files = {NEW: model("new")}
    waiting = rule(severity=Severity.REVIEW)
    assert validate(change_of(base, files), [waiting]).outcome == "review"
    assert validate(change_of(base, files, approved=("GR-900",)), [waiting]).outcome == "pass"


def test_a_report_is_data(base: Snapshot) -> None:
    report = validate(
        change_of(base, {NEW: model("new"), "docs/a.md": b"a"}), [rule(), rule(raises), rule(raises, "GR-901")]
    )
    data = report.as_data()
    assert list(data) == ["outcome", "base", "head", "findings", "checked", "seconds"]
    assert (data["outcome"], data["base"], data["head"]) == ("fail", base.commit, None)
    assert data["checked"] == {"records": 1, "rules": 2}
    assert [(found["rule"], found["path"]) for found in data["findings"]] == [
        ("GR-900", None),
        ("GR-901", None),
        ("GR-900", NEW),
    ]
    assert data["findings"][2]["severity"] == "error"
    assert data["findings"][2]["waived"] is False
    assert isinstance(data["seconds"], float)


# What a change is


def landed_on(registry: Registry, parent: str | None, files: Files, message: str = "branch") -> str:
    repo = registry.repo
    return write_commit(repo, parent=parent, changes=files, author=AUTHOR, committer=AUTHOR, message=message)


def test_a_change_knows_what_differs(base: Snapshot) -> None:
    same = base.read(path_of())
    assert same
    files = {path_of(): same[1], NEW: model("new"), path_of(version="1.1.0"): model(version="1.1.0"), "docs/a": b"a"}
    change = Change(base, Overlay(base, files))
    assert [file.path for file in change.files] == ["docs/a", path_of(version="1.1.0"), NEW]
    assert [record.path for record in change.records] == [path_of(version="1.1.0"), NEW]
    assert [record.address.ref for record in change.records if record.address] == [
        "model:acme/chat@1.1.0",
        "model:acme/new@1.0.0",
    ]


def test_two_commits_are_compared_as_a_commit_and_files_are(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    before = registry.snapshot()
    files = {path_of(): model(provider="anthropic"), NEW: b"a: [", path_of(version="1.1.0"): None}
    over = found_by(before, files)
    after = commit(registry, files)
    assert check(Change(before, after, around())) == over
    assert before.commit
    assert after.commit
    between = Change.between(registry.repo, before.commit, after.commit, around())
    assert check(between) == over
    assert (between.head_commit, between.conflicts) == (after.commit, ())
    assert {found.rule for found in over} >= {"GR-001", "GR-011", "GR-018"}


def test_what_main_did_meanwhile_is_not_undone_by_a_branch(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    fork = registry.snapshot()
    branch = landed_on(registry, fork.commit, {NEW: model("new"), "docs/b.md": b"b"})
    main = commit(registry, {path_of("meanwhile"): model("meanwhile"), "docs/a.md": b"a", "access/tester.yaml": None})
    change = Change.between(registry.repo, main.commit, branch, around())
    assert [(file.path, file.old) for file in change.files] == [("docs/b.md", None), (NEW, None)]
    assert change.head.record_at(path_of("meanwhile"))
    assert change.head.entry("access/tester.yaml") is None
    assert change.conflicts == ()


def test_what_both_did_the_same_is_no_change(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    fork = registry.snapshot()
    both: Files = {NEW: model("new"), "access/tester.yaml": None}
    branch = landed_on(registry, fork.commit, both)
    main = commit(registry, both)
    change = Change.between(registry.repo, main.commit, branch, around())
    assert (change.files, change.conflicts) == ((), ())


LINES = b"".join(b"line %d\n" % n for n in range(20))


def test_different_lines_of_a_file_are_merged(tmp_path: Path) -> None:
    registry = new_registry(tmp_path, {**BASE, path_of(): model(tags=["a"], description="One.", license="mit")})
    fork = registry.snapshot()
    branch = landed_on(registry, fork.commit, {path_of(): model(tags=["a"], description="Two.", license="mit")})
    lifecycle = {"status": "experimental"}
    moved = model(tags=["a"], description="One.", license="mit", lifecycle=lifecycle)
    main = commit(registry, {path_of(): moved})
    change = Change.between(registry.repo, main.commit, branch, around())
    assert change.conflicts == ()
    (subject,) = change.subjects
    assert subject.raw == model(tags=["a"], description="Two.", license="mit", lifecycle=lifecycle)
    assert subject.earlier
    assert subject.earlier.raw == moved


CONFLICTS: Mapping[str, tuple[Files, Files]] = {
    "the same lines": ({"a": LINES.replace(b"line 9", b"ours")}, {"a": LINES.replace(b"line 9", b"theirs")}),
    "removed and edited": ({"a": None}, {"a": LINES + b"more\n"}),
    "edited and removed": ({"a": LINES + b"more\n"}, {"a": None}),
    "both new": ({"b": b"ours\n"}, {"b": b"theirs\n"}),
    "not text": ({"a": b"\0ours"}, {"a": b"\0theirs"}),
    "not UTF-8": ({"a": b"\xff" + LINES}, {"a": LINES + b"\xff"}),
    "a text that would end early": ({"a": b"ours\n" + LINES}, {"a": LINES + b"x" * 9000 + b"\0theirs"}),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_the_same_place_changed_in_two_ways_is_a_conflict(tmp_path: Path, name: str) -> None:
    ours, theirs = CONFLICTS[name]
    registry = new_registry(tmp_path, {**BASE, "a": LINES})
    fork = registry.snapshot()
    branch = landed_on(registry, fork.commit, {**theirs, NEW: model("new")})
    main = commit(registry, ours)
    change = Change.between(registry.repo, main.commit, branch, around())
    (path,) = ours
    assert change.conflicts == (path,)
    report = validate(change, [rule(lambda _: [])])
    assert report.outcome == "fail"
    assert [(found.rule, found.slug, found.path) for found in report.findings] == [("GR-000", "merge-conflict", path)]
    assert report.head == branch


def test_a_branch_off_nothing_and_onto_nothing(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    tip = registry.snapshot().commit
    assert tip
    first = Change.between(registry.repo, None, tip, around())
    assert {record.path for record in first.records} >= set(BASE)
    assert Change.between(registry.repo, tip, tip, around()).files == ()


def test_histories_that_never_meet_cannot_be_compared(tmp_path: Path) -> None:
    registry = new_registry(tmp_path)
    stranger = landed_on(registry, None, {NEW: model("new")})
    with pytest.raises(RepositoryError, match="no history in common") as caught:
        Change.between(registry.repo, registry.snapshot().commit, stranger)
    assert "git fetch --unshallow" in caught.value.mend


@pytest.mark.parametrize("sides", [("0" * 40, None), (None, "0" * 40)])
def test_a_commit_that_is_not_there_is_said_plainly(tmp_path: Path, sides: tuple[str | None, str | None]) -> None:
    registry = new_registry(tmp_path)
    tip = registry.snapshot().commit
    assert tip
    with pytest.raises(RepositoryError) as caught:
        Change.between(registry.repo, sides[0] or tip, sides[1] or tip)
    assert caught.value.mend


def test_a_repository_without_commits_has_nothing_to_judge(tmp_path: Path) -> None:
    gate = Gate(GitRepository.create(tmp_path / "empty.git", bare=True))
    with pytest.raises(RepositoryError, match="has no commit yet"):
        gate.validate()
    with pytest.raises(RepositoryError) as caught:
        gate.validate("main", "main")
    assert caught.value.mend


@pytest.mark.parametrize(("base_rev", "head_rev"), [("nobody", "main"), ("main", "nobody"), (None, "nobody")])
def test_a_revision_that_is_not_there_is_said_plainly(base: Snapshot, base_rev: str | None, head_rev: str) -> None:
    with pytest.raises(RepositoryError, match="nobody") as caught:
        Gate(base.repo).validate(base_rev, head_rev)
    assert caught.value.mend


def test_an_empty_repository_has_an_empty_state(tmp_path: Path) -> None:
    repo = GitRepository.create(tmp_path / "empty.git", bare=True)
    change = Change.state(Snapshot(repo, None, Memory(repo)))
    assert (change.files, change.records, change.subjects) == ((), (), ())
    assert validate(change, [rule()]).outcome == "pass"


def test_a_whole_registry_is_judged_as_a_state(base: Snapshot) -> None:
    change = Change.state(base, around())
    assert {record.path for record in change.records} >= set(BASE)
    assert all(subject.is_new and subject.earlier is None for subject in change.subjects)
    assert (change.law, change.head_commit, change.is_state) == (base, base.commit, True)
    over = Change.state(change_of(base, {NEW: model("new"), path_of(): None}).head, around())
    paths = {record.path for record in over.records}
    assert NEW in paths
    assert path_of() not in paths
    assert {file.path for file in over.files} >= paths


def test_limits_and_settings_are_those_of_the_base(base: Snapshot) -> None:
    put = {"spec__gate__noticeDays": 90, "spec__limits__filesPerChange": 5}
    change = change_of(base, {"registry.yaml": registry_yaml(base, **put)})
    assert (change.gate.notice_days, change.limits.files_per_change) == (30, 10_000)
    assert (change.law, change.head.settings) != (change.head, None)
    state = Change.state(change.head)
    assert (state.gate.notice_days, state.limits.files_per_change) == (90, 5)
    nothing = Snapshot(base.repo, None, base.memory)
    assert Change(nothing, nothing).gate.notice_days is None
    assert Change(nothing, nothing).limits.files_per_change == 10_000


def test_circumstances_have_today_where_nobody_says() -> None:
    assert isinstance(Circumstances().today, date)


def test_files_over_files_over_a_commit_are_seen_as_one_state(tmp_path: Path) -> None:
    base = new_registry(tmp_path, BASE).snapshot()
    inner = Overlay(base, {path_of("new"): model("new"), path_of(): None})
    outer = Overlay(inner, {path_of("new", "1.1.0"): model("new", "1.1.0"), path_of(version="1.1.0"): None})
    assert [str(version) for version in outer.versions("Model", "acme", "new")] == ["1.1.0", "1.0.0"]
    assert outer.names("Model", "acme") == ("new",)
    assert outer.entry(path_of()) is None
    assert {entry.path for entry in outer.walk("models/acme/new")} == {path_of("new"), path_of("new", "1.1.0")}
    assert outer.names_spelt("Model", ["new", "chat"]) == (("acme", "new"),)
    changed = {change.path for change in Change(base, outer).files}
    assert changed == {path_of(), path_of(version="1.1.0"), path_of("new"), path_of("new", "1.1.0")}
