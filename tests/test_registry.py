"""A registration lands whole or not at all, is never lost, and never overwrites; what landed can be asked for."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from effort import tries

from gitreg import registry as registry_module
from gitreg.errors import (
    ConflictError,
    Exit,
    Finding,
    NotFoundError,
    Rejected,
    RepositoryError,
    Severity,
    UsageError,
)
from gitreg.kinds import KIND_TYPES, Model, mutable_paths
from gitreg.manifests import dump_yaml, read_manifest
from gitreg.refs import Address
from gitreg.registry import Draft, Receipt, Registry
from gitreg.repository import writing
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.lookups import FILE_NAME
from gitreg.resolution import choose, why_nothing
from gitreg.versions import Range, Version

UID = uuid.UUID("5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10")
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AUTHOR = Signature("Example Author", "author@example.com", WHEN)
OTHER_DIGEST = sha256(b"another artifact").hexdigest()
OTHER = Signature("Somebody Else", "else@example.com", WHEN)

Committing = Callable[..., str]


def data_of(name: str = "chat", version: str = "1.0.0", **spec: Any) -> dict[str, Any]:
    """Give a small model as data; `description` goes to the metadata, all else to the spec."""
    metadata: dict[str, Any] = {"namespace": "acme", "name": name, "version": version}
    if "description" in spec:
        metadata["description"] = spec.pop("description")
    digest = sha256(f"{name}@{version}".encode()).hexdigest()
    checksum = {"of": "artifact", "digest": spec.pop("digest", digest)}
    return {
        "apiVersion": "gitreg/v1",
        "kind": "Model",
        "metadata": metadata,
        "spec": {"provider": "openai", "type": "completion", "checksum": checksum, **spec},
    }


def draft_of(data: Mapping[str, Any], origin: str = "model.yaml") -> Draft:
    return Draft(dump_yaml(data).encode(), origin)


def model(name: str = "chat", version: str = "1.0.0", **spec: Any) -> Draft:
    return draft_of(data_of(name, version, **spec), f"{name}-{version}.yaml")


def record(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> Draft:
    data = {"apiVersion": "gitreg/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(spec)}
    return draft_of(data, f"{kind}.yaml")


def aliases(**names: str) -> Draft:
    return record("Aliases", {"namespace": "acme", "name": "chat"}, {"aliases": names})


def git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(where), *words], capture_output=True, check=True, text=True)
    return done.stdout.strip()


def faults_of(where: Path) -> list[str]:
    told = git(where, "fsck", "--strict", "--full").split("\n")
    return [line for line in told if line and not line.startswith("dangling ")]


def start(path: Path, *, bare: bool = False) -> Registry:
    return Registry.init(path, name="acme", author=AUTHOR, when=WHEN, bare=bare, uid=UID)


@pytest.fixture(params=["bare", "work tree"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return start(tmp_path / "a registry", bare=request.param == "bare")


@pytest.fixture
def checkout(tmp_path: Path) -> Registry:
    """A registry with a work tree, in a folder whose name has a space."""
    return start(tmp_path / "a registry")


def land(registry: Registry, *drafts: Draft, **more: Any) -> Receipt:
    return registry.register(drafts, **{"author": AUTHOR, "when": WHEN, **more})


def refused(registry: Registry, *drafts: Draft, **more: Any) -> Rejected:
    """Register, and give the refusal; nothing may have changed."""
    tip = registry.repo.tip()
    with pytest.raises(Rejected) as caught:
        land(registry, *drafts, **more)
    assert registry.repo.tip() == tip
    if registry.repo.workdir:
        assert git(Path(registry.repo.workdir), "status", "--porcelain") == ""
    return caught.value


def rules_of(findings: Rejected | tuple[Finding, ...]) -> list[str]:
    return [finding.rule for finding in (findings.findings if isinstance(findings, Rejected) else findings)]


# Init and open


def test_init_lays_down_the_template_with_a_name_and_a_uid(registry: Registry) -> None:
    template = set(map(str, registry_module._files_under(registry_module.template_folder(), "")))
    assert template
    assert registry.settings.metadata.name == "acme"
    assert registry.uid == str(UID)
    assert registry.repo.seq(registry.repo.tip() or "") == 1
    tip = registry.repo.commit(registry.repo.tip() or "")
    assert (tip.message, str(tip.author)) == ("Found the registry acme\n", str(AUTHOR))
    paths = {entry.path for entry in registry.repo.walk(tip.tree)}
    assert {"registry.yaml", "README.md", "access/reader.yaml", ".gitreg/schemas/v1/model.schema.json"} <= paths
    assert registry.get("registry").raw.startswith(b"# yaml-language-server: $schema=.gitreg/schemas/v1/")


def test_init_checks_the_files_out(checkout: Registry) -> None:
    where = Path(checkout.repo.workdir or "")
    assert (where / "registry.yaml").is_file()
    assert git(where, "status", "--porcelain") == ""
    assert faults_of(where) == []


def test_two_registries_have_two_uids(tmp_path: Path) -> None:
    one, two = (Registry.init(tmp_path / name, author=AUTHOR) for name in ("one", "two"))
    assert one.uid != two.uid
    assert uuid.UUID(one.uid).version == 4


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        pytest.param("My Registry.git", "my-registry", id="blank-and-git"),
        pytest.param("ünï", "n", id="beyond-ascii"),
        pytest.param("___", "registry", id="nothing-left"),
    ],
)
def test_a_registry_is_named_after_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    made = Registry.init(tmp_path / folder, author=AUTHOR)
    assert made.settings.metadata.name == name


def test_a_bad_name_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a registry's name"):
        Registry.init(tmp_path / "new", name="No Good", author=AUTHOR)
    assert not (tmp_path / "new").exists()


def test_init_keeps_off_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep me")
    with pytest.raises(RepositoryError):
        Registry.init(tmp_path, name="acme", author=AUTHOR)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("was_there", [pytest.param(True, id="empty-folder"), pytest.param(False, id="no-folder")])
def test_an_init_that_fails_leaves_nothing(tmp_path: Path, was_there: bool) -> None:
    where = tmp_path / "new"
    if was_there:
        where.mkdir()
    with pytest.raises(UsageError, match="author of the commit is not known"):
        Registry.init(where, name="acme")
    assert where.exists() == was_there
    assert list(tmp_path.rglob("*")) == ([where] if was_there else [])


def test_open_finds_the_registry_that_a_path_lies_in(checkout: Registry) -> None:
    where = Path(checkout.repo.workdir or "")
    assert Registry.open(where / "access").uid == Registry.open(where).uid == str(UID)


@pytest.mark.parametrize(
    ("prepare", "got"),
    [
        pytest.param(None, "", id="not-a-repository"),
        pytest.param({}, "a Git repository without commits", id="empty-repository"),
        pytest.param({"README.md": b"hello"}, "without registry.yaml", id="no-registry-yaml"),
        pytest.param({"registry.yaml": b"kind: Model\n"}, "`apiVersion` is missing", id="another-kind"),
        pytest.param({"registry.yaml": b"\xff"}, "is not UTF-8", id="unreadable"),
    ],
)
def test_what_is_no_registry_is_not_opened(
    tmp_path: Path, commit_to: Committing, prepare: dict[str, bytes] | None, got: str
) -> None:
    if prepare is not None:
        repo = GitRepository.create(tmp_path / "repo")
        if prepare:
            commit_to(repo, prepare)
    with pytest.raises(RepositoryError) as caught:
        Registry.open(tmp_path / "repo" if prepare is not None else tmp_path)
    assert got in str(caught.value.got)
    assert caught.value.mend
    assert caught.value.exit_code is Exit.COULD_NOT_RUN


# Registering


def test_a_record_is_registered_updated_and_unchanged(registry: Registry) -> None:
    first = land(registry, model())
    assert [landed.status for landed in first.records] == ["registered"]
    assert (first.seq, first.commit, first.is_new) == (2, registry.repo.tip(), True)
    assert first.records[0].as_data() == {
        "ref": "model:acme/chat@1.0.0",
        "id": Address("Model", "acme", "chat", "1.0.0").id(str(UID)),
        "path": "models/acme/chat/1.0.0.yaml",
        "status": "registered",
    }
    second = land(registry, model(description="Now described."))
    assert [landed.status for landed in second.records] == ["updated"]
    assert second.seq == 3
    third = land(registry, model(description="Now described."))
    assert [landed.status for landed in third.records] == ["unchanged"]
    assert (third.commit, third.seq, third.is_new) == (second.commit, 3, False)
    assert registry.repo.tip() == second.commit


def test_another_spelling_of_the_same_value_is_unchanged(registry: Registry) -> None:
    land(registry, model())
    raw = "# a comment\n" + dump_yaml(dict(reversed(data_of().items()))).replace("openai", "'openai'")
    assert land(registry, Draft(raw.encode(), "x.yaml")).records[0].status == "unchanged"


def test_a_file_lands_as_its_author_wrote_it(registry: Registry) -> None:
    raw = b"# why: because\n" + model().raw
    land(registry, Draft(raw, "x.yaml"))
    assert registry.get("acme/chat").raw == raw


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"flag": True}, {"flag": 1}, id="true-became-one"),
        pytest.param({"flag": False}, {"flag": 0}, id="false-became-nought"),
        pytest.param({"flags": [True]}, {"flags": [1]}, id="in-a-list"),
        pytest.param({}, {"flag": None}, id="null-came"),
    ],
)
def test_values_that_python_takes_for_equal_are_not(
    registry: Registry, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    metadata = {"namespace": "acme", "name": "defaults", "version": "1.0.0"}
    land(registry, record("Config", metadata, {"value": before}))
    assert rules_of(refused(registry, record("Config", metadata, {"value": after}))) == ["GR-011"]


def test_stating_a_default_is_a_change_as_any(registry: Registry) -> None:
    land(registry, model())
    assert land(registry, model(lifecycle={"status": "active"})).records[0].status == "updated"
    assert rules_of(refused(registry, model(lifecycle={"status": "active"}, release={}))) == ["GR-011"]


def test_many_files_land_as_one_commit(registry: Registry) -> None:
    drafts = [model(f"m{n}") for n in range(60)]
    receipt = land(registry, *drafts)
    assert receipt.seq == 2
    assert len(receipt.records) == 60
    message = registry.repo.commit(receipt.commit or "").message
    assert message.startswith("Register model:acme/m0@1.0.0 and 59 more\n\n- registered model:acme/m0@1.0.0\n")
    assert message.endswith("\n- and 10 more\n")
    assert len(list(registry.list("Model"))) == 60


def test_files_that_refer_to_each_other_land_together(registry: Registry) -> None:
    child = model("child", derivedFrom=[{"ref": "acme/parent@1.0.0"}])
    assert rules_of(refused(registry, child)) == ["GR-030"]
    land(registry, child, model("parent"))


def test_one_bad_file_keeps_all_back_and_every_fault_is_told(registry: Registry) -> None:
    found = refused(
        registry,
        model("good"),
        Draft(b"a: [", "broken.yaml"),
        Draft(model("odd").raw.replace(b"openai", b"5").replace(b"completion", b"magic"), "odd.yaml"),
    )
    assert [(finding.path, finding.rule) for finding in found.findings] == [
        ("broken.yaml", "GR-001"),
        ("odd.yaml", "GR-003"),
        ("odd.yaml", "GR-003"),
    ]
    assert found.says == "nothing was registered (3 files): 3 errors"
    assert found.exit_code is Exit.FAULTS
    assert all(finding.line and finding.column for finding in found.findings)


def test_what_the_gate_finds_in_any_file_is_told_at_once(registry: Registry) -> None:
    land(registry, model())
    found = refused(
        registry,
        model(provider="anthropic"),
        model("fine"),
        model("lost", derivedFrom=[{"ref": "acme/nobody@1.0.0"}]),
        aliases(stable="9.9.9"),
    )
    assert [(finding.rule, finding.ref, finding.field) for finding in found.findings] == [
        ("GR-011", "model:acme/chat@1.0.0", "spec.provider"),
        ("GR-020", "aliases:model/acme/chat", "spec.aliases.stable"),
        ("GR-030", "model:acme/lost@1.0.0", "spec.derivedFrom[0].ref"),
    ]
    assert all(finding.path and not finding.path.startswith("models/") for finding in found.findings)
    assert all(finding.line and finding.column for finding in found.findings)


def test_nothing_to_register_is_a_fault_of_the_call(registry: Registry) -> None:
    with pytest.raises(UsageError, match="nothing to register"):
        land(registry)


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        pytest.param("models/acme/chat/1.0.0.yaml", [], id="right"),
        pytest.param("models/acme/chat/1.0.1.yaml", ["GR-004"], id="another-version"),
        pytest.param("models/acme/talk/1.0.0.yaml", ["GR-004"], id="another-name"),
        pytest.param("datasets/acme/chat/1.0.0.yaml", ["GR-004"], id="another-kind"),
        pytest.param("chat.yaml", ["GR-004"], id="another-place"),
        pytest.param(None, [], id="from-outside"),
    ],
)
def test_a_file_of_the_work_tree_must_stand_where_it_says(
    registry: Registry, path: str | None, rules: list[str]
) -> None:
    draft = Draft(model().raw, "here.yaml", path)
    if not rules:
        assert land(registry, draft).seq == 2
        return
    found = refused(registry, draft)
    assert rules_of(found) == rules
    assert "move it to models/acme/chat/1.0.0.yaml" in found.findings[0].mend


def test_the_same_record_twice_in_one_call_is_refused(registry: Registry) -> None:
    found = refused(registry, model(), Draft(model(description="Another.").raw, "second.yaml"))
    assert rules_of(found) == ["GR-004"]
    assert found.findings[0].says == "model:acme/chat@1.0.0 is given twice: here and in chat-1.0.0.yaml"


# Immutability

FROZEN: dict[str, Any] = {
    "provider": "anthropic",
    "type": "embedding",
    "category": ["code"],
    "checksum": {"of": "artifact", "digest": OTHER_DIGEST},
    "artifactUri": "s3://acme/other",
    "license": "mit",
    "capabilities": {"contextLength": 5},
    "inputSchema": {"type": "string"},
    "outputSchema": {"type": "string"},
    "attestations": [{"type": "signature", "format": "sigstore-bundle", "uri": "https://x.example/signature"}],
    "derivedFrom": [{"ref": "acme/base@1.0.0"}],
    "dependencies": [{"ref": "acme/base@^1"}],
    "release": {"changelog": "Nothing."},
}
MUTABLE: dict[str, Any] = {
    "lifecycle": {"status": "deprecated", "reason": "It is old."},
    "endpoints": [{"type": "rest", "url": "https://x.example", "authentication": {"type": "none"}}],
    "pricing": {"currency": "USD", "perMillionTokens": {"input": 1}},
    "custom": {"acme": {"team": "nlp"}},
}


def test_the_two_tables_above_name_every_field_of_a_model() -> None:
    fields = {field.alias or name for name, field in Model.model_fields["spec"].annotation.model_fields.items()}  # type: ignore[union-attr]
    assert set(FROZEN) | set(MUTABLE) == fields
    assert {path[1] for path in mutable_paths("Model") if path[0] == "spec"} == set(MUTABLE)


@pytest.mark.parametrize("field", FROZEN)
def test_a_frozen_field_of_a_landed_version_cannot_change(checkout: Registry, field: str) -> None:
    land(checkout, model("base"))
    data = data_of()
    land(checkout, draft_of(data))
    data["spec"][field] = FROZEN[field]
    found = refused(checkout, draft_of(data))
    assert set(rules_of(found)) == {"GR-011"}
    assert all((finding.field or "").startswith(f"spec.{field}") for finding in found.findings)
    assert "register the change as a new version" in found.findings[0].mend


@pytest.mark.parametrize("field", MUTABLE)
def test_a_mutable_field_of_a_landed_version_may_change(checkout: Registry, field: str) -> None:
    data = data_of()
    land(checkout, draft_of(data))
    data["spec"][field] = MUTABLE[field]
    assert land(checkout, draft_of(data)).records[0].status == "updated"


def test_a_frozen_field_cannot_be_taken_away(registry: Registry) -> None:
    land(registry, model(license="mit"))
    assert rules_of(refused(registry, model())) == ["GR-011"]


def test_what_has_no_versions_may_change(registry: Registry) -> None:
    land(registry, model(), model(version="1.1.0"), aliases(stable="1.0.0"))
    assert land(registry, aliases(stable="1.1.0")).records[0].status == "updated"
    assert registry.resolve("acme/chat@stable").version == "1.1.0"


# What waits for a human


def test_an_approval_that_nothing_asked_for_is_not_written_down(registry: Registry) -> None:
    receipt = land(registry, model(), approve=["GR-012", "GR-011"], message="Register it.")
    assert registry.repo.commit(receipt.commit or "").message == "Register it.\n"


def test_the_same_artifact_twice_waits_for_a_human(registry: Registry) -> None:
    land(registry, model())
    same = model("copy", digest=sha256(b"chat@1.0.0").hexdigest())
    found = refused(registry, same)
    assert rules_of(found) == ["GR-012"]
    assert found.exit_code is Exit.REVIEW
    assert "models/acme/chat/1.0.0.yaml" in found.findings[0].says
    assert "--approve" in found.mend
    receipt = land(registry, same, approve=["GR-012"], message="Mirror it.")
    assert registry.repo.commit(receipt.commit or "").message == "Mirror it.\n\nGitreg-Approved: GR-012\n"


def test_an_error_cannot_be_approved(registry: Registry) -> None:
    land(registry, model())
    found = refused(registry, model(provider="anthropic"), approve=["GR-011"])
    assert found.exit_code is Exit.FAULTS


def test_a_digest_that_is_only_mentioned_is_no_artifact(registry: Registry) -> None:
    digest = sha256(b"chat@1.0.0").hexdigest()
    land(registry, model("talk", description=f"digest: {digest}"))
    land(registry, model())
    copy = model("copy", digest=digest, description=f"digest: {'ab' * 32}")
    found = refused(registry, copy)
    assert "models/acme/chat/1.0.0.yaml" in found.findings[0].says
    assert "talk" not in found.findings[0].says


def test_a_digest_is_found_however_it_is_written(registry: Registry) -> None:
    digest = sha256(b"chat@1.0.0").hexdigest()
    odd = model().raw.replace(f"digest: {digest}".encode(), f'"digest" : "{digest}" # odd'.encode())
    land(registry, Draft(odd, "odd.yaml"))
    assert rules_of(refused(registry, model("copy", digest=digest))) == ["GR-012"]


def test_two_drafts_of_one_artifact_wait_for_a_human(registry: Registry) -> None:
    assert rules_of(refused(registry, model("one", digest=OTHER_DIGEST), model("two", digest=OTHER_DIGEST))) == [
        "GR-012",
        "GR-012",
    ]


def test_a_warning_stands_in_nobodys_way(registry: Registry) -> None:
    receipt = land(registry, model())
    assert rules_of(receipt.warnings) == ["GR-050"]
    assert receipt.as_data()["warnings"][0]["severity"] == Severity.WARNING
    spec = {"owners": ["author@example.com"]}
    assert land(registry, record("Namespace", {"name": "acme"}, spec)).warnings == ()
    assert land(registry, model("second")).warnings == ()


# References


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        pytest.param("derivedFrom", [{"ref": "acme/base@1.0.0"}], None, id="exact"),
        pytest.param("derivedFrom", [{"ref": "acme/base@1.0.1"}], "no version 1.0.1", id="no-such-version"),
        pytest.param("dependencies", [{"ref": "acme/base@^1"}], None, id="range"),
        pytest.param("dependencies", [{"ref": "acme/base@^2"}], "no version satisfies", id="no-version-in-range"),
        pytest.param("dependencies", [{"ref": "acme/base"}], None, id="any-version"),
        pytest.param("dependencies", [{"ref": "acme/bass"}], "there is no model:acme/bass", id="no-such-name"),
        pytest.param("dependencies", [{"ref": "dataset:acme/base"}], "there is no dataset:acme/base", id="other-kind"),
        pytest.param("dependencies", [{"ref": "acme/base@stable"}], None, id="alias"),
        pytest.param("dependencies", [{"ref": "acme/base@canary"}], "no alias 'canary'", id="no-such-alias"),
        pytest.param("lifecycle", {"successor": "acme/next"}, "there is no model:acme/next", id="successor"),
        pytest.param("lifecycle", {"successor": "acme/base"}, None, id="successor-that-exists"),
    ],
)
def test_a_reference_must_mean_something(registry: Registry, field: str, value: Any, says: str | None) -> None:
    land(registry, model("base"))
    land(registry, record("Aliases", {"namespace": "acme", "name": "base"}, {"aliases": {"stable": "1.0.0"}}))
    draft = model(**{field: value})
    if says is None:
        land(registry, draft)
        return
    found = refused(registry, draft)
    assert rules_of(found) == ["GR-030"]
    assert says in found.findings[0].says


def test_what_one_can_do_without_is_only_warned_of(registry: Registry) -> None:
    receipt = land(registry, model(dependencies=[{"ref": "acme/nobody@^1", "required": False}]))
    assert rules_of(receipt.warnings) == ["GR-030", "GR-050"]


def test_an_alias_of_a_version_that_is_not_there_is_refused(registry: Registry) -> None:
    land(registry, model())
    found = refused(registry, aliases(stable="1.0.0", next="2.0.0"))
    assert [(finding.rule, finding.field) for finding in found.findings] == [("GR-020", "spec.aliases.next")]


# Who, when and why


def test_author_time_and_message_are_recorded(registry: Registry) -> None:
    when = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    receipt = land(registry, model(), author=OTHER, when=when, message="Why we need it\n\nAt length.\n\n")
    commit = registry.repo.commit(receipt.commit or "")
    assert str(commit.author) == str(commit.committer) == "Somebody Else <else@example.com>"
    assert commit.author.when == when
    assert commit.message == "Why we need it\n\nAt length.\n"


def test_an_empty_message_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="message is empty"):
        land(registry, model(), message=" \n")


def test_without_an_author_nothing_lands(registry: Registry) -> None:
    with pytest.raises(UsageError, match="author of the commit is not known"):
        registry.register([model()])


# Updating


COMMENTED = b"""\
# Kept for the ticket desk.
apiVersion: gitreg/v1
kind: Model
metadata:
  namespace: acme
  name: chat
  version: 1.0.0  # the first
