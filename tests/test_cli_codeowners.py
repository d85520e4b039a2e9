"""`gitreg codeowners` writes what GitHub asks for from the namespaces' owners, and tells when it is stale."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest
from cli_support import git, new_registry, run, written
from gate_support import commit, manifest, namespace
from gate_support import new_registry as new_state

from gitreg_validators.owners_file import HOLDERS, PLACE, codeowners_of

DAY = date(2026, 6, 1)


def binding(*subjects: str, **spec: object) -> bytes:
    return manifest("RoleBinding", {"name": "bound"}, {"role": "admin", "subjects": list(subjects), **spec})


ADMIN = manifest("Role", {"name": "admin"}, {"permissions": ["registry:admin"]})
FILES = {
    "namespaces/acme.yaml": namespace("acme", "boss@example.com", "@acme/all"),
    "namespaces/acme/nlp.yaml": namespace("acme/nlp", "@nlp", "svc:ci", "boss@example.com"),
    "namespaces/acme/nlp/deep.yaml": namespace("acme/nlp/deep", "deep@example.com"),
    "namespaces/bots.yaml": namespace("bots", "svc:ci", "Somebody Else"),
    "namespaces/zoo.yaml": namespace("zoo", "zoo@example.com"),
    "namespaces/broken.yaml": b"nothing",
    "access/admin.yaml": ADMIN,
    "access/bound.yaml": binding("root@example.com", "svc:root"),
}


def lines_of(text: str, pattern: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{pattern} ")]


def test_each_namespace_names_its_owners_and_those_above(tmp_path: Path) -> None:
    text = codeowners_of(new_state(tmp_path, FILES).snapshot(), DAY)
    assert lines_of(text, "/models/acme/") == ["/models/acme/ boss@example.com @acme/all"]
    assert lines_of(text, "/models/acme/nlp/") == ["/models/acme/nlp/ @nlp boss@example.com @acme/all"]
    assert lines_of(text, "/policy-links/acme/nlp/deep/") == [
        "/policy-links/acme/nlp/deep/ deep@example.com @nlp boss@example.com @acme/all"
    ]
    assert lines_of(text, "/namespaces/zoo.yaml") == ["/namespaces/zoo.yaml zoo@example.com"]
    assert lines_of(text, "/namespaces/acme/") == ["/namespaces/acme/ boss@example.com @acme/all"]
    for folder in ("models", "datasets", "configs", "pipelines", "templates", "suites", "policies", "metadata-schemas"):
        assert lines_of(text, f"/{folder}/zoo/") == [f"/{folder}/zoo/ zoo@example.com"]
    assert len(HOLDERS) == 9


def test_deeper_namespaces_come_last(tmp_path: Path) -> None:
    text = codeowners_of(new_state(tmp_path, FILES).snapshot(), DAY)
    titles = [
        line
        for line in text.splitlines()
        if line in {f"# {name}" for name in ("acme", "acme/nlp", "acme/nlp/deep", "zoo")}
    ]
    assert titles == ["# acme", "# zoo", "# acme/nlp", "# acme/nlp/deep"]


def test_who_is_not_known_to_github_stands_in_a_comment(tmp_path: Path) -> None:
    text = codeowners_of(new_state(tmp_path, FILES).snapshot(), DAY)
    block = text.split("# bots\n")[1].split("\n\n")[0]
    assert block.splitlines() == ["# svc:ci is nobody that GitHub knows", "# Somebody Else is nobody that GitHub knows"]


def test_administrators_own_the_settings(tmp_path: Path) -> None:
    registry = new_state(tmp_path, FILES)
    text = codeowners_of(registry.snapshot(), DAY)
    assert text.startswith("# Made by `gitreg codeowners`")
    assert text.split("\n\n")[1].splitlines() == [
        "# the registry",
        "# svc:root is nobody that GitHub knows",
        "/registry.yaml root@example.com",
        "/access/ root@example.com",
        "/waivers/ root@example.com",
        "/hooks/ root@example.com",
        "/.github/ root@example.com",
        "/.gitreg/ root@example.com",
        "/.gitattributes root@example.com",
        "/.pre-commit-config.yaml root@example.com",
    ]
    ended = commit(registry, {"access/bound.yaml": binding("root@example.com", expiresAt="2026-05-31")})
    assert "/registry.yaml" not in codeowners_of(ended, DAY)
    assert "\n\n\n" not in codeowners_of(ended, DAY)
    assert "/registry.yaml" in codeowners_of(ended, date(2026, 5, 31))


def test_git_reads_the_patterns_as_they_are_meant(tmp_path: Path) -> None:
    text = codeowners_of(new_state(tmp_path, FILES).snapshot(), DAY)
    patterns = [line.split(" ")[0] for line in text.splitlines() if line.startswith("/")]
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    written(tmp_path / "repo", ".gitignore", "\n".join(patterns))
    matched = git(tmp_path / "repo", "check-ignore", "models/acme/chat/1.0.0.yaml", "registry.yaml")
    assert matched.split() == ["models/acme/chat/1.0.0.yaml", "registry.yaml"]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = new_registry(tmp_path / "registry")
    written(folder, "namespaces/acme.yaml", namespace("acme", "boss@example.com"))
    return landed(folder)


def landed(folder: Path) -> Path:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=Example Author", "-c", "user.email=author@example.com", "commit", "-qm", "change")
    return folder


def test_it_prints_the_text(registry: Path) -> None:
    done = run("codeowners", "--repo", registry)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("/templates/acme/ boss@example.com\n")
    assert run("codeowners", "--repo", registry, "--json").json == {"path": PLACE, "text": done.out}


def test_check_compares_with_what_has_landed(registry: Path) -> None:
    (registry / PLACE).unlink()
    landed(registry)
    absent = run("codeowners", "--check", "--repo", registry)
    assert (absent.code, absent.out) == (1, "")
    assert "is absent" in absent.err
    assert "mend: make it again: `gitreg codeowners > .github/CODEOWNERS`" in absent.err
    written(registry, PLACE, run("codeowners", "--repo", registry).out)
    assert run("codeowners", "--check", "--repo", registry).code == 1  # it has not landed
    landed(registry)
    same = run("codeowners", "--check", "--repo", registry)
    assert (same.code, same.out, same.err) == (0, f"{PLACE} is what the owners say\n", "")
    written(registry, "namespaces/acme.yaml", namespace("acme", "next@example.com"))
    landed(registry)
    stale = run("codeowners", "--check", "--repo", registry)
    assert (stale.code, stale.out) == (1, "")
    assert "is not what the owners say" in stale.err


def test_check_as_json(registry: Path) -> None:
    stale = run("codeowners", "--check", "--json", "--repo", registry)
    assert (stale.code, stale.json["isSame"], stale.json["path"]) == (1, False, PLACE)
    assert stale.json["mend"].startswith("make it again")
    written(registry, PLACE, run("codeowners", "--repo", registry).out)
    landed(registry)
    same = run("codeowners", "--check", "--json", "--repo", registry)
    assert (same.code, same.json) == (0, {"path": PLACE, "isSame": True, "mend": None})


def test_without_a_registry_it_could_not_run(tmp_path: Path) -> None:
    refused = run("codeowners", "--repo", tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "mend:" in refused.err
