"""How much there may be: quotas of namespaces, widths and sizes of the registry."""

from __future__ import annotations

from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    aliases,
    config,
    expect,
    judge,
    manifest,
    model,
    namespace,
    new_registry,
    path_of,
    registry_yaml,
)

from gitreg.repository.git import Entry
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.validation import Change, check
from gitreg_validators.quotas import FOLDERS, RULES, count_bytes, count_names, count_versions


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("quotas"), BASE).snapshot()


def new(name: str = "new", space: str = "acme", version: str = "1.0.0", **spec: Any) -> dict[str, bytes]:
    return {path_of(name, version, space): model(name, version, space, **spec)}


def link(name: str = "l", space: str = "acme") -> dict[str, bytes]:
    put = {"selector": {}, "policies": ["policy:acme/p@^1"]}
    return {f"policy-links/{space}/{name}.yaml": manifest("PolicyLink", {"namespace": space, "name": name}, put)}


def quota(space: str = "acme", **most: int) -> dict[str, bytes]:
    return {f"namespaces/{space}.yaml": namespace(space, quotas=most)}


EDITED = {path_of(): model(description="New.")}
SIZE = sum(len(raw) for path, raw in BASE.items() if path.startswith(("models/", "configs/")))
# BASE has in acme: the names chat and defaults, three versions, and an alias

QUOTAS = [
    Case("no quota", new()),
    Case("as many names as the quota", new(), over=quota(names=3)),
    Case("one name too many", new(), "acme would hold 3 names, and its quota is 2", over=quota(names=2)),
    Case("a further version is no name", new("chat", version="1.2.0"), over=quota(names=2)),
    Case("too many names already", new("chat", version="1.2.0"), over=quota(names=1)),
    Case("too many names already, and one more", new(), "would hold 3 names, and its quota is 1", over=quota(names=1)),
    Case("a name of another kind", {path_of("chat", folder="configs"): config("chat")}, "3 names", over=quota(names=2)),
    Case("a link is a name", link(), "would hold 3 names", over=quota(names=2)),
    Case(
        "an alias is none",
        {"configs/acme/defaults/aliases.yaml": aliases("defaults", of="Config", a="1.0.0")},
        over=quota(names=2),
    ),
    Case("a namespace is none", {"namespaces/acme/nlp.yaml": namespace("acme/nlp")}, over=quota(names=2)),
    Case("below it", new(space="acme/nlp"), "acme would hold 3 names", over=quota(names=2)),
    Case("two deep below it", new(space="acme/nlp/x"), "acme would hold 3 names", over=quota(names=2)),
    Case("below it, within its own", new(space="acme/nlp"), over=quota("acme/nlp", names=1)),
    Case(
        "below it, over its own",
        {**new(space="acme/nlp"), **new("n2", "acme/nlp")},
        "acme/nlp would hold 2 names",
        over=quota("acme/nlp", names=1),
    ),
    Case("beside it", new(space="acme2"), over=quota(names=2)),
    Case("one removed for one added", {**new(), path_of("defaults", folder="configs"): None}, over=quota(names=2)),
    Case("as many versions as the quota", new(), over=quota(versions=4)),
    Case("one version too many", new(), "acme would hold 4 versions, and its quota is 3", over=quota(versions=3)),
    Case("a further version", new("chat", version="1.2.0"), "would hold 4 versions", over=quota(versions=3)),
    Case("a link is no version", link(), over=quota(versions=3)),
    Case("an edit adds no version", EDITED, over=quota(versions=1)),
    Case("as many bytes as the quota", new(), over=quota(bytes=SIZE + len(new()[path_of("new")]))),
    Case(
        "one byte too many",
        new(),
        f"bytes, and its quota is {SIZE + len(new()[path_of('new')]) - 1:,}",
        over=quota(bytes=SIZE + len(new()[path_of("new")]) - 1),
    ),
    Case("an edit that grows", EDITED, "bytes, and its quota is", over=quota(bytes=SIZE)),
    Case("an edit that shrinks what is too much", {path_of(): model()}, over={**EDITED, **quota(bytes=1)}),
    Case("only removed", {path_of(): None}, over=quota(names=1, versions=1, bytes=1)),
    Case("the change raises the quota", {**new(), **quota(names=9)}, "its quota is 2", over=quota(names=2)),
    Case("the change sets the first quota", {**new(), **quota(names=1)}),
    Case(
        "it is founded with a quota", {**new(space="f"), **new("b", "f"), **quota("f", names=1)}, "f would hold 2 names"
    ),
    Case("a quota is lowered, and nothing is added", quota(names=1), over=quota(names=9)),
]