spec:
  provider: openai
  type: completion
  checksum:
    of: artifact
    # as published
    digest: 3f5a1c7d9e2b4860a1f3c5d7e9b2846050f1e3d5c7b9a8642013579bdf02468a
"""


def test_an_update_changes_fields_and_keeps_comments(registry: Registry) -> None:
    land(registry, Draft(COMMENTED, "x.yaml"))
    receipt = registry.update(
        "acme/chat",
        put={"spec.lifecycle.status": "deprecated", "spec.lifecycle.reason": "Old.", "metadata.tags": ["old"]},
        author=AUTHOR,
    )
    assert [landed.status for landed in receipt.records] == ["updated"]
    assert registry.repo.commit(receipt.commit or "").message == "Update model:acme/chat@1.0.0\n"
    raw = registry.get("acme/chat").raw.decode()
    for line in ("# Kept for the ticket desk.", "  version: 1.0.0 # the first", "    # as published"):
        assert raw.count(f"{line}\n") == 1
    assert raw.endswith("  lifecycle:\n    status: deprecated\n    reason: Old.\n")
    registry.update("acme/chat", remove=["metadata.tags"], author=AUTHOR)
    assert "tags" not in registry.get("acme/chat").raw.decode()


def test_an_update_to_the_same_is_unchanged(registry: Registry) -> None:
    land(registry, model(description="Same."))
    receipt = registry.update("acme/chat", put={"metadata.description": "Same."}, author=AUTHOR)
    assert (receipt.is_new, receipt.records[0].status, receipt.seq) == (False, "unchanged", 2)


@pytest.mark.parametrize(
    ("ref", "put", "remove", "error", "says"),
    [
        pytest.param("acme/chat", {"spec.license": "mit"}, [], Rejected, "GR-011", id="frozen"),
        pytest.param(
            "acme/chat", {"metadata.version": "1.1.0"}, [], UsageError, "cannot change who", id="another-version"
        ),
        pytest.param("acme/chat", {"metadata.name": "talk"}, [], UsageError, "cannot change who", id="another-name"),
        pytest.param("acme/chat", {"spec.pricing": "free"}, [], Rejected, "GR-003", id="wrong-type"),
        pytest.param("acme/chat", {"spec.custom.acme.n": 2**60}, [], Rejected, "GR-001", id="unreadable-number"),
        pytest.param("acme/chat", {"spec.custom.acme.n": {1}}, [], Rejected, "GR-003", id="not-json"),
        pytest.param("acme/chat", {"metadata.description": "x" * 16_385}, [], Rejected, "GR-003", id="too-long"),
        pytest.param("acme/chat", {}, ["spec.pricing"], UsageError, "no field `spec.pricing`", id="nothing-there"),
        pytest.param("acme/chat", {"": 1}, [], UsageError, "path is empty", id="no-field"),
        pytest.param("acme/chat", {"spec.type.x": 1}, [], UsageError, "cannot be set", id="below-a-text"),
        pytest.param("acme/nobody", {"spec.license": "mit"}, [], NotFoundError, "there is no", id="no-record"),
    ],
)
def test_an_update_that_may_not_be_changes_nothing(
    checkout: Registry, ref: str, put: dict[str, Any], remove: list[str], error: type[Exception], says: str
) -> None:
    tip = land(checkout, model()).commit
    with pytest.raises(error) as caught:
        checkout.update(ref, put=put, remove=remove, author=AUTHOR)
    assert says in (rules_of(caught.value) if isinstance(caught.value, Rejected) else str(caught.value))
    assert checkout.repo.tip() == tip
    assert [address.ref for address in checkout.list("Model")] == ["model:acme/chat@1.0.0"]


# Asking


def test_a_record_is_described_with_what_git_knows(registry: Registry) -> None:
    land(registry, model())
    later = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    receipt = land(registry, model(description="Later."), author=OTHER, when=later)
    found = registry.get("acme/chat@^1")
    described = registry.describe(found)
    assert {key: described[key] for key in ("apiVersion", "kind")} == {"apiVersion": "gitreg/v1", "kind": "Model"}
    assert described["metadata"]["description"] == "Later."
    assert described["registry"] == {
        "id": found.address.id(str(UID)),
        "ref": "model:acme/chat@1.0.0",
        "path": "models/acme/chat/1.0.0.yaml",
        "blob": found.blob,
        "commit": receipt.commit,
        "seq": 3,
        "createdAt": "2026-01-02T03:04:05Z",
        "updatedAt": "2026-03-04T05:06:07Z",
        "registeredBy": "Example Author <author@example.com>",
    }


def test_a_record_can_be_asked_for_as_it_was(registry: Registry) -> None:
    then = land(registry, model(description="Before.")).commit or ""
    land(registry, model(description="After."), model(version="2.0.0"))
    old = registry.get("acme/chat", at=then).manifest
    assert (old.metadata.description, old.address.version) == ("Before.", "1.0.0")
    assert registry.resolve("acme/chat").version == "2.0.0"
    assert registry.resolve("acme/chat", at=then).version == "1.0.0"
    with pytest.raises(NotFoundError):
        registry.resolve("acme/chat@2.0.0", at=then)


def test_a_landed_file_that_cannot_be_read_is_told_as_such(registry: Registry, commit_to: Committing) -> None:
    land(registry, model())
    commit_to(registry.repo, {"models/acme/chat/2.0.0.yaml": b"a: ["})
    with pytest.raises(Rejected) as caught:
        registry.get("acme/chat@2.0.0")
    assert rules_of(caught.value) == ["GR-001"]
    assert registry.get("acme/chat@1.0.0").address.version == "1.0.0"


def test_records_are_listed_by_kind_and_namespace(registry: Registry) -> None:
    elsewhere = data_of("deep")
    elsewhere["metadata"]["namespace"] = "acme/nlp"
    other = data_of("other")
    other["metadata"]["namespace"] = "acmeish"
    spec = {"owners": ["author@example.com"]}
    namespaces = [record("Namespace", {"name": name}, spec) for name in ("acme", "acme/nlp", "acmeish")]
    land(registry, model(), aliases(stable="1.0.0"), draft_of(elsewhere), draft_of(other), *namespaces)
    models = ["model:acme/chat@1.0.0", "model:acme/nlp/deep@1.0.0", "model:acmeish/other@1.0.0"]
    assert [address.ref for address in registry.list("Model")] == models
    assert [address.ref for address in registry.list("Model", "acme")] == models[:2]
    assert [address.ref for address in registry.list("Aliases")] == ["aliases:model/acme/chat"]
    assert [address.ref for address in registry.list("Namespace", "acme")] == ["namespace:acme", "namespace:acme/nlp"]
    assert [address.ref for address in registry.list("Registry")] == ["registry"]
    assert {address.kind for address in registry.list("Role")} == {"Role"}
    assert list(registry.list("RoleBinding")) == []
    assert len(list(registry.list(None, "acme"))) == 5
    assert list(registry.list("Model", "nobody")) == []


# Which version is meant

VERSIONS = ("0.9.0", "1.0.0", "1.1.0", "1.2.0-rc.1", "2.0.0", "3.0.0-beta.1")
RETIRED = ("1.1.0", "2.0.0")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    made = start(tmp_path_factory.mktemp("many") / "registry", bare=True)
    drafts = [
        model(version=version, lifecycle={"status": "retired" if version in RETIRED else "active"})
        for version in VERSIONS
    ]
    drafts += [model("early", version=version) for version in ("0.1.0-a", "0.1.0-b")]
    drafts += [model("gone", version=version, lifecycle={"status": "retired"}) for version in ("1.0.0", "1.1.0")]
    land(made, *drafts, aliases(production="1.0.0", old="1.1.0", next="3.0.0-beta.1"))
    return made


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        pytest.param("acme/chat", "1.0.0", id="nothing-means-latest"),
        pytest.param("acme/chat@latest", "1.0.0", id="latest-is-neither-prerelease-nor-retired"),
        pytest.param("acme/chat@*", "1.0.0", id="star"),
        pytest.param("acme/chat@^1", "1.0.0", id="a-range-passes-over-the-retired"),
        pytest.param("acme/chat@1.1.x", "1.1.0", id="unless-all-are-retired"),
        pytest.param("acme/chat@^2", "2.0.0", id="retired-major"),
        pytest.param("acme/chat@<1", "0.9.0", id="below"),
        pytest.param("acme/chat@1.2.x", None, id="a-range-passes-over-prereleases"),
        pytest.param("acme/chat@>=1.2.0-0 <1.3.0", "1.2.0-rc.1", id="unless-it-names-them"),
        pytest.param("acme/chat@^0.9 || ^2", "0.9.0", id="or"),
        pytest.param("acme/chat@1.1.0", "1.1.0", id="exact-retired"),
        pytest.param("acme/chat@1.2.0-rc.1", "1.2.0-rc.1", id="exact-prerelease"),
        pytest.param("acme/chat@1.0.1", None, id="no-such-version"),
        pytest.param("acme/chat@^4", None, id="no-version-in-range"),
        pytest.param("acme/chat@production", "1.0.0", id="alias"),
        pytest.param("acme/chat@old", "1.1.0", id="alias-to-the-retired"),
        pytest.param("acme/chat@next", "3.0.0-beta.1", id="alias-to-a-prerelease"),
        pytest.param("acme/chat@canary", None, id="no-such-alias"),
        pytest.param("acme/early", "0.1.0-b", id="only-prereleases"),
        pytest.param("acme/early@latest", None, id="only-prereleases-have-no-latest"),
        pytest.param("acme/early@*", None, id="only-prereleases-are-in-no-plain-range"),
        pytest.param("acme/gone", "1.1.0", id="only-retired"),
        pytest.param("acme/gone@latest", None, id="only-retired-have-no-latest"),
        pytest.param("acme/gone@^1.0", "1.1.0", id="only-retired-in-range"),
        pytest.param("acme/nobody", None, id="no-such-name"),
        pytest.param("dataset:acme/chat", None, id="no-such-name-of-the-kind"),
        pytest.param("nobody/chat", None, id="no-such-namespace"),
    ],
)
def test_a_ref_means_one_version(many: Registry, ref: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(NotFoundError) as caught:
            many.resolve(ref)
        assert caught.value.mend
        assert caught.value.exit_code is Exit.FAULTS
    else:
        assert many.resolve(ref).version == expected


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        pytest.param("acme/chat@1.0.1", "it has no version 1.0.1; there are 3.0.0-beta.1, 2.0.0", id="version"),
        pytest.param("acme/chat@^4", "no version satisfies >=4.0.0 <5.0.0-0; there are", id="range"),
        pytest.param("acme/chat@canary", "no alias 'canary'; its aliases: next, old, production", id="alias"),
        pytest.param("acme/early@latest", "every version is a prerelease or retired", id="latest"),
        pytest.param("acme/chatt", "there is no model:acme/chatt", id="name"),
    ],
)
def test_what_means_nothing_is_told_with_what_there_is(many: Registry, ref: str, says: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        many.resolve(ref)
    assert says in caught.value.says


def test_a_misspelt_name_is_answered_with_the_nearest(many: Registry) -> None:
    with pytest.raises(NotFoundError) as caught:
        many.resolve("acme/chatt")
    assert "did you mean acme/chat?" in caught.value.mend


def test_choosing_among_nothing_chooses_nothing() -> None:
    for selector in (None, "latest", "production", Range.parse("*"), Version.parse("1.0.0")):
        assert choose(selector, [], {}, lambda _: False) is None
        assert why_nothing(selector, [], {}) == "it has no versions"


def test_an_alias_to_a_version_that_went_means_nothing() -> None:
    assert choose("old", [Version.parse("1.0.0")], {"old": "0.9.0"}, lambda _: False) is None


# History


def test_history_tells_which_commits_touched_a_record_and_how(registry: Registry, commit_to: Committing) -> None:
    land(registry, model())
    land(registry, model("other"))
    land(registry, model(description="Described."), author=OTHER, message="Describe it")
    commit_to(registry.repo, {"models/acme/chat/1.0.0.yaml": None}, "Take it away")
    entries = registry.history("acme/chat@1.0.0")
    assert [(entry.seq, entry.change, entry.commit.message) for entry in entries] == [
        (5, "removed", "Take it away\n"),
        (4, "changed", "Describe it\n"),
        (2, "added", "Register model:acme/chat@1.0.0\n"),
    ]
    changed = entries[1].as_data()
    assert changed["author"] == "Somebody Else <else@example.com>"
    assert changed["fields"] == [{"path": "metadata.description", "before": None, "after": "Described."}]
    assert changed["time"] == "2026-01-02T03:04:05Z"
    assert {"spec.provider", "metadata.name"} <= {change.path for change in entries[2].fields}
    with pytest.raises(NotFoundError):
        registry.get("acme/chat@1.0.0")


def test_history_of_what_never_was_is_not_found(registry: Registry) -> None:
    for ref in ("acme/nobody@1.0.0", "acme/nobody", "acme/nobody@^1", "acme/nobody@stable", "role:nobody"):
        with pytest.raises(NotFoundError):
            registry.history(ref)


# The work tree


def test_the_work_tree_follows(checkout: Registry) -> None:
    where = Path(checkout.repo.workdir or "")
    receipt = land(checkout, model())
    assert (where / "models/acme/chat/1.0.0.yaml").read_bytes() == model().raw
    assert receipt.left == ()
    assert git(where, "status", "--porcelain") == ""


def test_uncommitted_edits_are_kept_and_told(checkout: Registry) -> None:
    where = Path(checkout.repo.workdir or "")
    land(checkout, model())
    edited = where / "models/acme/chat/1.0.0.yaml"
    edited.write_text("mine\n")
    (where / "notes.txt").write_text("mine too\n")
    receipt = land(checkout, model(description="Theirs."))
    assert receipt.left == ("models/acme/chat/1.0.0.yaml",)
    assert edited.read_text() == "mine\n"
    assert git(where, "status", "--porcelain").split("\n") == ["M models/acme/chat/1.0.0.yaml", "?? notes.txt"]


# Others at work

WRITER = """
import sys
from datetime import UTC, datetime
from gitreg.manifests import dump_yaml
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from hashlib import sha256

