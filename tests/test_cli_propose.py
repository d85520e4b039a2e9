"""`gitreg propose` and `gitreg proposals`: put forward, look, check, approve, merge; all can be scripted against."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_support import (
    AUTHOR,
    Run,
    fine,
    git,
    model,
    new_registry,
    process,
    registered,
    run,
    state_of,
    written,
)

from gitreg.errors import Finding, Severity
from gitreg.forges.rendering import render_body

OTHER = "Example Owner <owner@example.com>"
SPACE = (
    "apiVersion: gitreg/v1\nkind: Namespace\nmetadata:\n  name: acme\n"
    "spec:\n  owners:\n  - author@example.com\n  - owner@example.com\n"
)
KEYS = [
    *("number", "title", "author", "branch", "base", "head", "state", "createdAt", "updatedAt", "url"),
    *("body", "approvals", "check", "merge"),
]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = new_registry(tmp_path / "registry")
    registered(folder, SPACE, model())
    return folder


def propose(registry: Path, *words: str | Path, title: str = "Add a model", stdin: bytes = b"") -> Run:
    return run("propose", *words, "--title", title, "--repo", registry, "--author", AUTHOR, stdin=stdin)


def proposals(registry: Path, *words: str | Path) -> Run:
    return run("proposals", *words, "--repo", registry)


def put_forward(registry: Path, text: str, title: str = "Add a model") -> int:
    done = propose(registry, "-", "--json", title=title, stdin=text.encode())
    assert done.code == 0, done.err
    return int(done.json["proposal"]["number"])


def copied() -> str:
    """A model whose artifact is another's: somebody must decide whether that is meant."""
    return model(name="copy", digest=model().split("digest: ")[1].strip())


def test_what_propose_answers_keeps_its_contract(registry: Path, tmp_path: Path) -> None:
    before = state_of(registry)
    file = written(tmp_path, "model.yaml", model("1.1.0"))
    done = propose(registry, file, "--body", "Faster.", "--json", title="Add chat 1.1.0")
    assert done.code == 0, done.err
    assert list(done.json) == ["status", "proposal", "records", "waits", "findings"]
    assert list(done.json["proposal"]) == KEYS
    proposal = done.json["proposal"]
    assert (done.json["status"], proposal["number"], proposal["state"]) == ("proposed", 1, "open")
    assert proposal["branch"] == "proposals/1-add-chat-1-1-0"
    assert proposal["base"] == before[0].strip()
    assert proposal["body"].startswith("Faster.\n\n### Records\n\n- registered `model:acme/chat@1.1.0`")
    assert proposal["check"]["outcome"] == "pass"
    assert [record["status"] for record in done.json["records"]] == ["registered"]
    assert state_of(registry) == before
    assert git(registry, "show", f"{proposal['branch']}:models/acme/chat/1.1.0.yaml") == model("1.1.0")
    assert git(registry, "log", "-1", "--format=%an <%ae>%n%B", proposal["branch"]).split("\n")[:4] == [
        AUTHOR,
        "Add chat 1.1.0",
        "",
        "Faster.",
    ]


def test_people_read_lines(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "model.yaml", model("1.1.0"))
    done = propose(registry, file)
    assert done.out.splitlines()[0] == "proposal 1: Add a model"
    assert done.out.splitlines()[1].startswith("branch proposals/1-add-a-model at ")
    assert propose(registry, file).out.startswith("unchanged: proposal 1 has just this")
    assert proposals(registry, "list").out.startswith(f"1\topen\tAdd a model\t{AUTHOR}\t20")
    shown = proposals(registry, "show", "1").out
    assert "  state: open\n" in shown
    assert "  check: proposal 1 passes on " in shown
    merged = proposals(registry, "merge", "1", "--author", OTHER)
    assert merged.out.startswith("merged proposal 1 as ")
    assert (registry / "models/acme/chat/1.1.0.yaml").read_text(encoding="utf-8") == model("1.1.0")
    assert git(registry, "status", "--porcelain") == ""
    assert proposals(registry, "list").out == ""
    assert proposals(registry, "list", "--state", "all").out.startswith("1\tmerged\t")