@pytest.mark.parametrize("case", QUOTAS, ids=lambda case: case.name)
def test_quotas(base: Snapshot, case: Case) -> None:
    expect(base, case, RULES)


def test_each_quota_is_told_once_for_each_namespace(base: Snapshot) -> None:
    over = {**quota(names=2, versions=3, bytes=1), **quota("acme/nlp", names=1)}
    files = {**new(space="acme/nlp"), **new("n2", "acme/nlp"), **new()}
    found = judge(base, Case("", files, over=over), RULES)
    assert sorted(finding.says.split(", and")[0].split("would hold")[0] for finding in found) == ["acme "] * 3 + [
        "acme/nlp "
    ]
    by_namespace = {finding.says.split(" ")[0]: finding.path for finding in found}
    assert by_namespace == {"acme": path_of("new"), "acme/nlp": path_of("n2", namespace="acme/nlp")}


def test_what_is_counted(base: Snapshot) -> None:
    state = Overlay(base, {**new(space="acme/nlp"), **link(), "models/acme/notes.txt": b"no record"})
    assert (count_names(state, "acme"), count_versions(state, "acme")) == (4, 4)
    assert count_bytes(state, "acme") == SIZE + len(new(space="acme/nlp")[path_of("new", namespace="acme/nlp")]) + len(
        next(iter(link().values()))
    )
    assert (count_names(state, "acme/nlp"), count_names(state, "none")) == (1, 0)
    assert len(FOLDERS) == 9


def test_only_plain_files_have_bytes(base: Snapshot) -> None:
    landed = base.entry(path_of())
    assert landed
    state = Overlay(base, {}, {path_of(): Entry(path_of(), landed.oid, 0o120000)})
    assert count_bytes(state, "acme") == SIZE - len(BASE[path_of()])


def test_the_path_is_that_of_what_stays(base: Snapshot) -> None:
    files = {path_of("defaults", folder="configs"): None, **new(), **new("n2")}
    (finding,) = judge(base, Case("", files, over=quota(names=2)), RULES)
    assert finding.path == path_of("n2")


def test_a_state_is_held_against_its_own_quotas(base: Snapshot) -> None:
    found = check(Change.state(Overlay(base, quota(names=1))), RULES)
    assert ["acme would hold 2 names" in finding.says for finding in found] == [True]


def limits(base: Snapshot, **most: int) -> dict[str, bytes]:
    return {"registry.yaml": registry_yaml(base, **{f"spec__limits__{name}": value for name, value in most.items()})}


def limited(name: str, most: dict[str, int], files: Any, says: str | None = None, **over: Any) -> Any:
    return pytest.param(most, files, says, over.get("over", {}), id=name)


