"""What breaks those who use a record comes as a major version with notes, and somebody knows who they are."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    dataset,
    expect,
    judge,
    model,
    new_registry,
    path_of,
    pipeline,
    registry_yaml,
)

from gitreg.errors import Finding
from gitreg.graph import Graph, TooLarge
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Rule
from gitreg_validators.breaking import RULES

NOTES = {"changelog": "New.", "breakingChanges": True, "migrationGuide": "https://docs.example.com/2"}
WIDE = {"capabilities": {"contextLength": 8000}}
NARROW = {"capabilities": {"contextLength": 4000}}
WIDER = {"capabilities": {"contextLength": 9000}}
CHAT = "pipelines/acme/p{}/1.0.0.yaml"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("breaking"), BASE).snapshot()


def named(function: str) -> list[Rule]:
    return [rule for rule in RULES if rule.name == function]


def talk(version: str, **spec: Any) -> bytes:
    return model("talk", version, **spec)


def at(version: str) -> str:
    return path_of("talk", version)


def using(number: int, ref: str) -> bytes:
    return pipeline(f"p{number}", dag={"nodes": [{"id": "a", "type": "model", "model": ref}]})


def users(count: int, ref: str = "acme/talk@1.0.0") -> dict[str, bytes]:
    return {CHAT.format(n): using(n, ref) for n in range(count)}


ONE = {at("1.0.0"): talk("1.0.0", **WIDE)}
MAJOR = [
    Case("the first version breaks nobody", {at("1.0.0"): talk("1.0.0", **NARROW)}),
    Case("a major version may break", {at("2.0.0"): talk("2.0.0", **NARROW)}, over=ONE),
    Case("a minor version may add", {at("1.1.0"): talk("1.1.0", **WIDER)}, over=ONE),
    Case(
        "while 0.x a minor version may break", {at("0.2.0"): talk("0.2.0")}, over={at("0.1.0"): talk("0.1.0", **WIDE)}
    ),
    Case(
        "after a prerelease only the release before it counts",
        {at("1.1.0"): talk("1.1.0", **WIDE)},
        over={**ONE, at("1.1.0-rc.1"): talk("1.1.0-rc.1", capabilities={"contextLength": 9999})},
    ),
    Case("an edit is no new version", {at("1.0.0"): talk("1.0.0", **WIDE, description="New.")}, over=ONE),
    Case(
        "an edit that breaks is not asked for a version",
        {at("1.1.0"): talk("1.1.0", **NARROW)},
        over={**ONE, at("1.1.0"): talk("1.1.0", **WIDE)},
    ),
    Case("another kind has its own promises", {"models/acme/chat/aliases.yaml": aliases(stable="1.1.0")}),
    Case(
        "a minor version may not reduce",
        {at("1.1.0"): talk("1.1.0", **NARROW)},
        "1.1.0 is only a minor version",
        "spec.capabilities.contextLength",
        over=ONE,
    ),
    Case(
        "a patch may not either",
        {at("1.0.1"): talk("1.0.1")},
        "only a patch version",
        "spec.capabilities.contextLength",
        ONE,
    ),
    Case(
        "while 0.x a patch may not break",
        {at("0.1.1"): talk("0.1.1")},
        "only a patch version",
        "spec.capabilities.contextLength",
        over={at("0.1.0"): talk("0.1.0", **WIDE)},
    ),
    Case(
        "it is compared with the highest release below it",
        {at("1.0.1"): talk("1.0.1", **NARROW)},
        "those who use 1.0.0",
        "spec.capabilities.contextLength",
        over={**ONE, at("2.0.0"): talk("2.0.0", **NARROW), at("0.9.0"): talk("0.9.0")},
    ),
    Case(
        "a prerelease of a minor version is judged like it",
        {at("1.1.0-rc.1"): talk("1.1.0-rc.1", **NARROW)},
        "is only a minor version",
        "spec.capabilities.contextLength",
        over=ONE,
    ),
]


@pytest.mark.parametrize("case", MAJOR, ids=lambda case: case.name)
def test_breaking_needs_a_major_version(base: Snapshot, case: Case) -> None:
    expect(base, case, named("check_major"))


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in NOTES.items() if name != key}


NOTED = [
    Case("with all notes", {at("2.0.0"): talk("2.0.0", **NARROW, release=NOTES)}, over=ONE),
    Case("nothing breaks, nothing is said", {at("1.1.0"): talk("1.1.0", **WIDER)}, over=ONE),
    Case("the first version", {at("1.0.0"): talk("1.0.0", release={"breakingChanges": True})}),
    Case("an edit", {at("1.0.0"): talk("1.0.0", **WIDE, description="New.")}, over=ONE),
    Case(
        "an edit that breaks",
        {at("1.1.0"): talk("1.1.0", **NARROW)},
        over={**ONE, at("1.1.0"): talk("1.1.0", **WIDE)},
    ),
    *(
        Case(
            f"without {key}",
            {at("2.0.0"): talk("2.0.0", **NARROW, release=without(key))},
            f"spec.release.{key} is not stated",
            f"spec.release.{key}",
            over=ONE,
        )
        for key in NOTES
    ),
    Case(
        "without a release at all the changelog is missing",
        {at("2.0.0"): talk("2.0.0", **NARROW)},
        "spec.release.changelog is not stated",
        "spec.release.changelog",
        over=ONE,
    ),
    Case(
        "it says itself that it breaks",
        {at("2.0.0"): talk("2.0.0", **WIDE, release={"breakingChanges": True, "changelog": "New."})},
        "(spec.release.breakingChanges says so)",
        "spec.release.migrationGuide",
        over=ONE,
    ),
]


@pytest.mark.parametrize("case", NOTED, ids=lambda case: case.name)
def test_breaking_needs_notes(base: Snapshot, case: Case) -> None:
    expect(base, case, named("check_notes"))


def ended(status: str, version: str = "1.0.0", **spec: Any) -> dict[str, bytes]:
    return {at(version): talk(version, **WIDE, lifecycle={"status": status, "reason": "Enough."}, **spec)}


ENDPOINT = {"type": "rest", "url": "https://talk.example.com", "authentication": {"type": "none"}}
SERVED = {at("1.0.0"): talk("1.0.0", **WIDE, endpoints=[ENDPOINT])}
TWO = {**ONE, at("2.0.0"): talk("2.0.0", **NARROW)}
FOLLOWED = {**TWO, "models/acme/talk/aliases.yaml": aliases("talk", live="1.0.0")}
MOVED = {"models/acme/talk/aliases.yaml": aliases("talk", live="2.0.0")}
BLAST = [
    Case("nobody uses it", ended("deprecated"), over=ONE),
    Case("its users mean another version", ended("deprecated"), over={**TWO, **users(3, "acme/talk@2.0.0")}),
    Case("an edit that breaks nobody", {at("1.0.0"): talk("1.0.0", **WIDE, tags=["x"])}, over={**ONE, **users(3)}),
    Case("it had ended before", ended("deprecated", tags=["x"]), over={**ended("deprecated"), **users(3)}),
    Case("it is taken up again", {at("1.0.0"): talk("1.0.0", **WIDE)}, over={**ended("deprecated"), **users(3)}),
    Case(
        "bounded ranges do not take a new major", {at("2.0.0"): talk("2.0.0")}, over={**ONE, **users(3, "acme/talk@^1")}
    ),
    Case("what only adds", {at("1.1.0"): talk("1.1.0", **WIDER)}, over={**ONE, **users(3, "acme/talk@^1")}),
    Case("an alias that nobody follows", MOVED, over=FOLLOWED),
    Case("a new alias", MOVED, over={**TWO, **users(3)}),
    Case(
        "an alias that moves back to what can do more",
        {"models/acme/talk/aliases.yaml": aliases("talk", live="1.0.0")},
        over={**TWO, **MOVED, **users(2, "acme/talk@live")},
    ),
    Case(
        "deprecation with a user",
        ended("deprecated"),
        "it becomes deprecated, and 1 record uses it: pipeline:acme/p0@1.0.0",
        "spec.lifecycle.status",
        over={**ONE, **users(1)},
        severity="warning",
    ),
    Case(
        "as many users as the threshold",
        ended("retired"),
        "and 10 records use it",
        "spec.lifecycle.status",
        over={**ended("deprecated"), **users(10)},
        severity="warning",
    ),
    Case(
        "one more than the threshold",
        ended("retired"),
        "and 11 records use it: pipeline:acme/p0@1.0.0, pipeline:acme/p10@1.0.0",
        "spec.lifecycle.status",
        over={**ended("deprecated"), **users(11)},
        severity="review",
    ),
    Case(
        "users of users count too",
        ended("deprecated"),
        "and 2 records use it: model:acme/child@1.0.0, pipeline:acme/p0@1.0.0",
        "spec.lifecycle.status",
        over={
            **ONE,
            path_of("child"): model("child", derivedFrom=[{"ref": "acme/talk@1.0.0"}]),
            **users(1, "acme/child@1.0.0"),
        },
        severity="warning",
    ),
    Case(
        "a dataset that a pipeline reads, and what that writes",
        {"datasets/acme/raw/1.0.0.yaml": dataset("raw", lifecycle={"status": "deprecated", "reason": "Enough."})},
        "and 2 records use it: pipeline:acme/p@1.0.0, dataset:acme/clean@1.0.0",
        "spec.lifecycle.status",
        over={
            "datasets/acme/raw/1.0.0.yaml": dataset("raw"),
            "datasets/acme/clean/1.0.0.yaml": dataset("clean"),
            "pipelines/acme/p/1.0.0.yaml": pipeline("p", reads=["acme/raw@^1"], writes=["acme/clean@^1"]),
        },
        severity="warning",
    ),
    Case(
        "an endpoint that goes",
        {at("1.0.0"): talk("1.0.0", **WIDE)},
        "and 1 record uses it",
        "spec.endpoints[0]",
        over={**SERVED, **users(1)},
        severity="warning",
    ),
    Case(
        "an open range takes a new major at once",
        {at("2.0.0"): talk("2.0.0", **NARROW)},
        "it breaks what 1.0.0 promised, and 2 records use it",
        "spec.capabilities.contextLength",
        over={**ONE, **users(2, "acme/talk@>=1")},
        severity="warning",
    ),
    Case(
        "an alias that is followed moves to what breaks",
        MOVED,
        "the alias 'live' moves from 1.0.0 to 2.0.0, which breaks what that promised, and 2 records use it",
        "spec.aliases.live",
        over={**FOLLOWED, **users(2, "acme/talk@live")},
        severity="warning",
    ),
]


@pytest.mark.parametrize("case", BLAST, ids=lambda case: case.name)
def test_who_is_affected_is_told(base: Snapshot, case: Case) -> None:
    expect(base, case, named("check_blast"))


@pytest.mark.parametrize(("threshold", "severity"), [(2, "review"), (3, "warning")])
def test_the_registry_says_how_many_are_many(base: Snapshot, threshold: int, severity: str) -> None:
    settings = {"registry.yaml": registry_yaml(base, spec__gate__impactThreshold=threshold)}
    over = {**ONE, **users(3), **settings}
    case = Case("", ended("deprecated"), "and 3 records use it", "spec.lifecycle.status", over, severity=severity)
    expect(base, case, named("check_blast"))


def deprecated_with(base: Snapshot, count: int) -> Finding:
    (found,) = judge(base, Case("", ended("deprecated"), over={**ONE, **users(count)}), named("check_blast"))
    return found


def test_only_who_is_nearest_is_named(base: Snapshot) -> None:
    assert deprecated_with(base, 10).says.endswith("p8@1.0.0, pipeline:acme/p9@1.0.0")
    assert deprecated_with(base, 11).says.endswith("p8@1.0.0 and 1 more")


def test_the_mend_says_when_somebody_has_to_decide(base: Snapshot) -> None:
    assert "somebody has to decide" not in deprecated_with(base, 10).mend
    assert "above 10 somebody has to decide (`impactThreshold`" in deprecated_with(base, 11).mend


def test_more_than_can_be_counted_are_many(base: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TooLarge

    monkeypatch.setattr(Graph, "consumers", refuse)
    found = deprecated_with(base, 1)
    assert found.says == "it becomes deprecated, and more records use it than can be counted"
    assert (found.severity.value, found.field) == ("review", "spec.lifecycle.status")
    assert "above 10 somebody has to decide" in found.mend
