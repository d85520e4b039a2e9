"""The actions and the workflows that `gitreg init` lays down: what they may do, and what they do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from actions_support import ACTIONS, ROOT, GitHub, Ran, loaded, run_action, serving
from cli_support import fine, git, model, namespace, new_registry, registered, run, written
from preloaded import preloaded_here

TEMPLATE: Final = ROOT / "registry_repo_template"
WORKFLOWS: Final = sorted((TEMPLATE / ".github/workflows").iterdir())
ACTION_FILES: Final = sorted(ACTIONS.glob("*/action.yml"))
EVERY: Final = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in (*WORKFLOWS, *ACTION_FILES)]
MARKER: Final = "<!-- gitreg: validate -->"
PERMISSIONS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "validate.yml": {
        "validate": {"contents": "read", "pull-requests": "read"},
        "comment": {"contents": "read", "pull-requests": "write"},
    },
    "publish-index.yml": {"publish": {"contents": "read"}},
}
HEAD: Final = "a" * 40
OTHER: Final = "b" * 40


# What they may do


def steps_of(path: Path) -> list[dict[str, Any]]:
    data = loaded(path)
    if "runs" in data:
        found: list[dict[str, Any]] = data["runs"]["steps"]
        return found
    return [step for job in data["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", EVERY)
def test_every_foreign_action_is_pinned_and_its_version_named(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.search(r"uses: (\S+)(.*)", line)
        if found and not found[1].startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", found[1])
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", found[2])


@pytest.mark.parametrize("path", EVERY)
def test_no_script_has_an_expression_in_its_text(path: Path) -> None:
    for step in steps_of(path):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_needs(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == PERMISSIONS[path.name]
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 30
    assert "secrets." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_checks_out_a_change_or_leaves_a_token_behind(path: Path) -> None:
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"
            assert "head" not in step["with"].get("ref", "")


def test_the_step_that_judges_has_no_token() -> None:
    judging = [step for step in steps_of(WORKFLOWS[-1]) if step.get("uses", "").endswith("/validate")]
    assert len(judging) == 1
    assert "token" not in json.dumps(judging)
    assert "token" not in loaded(ACTIONS / "validate/action.yml")["inputs"]
    assert "github.token" not in (ACTIONS / "validate/action.yml").read_text(encoding="utf-8")


def test_only_the_job_that_comments_may_write_and_it_reads_nothing_of_the_change() -> None:
    comment = loaded(TEMPLATE / ".github/workflows/validate.yml")["jobs"]["comment"]
    assert [step.get("run") for step in comment["steps"]] == [None] * 3
    assert comment["if"].startswith("${{ !cancelled() && github.event_name == 'pull_request_target'")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_gives_its_actions_what_they_take(path: Path) -> None:
    for step in steps_of(path):
        uses = step.get("uses", "")
        if uses.startswith("./"):
            action = loaded(TEMPLATE / uses / "action.yml")
            needed = {key for key, one in action["inputs"].items() if one.get("required") == "true"}
            assert needed <= step["with"].keys() <= action["inputs"].keys()
    outputs = {
        step["id"]: loaded(TEMPLATE / step["uses"] / "action.yml")["outputs"] for step in steps_of(path) if "id" in step
    }
    for name, key in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", path.read_text(encoding="utf-8")):
        assert key in outputs[name]


@pytest.mark.parametrize("path", ACTION_FILES, ids=lambda path: path.parent.name)
def test_an_action_says_what_every_input_and_output_is(path: Path) -> None:
    action = loaded(path)
    assert action["description"]
    for one in (*action["inputs"].values(), *action.get("outputs", {}).values()):
        assert one["description"].endswith((".", ")"))
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == action["inputs"].keys()


def test_the_template_has_the_actions_as_they_are() -> None:
    def files(top: Path) -> dict[str, bytes]:
        found = (path for path in top.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in found}

    assert files(TEMPLATE / ".github/actions") == files(ACTIONS)


def test_a_new_registry_has_the_gate_and_nothing_stands_against_it(tmp_path: Path) -> None:
    folder = new_registry(tmp_path / "registry")
    listed = git(folder, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    for name in (".github/workflows/validate.yml", ".github/actions/validate/validate.sh", ".pre-commit-config.yaml"):
        assert name in listed
    assert {"hooks/pre-receive", "hooks/install.sh"} <= set(listed)
    assert fine("validate", "--repo", folder, "--json").json["findings"] == []


# Judging


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_registry(tmp_path_factory.mktemp("landed") / "registry")
    registered(folder, namespace().replace("team@", "author@"), model())
    git(folder, "config", "user.name", "Example Author")
    git(folder, "config", "user.email", "author@example.com")
    return folder


@pytest.fixture
def registry(landed: Path, tmp_path: Path) -> Path:
    """A clone of its own, on the branch `change`."""
    git(tmp_path, "clone", "--quiet", str(landed), "registry")
    folder = tmp_path / "registry"
    git(folder, "config", "user.name", "Example Author")
    git(folder, "config", "user.email", "author@example.com")
    git(folder, "switch", "--quiet", "--create", "change")
    return folder


def committed(folder: Path, path: str, text: str) -> str:
    written(folder, path, text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", f"Change {path}")
    return git(folder, "rev-parse", "HEAD").strip()


def judged(folder: Path, head: str, path: str = "", **given: str) -> Ran:
    put = {"version": "installed", "author": "author@example.com", "base": "main", "head": head}
    path = path or os.pathsep.join([str(preloaded_here()), str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {key.replace("_", "-"): one for key, one in given.items()}
    return run_action("validate", folder, {**put, **given}, PATH=path)


GOOD: Final = ("models/acme/chat/1.1.0.yaml", model("1.1.0"))
BAD: Final = ("models/acme/chat/1.1.0.yaml", model("1.2.0"))
TWIN: Final = (
    "models/acme/twin/1.0.0.yaml",
    model(name="twin", digest=hashlib.sha256(b"chat 1.0.0").hexdigest()),
)


def test_a_good_change_passes_and_is_told_everywhere(registry: Path) -> None:
    done = judged(registry, committed(registry, *GOOD), formats="json, sarif junit,text")
    assert (done.code, done.outputs["outcome"]) == (0, "pass"), done.out
    assert "::notice title=gitreg validate::" in done.out
    folder = Path(done.outputs["folder"])
    assert json.loads((folder / "report.json").read_text())["outcome"] == "pass"
    assert json.loads((folder / "report.sarif").read_text())["version"] == "2.1.0"
    assert ET.parse(folder / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - made here
    assert "passes" in (folder / "report.txt").read_text()
    told = (folder / "comment.md").read_text(encoding="utf-8")
    assert told.startswith(f"{MARKER}\n")
    assert "acme/chat@1.1.0" in told
    assert done.summary.strip() == told.strip()
    assert not (registry / GOOD[0]).exists() or git(registry, "status", "--porcelain") == ""


def test_a_bad_change_fails_and_annotates_its_line(registry: Path) -> None:
    done = judged(registry, committed(registry, *BAD))
    assert (done.code, done.outputs["outcome"]) == (1, "fail")
    assert f"::error file={BAD[0]},line=" in done.out
    assert "GR-004" in (Path(done.outputs["folder"]) / "comment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "code", "outcome"),
    [
        pytest.param({}, 42, "review", id="waits"),
        pytest.param({"review_is_failure": "false"}, 0, "review", id="waits, and that is no failure"),
        pytest.param({"approve": "GR-012\n"}, 0, "pass", id="decided"),
    ],
)
def test_a_human_decides(registry: Path, given: dict[str, str], code: int, outcome: str) -> None:
    done = judged(registry, committed(registry, *TWIN), **given)
    assert (done.code, done.outputs["outcome"]) == (code, outcome), done.out


def test_who_approved_is_told_to_the_gate(registry: Path) -> None:
    head = committed(registry, *GOOD)
    assert judged(registry, head, author="@stranger").code == 1
    assert judged(registry, head, author="@stranger", approvers="@other\nauthor@example.com\n").code == 0


def test_what_cannot_be_judged_fails_and_is_told(registry: Path) -> None:
    done = judged(registry, "0123456789" * 4)
    assert (done.code, done.outputs["outcome"]) == (2, "error")
    assert "::error title=gitreg validate::" in done.out
    assert (Path(done.outputs["folder"]) / "comment.md").read_text(encoding="utf-8").startswith(f"{MARKER}\n")


def test_a_format_that_is_none_is_refused(registry: Path) -> None:
    done = judged(registry, committed(registry, *GOOD), formats="json *")
    assert done.code == 2
    assert "formats are" in done.out


def test_the_gate_runs_once(registry: Path, tmp_path: Path) -> None:
    real = Path(sys.executable).parent / "gitreg"
    counting = written(tmp_path, "bin/gitreg", f'#!/bin/sh\necho "$1" >>{tmp_path}/calls\nexec "{real}" "$@"\n')
    counting.chmod(0o755)
    path = f"{counting.parent}:/usr/local/bin:/usr/bin:/bin"
    assert judged(registry, committed(registry, *GOOD), path).code == 0
    assert (tmp_path / "calls").read_text().split() == ["--version", "validate", "diff"]


def test_inputs_are_never_commands(tmp_path: Path) -> None:
    evil = "$(touch pwned)`touch pwned`\";touch pwned;' * --help"
    stand_in = written(tmp_path, "bin/gitreg", '#!/bin/sh\nprintf "<%s>\\n" "$@"\ntest "$1" = --version\n')
    stand_in.chmod(0o755)
    (tmp_path / "workspace").mkdir()
    names = ("base", "head", "repo", "author", "approvers", "approve", "bulk", "push")
    path = f"{stand_in.parent}:/usr/local/bin:/usr/bin:/bin"
    given = dict.fromkeys(names, evil) | {"approvers": f"{evil}\n--help\n\n{evil}", "version": "installed"}
    done = run_action("validate", tmp_path / "workspace", given, PATH=path)
    for option in ("base", "head", "repo", "author", "approver", "approve"):
        assert f"<--{option}={evil}>\n" in done.out
    assert "<--approver=--help>\n" in done.out
    assert "bulk" not in done.out
    assert not list(tmp_path.rglob("pwned"))


def test_what_main_did_since_is_not_told_as_the_change(registry: Path) -> None:
    head = committed(registry, *GOOD)
    git(registry, "switch", "--quiet", "main")
    committed(registry, "models/acme/other/1.0.0.yaml", model(name="other"))
    done = judged(registry, head)
    assert done.code == 0, done.out
    assert "acme/other" not in (Path(done.outputs["folder"]) / "diff.md").read_text(encoding="utf-8")


def test_what_became_main_is_judged_commit_by_commit(registry: Path) -> None:
    committed(registry, *BAD)
    git(registry, "rm", "--quiet", BAD[0])
    git(registry, "commit", "--quiet", "--message", "Take it back")
    assert judged(registry, "HEAD").code == 0
    assert judged(registry, "HEAD", push="true").code == 1


def test_a_first_push_has_no_base(registry: Path) -> None:
    done = judged(registry, committed(registry, *GOOD), base="0" * 40)
    assert (done.code, done.outputs["outcome"]) == (0, "pass"), done.out


def test_gitreg_is_installed_in_an_environment_of_its_own(tmp_path: Path) -> None:
    wheel = tmp_path / "gitreg_stand_in-1.0-py3-none-any.whl"
    info = "gitreg_stand_in-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("stand_in.py", "import sys\n\ndef main():\n    print('stand-in', *sys.argv[1:])\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gitreg-stand-in\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngitreg = stand_in:main\n")
        file.writestr(f"{info}/RECORD", "")
    (tmp_path / "workspace").mkdir()
    done = run_action("validate", tmp_path / "workspace", {"version": str(wheel)}, PIP_NO_INDEX="1")
    assert "stand-in --version" in done.out
    assert "stand-in validate --repo=. --format=github" in done.out


# The comment


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with serving(GitHub()) as made:
        yield made


Commenting = Callable[..., Ran]


@pytest.fixture
def say(hub: GitHub, tmp_path: Path) -> Commenting:
    def comment(text: str, **given: str) -> Ran:
        (tmp_path / "workspace").mkdir(exist_ok=True)
        body = written(tmp_path, "body.md", text)
        put = {"token": hub.token, "repository": "acme/registry", "number": "7", "body-file": str(body)}
        return run_action("comment", tmp_path / "workspace", {**put, **given}, **hub.env())

    return comment


def writes(hub: GitHub) -> list[str]:
    return [method for method, _ in hub.calls if method != "GET"]


def test_there_is_one_comment_and_it_is_edited(hub: GitHub, say: Commenting) -> None:
    first = say(f"{MARKER}\n\nfails\n")
    assert (first.code, first.outputs["url"]) == (0, "https://x/1"), first.out
    assert say(f"{MARKER}\n\npasses\n").outputs["url"] == "https://x/1"
    assert [each["body"] for each in hub.comments] == [f"{MARKER}\n\npasses\n"]
    assert writes(hub) == ["POST", "PATCH"]


def test_the_same_words_are_not_written_again(hub: GitHub, say: Commenting) -> None:
    hub.say(f"{MARKER}\r\n\r\nfails")
    assert say(f"{MARKER}\n\nfails\n").code == 0
    assert writes(hub) == []


def test_only_an_own_comment_is_edited_on_whichever_page(hub: GitHub, say: Commenting) -> None:
    hub.say(f"{MARKER}\nmine, says a stranger", "stranger")
    hub.say("another bot's job, and it quotes\n" + MARKER)
    hub.say("talk", "author")
    hub.say("more talk", "author")
    hub.say(f"{MARKER}\nold")
    assert say(f"{MARKER}\nnew").code == 0
    assert [index for index, each in enumerate(hub.comments) if each["body"] == f"{MARKER}\nnew"] == [4]
    assert len(hub.comments) == 5


@pytest.mark.parametrize("is_done", [False, True], ids=["not written", "written, but the answer is lost"])
def test_a_failure_that_passes_makes_no_second_comment(hub: GitHub, say: Commenting, is_done: bool) -> None:
    hub.failures = [(502, is_done), (429, False)]
    assert say(f"{MARKER}\nnew").code == 0
    assert [each["body"] for each in hub.comments] == [f"{MARKER}\nnew"]


@pytest.mark.parametrize("status", [500, 403, 307], ids=["keeps failing", "forbidden", "moved"])
def test_a_failure_that_stays_is_told_without_the_token(hub: GitHub, say: Commenting, status: int) -> None:
    hub.failures = [(status, False)] * 9
    done = say(f"{MARKER}\nnew")
    assert done.code == 1
    assert f"GitHub answered {status}" in done.out
    assert hub.token not in done.out
    assert "Traceback" not in done.out
    assert len(writes(hub)) == (5 if status == 500 else 1)
    assert not any(path == "/elsewhere" for _, path in hub.calls)


def test_a_long_comment_is_cut_at_a_line(hub: GitHub, say: Commenting) -> None:
    assert say(f"{MARKER}\n" + f"{'x' * 99}\n" * 900).code == 0
    body = hub.comments[0]["body"]
    assert len(body) < 65_536
    assert body.endswith(f"{'x' * 99}\n\nThe rest is cut: the summary of the run has it all.\n")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"number": "7/../8"}, "number", id="number"),
        pytest.param({"repository": "acme/registry/x"}, "repository", id="repository"),
        pytest.param({"marker": "<!-- other -->"}, "marker", id="marker"),
        pytest.param({"body-file": "absent.md"}, "absent.md", id="no body"),
        pytest.param({"token": "wrong"}, "GitHub answered 401", id="token"),
    ],
)
def test_wrong_inputs_write_nothing(hub: GitHub, say: Commenting, given: dict[str, str], says: str) -> None:
    done = say(f"{MARKER}\nnew", **given)
    assert done.code == 1
    assert says in done.out
    assert "::error title=gitreg comment::" in done.out
    assert writes(hub) == []


# Who made a change, and its objects


def review(
    login: str, state: str = "APPROVED", commit: str = HEAD, body: str = "", of: str = "MEMBER"
) -> dict[str, Any]:
    return {"user": {"login": login}, "state": state, "commit_id": commit, "body": body, "author_association": of}


def pull(*labels: str, merged_as: str | None = None) -> dict[str, Any]:
    named = [{"name": label} for label in labels]
    return {
        "number": 7,
        "user": {"login": "dev"},
        "head": {"sha": HEAD},
        "labels": named,
        "merge_commit_sha": merged_as,
    }


def asked(hub: GitHub, tmp_path: Path, **given: str) -> Ran:
    (tmp_path / "workspace").mkdir(exist_ok=True)
    put = {"token": hub.token, "repository": "acme/registry"}
    named = {key.replace("_", "-"): one for key, one in given.items()}
    return run_action("pull-request", tmp_path / "workspace", {**put, **named}, **hub.env())


def test_approvals_of_exactly_this_commit_by_insiders_count(hub: GitHub, tmp_path: Path) -> None:
    hub.pulls[7] = pull()
    hub.reviews = [
        review("owner", body="Fine.\r\nGitreg-Approved: GR-012\r\n"),
        review("owner", "COMMENTED"),
        review("second", body="Gitreg-Approved: everything"),
        review("stale", commit=OTHER, body="Gitreg-Approved: GR-041"),
        review("stranger", body="Gitreg-Approved: GR-042", of="NONE"),
        review("dev", body="Gitreg-Approved: GR-042"),
        review("changed-mind"),
        review("changed-mind", "CHANGES_REQUESTED"),
        review("taken-back", "DISMISSED"),
    ]
    done = asked(hub, tmp_path, number="7", head=HEAD)
    assert done.code == 0, done.out
    assert done.outputs == {"author": "@dev", "approvers": "@owner\n@second", "approve": "GR-012", "bulk": "false"}
    assert asked(hub, tmp_path, number="7", head=OTHER).outputs["approvers"] == "@stale"


def test_a_label_marks_a_change_as_bulk(hub: GitHub, tmp_path: Path) -> None:
    hub.pulls[7] = pull("nice", "gitreg: bulk")
    assert asked(hub, tmp_path, number="7").outputs["bulk"] == "true"


@pytest.mark.parametrize(
    ("given", "author"),
    [
        pytest.param({"queue_ref": f"refs/heads/gh-readonly-queue/main/pr-7-{OTHER}"}, "@dev", id="merge group"),
        pytest.param({"commit": OTHER}, "@dev", id="merged"),
        pytest.param({"commit": HEAD, "actor": "pusher"}, "@pusher", id="pushed"),
    ],
)
def test_the_pull_request_is_found(hub: GitHub, tmp_path: Path, given: dict[str, str], author: str) -> None:
    hub.pulls[7] = pull(merged_as=OTHER)
    done = asked(hub, tmp_path, **given)
    assert (done.code, done.outputs["author"]) == (0, author), done.out


def test_where_nobody_can_be_asked_the_step_fails(hub: GitHub, tmp_path: Path) -> None:
    for given in ({"number": "8"}, {"queue_ref": "refs/heads/else"}, {"number": "7", "token": "wrong"}):
        done = asked(hub, tmp_path, **given)
        assert done.code == 1
        assert done.outputs["author"] == ""


def test_a_pull_request_comes_as_objects_only(hub: GitHub, registry: Path, tmp_path: Path) -> None:
    head = committed(registry, *GOOD)
    forge = tmp_path / "forge.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), str(forge))
    git(forge, "update-ref", "refs/pull/7/head", head)
    git(forge, "update-ref", "-d", "refs/heads/change")
    git(forge, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(forge), "workspace")
    workspace = tmp_path / "workspace"
    before = git(workspace, "for-each-ref"), (workspace / ".git/config").read_text()
    done = asked(hub, tmp_path, actor="dev", fetch=f"\n{'0' * 40}\n{head}\n")
    assert done.code == 0, done.out
    assert git(workspace, "cat-file", "-t", head).strip() == "commit"
    assert (git(workspace, "for-each-ref"), (workspace / ".git/config").read_text()) == before
    assert not (workspace / GOOD[0]).exists()
    assert hub.token not in done.out
    assert asked(hub, tmp_path, actor="dev", fetch="--upload-pack=touch pwned").code == 1
    assert asked(hub, tmp_path, actor="dev", fetch=HEAD).code != 0


# The index


def test_the_index_is_packed_with_its_digest(registry: Path, tmp_path: Path) -> None:
    done = run_action("publish-index", registry, {"version": "installed"})
    assert done.code == 0, done.out
    assert done.outputs["commit"] == git(registry, "rev-parse", "HEAD").strip()
    archive = Path(done.outputs["folder"], done.outputs["archive"])
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == done.outputs["sha256"]
    git(tmp_path, "init", "--quiet", "unpacked")
    subprocess.run(["sha256sum", "--check", f"{archive.name}.sha256"], cwd=archive.parent, check=True)
    assert sorted(path.name for path in archive.parent.iterdir()) == [archive.name, f"{archive.name}.sha256"]
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    found = run("search", "chat", "--repo", registry, "--index", tmp_path / "unpacked/index", "--json")
    assert found.json["total"] == 1
