"""How a version lives: its number, its aliases, its end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    change_of,
    dataset,
    expect,
    found_by,
    judge,
    manifest,
    model,
    new_registry,
    path_of,
    pipeline,
    unreadable,
)

from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators.lifecycle import RULES

CHAT = path_of()
ALIASES = "models/acme/chat/aliases.yaml"
PIPELINE = "pipelines/acme/p/1.0.0.yaml"
NUMBER, STATUS = "metadata.version", "spec.lifecycle.status"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("lifecycle"), BASE).snapshot()


def chat(version: str, **lifecycle: Any) -> dict[str, bytes]:
    spec: dict[str, Any] = {"lifecycle": lifecycle} if lifecycle else {}
    return {path_of(version=version): model(version=version, **spec)}


def pipe(**lifecycle: Any) -> dict[str, bytes]:
    return {PIPELINE: pipeline(lifecycle=lifecycle)}


def settings(**gate: Any) -> dict[str, bytes]:
    uid = "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10"
    return {"registry.yaml": manifest("Registry", {"name": "acme"}, {"uid": uid, "gate": gate})}


SEQUENTIAL = [
    Case("the next patch", chat("1.1.1")),
    Case("the next minor", chat("1.2.0")),
    Case("the next major", chat("2.0.0")),
    Case("a prerelease of the next", chat("2.0.0-rc.1")),
    Case("a prerelease of the next patch", chat("1.1.1-rc.1")),
    Case("a release after its prerelease", chat("1.2.0"), over=chat("1.2.0-rc.1")),
    Case("the next of an older line", chat("1.0.1")),
    Case("the first ever, whatever it is", {path_of("new", "3.4.5"): model("new", "3.4.5")}),
    Case("below the first ever", {path_of("new", "0.9.0"): model("new", "0.9.0")},
         over={path_of("new", "3.4.5"): model("new", "3.4.5")}),
    Case("a whole line at once", {**chat("1.1.1"), **chat("1.1.2"), **chat("1.1.3")}),
    Case("an edit of what has landed", {path_of(version="1.9.0"): model(version="1.9.0", description="Described.")},
         over=chat("1.9.0")),
    Case("a mend of what could not be read", chat("1.2.0"), over={path_of(version="1.2.0"): b"a: ["}),
    Case("no version", {ALIASES: aliases(stable="1.1.0"), "models/acme/x/aliases.yaml": aliases("x")}),
    Case("after a prerelease of a later one", chat("1.1.1"), over=chat("1.1.2-rc.1")),
    Case("a later one of another minor", chat("1.2.0"), over={**chat("1.3.0"), **chat("2.0.0")}),
    Case("a later one of another major", chat("0.1.0"), over={path_of(version="1.1.0"): None, **chat("1.0.0")}),
    Case("a patch left out", chat("1.1.2"), "1.1.2 leaves versions out after 1.1.0", NUMBER),
    Case("a minor left out", chat("1.3.0"), "1.3.0 leaves versions out after 1.1.0", NUMBER),
    Case("a major left out", chat("3.0.0"), "3.0.0 leaves versions out after 1.1.0", NUMBER),
    Case("a lower one not reset", chat("2.0.1"), "2.0.1 leaves versions out after 1.1.0", NUMBER),
    Case("a prerelease too far", chat("1.3.0-rc.1"), "1.3.0-rc.1 leaves versions out after 1.1.0", NUMBER),
    Case("prereleases are not counted", chat("1.2.1"), "1.2.1 leaves versions out after 1.1.0", NUMBER,
         over=chat("1.2.0-rc.1")),
    Case("after a later one of its line", chat("1.1.1"), "1.1.1 comes after 1.1.2 of the same line", NUMBER,
         over=chat("1.1.2")),
    Case("after the highest of its line", chat("1.1.1"), "1.1.1 comes after 1.1.3 of the same line", NUMBER,
         over={**chat("1.1.2"), **chat("1.1.3")}),
    Case("a prerelease after its release", chat("1.1.0-rc.1"), "1.1.0-rc.1 comes after 1.1.0 of the same", NUMBER),
]  # fmt: skip

TARGETS = [
    Case("it moves", {ALIASES: aliases(stable="1.1.0")}),
    Case("none", {ALIASES: aliases()}),
    Case("of what lands with it", {**chat("2.0.0"), ALIASES: aliases(stable="2.0.0")}),
    Case("another kind", {"datasets/acme/tickets/1.0.0.yaml": dataset(),
         "datasets/acme/tickets/aliases.yaml": aliases("tickets", of="Dataset", gold="1.0.0")}),
    Case("an unprotected one of a prerelease", {**chat("2.0.0-rc.1"), ALIASES: aliases(next="2.0.0-rc.1")}),
    Case("an unprotected one of the retired", {**chat("2.0.0", status="retired"), ALIASES: aliases(old="2.0.0")}),
    Case("a protected one of an experiment", {ALIASES: aliases(stable="2.0.0")},
         over=chat("2.0.0", status="experimental")),
    Case("what the base protects", {**chat("2.0.0-rc.1"), ALIASES: aliases(stable="2.0.0-rc.1")},
         over=settings(protectedAliases=["gold"])),
    Case("dangling already", {ALIASES: aliases(old="9.0.0", stable="1.0.0")}, over={ALIASES: aliases(old="9.0.0")}),
    Case("what cannot be read is not there", {ALIASES: aliases(old="2.0.0")}, "which does not exist",
         "spec.aliases.old", over={path_of(version="2.0.0"): b"a: ["}),
    Case("no such version", {ALIASES: aliases(stable="9.0.0")},
         "the alias 'stable' names model:acme/chat@9.0.0, which does not exist", "spec.aliases.stable"),
    Case("the version of another kind", {"datasets/acme/chat/aliases.yaml": aliases(of="Dataset", gold="1.0.0")},
         "names dataset:acme/chat@1.0.0, which does not exist", "spec.aliases.gold"),
    Case("a version that goes", {CHAT: None, ALIASES: aliases(stable="1.0.0", other="1.1.0")}, "'stable' names",
         "spec.aliases.stable", over={ALIASES: aliases()}),
    Case("a prerelease", {**chat("2.0.0-rc.1"), ALIASES: aliases(stable="2.0.0-rc.1")},
         "'stable' is protected, and model:acme/chat@2.0.0-rc.1 is a prerelease", "spec.aliases.stable"),
    Case("deprecated", {ALIASES: aliases(production="2.0.0")}, "is protected, and model:acme/chat@2.0.0 is deprecated",
         "spec.aliases.production", over=chat("2.0.0", status="deprecated")),
    Case("retired", {ALIASES: aliases(stable="2.0.0")}, "model:acme/chat@2.0.0 is retired", "spec.aliases.stable",
         over=chat("2.0.0", status="retired")),
    Case("archived", {"pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", stable="1.0.0")},
         "pipeline:acme/p@1.0.0 is archived", "spec.aliases.stable", over=pipe(status="archived")),
    Case("one that the base protects", {**chat("2.0.0-rc.1"), ALIASES: aliases(gold="2.0.0-rc.1")},
         "'gold' is protected", "spec.aliases.gold", over=settings(protectedAliases=["gold"])),
    Case("a change does not lift it", {**settings(protectedAliases=[]), **chat("2.0.0-rc.1"),
         ALIASES: aliases(stable="2.0.0-rc.1")}, "'stable' is protected", "spec.aliases.stable"),
]  # fmt: skip

REASON = {"reason": "Nobody calls it."}
STILL_NAMED = [
    Case("nobody names it", chat("1.1.0", status="retired")),
    Case("an unprotected alias names it", chat("1.0.0", status="retired"), over={ALIASES: aliases(old="1.0.0")}),
    Case("the alias moves with it", {**chat("1.0.0", status="retired"), ALIASES: aliases(stable="1.1.0")}),
    Case("experimental", chat("1.0.0", status="experimental")),
    Case("no lifecycle", {ALIASES: aliases(stable="1.0.0", other="1.0.0")}),
    Case("new", {**chat("2.0.0", status="retired"), ALIASES: aliases(stable="2.0.0")}),
    Case("deprecated already", chat("1.0.0", status="deprecated", **REASON), over=chat("1.0.0", status="deprecated")),
    Case("deprecated", chat("1.0.0", status="deprecated"), "'stable' names this version, and it becomes deprecated",
         STATUS),
    Case("retired", chat("1.0.0", status="retired"), "'stable' names this version, and it becomes retired", STATUS),
    Case("deprecated then, retired now", chat("1.0.0", status="retired"), "it becomes retired", STATUS,
         over=chat("1.0.0", status="deprecated")),
    Case("a pipeline", pipe(status="archived"), "'production' names this version, and it becomes archived", STATUS,
         over={**pipe(), "pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", production="1.0.0")}),
]  # fmt: skip

HIGH = {**chat("2.0.0"), **chat("3.0.0"), ALIASES: aliases(old="1.0.0", stable="2.0.0")}
REGRESS = [
    Case("to a higher major", {ALIASES: aliases(old="1.0.0", stable="3.0.0")}, over=HIGH),
    Case("to a lower minor", {ALIASES: aliases(stable="1.0.0")}, over={ALIASES: aliases(stable="1.1.0")}),
    Case("as it was", {ALIASES: aliases(old="1.1.0", stable="2.0.0")}, over=HIGH),
    Case("a new one", {ALIASES: aliases(old="1.0.0", new="1.0.0", stable="2.0.0")}, over=HIGH),
    Case("one that goes", {ALIASES: aliases(old="1.0.0")}, over=HIGH),
    Case("new aliases", {"models/acme/x/aliases.yaml": aliases("x", stable="1.0.0"), path_of("x"): model("x")}),
    Case("no aliases", {CHAT: model(description="Described.")}),
    Case("to a lower major", {ALIASES: aliases(old="1.0.0", stable="1.1.0")},
         "'stable' goes back from 2.0.0 to 1.1.0", "spec.aliases.stable", over=HIGH),
    Case("to major 0", {ALIASES: aliases(stable="0.9.0")}, "goes back from 1.0.0 to 0.9.0", "spec.aliases.stable"),
    Case("one of two", {ALIASES: aliases(a="3.0.0", b="1.0.0")}, "'b' goes back from 2.0.0", "spec.aliases.b",
         over={**HIGH, ALIASES: aliases(a="2.0.0", b="2.0.0")}),
]  # fmt: skip

ORDER = [
    Case("as it was", chat("1.0.0", status="active", **REASON)),
    Case("experimental to active", chat("1.0.0", status="active"), over=chat("1.0.0", status="experimental")),
    Case("active to deprecated", chat("1.0.0", status="deprecated")),
    Case("experimental to deprecated", chat("1.0.0", status="deprecated"), over=chat("1.0.0", status="experimental")),
    Case("deprecated to retired", chat("1.0.0", status="retired"), over=chat("1.0.0", status="deprecated")),
    Case("registered as retired", chat("2.0.0", status="retired")),
    Case("no lifecycle", {ALIASES: aliases(stable="1.1.0")}),
    Case("paused and back", pipe(status="active"), over=pipe(status="paused")),
    Case("draft to active", pipe(status="active"), over=pipe(status="draft")),
    Case("deprecated to archived", pipe(status="archived"), over=pipe(status="deprecated")),
    Case("active to retired", chat("1.0.0", status="retired"), "from active to retired without having been deprecated",
         STATUS),
    Case("experimental to retired", chat("1.0.0", status="retired"), "from experimental to retired without", STATUS,
         over=chat("1.0.0", status="experimental")),
    Case("paused to archived", pipe(status="archived"), "from paused to archived without", STATUS,
         over=pipe(status="paused")),
    Case("active to experimental", chat("1.0.0", status="experimental"), "goes back from active to experimental",
         STATUS),
    Case("deprecated to active", chat("1.0.0", status="active"), "goes back from deprecated to active", STATUS,
         over=chat("1.0.0", status="deprecated")),
    Case("retired to deprecated", chat("1.0.0", status="deprecated"), "goes back from retired to deprecated", STATUS,
         over=chat("1.0.0", status="retired")),
    Case("active to draft", pipe(status="draft"), "goes back from active to draft", STATUS, over=pipe()),
]  # fmt: skip

RETIREMENT = "spec.lifecycle.retirementDate"
MAY, JUNE = {"deprecationDate": "2026-05-01"}, {"deprecationDate": "2026-06-01"}
END = [
    Case("active", chat("1.0.0", status="active")),
    Case("with a reason", chat("1.0.0", status="deprecated", **REASON)),
    Case("with a successor", chat("1.0.0", status="deprecated", successor="acme/chat@1.1.0")),
    Case("retired with neither", chat("1.0.0", status="retired")),
    Case("succeeded by its own name", chat("1.0.0", status="deprecated", successor="acme/chat")),
    Case("succeeded by a range of its own name", chat("1.0.0", status="deprecated", successor="acme/chat@^1")),
    Case("succeeded by its version of another name", chat("1.0.0", status="deprecated", successor="acme/talk@1.0.0")),
    Case("succeeded by its version of another kind",
         chat("1.0.0", status="deprecated", successor="dataset:acme/chat@1.0.0")),
    Case("no lifecycle", {ALIASES: aliases(stable="1.1.0")}),
    Case("retired on the day of its deprecation", chat("1.0.0", **MAY, retirementDate="2026-05-01"), over=settings()),
    Case("only the one date", chat("1.0.0", **MAY)),
    Case("only the other date", chat("1.0.0", retirementDate="2026-05-01")),
    Case("just enough notice", chat("1.0.0", **MAY, retirementDate="2026-05-31"), over=settings(noticeDays=30)),
    Case("nobody said so already", {CHAT: model(lifecycle={"status": "deprecated"}, description="Described.")},
         over=chat("1.0.0", status="deprecated")),
    Case("nobody says so", chat("1.0.0", status="deprecated"), "nobody says what to move to", STATUS),
    Case("nobody says so of a pipeline", pipe(status="deprecated"), "nobody says what to move to", STATUS),
    Case("itself", chat("1.0.0", status="deprecated", successor="acme/chat@1.0.0"), "names itself as its successor",
         "spec.lifecycle.successor"),
    Case("itself, of another kind", pipe(status="active", successor="acme/p@1.0.0"), "names itself as its successor",
         "spec.lifecycle.successor"),
    Case("retired before", chat("1.0.0", **JUNE, retirementDate="2026-05-31"),
         "retired on 2026-05-31, before it is deprecated on 2026-06-01", RETIREMENT),
    Case("a day too little", chat("1.0.0", **MAY, retirementDate="2026-05-30"),
         "from its deprecation on 2026-05-01 to its retirement on 2026-05-30 are 29 days", RETIREMENT,
         over=settings(noticeDays=30)),
    Case("before, where notice is asked", chat("1.0.0", **JUNE, retirementDate="2026-05-31"), "before it is deprecated",
         RETIREMENT, over=settings(noticeDays=30)),
]  # fmt: skip

RETIRED = {"status": "retired"}


def deprecated(**lifecycle: Any) -> dict[str, bytes]:
    return chat("1.0.0", status="deprecated", **lifecycle)


NOTICE = [
    Case("no date", chat("1.0.0", **RETIRED), over={**deprecated(), **settings()}),
    Case("on the day", chat("1.0.0", **RETIRED, retirementDate="2026-06-01"), over={**deprecated(), **settings()}),
    Case("after the day", chat("1.0.0", **RETIRED, retirementDate="2026-05-31"), over={**deprecated(), **settings()}),
    Case("after just enough days", chat("1.0.0", **RETIRED, deprecationDate="2026-05-02"),
         over={**deprecated(), **settings(noticeDays=30)}),
    Case("retired already", chat("1.0.0", **RETIRED, retirementDate="2026-07-01"), over=chat("1.0.0", **RETIRED)),
    Case("new", chat("2.0.0", **RETIRED, retirementDate="2026-07-01"), over=settings(noticeDays=30)),
    Case("announced", deprecated(retirementDate="2026-07-01")),
    Case("no lifecycle", {ALIASES: aliases(stable="1.1.0")}),
    Case("a day early", chat("1.0.0", **RETIRED, retirementDate="2026-06-02"),
         "becomes retired on 2026-06-01, and its retirement is announced for 2026-06-02", STATUS, over=deprecated()),
    Case("on another day", chat("1.0.0", **RETIRED, retirementDate="2026-06-01"), "becomes retired on 2026-05-31",
         STATUS, over=deprecated(), said={"today": date(2026, 5, 31)}),
    Case("a pipeline early", pipe(status="archived", retirementDate="2026-06-02"), "becomes archived on", STATUS,
         over=pipe(status="deprecated")),
    Case("a day too few", chat("1.0.0", **RETIRED, deprecationDate="2026-05-03"),
         "becomes retired 29 days after its deprecation on 2026-05-03, not 30", STATUS,
         over={**deprecated(), **settings(noticeDays=30)}),
    Case("nobody knows since when", chat("1.0.0", **RETIRED), "no deprecationDate says since when", STATUS,
         over={**deprecated(), **settings(noticeDays=30)}),
    Case("the change asks for no notice", {**chat("1.0.0", **RETIRED), **settings(noticeDays=1)},
         "no deprecationDate says", STATUS, over={**deprecated(), **settings(noticeDays=30)}),
]  # fmt: skip

TABLES = {
    "check_sequential": SEQUENTIAL,
    "check_targets": TARGETS,
    "check_still_named": STILL_NAMED,
    "check_regress": REGRESS,
    "check_order": ORDER,
    "check_end": END,
    "check_notice": NOTICE,
}


@pytest.mark.parametrize(
    ("function", "case"),
    [
        pytest.param(function, case, id=f"{function} {case.name}")
        for function, cases in TABLES.items()
        for case in cases
    ],
)
def test_lifecycle(base: Snapshot, function: str, case: Case) -> None:
    expect(base, case, [rule for rule in RULES if rule.name == function])


def test_the_cases_can_be_read() -> None:
    assert unreadable(case for cases in TABLES.values() for case in cases) == []


def test_the_mend_names_the_versions_that_will_do(base: Snapshot) -> None:
    (gap,) = judge(base, Case("", chat("1.3.0")), RULES)
    assert gap.mend == "register 1.1.1, 1.2.0 or 2.0.0"
    (late,) = judge(base, Case("", chat("1.1.1"), over=chat("1.1.3")), RULES)
    assert late.mend == "register 1.1.4, which is the next of that line"


def test_a_finding_names_its_record(base: Snapshot) -> None:
    over = {**HIGH, **deprecated()}
    files = {ALIASES: aliases(stable="1.0.0"), **chat("1.0.0", status="active")}
    found = judge(base, Case("", files, over=over), RULES)
    assert [(f.rule, f.path, f.ref) for f in found] == [
        ("GR-023", CHAT, "model:acme/chat@1.0.0"),
        ("GR-021", ALIASES, "aliases:model/acme/chat"),
    ]
    early = judge(base, Case("", chat("1.0.0", **RETIRED, retirementDate="2026-06-02"), over=deprecated()), [RULES[-1]])
    assert [(f.rule, f.path, f.ref) for f in early] == [("GR-023", CHAT, "model:acme/chat@1.0.0")]


def test_a_whole_state_is_judged_by_what_it_is_not_by_how_it_came(base: Snapshot) -> None:
    assert check(Change.state(base), RULES) == []
    files = {
        **chat("1.0.0", status="deprecated", retirementDate="2027-01-01"),
        **chat("1.4.0", status="retired"),
        ALIASES: aliases(stable="1.0.0"),
    }
    found = check(Change.state(change_of(base, files).head), RULES)
    assert [(finding.rule, finding.path, finding.field) for finding in found] == [
        ("GR-023", CHAT, STATUS),
        ("GR-013", path_of(version="1.4.0"), NUMBER),
        ("GR-020", ALIASES, "spec.aliases.stable"),
    ]


def test_all_faults_are_told(base: Snapshot) -> None:
    files = {
        **chat("3.0.0-rc.1"),
        ALIASES: aliases(a="8.0.0", b="9.0.0", production="3.0.0-rc.1", stable="3.0.0-rc.1"),
        **pipe(
            status="deprecated", successor="acme/p@1.0.0", deprecationDate="2026-02-01", retirementDate="2026-01-01"
        ),
    }
    found = found_by(base, files, RULES)
    assert [(finding.rule, finding.field) for finding in found] == [
        ("GR-013", NUMBER),
        ("GR-020", "spec.aliases.a"),
        ("GR-020", "spec.aliases.b"),
        ("GR-020", "spec.aliases.production"),
        ("GR-020", "spec.aliases.stable"),
        ("GR-023", "spec.lifecycle.successor"),
        ("GR-023", RETIREMENT),
    ]