def test_what_stands_on_main_is_not_proposed(registry: Path) -> None:
    before = git(registry, "show-ref")
    done = propose(registry, "-", "--json", stdin=model().encode())
    assert (done.code, done.json["status"], done.json["proposal"]) == (0, "unchanged", None)
    assert done.json["records"][0]["status"] == "unchanged"
    assert git(registry, "show-ref") == before


def test_every_fault_of_every_file_is_told_and_nothing_is_made(registry: Path, tmp_path: Path) -> None:
    before = git(registry, "show-ref")
    files = [
        written(tmp_path, "good.yaml", model("1.1.0")),
        written(tmp_path, "first.yaml", model("1.0")),
        written(tmp_path, "second.yaml", model("1.2.0").replace("provider", "provder")),
    ]
    refused = propose(registry, *files, "--json")
    assert refused.code == 1
    assert {Path(each["path"]).name for each in refused.error["findings"]} == {"first.yaml", "second.yaml"}
    assert git(registry, "show-ref") == before


def test_what_the_gate_refuses_is_told_by_the_files_that_were_named(registry: Path, tmp_path: Path) -> None:
    before = git(registry, "show-ref")
    more = "spec:\n  dependencies:\n  - ref: acme/absent@^1\n"
    file = written(tmp_path, "model.yaml", model("1.1.0").replace("spec:\n", more))
    refused = propose(registry, file, "--json")
    assert refused.code == 1
    finding = refused.error["findings"][0]
    assert (finding["rule"], finding["path"], finding["line"]) == ("GR-030", str(file), 9)
    assert refused.error["says"] == "nothing was proposed (1 file): 1 error"
    assert git(registry, "show-ref") == before


def test_what_a_human_must_decide_is_proposed_and_told(registry: Path) -> None:
    done = propose(registry, "-", stdin=copied().encode())
    assert done.code == 0, done.err
    assert "waits for a human: GR-012" in done.out
    assert "review GR-012" in done.err
    checked = proposals(registry, "check", "1", "--json")
    assert checked.code == 42
    assert list(checked.json) == ["number", "base", "head", "tree", "outcome", "errors", "waits", "at", "findings"]
    assert (checked.json["outcome"], checked.json["waits"]) == ("review", ["GR-012"])
    refused = proposals(registry, "merge", "1", "--author", OTHER, "--json")
    assert (refused.code, refused.error["code"]) == (42, "rejected")
    assert "gitreg proposals approve 1" in refused.error["mend"]
    own = proposals(registry, "approve", "1", "--as", AUTHOR, "--json")
    assert (own.code, own.error["code"]) == (2, "usage")
    approved = proposals(registry, "approve", "1", "--as", OTHER, "--json")
    assert approved.json["approvals"][0] == {
        "by": OTHER,
        "head": approved.json["head"],
        "at": approved.json["approvals"][0]["at"],
        "rules": ["GR-012"],
        "void": False,
    }
    assert proposals(registry, "check", "1").code == 0
    merged = proposals(registry, "merge", "1", "--author", OTHER, "--json")
    assert merged.code == 0, merged.err
    assert list(merged.json) == ["number", "state", "commit", "head", "rechecked", "left"]
    assert merged.json["commit"] == git(registry, "rev-parse", "main").strip()


