"""Each rule of the gate finds what it is for and nothing else, and weighs what the base says that it weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gitreg.errors import Finding, Severity
from gitreg.kinds import KIND_TYPES
from gitreg.manifests import dump_yaml, edit_manifest
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.repository.writing import advance, write_commit
from gitreg.validation import GROUP, Change, Rule, check, load_rules
from gitreg_validators import RULES

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AUTHOR = Signature("Example Author", "author@example.com", WHEN)

Files = Mapping[str, bytes]


def manifest(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bytes:
    return dump_yaml({"apiVersion": "gitreg/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(spec)}).encode()


def model(name: str = "chat", version: str = "1.0.0", namespace: str = "acme", **spec: Any) -> bytes:
    digest = spec.pop("digest", sha256(f"{name}@{version}".encode()).hexdigest())
    metadata: dict[str, Any] = {"namespace": namespace, "name": name, "version": version}
    if "description" in spec:
        metadata["description"] = spec.pop("description")
    checksum = {"of": "artifact", "digest": digest}
    return manifest("Model", metadata, {"provider": "openai", "type": "completion", "checksum": checksum, **spec})


def config(name: str = "defaults", version: str = "1.0.0", **spec: Any) -> bytes:
    return manifest("Config", {"namespace": "acme", "name": name, "version": version}, {"value": {}, **spec})


def namespace(name: str) -> bytes:
    return manifest("Namespace", {"name": name}, {"owners": ["nlp@example.com"]})


def aliases(**names: str) -> bytes:
    return manifest("Aliases", {"namespace": "acme", "name": "chat"}, {"aliases": names})


def path_of(name: str = "chat", version: str = "1.0.0", namespace: str = "acme") -> str:
    return f"models/{namespace}/{name}/{version}.yaml"


BASE: Files = {
    "namespaces/acme.yaml": namespace("acme"),
    path_of(): model(),
    path_of(version="1.1.0"): model(version="1.1.0", license="mit"),
    "models/acme/chat/aliases.yaml": aliases(stable="1.0.0"),
    "configs/acme/defaults/1.0.0.yaml": config(value={"on": True, "n": 1}),
    "access/tester.yaml": manifest("Role", {"name": "tester"}, {"permissions": ["registry:read"]}),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    registry = Registry.init(tmp_path_factory.mktemp("gate") / "registry", name="acme", author=AUTHOR, bare=True)
    return commit(registry, BASE)


def commit(registry: Registry, files: Mapping[str, bytes | None]) -> Snapshot:
    old = registry.repo.tip()
    new = write_commit(registry.repo, parent=old, changes=files, author=AUTHOR, committer=AUTHOR, message="change")
    advance(registry.repo, new=new, old=old, message="change")
    return registry.snapshot()


def found_by(base: Snapshot, files: Files, rules: Iterable[Rule] | None = None) -> list[Finding]:
    return check(Change(base, Overlay(base, files)), rules)


@dataclass(frozen=True)
class Case:
    """Files put over the base, and what the gate has to say of them: the place, the rule, a piece of the words."""

    files: Files
    field: str | None = None
    says: str = ""


def registry_yaml(base: Snapshot, **put: Any) -> bytes:
    found = base.read("registry.yaml")
    assert found
    edited, reading = edit_manifest(found[1], put={key.replace("__", "."): value for key, value in put.items()})
    assert edited, reading.findings
    return edited


# The rules, one by one. A case is named after the rule that it is for: its function, as the catalogue has one.

LONG = "a" * 64
NODE = {"id": "a", "type": "model", "model": "acme/chat@^1"}
PIPELINE = {"dag": {"nodes": [NODE]}, "inputSchema": True, "outputSchema": True}
BROKEN_SCHEMA = {"type": "strnig"}


def pipeline(**spec: Any) -> bytes:
    metadata = {"namespace": "acme", "name": "p", "version": "1.0.0"}
    return manifest("Pipeline", metadata, {**PIPELINE, **spec})


REJECTED: dict[str, list[Case]] = {
    "unreadable": [
        Case({path_of("new"): b"a: ["}, None, "not YAML"),
        Case({path_of("new"): b""}, None, "the file is empty"),
        Case({path_of("new"): model("new", provider=5)}, "spec.provider", "expected text"),
        Case({path_of(): b"\xff"}, None, "not UTF-8"),
    ],
    "_check_path": [
        Case({path_of("other"): model("new")}, None, "says that it is model:acme/new@1.0.0"),
        Case({path_of("new", "1.0.1"): model("new")}, None, "says that it is model:acme/new@1.0.0"),
        Case({"datasets/acme/new/1.0.0.yaml": model("new")}, None, "says that it is model:acme/new@1.0.0"),
        Case({"models/acme/talk/aliases.yaml": aliases(a="1.0.0")}, None, "aliases:model/acme/chat"),
        Case({"access/other.yaml": BASE["access/tester.yaml"]}, None, "says that it is role:tester"),
    ],
    "_check_name": [
        Case({path_of("search"): model("search")}, "metadata.name", "reserved for the API"),
        Case({path_of("x.lock"): model("x.lock")}, "metadata.name", "ends with .lock"),
        Case({path_of("con"): model("con")}, "metadata.name", "on Windows"),
        Case({path_of("nul.txt"): model("nul.txt")}, "metadata.name", "on Windows"),
        Case({path_of("new", namespace="acme/aux"): model("new", namespace="acme/aux")}, "metadata.name", "'aux'"),
        Case(
            {path_of(LONG, namespace=f"acme/{LONG}/{LONG}"): model(LONG, namespace=f"acme/{LONG}/{LONG}")},
            "metadata.name",
            "characters",
        ),
        Case({"namespaces/acme/history.yaml": namespace("acme/history")}, "metadata.name", "'history'"),
    ],
    "_check_namespace": [
        Case({path_of("new", namespace="nobody"): model("new", namespace="nobody")}, "metadata.namespace", "'nobody'"),
        Case({path_of("new", namespace="nobody/x"): model("new", namespace="nobody/x")}, "metadata.namespace", ""),
    ],
    "_check_frozen": [
        Case({path_of(): model(provider="anthropic")}, "spec.provider", "'openai' became 'anthropic'"),
        Case({path_of(): model(license="mit")}, "spec.license", "None became 'mit'"),
        Case({path_of(version="1.1.0"): model(version="1.1.0")}, "spec.license", "'mit' became None"),
        Case({path_of(): config()}, "kind", "changed from Model to Config"),
        Case({"configs/acme/defaults/1.0.0.yaml": config(value={"on": 1, "n": 1})}, "spec.value.on", "became 1"),
        Case({"configs/acme/defaults/1.0.0.yaml": config(value={"on": True})}, "spec.value.n", "1 became None"),
    ],
    "_check_uid": [],  # needs the base's own registry.yaml: see below
    "_check_duplicate": [
        Case({path_of("copy"): model("copy", digest=sha256(b"chat@1.0.0").hexdigest())}, "spec.checksum.digest", ""),
        Case(
            {path_of(version="2.0.0"): model(version="2.0.0", digest=sha256(b"chat@1.0.0").hexdigest())},
            "spec.checksum.digest",
            path_of(),
        ),
    ],
    "_check_references": [
        Case({path_of("new"): model("new", derivedFrom=[{"ref": "acme/no@1.0.0"}])}, "spec.derivedFrom[0].ref", ""),
        Case({path_of("new"): model("new", dependencies=[{"ref": "acme/chat@^9"}])}, "spec.dependencies[0].ref", ""),
        Case({path_of("new"): model("new", lifecycle={"successor": "acme/no"})}, "spec.lifecycle.successor", ""),
        Case({path_of(): model(lifecycle={"successor": "acme/no"})}, "spec.lifecycle.successor", ""),
        Case({"configs/acme/c/1.0.0.yaml": config("c", appliesTo=["acme/no"])}, "spec.appliesTo[0]", ""),
        Case(
            {"pipelines/acme/p/1.0.0.yaml": pipeline(dag={"nodes": [{**NODE, "model": "acme/no"}]})},
            "spec.dag.nodes[0].model",
            "there is no model:acme/no",
        ),
    ],
    "_check_roles": [
        Case(
            {"access/b.yaml": manifest("RoleBinding", {"name": "b"}, {"role": "nobody", "subjects": ["svc:ci"]})},
            "spec.role",
            "there is no role 'nobody'",
        ),
    ],
    "_check_aliases": [
        Case({"models/acme/chat/aliases.yaml": aliases(stable="9.0.0")}, "spec.aliases.stable", "acme/chat@9.0.0"),
    ],
    "_check_schemas": [
        Case({path_of("new"): model("new", inputSchema=BROKEN_SCHEMA)}, "spec.inputSchema", "'strnig'"),
        Case({path_of("new"): model("new", outputSchema={"required": "a"})}, "spec.outputSchema", "required"),
        Case({"configs/acme/c/1.0.0.yaml": config("c", valueSchema=BROKEN_SCHEMA)}, "spec.valueSchema", ""),
        Case({"pipelines/acme/p/1.0.0.yaml": pipeline(inputSchema=BROKEN_SCHEMA)}, "spec.inputSchema", ""),
        Case(
            {
                "pipelines/acme/p/1.0.0.yaml": pipeline(
                    dag={"nodes": [{**NODE, "inputs": {"in": True}, "outputs": {"out": BROKEN_SCHEMA}}]}
                )
            },
            "spec.dag.nodes[0].outputs.out",
            "'strnig'",
        ),
        Case(
            {
                "metadata-schemas/acme/m/1.0.0.yaml": manifest(
                    "MetadataSchema",
                    {"namespace": "acme", "name": "m", "version": "1.0.0"},
                    {"schema": BROKEN_SCHEMA},
                )
            },
            "spec.schema",
            "",
        ),
    ],
}

ACCEPTED = [
    pytest.param({path_of("new"): model("new")}, id="a-new-model"),
    pytest.param({path_of(version="2.0.0"): model(version="2.0.0")}, id="a-new-version"),
    pytest.param({path_of(): model(description="New words.")}, id="a-mutable-field"),
    pytest.param({path_of(): b"# a comment\n" + model()}, id="only-a-comment"),
    pytest.param({path_of(): model(lifecycle={"status": "retired", "successor": "acme/chat@^1.1"})}, id="retired"),
    pytest.param({"models/acme/chat/aliases.yaml": aliases(stable="1.1.0", old="1.0.0")}, id="an-alias-moves"),
    pytest.param(
        {
            path_of(version="2.0.0"): model(version="2.0.0"),
            "models/acme/chat/aliases.yaml": aliases(stable="2.0.0"),
        },
        id="an-alias-of-what-lands-with-it",
    ),
    pytest.param(
        {"namespaces/new.yaml": namespace("new"), path_of("x", namespace="new"): model("x", namespace="new")},
        id="a-namespace-founded-with-its-first-model",
    ),
    pytest.param({path_of("x", namespace="acme/eu"): model("x", namespace="acme/eu")}, id="below-a-namespace"),
    pytest.param(
        {path_of("new"): model("new", dependencies=[{"ref": "acme/chat@~1.1"}, {"ref": "acme/chat@stable"}])},
        id="references-by-range-and-alias",
    ),
    pytest.param(
        {"access/b.yaml": manifest("RoleBinding", {"name": "b"}, {"role": "tester", "subjects": ["svc:ci"]})},
        id="a-binding-of-a-role",
    ),
    pytest.param({"pipelines/acme/p/1.0.0.yaml": pipeline()}, id="a-pipeline"),
    pytest.param(
        {path_of("new"): model("new", inputSchema={"type": "object"}, outputSchema=False)}, id="schemas-that-are"
    ),
    pytest.param({path_of("cone"): model("cone"), path_of("locked"): model("locked")}, id="names-nearly-reserved"),
]

CASES = [
    pytest.param(name, case, id=f"{name.lstrip('_')}-{number}")
    for name, cases in REJECTED.items()
    for number, case in enumerate(cases)
]


def rule_of(name: str) -> Rule:
    (rule,) = [rule for rule in RULES if getattr(rule.check, "__name__", "") == name]
    return rule


def test_every_rule_has_its_cases() -> None:
    assert {getattr(rule.check, "__name__", "") for rule in RULES} == set(REJECTED)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_rule_finds_what_it_is_for_and_says_where(base: Snapshot, name: str, case: Case) -> None:
    rule = rule_of(name)
    found = [finding for finding in found_by(base, case.files, [rule]) if case.says in finding.says]
    assert [finding.field for finding in found] == [case.field]
    (finding,) = found
    assert finding.path in case.files
    assert finding.mend
    if name != "unreadable":
        assert (finding.rule, finding.slug) == (rule.code, rule.slug)
    if case.field is not None:
        assert finding.line
        assert finding.column
        assert finding.source


@pytest.mark.parametrize("files", ACCEPTED)
def test_what_is_right_passes_every_rule(base: Snapshot, files: Files) -> None:
    assert found_by(base, files) == []


def test_another_uid_is_refused(base: Snapshot) -> None:
    uid = "00000000-0000-4000-8000-00000000000f"
    files = {"registry.yaml": registry_yaml(base, spec__uid=uid)}
    assert [(f.rule, f.field, f.path) for f in found_by(base, files)] == [("GR-011", "spec.uid", "registry.yaml")]
    assert found_by(base, {"registry.yaml": registry_yaml(base, metadata__description="Ours.")}) == []


@pytest.mark.parametrize("name", [getattr(rule.check, "__name__", "") for rule in RULES])
def test_without_a_rule_something_goes_unfound(base: Snapshot, name: str) -> None:
    """Break each rule: then one of its cases is let through, so the cases do test it."""

    def finds_nothing(_: Change) -> Iterator[Finding]:
        return iter(())

    rule = rule_of(name)
    broken = [replace(rule, check=finds_nothing)]
    cases = [case.files for case in REJECTED[name]]
    if name == "_check_uid":
        cases = [{"registry.yaml": registry_yaml(base, spec__uid="00000000-0000-4000-8000-00000000000f")}]
    assert cases
    for files in cases:
        assert found_by(base, files, [rule])
        assert found_by(base, files, broken) == []


def test_old_offences_do_not_stand_in_the_way(tmp_path: Path) -> None:
    registry = Registry.init(tmp_path / "registry", name="acme", author=AUTHOR, bare=True)
    dangling = model("old", dependencies=[{"ref": "acme/gone"}])
    base = commit(registry, {path_of("old"): dangling, path_of("con"): model("con")})
    described = model("old", dependencies=[{"ref": "acme/gone"}], description="Described.")
    assert found_by(base, {path_of("old"): described}) == []
    assert found_by(base, {path_of("con"): model("con", description="Described.")}) == []


def test_a_record_that_could_not_be_read_may_be_mended(tmp_path: Path) -> None:
    registry = Registry.init(tmp_path / "registry", name="acme", author=AUTHOR, bare=True)
    base = commit(registry, {path_of(): b"a: [", "namespaces/acme.yaml": namespace("acme")})
    (found,) = found_by(base, {path_of(): model()})
    assert (found.rule, found.severity) == ("GR-011", Severity.REVIEW)
    receipt = registry.register([Draft(model(), "mended")], author=AUTHOR, approve=["GR-011"])
    assert "Gitreg-Approved: GR-011" in registry.repo.commit(receipt.commit or "").message


def test_two_commits_are_compared_as_a_commit_and_files_are(tmp_path: Path) -> None:
    registry = Registry.init(tmp_path / "registry", name="acme", author=AUTHOR, bare=True)
    before = commit(registry, BASE)
    files = {path_of(): model(provider="anthropic"), path_of("new"): b"a: ["}
    over = found_by(before, files)
    after = commit(registry, files)
    assert check(Change(before, after)) == over
    assert {finding.rule for finding in over} == {"GR-001", "GR-011"}


# Weight

EVERYTHING: Files = {
    path_of(): model(provider="anthropic"),
    path_of("copy"): model("copy", digest=sha256(b"chat@1.0.0").hexdigest()),
    path_of("new", namespace="nobody"): model("new", namespace="nobody", derivedFrom=[{"ref": "acme/no@1.0.0"}]),
    path_of("odd"): model("odd", provider=5),
}


def weighed(severities: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    registry = Registry.init(tmp_path / "registry", name="acme", author=AUTHOR, bare=True)
    snapshot = commit(registry, BASE)
    strict = {"registry.yaml": registry_yaml(snapshot, spec__gate__severities=dict(severities))}
    base = commit(registry, strict)
    return {finding.rule: finding.severity.value for finding in found_by(base, EVERYTHING)}


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        pytest.param({}, {"GR-012": "review", "GR-030": "error", "GR-050": "warning"}, id="their-own"),
        pytest.param({"GR-012": "warning"}, {"GR-012": "warning"}, id="lowered"),
        pytest.param({"GR-012": "error"}, {"GR-012": "error"}, id="raised"),
        pytest.param({"GR-050": "error"}, {"GR-050": "error"}, id="raised-from-a-warning"),
        pytest.param({"GR-012": "off", "GR-050": "off"}, {"GR-012": None, "GR-050": None}, id="off"),
        pytest.param({"GR-011": "warning", "GR-003": "off"}, {"GR-011": "error", "GR-003": "error"}, id="fixed"),
        pytest.param({"GR-999": "error"}, {"GR-012": "review"}, id="a-rule-that-is-not-there"),
    ],
)
def test_a_rule_weighs_what_the_base_says(
    tmp_path: Path, severities: Mapping[str, str], expected: Mapping[str, str | None]
) -> None:
    found = weighed(severities, tmp_path)
    assert {rule: found.get(rule) for rule in expected} == expected
    assert {"GR-003", "GR-011", "GR-030"} <= found.keys()


def test_a_change_cannot_lower_what_it_is_judged_by(base: Snapshot) -> None:
    off = {rule.code: "off" for rule in RULES}
    files = {**EVERYTHING, "registry.yaml": registry_yaml(base, spec__gate__severities=off)}
    assert {f.rule: f.severity for f in found_by(base, files)} == {
        f.rule: f.severity for f in found_by(base, EVERYTHING)
    }


def test_what_one_can_do_without_weighs_no_more_where_the_rule_is_raised(tmp_path: Path) -> None:
    registry = Registry.init(tmp_path / "registry", name="acme", author=AUTHOR, bare=True)
    snapshot = commit(registry, BASE)
    base = commit(registry, {"registry.yaml": registry_yaml(snapshot, spec__gate__severities={"GR-030": "review"})})
    dependencies = [{"ref": "acme/no", "required": False}, {"ref": "acme/nobody"}]
    found = found_by(base, {path_of("new"): model("new", dependencies=dependencies)})
    assert [finding.severity for finding in found] == [Severity.WARNING, Severity.REVIEW]


# The frame


def test_findings_come_in_one_order_and_with_their_places(base: Snapshot) -> None:
    found = found_by(base, dict(reversed(list(EVERYTHING.items()))))
    assert found == found_by(base, EVERYTHING)
    assert [(finding.path, finding.rule) for finding in found] == sorted((f.path or "", f.rule) for f in found)
    assert all(finding.line and finding.column and finding.source for finding in found)
    assert all(finding.ref or finding.rule == "GR-003" for finding in found)


def test_a_rule_never_stops_the_others(base: Snapshot) -> None:
    assert {finding.rule for finding in found_by(base, EVERYTHING)} == {
        "GR-003",
        "GR-011",
        "GR-012",
        "GR-030",
        "GR-050",
    }


def test_a_change_knows_what_differs(base: Snapshot) -> None:
    assert base.commit
    same = base.read(path_of())
    assert same
    files = {path_of(): same[1], path_of("new"): model("new"), path_of(version="1.1.0"): model(version="1.1.0")}
    change = Change(base, Overlay(base, files))
    assert [record.path for record in change.records] == [path_of(version="1.1.0"), path_of("new")]
    assert [record.address.ref for record in change.records if record.address] == [
        "model:acme/chat@1.1.0",
        "model:acme/new@1.0.0",
    ]


def test_rules_are_found_through_their_entry_points() -> None:
    assert GROUP == "gitreg.validators"
    loaded = load_rules()
    assert set(loaded) >= set(RULES)
    assert [rule.code for rule in loaded] == sorted(rule.code for rule in loaded)


def test_codes_and_slugs_belong_together() -> None:
    slugs = {(rule.code, rule.slug) for rule in RULES}
    assert len({code for code, _ in slugs}) == len(slugs)


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_no_rule_raises_at_an_example(base: Snapshot, kind: str) -> None:
    raw = KIND_TYPES[kind].example.encode()
    for path in ("registry.yaml", path_of("new"), "access/x.yaml"):
        assert all(finding.mend for finding in found_by(base, {path: raw}))