NAMES = {"namesPerNamespace": 1}
WIDTHS = [
    limited("as many names as the limit", {"namesPerNamespace": 2}, new()),
    limited("one name too many", NAMES, new(), "models/acme would hold 2 names, and at most 1 may stand"),
    limited("a further version", NAMES, new("chat", version="1.2.0")),
    limited("a further version where there are too many", NAMES, new("chat", version="1.2.0"), over=new()),
    limited("one more where there are too many", NAMES, new("n2"), "would hold 3 names", over=new()),
    limited("another kind", NAMES, {path_of("d", folder="datasets"): model("d")}),
    limited("another namespace", NAMES, new(space="acme2")),
    limited("a namespace below is no name", NAMES, new(space="acme/nlp")),
    limited(
        "a namespace below beside one name too many",
        NAMES,
        {**new(space="acme/nlp"), **new()},
        "models/acme would hold 2",
    ),
    limited("an edit", NAMES, EDITED, over=new()),
    limited("one link", NAMES, link()),
    limited("two links", NAMES, {**link(), **link("m")}, "policy-links/acme would hold 2 names"),
    limited("a link beside a link below", NAMES, {**link(), **link("m", "acme/nlp")}),
    limited("a link beside what is no record", NAMES, {**link(), "policy-links/acme/NOTES.md": b"x"}),
    limited("an alias is no name", NAMES, {"models/acme/none/aliases.yaml": aliases("none")}),
    limited("as many namespaces as the limit", {"namespaces": 2}, {"namespaces/b.yaml": namespace("b")}),
    limited(
        "one namespace too many",
        {"namespaces": 1},
        {"namespaces/b.yaml": namespace("b")},
        "2 namespaces, and at most 1 may",
    ),
    limited(
        "a namespace below counts", {"namespaces": 1}, {"namespaces/acme/b.yaml": namespace("acme/b")}, "2 namespaces"
    ),
    limited(
        "no namespace is added",
        {"namespaces": 1},
        {"namespaces/acme.yaml": namespace("acme", "x@example.com")},
        over={"namespaces/b.yaml": namespace("b")},
    ),
    limited("a page among the namespaces", {"namespaces": 1}, {"namespaces/README.md": b"x"}),
    limited(
        "a namespace beside a page",
        {"namespaces": 2},
        {"namespaces/README.md": b"x", "namespaces/b.yaml": namespace("b")},
    ),
    limited("as many files as the limit", {"filesPerChange": 2}, {**new(), "README.md": b"x"}),
    limited(
        "one file too many",
        {"filesPerChange": 1},
        {**new(), "README.md": b"x"},
        "it touches 2 files, and at most 1 may",
    ),
    limited("as many bytes as the limit", {"manifestBytes": len(model("new"))}, new()),
    limited(
        "one byte too many",
        {"manifestBytes": len(model("new")) - 1},
        new(),
        f"it has {len(model('new'))} bytes, and at most",
    ),
    limited("an edit that makes it too large", {"manifestBytes": len(model())}, EDITED, "bytes, and at most"),
    limited("an edit of what is too large already", {"manifestBytes": 10}, EDITED, "bytes, and at most"),
    limited("an edit that shrinks it", {"manifestBytes": 10}, {path_of(): model()}, over=EDITED),
    limited("an edit of the same size", {"manifestBytes": 10}, {path_of(): model(description="Now.")}, over=EDITED),
]


@pytest.mark.parametrize(("most", "files", "says", "over"), WIDTHS)
def test_limits(base: Snapshot, most: dict[str, int], files: Any, says: str | None, over: Any) -> None:
    expect(base, Case("", files, says, over={**over, **limits(base, **most)}), RULES)


def test_limits_are_those_of_the_base(base: Snapshot) -> None:
    expect(base, Case("", {**new(), **limits(base, namesPerNamespace=1, namespaces=1, filesPerChange=1)}), RULES)


def test_a_state_has_no_number_of_files(base: Snapshot) -> None:
    state = Overlay(base, limits(base, filesPerChange=1))
    assert check(Change.state(state), RULES) == []


def test_the_paths_are_those_of_what_is_new(base: Snapshot) -> None:
    over = limits(base, namesPerNamespace=1, namespaces=1)
    found = judge(base, Case("", {**new(), **new("n2"), "namespaces/b.yaml": namespace("b")}, over=over), RULES)
    assert [finding.path for finding in found] == [path_of("n2"), "namespaces/b.yaml"]
