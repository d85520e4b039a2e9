"""`gitreg pipeline clone`, `branch` and `rollback`: new lines of pipelines, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_support import AUTHOR, Run, git, model, namespace, new_registry, registered, run, state_of

from gitreg.cli import landing
from gitreg.registry import Registry
from gitreg.repository.writing import RefMoved

CHAT = model("1.0.0")


def text(version: str = "1.2.4", model: str = "acme/chat@^1", more: str = "", meta: str = "") -> str:
    return f"""\
apiVersion: gitreg/v1
kind: Pipeline
metadata:
  namespace: acme
  name: p
  version: {version}  # the version
{meta}spec:
  # what runs
  dag:
    nodes:
    - id: a  # the only one
      type: model
      model: {model}
  inputSchema:
    type: string
  outputSchema:
    type: string
{more}"""


ALIASES = """\
apiVersion: gitreg/v1
kind: Aliases
metadata:
  namespace: acme
  name: p
spec:
  of: Pipeline
  aliases:
    production: 1.3.0  # what customers see
    stable: 1.2.4
"""
NEXT = text("1.3.0", "acme/chat@1.0.0", "  release:\n    changelog: Pinned.\n")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_registry(tmp_path_factory.mktemp("lines") / "registry")
    meta = "  owner: somebody\n  externalIds:\n    hub: p-1\n"
    registered(folder, namespace(), CHAT, text(meta=meta), NEXT, ALIASES)
    return folder


@pytest.fixture
def registry(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "registry", symlinks=True))


def call(registry: Path, *words: str, author: str = AUTHOR) -> Run:
    signed = [] if {"--output", "-o"} & {*words} and "--author" not in words else ["--author", author]
    return run("pipeline", *words, "--repo", registry, *signed)


def done(registry: Path, *words: str) -> Any:
    made = call(registry, *words, "--json")
    assert made.code == 0, made.out
    return made.json


def landed(registry: Path, path: str) -> str:
    return git(registry, "show", f"main:pipelines/acme/{path}.yaml")


def test_a_clone_is_a_draft_under_another_name(registry: Path) -> None:
    receipt = done(registry, "clone", "acme/p@1.2.4", "acme/copy")
    assert [(each["ref"], each["status"]) for each in receipt["records"]] == [
        ("pipeline:acme/copy@1.0.0", "registered")
    ]
    made = landed(registry, "copy/1.0.0")
    assert "  name: copy\n  version: 1.0.0 # the version\n  owner: somebody\nspec:\n  # what runs\n" in made
    assert "- id: a # the only one" in made
    assert "    changelog: Cloned from pipeline:acme/p@1.2.4.\n  lifecycle:\n    status: draft\n" in made
    assert "externalIds" not in made
    assert git(registry, "log", "-1", "--format=%s").strip() == (
        "Clone pipeline:acme/p@1.2.4 as pipeline:acme/copy@1.0.0"
    )
    assert git(registry, "status", "--porcelain") == ""
    assert run("aliases", "pipeline:acme/copy", "--repo", registry, "--json").json["aliases"] == {}


@pytest.mark.parametrize(
    ("words", "ref"),
    [
        pytest.param(["acme/copy@0.1.0"], "pipeline:acme/copy@0.1.0", id="with the name"),
        pytest.param(["acme/copy", "--version", "0.1.0"], "pipeline:acme/copy@0.1.0", id="as an option"),
        pytest.param(["pipeline:acme/p2"], "pipeline:acme/p2@1.0.0", id="with the kind"),
    ],
)
def test_a_clone_has_the_version_that_is_asked_for(registry: Path, words: list[str], ref: str) -> None:
    assert done(registry, "clone", "acme/p", *words)["records"][0]["ref"] == ref


def test_twice_is_as_good_as_once(registry: Path) -> None:
    for words in (
        ["clone", "acme/p", "acme/copy"],
        ["branch", "acme/p", "--prerelease", "beta"],
        ["branch", "acme/p", "--name", "q"],
        ["rollback", "acme/p", "--to", "1.2.4"],
        ["rollback", "acme/p", "--to", "1.2.4", "--alias", "production"],
    ):
        first = done(registry, *words)
        assert first["records"][0]["status"] in ("registered", "updated"), words
        again = done(registry, *words)
        assert (again["records"][0]["status"], again["commit"]) == ("unchanged", first["commit"]), words
        assert again["records"][0]["ref"] == first["records"][0]["ref"]


def test_what_was_edited_since_stays_edited(registry: Path) -> None:
    done(registry, "clone", "acme/p", "acme/copy")
    run("update", "pipeline:acme/copy", "--set", "spec.lifecycle.status=active", "--repo", registry, "--author", AUTHOR)
    assert done(registry, "clone", "acme/p", "acme/copy")["records"][0]["status"] == "unchanged"
    assert "status: active" in landed(registry, "copy/1.0.0")


@pytest.mark.parametrize(
    ("words", "ref"),
    [
        pytest.param(["acme/p@1.2.4", "--prerelease", "beta"], "acme/p@1.2.5-beta.0", id="the next patch"),
        pytest.param(["acme/p@1.3.0", "--prerelease", "rc", "--bump", "minor"], "acme/p@1.4.0-rc.0", id="a minor"),
        pytest.param(["acme/p", "--prerelease", "rc", "--bump", "major"], "acme/p@2.0.0-rc.0", id="a major"),
        pytest.param(
            ["acme/p@1.2.4", "--prerelease", "b", "--bump", "minor"], "acme/p@1.4.0-b.0", id="one that is out"
        ),
        pytest.param(["acme/p", "--name", "q"], "acme/q@1.3.0", id="another name"),
        pytest.param(["acme/p", "--name", "acme/q"], "acme/q@1.3.0", id="another name with its namespace"),
        pytest.param(["acme/p", "--name", "q", "--prerelease", "x"], "acme/q@1.3.1-x.0", id="both"),
    ],
)
def test_a_branch_begins_a_line_of_its_own(registry: Path, words: list[str], ref: str) -> None:
    assert done(registry, "branch", *words)["records"][0]["ref"] == f"pipeline:{ref}"
    name, _, version = ref.removeprefix("acme/").partition("@")
    made = landed(registry, f"{name}/{version}")
    assert "changelog: Branched from pipeline:acme/p@1." in made
    assert ("previousVersion: 1." in made) == (name == "p")
    assert "status: draft" in made


def test_a_branch_goes_past_another_one(registry: Path) -> None:
    one = done(registry, "branch", "acme/p@1.2.4", "--prerelease", "beta", "--bump", "major")
    other = done(registry, "branch", "acme/p@1.3.0", "--prerelease", "beta", "--bump", "major")
    more = done(registry, "branch", "acme/p@2.0.0-beta.1", "--prerelease", "beta")
    refs = [each["records"][0]["ref"] for each in (one, other, more)]
    assert refs == [f"pipeline:acme/p@2.0.0-beta.{n}" for n in range(3)]


def test_a_rollback_is_a_new_version_that_says_what_an_old_one_said(registry: Path) -> None:
    receipt = done(registry, "rollback", "acme/p", "--to", "1.2.4")
    assert receipt["records"][0]["ref"] == "pipeline:acme/p@1.3.1"
    made = landed(registry, "p/1.3.1")
    assert "model: acme/chat@^1" in made
    assert "changelog: Rolled back from 1.3.0 to 1.2.4.\n    previousVersion: 1.3.0\n" in made
    assert "lifecycle:\n    status: active" in made
    assert "- id: a # the only one" in made
    assert "breakingChanges" not in made


def test_a_rollback_goes_by_releases(registry: Path) -> None:
    done(registry, "branch", "acme/p", "--prerelease", "rc", "--bump", "major")
    assert done(registry, "rollback", "acme/p", "--to", "1.2.4")["records"][0]["ref"] == "pipeline:acme/p@1.3.1"


def test_a_rollback_that_breaks_says_so(registry: Path) -> None:
    words = ["rollback", "acme/p", "--to", "1.2.4", "--bump", "major"]
    refused = call(registry, *words)
    assert (refused.code, "GR-016" in refused.err) == (1, True)
    receipt = done(registry, *words, "--migration-guide", "https://acme.example/move")
    assert receipt["records"][0]["ref"] == "pipeline:acme/p@2.0.0"
    assert "breakingChanges: true" in landed(registry, "p/2.0.0")
    again = done(registry, *words, "--migration-guide", "https://acme.example/move")
    assert (again["records"][0]["status"], again["commit"]) == ("unchanged", receipt["commit"])
    other = call(registry, *words, "--migration-guide", "https://acme.example/other")
    assert (other.code, "leave --migration-guide out" in other.err) == (2, True)


def test_a_rollback_to_what_only_a_draft_says_makes_an_active_version(registry: Path) -> None:
    done(registry, "clone", "acme/p", "acme/copy")
    done(registry, "clone", "acme/p", "acme/copy", "--version", "1.1.0")
    receipt = done(registry, "rollback", "acme/copy", "--to", "1.0.0")
    assert [(each["ref"], each["status"]) for each in receipt["records"]] == [
        ("pipeline:acme/copy@1.1.1", "registered")
    ]
    assert "status: active" in landed(registry, "copy/1.1.1")


def test_a_rollback_to_the_newest_changes_nothing(registry: Path) -> None:
    before = state_of(registry)
    assert done(registry, "rollback", "acme/p", "--to", "1.3.0")["records"][0]["status"] == "unchanged"
    assert state_of(registry) == before


def test_an_alias_is_moved_back_with_its_comments(registry: Path) -> None:
    receipt = done(registry, "rollback", "acme/p", "--to", "1.2.4", "--alias", "production")
    assert receipt["records"] == [{**receipt["records"][0], "ref": "aliases:pipeline/acme/p", "status": "updated"}]
    assert "    production: 1.2.4 # what customers see\n    stable: 1.2.4\n" in landed(registry, "p/aliases")
    assert git(registry, "log", "-1", "--format=%s") == "Move production of pipeline:acme/p back to 1.2.4\n"


# where it goes


def test_a_proposal_lands_nothing(registry: Path) -> None:
    before = state_of(registry)
    made = done(registry, "clone", "acme/p", "acme/copy", "--propose", "--forge", "local")
    assert (made["status"], made["proposal"]["title"]) == (
        "proposed",
        "Clone pipeline:acme/p as pipeline:acme/copy@1.0.0",
    )
    assert state_of(registry) == before
    again = done(registry, "clone", "acme/p", "acme/copy", "--propose", "--forge", "local")
    assert (again["status"], again["proposal"]["number"]) == ("unchanged", made["proposal"]["number"])
    titled = done(
        registry, "rollback", "acme/p", "--to", "1.2.4", "--propose", "-m", "Back\n\nIt broke.", "--forge", "local"
    )
    assert titled["proposal"]["title"] == "Back"
    assert titled["proposal"]["body"].startswith("It broke.")


def test_an_output_is_only_written(registry: Path, tmp_path: Path) -> None:
    before = state_of(registry)
    file = tmp_path / "copy.yaml"
    assert done(registry, "clone", "acme/p", "acme/copy", "--output", str(file)) == {
        "status": "written",
        "file": str(file),
    }
    assert call(registry, "clone", "acme/p", "acme/copy", "-o", "-").out == file.read_text()
    data = done(registry, "clone", "acme/p", "acme/copy", "-o", "-")
    assert (data["kind"], data["metadata"]["name"], data["spec"]["lifecycle"]) == (
        "Pipeline",
        "copy",
        {"status": "draft"},
    )
    assert state_of(registry) == before
    assert run("register", file, "--repo", registry, "--author", AUTHOR).code == 0
    assert done(registry, "clone", "acme/p", "acme/copy")["records"][0]["status"] == "unchanged"


def test_the_gate_is_asked(registry: Path) -> None:
    before = state_of(registry)
    stranger = "Somebody Else <else@example.com>"
    refused = call(registry, "clone", "acme/p", "acme/copy", author=stranger)
    assert (refused.code, "GR-050" in refused.err) == (1, True)
    assert state_of(registry) == before
    agreed = run(
        *("pipeline", "clone", "acme/p", "acme/copy", "--repo", registry, "--author", stranger),
        *("--approver", "author@example.com", "-m", "Copy it"),
    )
    assert agreed.code == 0, agreed.err
    assert git(registry, "log", "-1", "--format=%B").startswith("Copy it\n\nGitreg-Approver: author@example.com")


def test_what_lands_first_is_taken_in(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moves = iter([True, True, False])
    inner = Registry.register

    def register(self: Registry, *words: Any, **more: Any) -> Any:
        if next(moves):
            raise RefMoved("the branch moved", mend="again")
        return inner(self, *words, **more)

    monkeypatch.setattr(Registry, "register", register)
    assert done(registry, "clone", "acme/p", "acme/copy")["records"][0]["status"] == "registered"


def test_a_branch_that_always_moves_is_given_up(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def register(*_: Any, **__: Any) -> Any:
        raise RefMoved("the branch moved", mend="again")

    monkeypatch.setattr(Registry, "register", register)
    monkeypatch.setattr(landing, "ATTEMPTS", 3)
    refused = call(registry, "clone", "acme/p", "acme/copy")
    assert (refused.code, "moved 3 times" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(["clone", "acme/nobody", "acme/copy"], 1, "there is no pipeline:acme/nobody", id="no source"),
        pytest.param(["clone", "acme/p", "acme/p"], 2, "a clone has a name of its own", id="its own name"),
        pytest.param(["clone", "acme/p", "acme/copy@^1"], 2, "does not say which version", id="a range"),
        pytest.param(["clone", "acme/p", "acme/copy", "--version", "1"], 2, "does not say which", id="half a version"),
        pytest.param(["clone", "acme/p", "acme/c@1.0.0", "--version", "1.0.0"], 2, "given twice", id="two versions"),
        pytest.param(["clone", "acme/p", "model:acme/copy"], 2, "is a model, and no pipeline", id="a model as target"),
        pytest.param(["clone", "acme/chat", "acme/copy"], 1, "there is no pipeline:acme/chat", id="a model's name"),
        pytest.param(["clone", "acme/p", "copy"], 2, "is not a ref", id="no namespace"),
        pytest.param(["branch", "acme/p"], 2, "a name or a prerelease of its own", id="a branch of nothing"),
        pytest.param(["branch", "acme/p", "--prerelease", ""], 2, "cannot name a prerelease", id="no identifier"),
        pytest.param(["branch", "acme/p", "--prerelease", "ä"], 2, "cannot name a prerelease", id="no ASCII"),
        pytest.param(["branch", "acme/p", "--prerelease", "0" * 300], 2, "cannot name", id="a long identifier"),
        pytest.param(["branch", "acme/p", "--name", "q@1.0.0"], 2, "`--name q`", id="a name with a version"),
        pytest.param(["branch", "acme/p", "--name", "p"], 1, "is there already", id="a branch of its own name"),
        pytest.param(["branch", "acme/p", "--prerelease", "b", "--bump", "x"], 2, "x", id="no such part"),
        pytest.param(["rollback", "acme/p", "--to", "1"], 2, "'1' is no version", id="no version"),
        pytest.param(["rollback", "acme/p", "--to", "9.0.0"], 1, "has no version 9.0.0", id="no such version"),
        pytest.param(["rollback", "acme/p@1.2.4", "--to", "1.2.4"], 2, "selects one version", id="a ref of a version"),
        pytest.param(["rollback", "acme/p", "--to", "1.2.4", "--alias", "x"], 2, "no alias 'x'", id="no such alias"),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.2.4", "--migration-guide", "nowhere"],
            2,
            "'nowhere' is no URL",
            id="a guide that is no URL",
        ),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.3.0", "--migration-guide", "nowhere"],
            2,
            "'nowhere' is no URL",
            id="a guide that is no URL where nothing is to be done",
        ),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.3.0", "--bump", "major"], 2, "no new version is made", id="an idle bump"
        ),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.3.0", "--migration-guide", "https://acme.example/move"],
            2,
            "leave --migration-guide out",
            id="an idle guide",
        ),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.2.4", "--alias", "stable", "--migration-guide", "https://a.example"],
            2,
            "--alias makes none",
            id="a guide to an alias",
        ),
        pytest.param(
            ["clone", "acme/p", "acme/c", "--propose", "--output", "x"], 2, "exclude each other", id="both ways"
        ),
        pytest.param(
            ["branch", "acme/p", "--name", "q", "--bump", "major"],
            2,
            "--bump is for --prerelease",
            id="a bump of a name",
        ),
        pytest.param(
            ["rollback", "acme/p", "--to", "1.2.4", "--alias", "stable", "--bump", "minor"],
            2,
            "--alias makes none",
            id="a bump of an alias",
        ),
        pytest.param(["clone", "acme/p", "acme/c", "-o", "-", "-m", "x"], 2, "a file has no commit", id="a message"),
        pytest.param(
            ["clone", "acme/p", "acme/c", "-o", "-", "--author", AUTHOR], 2, "a file has no commit", id="an author"
        ),
        pytest.param(["clone", "acme/p", "acme/c", "-o", "-", "--forge", "local"], 2, "--propose", id="a file's forge"),
        pytest.param(["clone", "acme/p", "acme/c", "--forge", "local"], 2, "--forge is for --propose", id="a forge"),
        pytest.param(
            ["clone", "acme/p", "acme/c", "--propose", "-m", "", "--forge", "local"],
            2,
            "the first line of --message",
            id="an empty title",
        ),
        pytest.param(
            ["clone", "acme/p", "acme/c", "--propose", "-m", "a\tb", "--forge", "local"],
            2,
            "say with --message",
            id="a title with a control",
        ),
        pytest.param(
            ["clone", "acme/p", "acme/c", "--propose", "--approve", "GR-050"], 2, "--approve is for", id="approved"
        ),
        pytest.param(
            ["clone", "acme/p", "acme/c", "-o", "-", "--approver", "x"], 2, "--approver is for", id="agreed to"
        ),
        pytest.param(["clone", "acme/p", "acme/c", "-m", " "], 2, "the message is empty", id="an empty message"),
        pytest.param(["clone", "acme/p", "acme/c", "--approve", "GR-999"], 2, "no rule 'GR-999'", id="no such rule"),
        pytest.param(["clone", "acme/p", "acme/c", "-o", "/nowhere/x"], 2, "cannot be written", id="no such folder"),
        pytest.param(["clone", "acme/p", "acme/c", "-o", "x\0"], 2, "cannot be written", id="no name of a file"),
    ],
)
def test_what_cannot_be_done_is_told_and_does_nothing(registry: Path, words: list[str], code: int, says: str) -> None:
    before = state_of(registry)
    refused = call(registry, *words)
    assert (refused.code, refused.out) == (code, "")
    assert says in refused.err
    assert state_of(registry) == before


def test_a_pipeline_without_aliases_has_none_to_move(registry: Path) -> None:
    done(registry, "clone", "acme/p", "acme/copy")
    refused = call(registry, "rollback", "acme/copy", "--to", "1.0.0", "--alias", "production")
    assert (refused.code, "pipeline:acme/copy has no aliases" in refused.err) == (1, True)


def test_a_source_that_cannot_be_read_is_told(registry: Path) -> None:
    path = registry / "pipelines/acme/p/1.3.0.yaml"
    path.write_text("?")
    git(registry, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qam", "break it")
    refused = call(registry, "clone", "acme/p@1.3.0", "acme/copy")
    assert (refused.code, "cannot be read" in refused.err) == (1, True)