def test_who_owns_nothing_proposes_and_waits_for_an_owner(registry: Path) -> None:
    stranger = "Example Guest <guest@example.com>"
    words = ("propose", "-", "--title", "Add 1.1.0", "--repo", registry, "--author", stranger, "--json")
    done = run(*words, stdin=model("1.1.0").encode())
    assert (done.code, done.json["waits"]) == (0, ["GR-050"])
    assert proposals(registry, "check", "1").code == 42
    other_guest = "Another Guest <another@example.com>"
    fine("proposals", "approve", "1", "--as", other_guest, "--rule", "GR-050", "--repo", registry)
    refused = proposals(registry, "merge", "1", "--author", OTHER, "--json")
    assert (refused.code, refused.error["findings"][0]["rule"]) == (42, "GR-050")
    fine("proposals", "approve", "1", "--as", OTHER, "--repo", registry)
    assert proposals(registry, "merge", "1", "--author", OTHER).code == 0


def test_rules_are_approved_one_by_one(registry: Path) -> None:
    put_forward(registry, copied())
    assert proposals(registry, "approve", "1", "--as", OTHER, "--rule", "GR-999").code == 2
    fine("proposals", "approve", "1", "--as", OTHER, "--rule", "GR-030", "--repo", registry)
    assert proposals(registry, "check", "1").code == 42
    said = fine("proposals", "approve", "1", "--as", OTHER, "--rule", "GR-012", "--repo", registry).out
    assert said.endswith(", deciding GR-012\n")
    assert proposals(registry, "check", "1").code == 0


def test_a_moved_branch_voids_what_was_approved(registry: Path) -> None:
    put_forward(registry, copied())
    fine("proposals", "approve", "1", "--as", OTHER, "--repo", registry)
    git(registry, "checkout", "--quiet", "proposals/1-add-a-model")
    written(registry, "models/acme/copy/1.1.0.yaml", model("1.1.0", name="copy"))
    git(registry, "add", "models")
    name, _, email = AUTHOR.rstrip(">").partition(" <")
    git(registry, "-c", f"user.name={name}", "-c", f"user.email={email}", "commit", "--quiet", "-m", "More")
    git(registry, "checkout", "--quiet", "main")
    assert "(void: the branch has moved since)" in proposals(registry, "show", "1").out
    assert proposals(registry, "merge", "1", "--author", OTHER).code == 42


def test_two_that_do_not_fit_together_never_both_land(registry: Path) -> None:
    registered(registry, model(name="draft"))
    for one, other in (("draft", "chat"), ("chat", "draft")):
        more = f"spec:\n  dependencies:\n  - ref: acme/{other}@^1\n"
        put_forward(registry, model("1.1.0", name=one).replace("spec:\n", more), f"Add {one}")
    assert [proposals(registry, "check", n).code for n in ("1", "2")] == [0, 0]
    assert proposals(registry, "merge", "1", "--author", OTHER).code == 0
    before = state_of(registry)
    refused = proposals(registry, "merge", "2", "--author", OTHER, "--json")
    assert refused.code == 1
    assert [finding["rule"] for finding in refused.error["findings"]] == ["GR-033"]
    assert state_of(registry) == before
    assert proposals(registry, "show", "2", "--json").json["check"]["outcome"] == "fail"


def test_uncommitted_edits_are_left_and_told(registry: Path) -> None:
    put_forward(registry, model("1.1.0"))
    mine = written(registry, "models/acme/chat/1.1.0.yaml", "# mine\n")
    done = proposals(registry, "merge", "1", "--author", OTHER)
    assert done.code == 0
    assert "models/acme/chat/1.1.0.yaml: left as it is" in done.err
    assert mine.read_text(encoding="utf-8") == "# mine\n"


def test_closing_ends_it(registry: Path) -> None:
    put_forward(registry, model("1.1.0"))
    assert fine("proposals", "close", "1", "--repo", registry).out == "closed proposal 1\n"
    assert proposals(registry, "list", "--json").json == {"proposals": []}
    row = proposals(registry, "list", "--state", "closed", "--json").json["proposals"][0]
    assert list(row) == KEYS[:10]
    for word in ("check", "approve", "merge", "close"):
        refused = proposals(registry, word, "1", "--json", *(("--author", OTHER) if word == "merge" else ()))
        assert (refused.code, refused.error["code"], refused.error["got"]) == (2, "conflict", "closed")
    assert put_forward(registry, model("1.1.0")) == 2


