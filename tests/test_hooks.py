"""The gate without a forge: pushes through a real bare repository, and the hooks that run before a commit."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from cli_support import AUTHOR, fine, git, model, namespace, new_registry, registered, written
from preloaded import preloaded_here

from gitreg.errors import RepositoryError
from gitreg.refs import KINDS
from gitreg.repository.git import GitRepository

ROOT: Final = Path(__file__).resolve().parent.parent
GITREG: Final = Path(sys.executable).parent / "gitreg"
WHO: Final = ("-c", "user.name=Example Author", "-c", "user.email=author@example.com")
CHAT: Final = "models/acme/chat/1.0.0.yaml"
NEXT: Final = "models/acme/chat/1.1.0.yaml"
TWIN: Final = "models/acme/twin/1.0.0.yaml"
SAME: Final = model(name="twin", digest=hashlib.sha256(b"chat 1.0.0").hexdigest())


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare registry with a namespace and a model, and the hook."""
    top = tmp_path_factory.mktemp("landed")
    new_registry(top / "registry.git", "--bare")
    registered(top / "registry.git", namespace().replace("team@", "author@"), model())
    git(top, "clone", "--quiet", "registry.git", "clone")
    install(top / "clone", top / "registry.git", preloaded_here() / "gitreg")
    return top


@pytest.fixture
def bare(landed: Path, tmp_path: Path) -> Path:
    """A copy of its own; beside it the clone `clone`."""
    subprocess.run(["cp", "-R", landed / "registry.git", landed / "clone", tmp_path], check=True)
    git(tmp_path / "clone", "remote", "set-url", "origin", str(tmp_path / "registry.git"))
    return tmp_path / "registry.git"


@pytest.fixture
def clone(bare: Path) -> Path:
    return bare.parent / "clone"


def install(clone: Path, bare: Path, gitreg: Path | str = GITREG) -> subprocess.CompletedProcess[str]:
    command = ["sh", "hooks/install.sh", str(bare), str(gitreg)]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True)


def committed(clone: Path, path: str, text: str | None) -> str:
    if text is None:
        (clone / path).unlink()
    else:
        written(clone, path, text)
    git(clone, "add", "--all")
    git(clone, *WHO, "commit", "--quiet", "--message", f"Change {path}")
    return git(clone, "rev-parse", "HEAD").strip()


def pushed(clone: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(clone), "push", "origin", *(words or ("HEAD:main",))]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, timeout=60)


def tip(bare: Path, branch: str = "main") -> str:
    return git(bare, "rev-parse", branch).strip()


def test_a_good_change_is_let_in(bare: Path, clone: Path) -> None:
    new = committed(clone, NEXT, model("1.1.0"))
    done = pushed(clone)
    assert done.returncode == 0, done.stderr
    assert "passes" in done.stderr
    assert tip(bare) == new


def test_a_push_of_many_objects_comes_as_a_pack_and_is_seen_too(bare: Path, clone: Path) -> None:
    git(bare, "config", "receive.unpackLimit", "1")
    new = committed(clone, NEXT, model("1.1.0"))
    assert pushed(clone).returncode == 0
    assert tip(bare) == new


def test_a_bad_change_is_refused_with_its_findings(bare: Path, clone: Path) -> None:
    before = tip(bare)
    committed(clone, CHAT, model().replace("completion", "embedding"))
    done = pushed(clone)
    assert done.returncode != 0
    assert re.search(rf"{CHAT}:\d+:\d+: error GR-011 version-immutable: spec.type", done.stderr)
    assert "mend: register the change as a new version" in done.stderr
    assert "gitreg: refs/heads/main stays as it is: mend what is said above" in done.stderr
    assert tip(bare) == before


def test_each_commit_of_a_push_is_judged(bare: Path, clone: Path) -> None:
    before = tip(bare)
    committed(clone, CHAT, None)
    committed(clone, CHAT, model())
    done = pushed(clone)
    assert done.returncode != 0
    assert "GR-018" in done.stderr
    assert tip(bare) == before


def test_the_branch_is_not_removed(bare: Path, clone: Path) -> None:
    before = tip(bare)
    git(bare, "config", "receive.denyDeleteCurrent", "ignore")
    done = pushed(clone, ":main")
    assert done.returncode != 0
    assert "refs/heads/main is the registry and its history: it is not removed" in done.stderr
    assert tip(bare) == before


def test_history_is_not_rewritten(bare: Path, clone: Path) -> None:
    before = tip(bare)
    git(clone, "reset", "--quiet", "--hard", "HEAD~1")
    committed(clone, NEXT, model("1.1.0"))
    done = pushed(clone, "--force", "HEAD:main")
    assert done.returncode != 0
    assert "GR-055 append-only-main" in done.stderr
    assert tip(bare) == before


