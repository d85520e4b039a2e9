"""What a record says of others is there, alive, and named with bounds."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    change_of,
    config,
    dataset,
    expect,
    judge,
    manifest,
    model,
    new_registry,
    path_of,
    pipeline,
    unreadable,
    versioned,
)

from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, check
from gitreg_validators.references import RULES

NEW = path_of("new")
ALIASES = "models/acme/chat/aliases.yaml"
PIPELINE = "pipelines/acme/p/1.0.0.yaml"
SUITE = "suites/acme/s/1.0.0.yaml"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("references"), BASE).snapshot()


def needing(ref: str, required: bool = True, name: str = "new", **spec: Any) -> bytes:
    dependency = {"ref": ref} if required else {"ref": ref, "required": False}
    return model(name, dependencies=[dependency], **spec)


def suite(target: str, **spec: Any) -> bytes:
    case = {"id": "a", "name": "A", "type": "functional", "priority": "high", "input": 1}
    return versioned("TestSuite", "s", target=target, cases=[case], **spec)


def binding(role: str) -> bytes:
    return manifest("RoleBinding", {"name": "b"}, {"role": role, "subjects": ["svc:ci"]})


def stage(ref: str) -> bytes:
    return pipeline(dag={"nodes": [{"id": "a", "type": "model", "model": ref}]})


DEPENDENCY = "spec.dependencies[0].ref"

REFERENCES = [
    Case("by range", {NEW: needing("acme/chat@~1.1")}),
    Case("by alias", {NEW: needing("acme/chat@stable")}),
    Case("by latest", {NEW: needing("acme/chat@latest")}),
    Case("by exact version", {NEW: needing("acme/chat@1.1.0")}),
    Case("by name", {NEW: needing("acme/chat")}),
    Case("by name of a prerelease", {NEW: needing("acme/x"), path_of("x", "1.0.0-a"): model("x", "1.0.0-a")}),
    Case("what lands with it", {NEW: needing("acme/x@^1"), path_of("x"): model("x")}),
    Case("a record without versions", {NEW: needing("role:tester")}),
    Case("a successor", {path_of(): model(lifecycle={"successor": "acme/chat@1.1.0"})}),
    Case("no such name", {NEW: needing("acme/no@1.0.0")}, "there is no model:acme/no", DEPENDENCY),
    Case("no such version", {NEW: needing("acme/chat@2.0.0")}, "it has no version 2.0.0", DEPENDENCY),
    Case("no version in the range", {NEW: needing("acme/chat@^9")}, "no version satisfies", DEPENDENCY),
    Case("no such alias", {NEW: needing("acme/chat@canary")}, "it has no alias 'canary'", DEPENDENCY),
    Case("no such name at all", {NEW: needing("acme/no")}, "there is no model:acme/no", DEPENDENCY),
    Case("the same name of another kind", {NEW: needing("dataset:acme/chat@^1")}, "dataset:acme/chat", DEPENDENCY),
    Case("one can do without", {NEW: needing("acme/no", required=False)}, "acme/no", DEPENDENCY, severity="warning"),
    Case("one cannot do without", {NEW: needing("acme/no")}, "acme/no", DEPENDENCY, severity="error"),
    Case("a parent", {NEW: model("new", derivedFrom=[{"ref": "acme/no@1.0.0"}])}, "", "spec.derivedFrom[0].ref"),
    Case("a successor that is not", {path_of(): model(lifecycle={"successor": "acme/no"})}, "there is no model:acme/no",
         "spec.lifecycle.successor"),
    Case("what a config is for", {"configs/acme/c/1.0.0.yaml": config("c", appliesTo=["acme/chat", "acme/no"])},
         "there is no model:acme/no", "spec.appliesTo[1]"),
    Case("a stage's model", {PIPELINE: stage("acme/no")}, "there is no model:acme/no", "spec.dag.nodes[0].model"),
    Case("what a pipeline reads and writes", {PIPELINE: pipeline(reads=["acme/tickets@^1"], writes=["acme/tickets"]),
         "datasets/acme/tickets/1.0.0.yaml": dataset()}),
    Case("a dataset that it reads", {PIPELINE: pipeline(reads=["acme/no@^1"])},
         "there is no dataset:acme/no", "spec.reads[0]"),
    Case("a dataset that it writes", {PIPELINE: pipeline(writes=["acme/tickets@9.0.0"])}, "it has no version 9.0.0",
         "spec.writes[0]", over={"datasets/acme/tickets/1.0.0.yaml": dataset()}),
    Case("a model's name where a dataset's is meant", {PIPELINE: pipeline(reads=["acme/chat@^1"])},
         "there is no dataset:acme/chat", "spec.reads[0]"),
    Case("a role that is not", {NEW: needing("role:no")}, "there is no role:no", DEPENDENCY),
    Case("a suite's target", {SUITE: suite("acme/no@^1")}, "there is no model:acme/no", "spec.target"),
    Case("what goes in the same change", {NEW: needing("acme/x@^1"), path_of("x"): None}, "there is no model:acme/x",
         DEPENDENCY, over={path_of("x"): model("x")}),
    Case("dangling already", {NEW: needing("acme/no", description="Described.")}, over={NEW: needing("acme/no")}),
    Case("dangling elsewhere already", {NEW: needing("acme/nobody")}, "there is no model:acme/nobody", DEPENDENCY,
         over={NEW: needing("acme/no")}),
]  # fmt: skip

ROLES = [
    Case("a role that is there", {"access/b.yaml": binding("tester")}),
    Case("a role that lands with it", {"access/b.yaml": binding("x"),
         "access/x.yaml": manifest("Role", {"name": "x"}, {"permissions": ["registry:read"]})}),
    Case("no binding", {NEW: model("new")}),
    Case("bound to nothing already", {"access/b.yaml": binding("no").replace(b"svc:ci", b"svc:cd")},
         over={"access/b.yaml": binding("no")}),
    Case("no such role", {"access/b.yaml": binding("nobody")}, "there is no role 'nobody'", "spec.role"),
    Case("a binding is no role", {"access/b.yaml": binding("b")}, "there is no role 'b'", "spec.role"),
    Case("a role that goes", {"access/b.yaml": binding("tester"), "access/tester.yaml": None}, "no role 'tester'",
         "spec.role"),
]  # fmt: skip

LOST = {NEW: needing("acme/chat@stable")}
LOST_ALIASES = [
    Case("it moves", {ALIASES: aliases(stable="1.1.0")}, over=LOST),
    Case("another one goes", {ALIASES: aliases(stable="1.0.0")},
         over={**LOST, ALIASES: aliases(stable="1.0.0", old="1.0.0")}),
    Case("nobody refers to it", {ALIASES: aliases()}),
    Case("another kind of the name is meant", {ALIASES: aliases()},
         over={NEW: needing("dataset:acme/chat@stable"), "datasets/acme/chat/1.0.0.yaml": dataset("chat"),
               "datasets/acme/chat/aliases.yaml": aliases(of="Dataset", stable="1.0.0")}),
    Case("a longer name is meant", {ALIASES: aliases()},
         over={NEW: needing("acme/chat/x@stable", description="Like acme/chat.")}),
    Case("another name of the namespace is meant", {ALIASES: aliases()},
         over={NEW: needing("acme/x@stable", description="Like acme/chat.")}),
    Case("a version of its name is meant", {ALIASES: aliases()}, over={NEW: needing("acme/chat@1.0.0")}),
    Case("the reference goes with it", {ALIASES: aliases(), NEW: needing("acme/chat@^1")}, over=LOST),
    Case("the record cannot be read", {ALIASES: aliases()}, over={NEW: b"a: [acme/chat@stable"}),
    Case("new aliases take nothing away", {"models/acme/x/aliases.yaml": aliases("x"), path_of("x"): model("x")}),
    Case("what stood there were no aliases", {ALIASES: aliases()}, over={**LOST, ALIASES: b"a: ["}),
    Case("it goes", {ALIASES: aliases()}, "alias 'stable' is taken away, and model:acme/new@1.0.0 refers to it",
         "spec.aliases", over=LOST),
    Case("one of two goes", {ALIASES: aliases(other="1.0.0")}, "'stable' is taken away", "spec.aliases",
         over={**LOST, ALIASES: aliases(stable="1.0.0", other="1.0.0")}),
    Case("the reference comes with it", {ALIASES: aliases(), **LOST}, "'stable' is taken away", "spec.aliases"),
    Case("gone already, and another goes", {ALIASES: aliases()}, "'other' is taken away", "spec.aliases",
         over={NEW: model("new", dependencies=[{"ref": "acme/chat@gone"}, {"ref": "acme/chat@other"}]),
               ALIASES: aliases(other="1.0.0")}),
]  # fmt: skip


def ended(status: str, **lifecycle: object) -> dict[str, bytes]:
    put = {"status": status, **lifecycle}
    return {"datasets/acme/tickets/1.0.0.yaml": dataset(lifecycle=put), path_of("p"): model("p", lifecycle=put)}


TICKETS = "dataset:acme/tickets@1.0.0"
RETIRED = "model:acme/p@1.0.0 means model:acme/p@1.0.0, which is retired"
D = "datasets/acme/tickets/1.0.0.yaml"
RETIRED_D = {D: dataset(lifecycle={"status": "retired"})}
ALIVE = [
    Case("what a pipeline writes may have ended", {PIPELINE: pipeline(writes=["acme/tickets@^1"])}, over=RETIRED_D),
    Case("what a pipeline reads", {PIPELINE: pipeline(reads=["acme/tickets@^1"])}, "which is retired",
         "spec.reads[0]", over=RETIRED_D),
    Case("active", {NEW: needing("acme/chat@1.0.0")}),
    Case("experimental", {NEW: needing("acme/p@1.0.0")}, over=ended("experimental")),
    Case("what is not there is another rule's matter", {NEW: needing("acme/no@1.0.0")}),
    Case("a record without a lifecycle", {NEW: needing("role:tester")}),
    Case("what it replaces", {path_of(): model(lifecycle={"successor": "acme/p@1.0.0"})}, over=ended("retired")),
    Case("what a config is for", {"configs/acme/c/1.0.0.yaml": config("c", appliesTo=["acme/p"])},
         over=ended("retired")),
    Case("landed with it", {NEW: needing("acme/p@1.0.0", description="Described.")},
         over={**ended("retired"), NEW: needing("acme/p@1.0.0")}),
    Case("a range goes round it", {NEW: needing("acme/p@^1")},
         over={**ended("retired"), path_of("p", "1.0.1"): model("p", "1.0.1")}),
    Case("retired", {NEW: needing("acme/p@1.0.0")}, RETIRED, DEPENDENCY, over=ended("retired"), severity="error"),
    Case("archived", {NEW: model("new", dependencies=[{"ref": "pipeline:acme/p@1.0.0"}])}, "which is archived",
         DEPENDENCY, over={PIPELINE: pipeline(lifecycle={"status": "archived"})}, severity="error"),
    Case("deprecated", {NEW: needing(TICKETS)}, "which is deprecated", DEPENDENCY, over=ended("deprecated"),
         severity="warning"),
    Case("all of a range", {NEW: needing("acme/p@^1")}, "model:acme/p@^1 means model:acme/p@1.0.0", DEPENDENCY,
         over=ended("retired")),
    Case("a parent", {NEW: model("new", derivedFrom=[{"ref": "acme/p@1.0.0"}])}, RETIRED, "spec.derivedFrom[0].ref",
         over=ended("retired")),
    Case("a stage's model", {PIPELINE: stage("acme/p@1.0.0")},
         RETIRED, "spec.dag.nodes[0].model", over=ended("retired")),
    Case("a suite's target", {SUITE: suite("acme/p@1.0.0")}, RETIRED, "spec.target", over=ended("retired")),
    Case("retired with it", {NEW: needing("acme/p@1.0.0"), **ended("retired")}, RETIRED, DEPENDENCY),
    Case("deprecated then, retired now", {NEW: needing("acme/p@1.0.0", description="Described."), **ended("retired")},
         RETIRED, DEPENDENCY, over={**ended("deprecated"), NEW: needing("acme/p@1.0.0")}),
]  # fmt: skip

BOUNDED = [
    Case("what a pipeline writes", {PIPELINE: pipeline(writes=["acme/tickets"]), D: dataset()}),
    Case("any version that a pipeline reads", {PIPELINE: pipeline(reads=["acme/tickets"]), D: dataset()},
         "names no versions", "spec.reads[0]"),
    Case("a caret", {NEW: needing("acme/chat@^1")}),
    Case("two bounds", {NEW: needing("acme/chat@>=1.0.0 <9.0.0")}),
    Case("a version", {NEW: needing("acme/chat@1.0.0")}),
    Case("an alias", {NEW: needing("acme/chat@stable")}),
    Case("a record without versions", {NEW: needing("role:tester")}),
    Case("what a config is for", {"configs/acme/c/1.0.0.yaml": config("c", appliesTo=["acme/chat"])}),
    Case("a successor", {path_of(): model(lifecycle={"successor": "acme/chat"})}),
    Case("landed so", {NEW: needing("acme/chat", description="Described.")}, over={NEW: needing("acme/chat")}),
    Case("no upper bound", {NEW: needing("acme/chat@>=1.0.0")}, "the range >=1.0.0 has no upper bound", DEPENDENCY),
    Case("any", {NEW: needing("acme/chat@*")}, "the range * has no upper bound", DEPENDENCY),
    Case("one side of two", {NEW: needing("acme/chat@^1 || >=3")}, "has no upper bound", DEPENDENCY),
    Case("no versions named", {NEW: needing("acme/chat")}, "model:acme/chat names no versions", DEPENDENCY),
    Case("a suite's target", {SUITE: suite("acme/chat")}, "names no versions", "spec.target"),
    Case("a parent", {NEW: model("new", derivedFrom=[{"ref": "acme/chat@>1"}])}, "no upper bound",
         "spec.derivedFrom[0].ref"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "case"),
    [
        pytest.param(function, case, id=f"{function} {case.name}")
        for function, cases in (
            ("check_references", REFERENCES),
            ("check_roles", ROLES),
            ("check_lost_aliases", LOST_ALIASES),
            ("check_alive", ALIVE),
            ("check_bounded", BOUNDED),
        )
        for case in cases
    ],
)
def test_references(base: Snapshot, function: str, case: Case) -> None:
    expect(base, case, [rule for rule in RULES if rule.name == function])


def test_the_cases_can_be_read() -> None:
    assert unreadable([*REFERENCES, *ROLES, *LOST_ALIASES, *ALIVE, *BOUNDED]) == []


def mends(base: Snapshot, case: Case, function: str) -> list[str]:
    return [finding.mend for finding in judge(base, case, [rule for rule in RULES if rule.name == function])]


def test_the_mend_names_what_to_register_or_to_use(base: Snapshot) -> None:
    missing = Case("", {NEW: needing("dataset:acme/no@^1")})
    assert mends(base, missing, "check_references") == [
        "register dataset:acme/no first or with it, or correct the reference"
    ]
    role = Case("", {"access/b.yaml": binding("no")})
    assert mends(base, role, "check_roles") == ["register access/no.yaml first or with it, or name a role that exists"]
    followed = Case("", {NEW: needing("acme/p@1.0.0")}, over=ended("retired", successor="acme/chat@^1"))
    assert mends(base, followed, "check_alive") == ["depend on acme/chat@^1"]
    alone = Case("", {NEW: needing("acme/p@1.0.0")}, over=ended("retired"))
    assert mends(base, alone, "check_alive") == ["depend on a version that is active"]
    open_ended = Case("", {NEW: needing("acme/chat"), SUITE: suite("acme/no")})
    assert mends(base, open_ended, "check_bounded") == [
        "bound it: model:acme/chat@^1.1.0",
        "bound it: model:acme/no@^1",
    ]


def test_a_whole_state_is_judged_too(base: Snapshot) -> None:
    assert check(Change.state(base), RULES) == []
    files = {NEW: needing("acme/p"), "access/b.yaml": binding("no"), **ended("retired"), ALIASES: aliases()}
    found = check(Change.state(change_of(base, files).head), RULES)
    assert [(finding.rule, finding.path) for finding in found] == [
        ("GR-030", "access/b.yaml"),
        ("GR-032", NEW),
    ]