@pytest.mark.parametrize("word", ["show", "check", "approve", "merge", "close"])
def test_a_number_that_names_nothing_is_told(registry: Path, word: str) -> None:
    more = ("--author", OTHER) if word == "merge" else ()
    refused = proposals(registry, word, "7", "--json", *more)
    assert (refused.code, refused.error["code"], refused.error["got"]) == (1, "not-found", "7")
    for number in ("0", "seven", "1.5", "99999999999"):
        assert proposals(registry, word, number, *more).code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--title", ""), "one line of text"),
        (("--title", "two\nlines"), "one line of text"),
        (("--title", "x" * 201), "one line of text"),
        (("--title", "T", "--branch", "a..b"), "cannot be the name of a branch"),
        (("--title", "T", "--branch", "main"), "there is a branch 'main' already"),
        (("--title", "T", "--forge", "gitlab"), "--forge"),
        ((), "--title"),
    ],
    ids=["no title", "two lines", "too long", "no branch name", "main", "no such forge", "title left out"],
)
def test_a_call_that_is_wrong_is_told_and_nothing_is_made(registry: Path, words: tuple[str, ...], says: str) -> None:
    before = git(registry, "show-ref")
    done = run("propose", "-", "--repo", registry, "--author", AUTHOR, *words, stdin=model("1.1.0").encode())
    assert done.code == 2
    assert says in done.err
    assert "mend:" in done.err
    assert git(registry, "show-ref") == before


def test_a_branch_can_be_named(registry: Path) -> None:
    done = propose(registry, "-", "--branch", "chat-2", "--json", stdin=model("1.1.0").encode())
    assert done.json["proposal"]["branch"] == "chat-2"
    assert git(registry, "rev-parse", "chat-2").strip() == done.json["proposal"]["head"]


def test_a_clone_proposes_to_where_it_came_from(tmp_path: Path) -> None:
    bare = new_registry(tmp_path / "registry.git", "--bare")
    registered(bare, SPACE, model())
    subprocess.run(["git", "clone", "--quiet", str(bare), str(tmp_path / "clone")], check=True)
    before = state_of(tmp_path / "clone")
    number = put_forward(tmp_path / "clone", model("1.1.0"))
    assert state_of(tmp_path / "clone") == before
    assert proposals(bare, "list", "--json").json["proposals"][0]["number"] == number
    fine("proposals", "merge", str(number), "--author", OTHER, "--repo", bare)
    assert proposals(tmp_path / "clone", "show", str(number), "--json").json["state"] == "merged"
    again = put_forward(tmp_path / "clone", model("1.2.0"))
    merged = fine("proposals", "merge", str(again), "--author", OTHER, "--repo", tmp_path / "clone", "--json")
    assert merged.json["commit"] == git(bare, "rev-parse", "main").strip()
    assert git(bare, "show", "main:models/acme/chat/1.2.0.yaml") == model("1.2.0")


def test_no_text_of_a_manifest_steers_the_markdown() -> None:
    says = "'`</code>\n\n# Approved\n![x](https://evil.example/`x`)"
    finding = Finding("GR-012", "slug", says, "mend", severity=Severity.REVIEW, ref="model:acme/chat@1.0.0")
    line = render_body("", (), [finding]).splitlines()[-1]
    assert line.startswith("- review GR-012 slug: `model:acme/chat@1.0.0` `'")
    assert line.count("`") == 4
    assert line.endswith("`")


def test_help_tells_how(tmp_path: Path) -> None:
    done = process("propose", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert b"--title" in done.stdout
    listed = process("proposals", "--help", cwd=tmp_path).stdout.decode()
    assert all(word in listed for word in ("list", "show", "check", "approve", "merge", "close"))
