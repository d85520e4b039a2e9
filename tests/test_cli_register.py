"""`gitreg register` lands all files as one commit, or none; what it prints can be scripted against."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli_support import AUTHOR, Run, git, model, namespace, new_registry, process, registered, run, state_of, written


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return new_registry(tmp_path / "registry")


def register(registry: Path, *words: str | Path, stdin: bytes = b"") -> Run:
    return run("register", *words, "--repo", registry, "--author", AUTHOR, stdin=stdin)


def test_the_receipt_keeps_its_contract(registry: Path, tmp_path: Path) -> None:
    first = written(tmp_path, "ns.yaml", namespace())
    second = written(tmp_path, "model.yaml", model())
    done = register(registry, first, second, "--json")
    assert done.code == 0
    assert list(done.json) == ["commit", "seq", "records", "warnings", "left"]
    assert done.json["seq"] == 2
    assert done.json["commit"] == git(registry, "rev-parse", "main").strip()
    assert [(each["ref"], each["path"], each["status"]) for each in done.json["records"]] == [
        ("namespace:acme", "namespaces/acme.yaml", "registered"),
        ("model:acme/chat@1.0.0", "models/acme/chat/1.0.0.yaml", "registered"),
    ]
    assert git(registry, "log", "-1", "--format=%an <%ae>").strip() == AUTHOR
    assert (registry / "models/acme/chat/1.0.0.yaml").read_bytes() == second.read_bytes()
    assert git(registry, "status", "--porcelain") == ""


def test_the_same_again_is_unchanged_and_no_commit(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "ns.yaml", namespace())
    register(registry, file)
    before = state_of(registry)
    again = register(registry, file, "--json")
    assert again.code == 0
    assert again.json["records"][0]["status"] == "unchanged"
    assert again.json["commit"] == before[0].strip()
    assert state_of(registry) == before


def test_people_read_lines(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "ns.yaml", namespace())
    done = register(registry, file)
    assert done.out.splitlines()[0] == "registered namespace:acme"
    assert "(seq 2)" in done.out
    assert "nothing has changed" in register(registry, file).out
    assert register(registry, file, "--quiet").out == ""


def test_a_folder_stands_for_all_below_it(registry: Path, tmp_path: Path) -> None:
    drafts = tmp_path / "drafts"
    written(drafts, "b/model.yaml", model())
    written(drafts, "a.yaml", namespace())
    written(drafts, ".hidden/broken.yaml", "\t")
    written(drafts, ".broken.yaml", "\t")
    written(drafts, "readme.md", "# not a manifest")
    done = register(registry, drafts, "--json")
    assert done.code == 0
    assert [each["ref"] for each in done.json["records"]] == ["namespace:acme", "model:acme/chat@1.0.0"]


def test_a_file_named_twice_is_read_once(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "drafts", "ns.yaml", namespace())
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    done = register(registry, file, tmp_path / "drafts", link, "--json")
    assert done.code == 0
    assert len(done.json["records"]) == 1


def test_the_registry_itself_can_be_named(registry: Path) -> None:
    written(registry, "namespaces/acme.yaml", namespace())
    written(registry, "models/acme/chat/1.0.0.yaml", model())
    written(registry, "drafts/broken.yaml", "\t")
    done = register(registry, registry, "--json")
    assert done.code == 0
    fresh = [each["path"] for each in done.json["records"] if each["status"] == "registered"]
    assert fresh == ["models/acme/chat/1.0.0.yaml", "namespaces/acme.yaml"]
    assert git(registry, "status", "--porcelain") == "?? drafts/\n"


def test_stdin_is_a_file(registry: Path) -> None:
    done = register(registry, "-", "--json", stdin=namespace().encode())
    assert done.json["records"][0]["ref"] == "namespace:acme"
    broken = register(registry, "-", stdin=b"\xff")
    assert broken.code == 1
    assert "<stdin>:1:1: error GR-001" in broken.err


def test_a_file_in_the_work_tree_must_stand_in_its_place(registry: Path) -> None:
    file = written(registry, "namespaces/other.yaml", namespace("acme"))
    before = state_of(registry)
    refused = register(registry, file, "--json")
    assert refused.code == 1
    finding = refused.error["findings"][0]
    assert finding["rule"] == "GR-004"
    assert "namespaces/other.yaml" in finding["says"]
    assert "move it to namespaces/acme.yaml" in finding["mend"]
    assert state_of(registry) == before


@pytest.mark.parametrize("way", ["link to the folder", "relative", "link to the file"])
def test_the_place_is_seen_through_links(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    wrong = written(registry, "namespaces/other.yaml", namespace("acme"))
    (tmp_path / "link").symlink_to(registry)
    (tmp_path / "file.yaml").symlink_to(wrong)
    monkeypatch.chdir(registry / "models" if (registry / "models").is_dir() else registry)
    names = {
        "link to the folder": tmp_path / "link/namespaces/other.yaml",
        "relative": Path("namespaces/other.yaml"),
        "link to the file": tmp_path / "file.yaml",
    }
    refused = register(tmp_path / "link", names[way])
    assert refused.code == 1
    assert "path-identity" in refused.err


def test_uncommitted_edits_are_left_and_told(registry: Path, tmp_path: Path) -> None:
    registered(registry, namespace())
    edited = written(registry, "namespaces/acme.yaml", "# my edit\n" + namespace())
    file = written(tmp_path, "ns.yaml", namespace().replace("author@", "crew@"))
    done = register(registry, file, "--approve", "GR-999")
    assert done.code == 2
    done = register(registry, file)
    assert done.code == 0
    assert "namespaces/acme.yaml: left as it is" in done.err
    assert edited.read_text(encoding="utf-8").startswith("# my edit")


def test_every_fault_of_every_file_is_told_and_nothing_lands(registry: Path, tmp_path: Path) -> None:
    good = written(tmp_path, "good.yaml", namespace())
    first = written(tmp_path, "first.yaml", model("1.0"))
    second = written(tmp_path, "second.yaml", model().replace("provider", "provder"))
    before = state_of(registry)
    refused = register(registry, good, first, second, "--json")
    assert refused.code == 1
    rules = {(Path(each["path"]).name, each["rule"]) for each in refused.error["findings"]}
    assert rules >= {("first.yaml", "GR-010"), ("second.yaml", "GR-003")}
    assert refused.error["code"] == "rejected"
    assert "mend:" in refused.err
    assert state_of(registry) == before


def test_an_absent_file_hides_no_other_fault(registry: Path, tmp_path: Path) -> None:
    broken = written(tmp_path, "broken.yaml", "a: [")
    before = state_of(registry)
    refused = register(registry, tmp_path / "absent.yaml", broken, tmp_path / "gone.yaml", "--json")
    assert refused.code == 2
    assert refused.error["code"] == "unreadable"
    assert [Path(each["path"]).name for each in refused.error["findings"]] == [
        "absent.yaml",
        "gone.yaml",
        "broken.yaml",
    ]
    assert state_of(registry) == before


def test_what_a_human_must_decide_exits_42(registry: Path, tmp_path: Path) -> None:
    text = (registry / "registry.yaml").read_text(encoding="utf-8")
    raised = text.replace("  gate:\n", "  gate:\n    severities:\n      GR-030: review\n")
    assert raised != text
    registered(registry, raised, namespace())
    more = "spec:\n  dependencies:\n  - ref: acme/absent@^1\n"
    file = written(tmp_path, "model.yaml", model().replace("spec:\n", more))
    before = state_of(registry)
    waiting = register(registry, file, "--json")
    assert waiting.code == 42
    assert waiting.error["findings"][0]["severity"] == "review"
    assert "--approve" in waiting.error["mend"]
    assert state_of(registry) == before
    approved = register(registry, file, "--approve", "GR-030")
    assert approved.code == 0
    assert "Gitreg-Approved: GR-030" in git(registry, "log", "-1", "--format=%B")


def test_a_bare_registry_takes_manifests_too(tmp_path: Path) -> None:
    bare = new_registry(tmp_path / "registry.git", "--bare")
    file = written(tmp_path, "ns.yaml", namespace())
    assert register(bare, file, "--json").json["seq"] == 2
    assert git(bare, "show", "main:namespaces/acme.yaml") == namespace()


def test_the_registry_is_found_by_the_environment_or_the_folder(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "ns.yaml", namespace())
    with monkeypatch.context() as patch:
        patch.setenv("GITREG_REPO", str(registry))
        assert run("register", file, "--author", AUTHOR, "--json").json["seq"] == 2
    monkeypatch.chdir(registry / "access")
    assert run("register", file, "--author", AUTHOR, "--json").json["seq"] == 2


def test_a_warning_is_told_and_does_not_stand_in_the_way(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "model.yaml", model())
    done = register(registry, file)
    assert done.code == 0
    assert f"{file}:4:14: warning GR-050" in done.err
    other = written(tmp_path, "other.yaml", model("1.1.0"))
    as_json = register(registry, other, "--json")
    assert [finding["severity"] for finding in as_json.json["warnings"]] == ["warning"]
    assert as_json.err == ""


def test_a_draft_may_lie_in_the_work_tree(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(registry, "chat.yaml", model())
    monkeypatch.chdir(registry)
    done = run("register", "chat.yaml", "--author", AUTHOR, "--json")
    assert done.code == 0, done.err
    assert done.json["records"][0]["path"] == "models/acme/chat/1.0.0.yaml"
    assert (registry / "models/acme/chat/1.0.0.yaml").is_file()


def test_a_pipe_below_a_folder_is_told_and_not_opened(registry: Path, tmp_path: Path) -> None:
    written(tmp_path, "drafts/ns.yaml", namespace())
    os.mkfifo(tmp_path / "drafts/pipe.yaml")
    before = state_of(registry)
    done = process("register", tmp_path / "drafts", "--repo", registry, "--author", AUTHOR)
    assert done.returncode == 2
    assert b"a named pipe, and not a file" in done.stderr
    assert state_of(registry) == before


def test_a_link_out_of_a_folder_is_told_and_not_read(registry: Path, tmp_path: Path) -> None:
    outside = written(tmp_path, "outside.yaml", namespace())
    inside = written(tmp_path, "drafts/ns.yaml", namespace())
    link = tmp_path / "drafts/link.yaml"
    link.symlink_to(outside)
    refused = register(registry, tmp_path / "drafts")
    assert refused.code == 2
    assert "a symlink that leads out of" in refused.err
    link.unlink()
    link.symlink_to(inside)
    assert register(registry, tmp_path / "drafts").code == 0