registry = Registry.open(sys.argv[1])
who = Signature("Writer", "writer@example.com", datetime(2026, 1, 1, tzinfo=UTC))
for n in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{n}"
    data = {"apiVersion": "gitreg/v1", "kind": "Model",
            "metadata": {"namespace": "acme", "name": name, "version": "1.0.0"},
            "spec": {"provider": "openai", "type": "completion",
                     "checksum": {"of": "artifact", "digest": sha256(name.encode()).hexdigest()}}}
    receipt = registry.register([Draft(dump_yaml(data).encode(), name)], author=who)
    print(receipt.records[0].ref, receipt.seq, receipt.commit, flush=True)
"""


def start_writer(registry: Registry, name: str, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(registry.repo.git_dir), name, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_writers_lose_nothing_and_the_history_is_a_line(registry: Registry) -> None:
    count = tries(10, 60)
    writers = [start_writer(registry, name, count) for name in ("one", "two")]
    told = [writer.communicate(timeout=60) for writer in writers]
    assert [(writer.returncode, err) for writer, (_, err) in zip(writers, told, strict=True)] == [(0, ""), (0, "")]
    lines = [line.split() for out, _ in told for line in out.splitlines()]
    assert len(lines) == 2 * count
    tip = registry.repo.tip() or ""
    assert sorted(int(seq) for _, seq, _ in lines) == list(range(2, 2 + 2 * count))
    assert git(registry.repo.git_dir, "rev-list", "--count", "--merges", tip) == "0"
    assert git(registry.repo.git_dir, "rev-list", "--count", tip) == str(1 + 2 * count)
    assert {address.ref for address in registry.list("Model")} == {ref for ref, _, _ in lines}
    assert all(registry.repo.seq(commit) == int(seq) for _, seq, commit in lines)
    assert faults_of(registry.repo.git_dir) == []


def landing_first(registry: Registry, patch: pytest.MonkeyPatch, *drafts: Draft) -> None:
    """Let somebody else land before the next registration does, while it has been checked already."""
    real = writing.advance
    waiting = list(drafts)

    def advance(repo: GitRepository, **words: Any) -> None:
        if waiting:
            now = [waiting.pop() for _ in range(len(waiting))]
            land(Registry.open(registry.repo.git_dir), *now, author=OTHER)
        real(repo, **words)

    patch.setattr(registry_module, "advance", advance)


def test_the_second_of_two_contents_of_one_version_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing_first(registry, monkeypatch, model(provider="anthropic"))
    with pytest.raises(Rejected) as caught:
        land(registry, model())
    assert rules_of(caught.value) == ["GR-011"]
    assert registry.get("acme/chat").manifest.spec.provider == "anthropic"  # type: ignore[attr-defined]


def test_the_second_of_two_same_contents_is_unchanged(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    landing_first(registry, monkeypatch, model())
    receipt = land(registry, model())
    assert (receipt.records[0].status, receipt.seq) == ("unchanged", 2)


def test_a_registration_is_checked_anew_on_what_landed_first(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing_first(registry, monkeypatch, model("first", digest=OTHER_DIGEST))
    with pytest.raises(Rejected) as caught:
        land(registry, model("second", digest=OTHER_DIGEST))
    assert rules_of(caught.value) == ["GR-012"]


def test_an_update_is_made_anew_on_what_landed_first(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    land(registry, model())
    landing_first(registry, monkeypatch, model(description="Theirs."))
    registry.update("acme/chat", put={"metadata.tags": ["ours"]}, author=AUTHOR)
    metadata = registry.get("acme/chat").manifest.metadata
    assert (metadata.description, metadata.tags) == ("Theirs.", ("ours",))


def test_a_branch_that_never_stands_still_is_given_up_on(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(*_: Any, **__: Any) -> None:
        raise writing.RefMoved("moved", mend="again")

    monkeypatch.setattr(registry_module, "advance", moved)
    monkeypatch.setattr(registry_module, "ATTEMPTS", 3)
    with pytest.raises(ConflictError, match="the branch moved 3 times"):
        land(registry, model())


def test_a_change_made_from_an_older_state_is_not_landed_on_a_newer(registry: Registry) -> None:
    older = registry.repo.tip()
    land(registry, model(), onto=older)
    with pytest.raises(writing.RefMoved):
        land(registry, model(description="Made from what was."), onto=older)
    assert registry.repo.seq(registry.repo.tip() or "") == 2


@pytest.mark.parametrize("acknowledged", [1, 3, 5])
def test_what_was_acknowledged_outlives_a_killed_writer(tmp_path: Path, acknowledged: int) -> None:
    registry = start(tmp_path / "registry", bare=True)
    writer = start_writer(registry, "killed", 1000)
    assert writer.stdout is not None
    told = [writer.stdout.readline().split() for _ in range(acknowledged)]
    writer.send_signal(signal.SIGKILL)
    told += [line.split() for line in writer.communicate()[0].splitlines() if line.count(" ") == 2]
    again = Registry.open(registry.repo.git_dir)
    assert faults_of(registry.repo.git_dir) == []
    assert {ref for ref, _, _ in told} <= {address.ref for address in again.list("Model")}
    (registry.repo.git_dir / f"{registry.repo.branch}.lock").unlink(missing_ok=True)
    assert land(again, model()).records[0].status == "registered"


@pytest.mark.parametrize(
    ("errno", "reason"),
    [
        pytest.param(28, "No space left on device", id="disk-full"),
        pytest.param(30, "Read-only file system", id="read-only"),
        pytest.param(5, "Input/output error", id="broken-disk"),
    ],
)
@pytest.mark.parametrize("count", [pytest.param(1, id="loose"), pytest.param(40, id="pack")])
def test_a_disk_that_takes_nothing_is_told_and_nothing_changes(
    checkout: Registry, monkeypatch: pytest.MonkeyPatch, errno: int, reason: str, count: int
) -> None:
    def broken(_: Path) -> None:
        raise OSError(errno, reason)

    tip = checkout.repo.tip()
    drafts = [model(f"m{n}") for n in range(count)]
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_fsync", broken)
        with pytest.raises(RepositoryError) as caught:
            land(checkout, *drafts)
    assert reason in str(caught.value.got)
    assert "nothing has changed" in caught.value.says
    assert caught.value.mend
    assert checkout.repo.tip() == tip
    assert git(Path(checkout.repo.workdir or ""), "status", "--porcelain") == ""
    assert land(checkout, *drafts).seq == 2


def test_a_registry_without_a_place_for_its_notes_still_knows_its_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitRepository, "state_dir", property(lambda _: tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("in the way")
    registry = start(tmp_path / "registry", bare=True)
    land(registry, model())
    assert rules_of(refused(registry, model("copy", digest=sha256(b"chat@1.0.0").hexdigest()))) == ["GR-012"]


def test_notes_on_digests_that_are_spoilt_are_made_again(tmp_path: Path) -> None:
    registry = start(tmp_path / "registry", bare=True)
    land(registry, model())
    notes = registry.repo.state_dir / FILE_NAME
    assert notes.is_file()
    notes.write_bytes(b"not a database" * 100)
    again = Registry.open(registry.repo.git_dir)
    assert rules_of(refused(again, model("copy", digest=sha256(b"chat@1.0.0").hexdigest()))) == ["GR-012"]


@pytest.mark.parametrize("kind", [kind for kind in KIND_TYPES if kind != "Registry"])
def test_the_example_of_every_kind_lands_or_is_refused_for_its_references_only(checkout: Registry, kind: str) -> None:
    raw = KIND_TYPES[kind].example.encode()
    reading = read_manifest(raw)
    assert reading.manifest is not None
    rules: list[str] = []
    try:
        land(checkout, Draft(raw, "example.yaml"))
    except Rejected as error:
        rules = rules_of(error)
    assert set(rules) <= {"GR-020", "GR-030"}
    assert rules or checkout.get(reading.manifest.address.ref).manifest == reading.manifest