def test_what_a_human_must_decide_is_refused_and_how_is_said(bare: Path, clone: Path) -> None:
    before = tip(bare)
    committed(clone, TWIN, SAME)
    done = pushed(clone)
    assert done.returncode != 0
    assert "review GR-012 duplicate-artifact" in done.stderr
    assert "a human must decide" in done.stderr
    assert "gitreg register FILE --approve RULE" in done.stderr
    assert tip(bare) == before
    fine("register", clone / TWIN, "--repo", bare, "--author", AUTHOR, "--approve", "GR-012")
    assert tip(bare) != before


def test_other_branches_are_free_and_one_refused_ref_refuses_the_push(bare: Path, clone: Path) -> None:
    new = committed(clone, CHAT, None)
    assert pushed(clone, "HEAD:draft").returncode == 0
    assert tip(bare, "draft") == new
    assert pushed(clone, "HEAD:main", "HEAD:more").returncode != 0
    assert git(bare, "branch", "--list", "more") == ""
    assert pushed(clone, ":draft").returncode == 0


def test_the_branch_is_the_one_that_gitreg_reads(bare: Path, clone: Path) -> None:
    git(bare, "branch", "production", "main")
    git(bare, "config", "gitreg.branch", "production")
    committed(clone, CHAT, None)
    assert pushed(clone, "HEAD:production").returncode != 0
    assert pushed(clone, "HEAD:main").returncode == 0


def test_a_name_that_stands_for_the_branch_is_judged_too(bare: Path, clone: Path) -> None:
    git(bare, "symbolic-ref", "refs/heads/line", "refs/heads/main")
    git(bare, "symbolic-ref", "refs/heads/trunk", "refs/heads/line")
    before = tip(bare)
    committed(clone, CHAT, None)
    assert pushed(clone, "HEAD:trunk").returncode != 0
    assert tip(bare) == before


def test_who_pushes_is_whom_the_server_says(bare: Path, clone: Path) -> None:
    committed(clone, NEXT, model("1.1.0"))
    refused = pushed(clone, GITREG_PUSHER="stranger@example.com")
    assert refused.returncode != 0
    assert "GR-050 ownership" in refused.stderr
    assert pushed(clone, GITREG_PUSHER="author@example.com").returncode == 0


def test_where_it_cannot_be_judged_nothing_is_let_in(bare: Path, clone: Path) -> None:
    before = tip(bare)
    git(bare, "config", "gitreg.command", "no-such-command")
    committed(clone, NEXT, model("1.1.0"))
    done = pushed(clone)
    assert done.returncode != 0
    assert "the push could not be judged" in done.stderr
    assert tip(bare) == before


def test_a_registry_that_is_pushed_for_the_first_time_is_judged_whole(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    assert install(clone, tmp_path / "empty.git", preloaded_here() / "gitreg").returncode == 0
    git(clone, "remote", "set-url", "origin", str(tmp_path / "empty.git"))
    committed(clone, NEXT, "kind: Nonsense\n")
    assert pushed(clone, "HEAD:refs/heads/main").returncode != 0
    committed(clone, NEXT, None)
    assert pushed(clone, "HEAD:refs/heads/main").returncode == 0


def test_a_hook_that_does_not_know_the_branch_lets_nothing_in(bare: Path, clone: Path) -> None:
    git(bare, "config", "--unset", "gitreg.branch")
    committed(clone, NEXT, model("1.1.0"))
    done = pushed(clone, "HEAD:other")
    assert done.returncode != 0
    assert "gitreg.branch is not set here" in done.stderr


def test_the_page_that_says_how_does_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs/gate-setup.md").read_text(encoding="utf-8")
    section = page.partition("## In a bare repository")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
    env = {**os.environ, "PATH": f"{GITREG.parent}{os.pathsep}{os.environ['PATH']}"}
    for word in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{word}_NAME": "Example Author", f"GIT_{word}_EMAIL": "author@example.com"}
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pushes to main of registry.git are judged by" in done.stdout
    assert "remote: passes: nothing stands against it" in done.stderr


def test_the_page_knows_the_options_of_gitreg(clone: Path) -> None:
    page = (ROOT / "docs/gate-setup.md").read_text(encoding="utf-8")
    job = yaml.safe_load(page.partition("```yaml\nvalidate:\n")[2].partition("```")[0])
    command = next(line for line in job["script"] if line.startswith("gitreg validate"))
    head = committed(clone, NEXT, model("1.1.0"))
    env = {
        **os.environ,
        "PATH": f"{GITREG.parent}{os.pathsep}{os.environ['PATH']}",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_COMMIT_SHA": head,
        "GITLAB_USER_EMAIL": "author@example.com",
    }
    done = subprocess.run(["sh", "-eu", "-c", command], cwd=clone, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / job["artifacts"]["reports"]["junit"]).is_file()


# Putting the hook in place


def test_the_hook_is_put_in_place_again_and_again(clone: Path, bare: Path) -> None:
    again = install(clone, bare)
    assert again.returncode == 0, again.stderr
    assert os.access(bare / "hooks/pre-receive", os.X_OK)
    assert (bare / "hooks/pre-receive").read_bytes() == (clone / "hooks/pre-receive").read_bytes()
    assert git(bare, "config", "gitreg.command").strip() == str(GITREG)


@pytest.mark.parametrize(
    ("there", "branch"),
    [
        pytest.param("main", "main", id="main"),
        pytest.param("trunk", "trunk", id="what HEAD names"),
        pytest.param(None, "main", id="no commit yet"),
    ],
)
def test_the_branch_is_pinned(clone: Path, tmp_path: Path, there: str | None, branch: str) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "trunk", "other.git")
    if there:
        git(clone, "push", "--quiet", str(tmp_path / "other.git"), f"HEAD:refs/heads/{there}")
    assert install(clone, tmp_path / "other.git").returncode == 0
    assert git(tmp_path / "other.git", "config", "gitreg.branch").strip() == branch


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param([], "usage:", id="nothing"),
        pytest.param(["REPO", "no-such-command"], "there is no no-such-command", id="no gitreg"),
        pytest.param(["."], "not a git repository", id="no repository"),
    ],
)
def test_wrong_words_put_nothing_in_place(clone: Path, tmp_path: Path, words: list[str], says: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    put = [str(clone) if word == "REPO" else word for word in words]
    command = ["sh", str(clone / "hooks/install.sh"), *put, *([str(GITREG)] if words == ["."] else [])]
    done = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True)
    assert done.returncode != 0
    assert says in done.stderr
    assert not (clone / ".git/hooks/pre-receive").exists()


def test_a_hook_of_somebody_else_is_left(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "theirs.git")
    written(tmp_path, "theirs.git/hooks/pre-receive", "#!/bin/sh\nexit 0\n")
    done = install(clone, tmp_path / "theirs.git")
    assert done.returncode == 2
    assert "has a pre-receive hook of its own" in done.stderr
    assert (tmp_path / "theirs.git/hooks/pre-receive").read_text() == "#!/bin/sh\nexit 0\n"


# What a push has brought


def test_only_the_repository_that_is_pushed_to_sees_what_was_brought(
    bare: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = committed(clone, NEXT, model("1.1.0"))
    brought = bare / "objects/tmp_objdir-incoming-x"
    subprocess.run(["cp", "-R", clone / ".git/objects", brought], check=True)
    with pytest.raises(RepositoryError):
        GitRepository.open(bare).commit(new)
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(brought))
    assert GitRepository.open(bare).commit(new).message == f"Change {NEXT}\n"
    git(bare.parent, "init", "--quiet", "--bare", "other.git")
    with pytest.raises(RepositoryError):
        GitRepository.open(bare.parent / "other.git").commit(new)


# Before a commit


HOOKS: Final = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
TEMPLATE: Final = yaml.safe_load((ROOT / "registry_repo_template/.pre-commit-config.yaml").read_text())


def hooked(name: str, clone: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run a hook as pre-commit would."""
    command = [*shlex.split(HOOKS[name]["entry"]), *(files if HOOKS[name].get("pass_filenames", True) else ())]
    env = {**os.environ, "PATH": f"{preloaded_here()}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, env=env)


def test_the_template_has_the_hooks_that_the_project_offers() -> None:
    [local] = TEMPLATE["repos"]
    assert [{**hook, "language": "python"} for hook in local["hooks"]] == list(HOOKS.values())


def test_fmt_looks_at_manifests_and_at_nothing_else() -> None:
    pattern = re.compile(HOOKS["gitreg-fmt"]["files"])
    folders = {place.folder for place in KINDS.values() if place.folder and not place.folder.endswith(".yaml")}
    assert all(pattern.search(f"{folder}/a.yaml") for folder in folders)
    assert pattern.search("registry.yaml")
    assert not any(map(pattern.search, ("examples/model.yaml", ".github/workflows/validate.yml", "docs/a.yaml")))


def test_fmt_writes_the_canonical_form(clone: Path) -> None:
    written(clone, NEXT, model("1.1.0").replace("  name: chat\n", "  name:    chat\n"))
    assert hooked("gitreg-fmt", clone, NEXT).returncode == 0
    assert "\n  name: chat\n" in (clone / NEXT).read_text()
    written(clone, NEXT, "nonsense: [")
    assert hooked("gitreg-fmt", clone, NEXT).returncode == 1


@pytest.mark.parametrize(
    ("path", "text", "code", "says"),
    [
        pytest.param(NEXT, model("1.1.0"), 0, "passes", id="good"),
        pytest.param(CHAT, model().replace("completion", "embedding"), 1, "GR-011", id="bad"),
        pytest.param(TWIN, SAME, 0, "GR-012", id="a human decides later"),
    ],
)
def test_what_would_be_committed_is_judged(clone: Path, path: str, text: str, code: int, says: str) -> None:
    written(clone, path, text)
    git(clone, "add", "--all")
    done = hooked("gitreg-validate", clone, path)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout
