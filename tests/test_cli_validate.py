"""`gitreg validate`, `gitreg rules` and `gitreg_validators.validate`, as people and programs call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import AUTHOR, fine, git, run
from gate_support import BASE, commit, model, namespace, new_registry, path_of

from gitreg.errors import RepositoryError
from gitreg.kinds import KIND_TYPES
from gitreg.registry import Registry
from gitreg.validation import load_rules
from gitreg_validators import validate

KEYS = {"rule", "slug", "severity", "ref", "path", "line", "column", "field", "says", "mend", "waived", "source"}


@pytest.fixture
def bare(tmp_path: Path) -> Registry:
    return new_registry(tmp_path, BASE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a registry with a work tree: one namespace, one model."""
    where = tmp_path / "registry"
    fine("init", where, "--name", "acme", "--author", AUTHOR)
    git(where, "config", "user.name", "Example Author")
    git(where, "config", "user.email", "author@example.com")
    put(where, {"namespaces/acme.yaml": namespace("acme"), path_of(): model()})
    save(where, "chat")
    return where


def put(where: Path, files: dict[str, bytes]) -> None:
    for path, raw in files.items():
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_bytes(raw)


def save(where: Path, message: str) -> str:
    git(where, "add", "-A")
    git(where, "commit", "--quiet", "-m", message)
    return git(where, "rev-parse", "HEAD").strip()


def where_of(registry: Registry) -> Path:
    return registry.repo.git_dir


def test_a_state_that_keeps_all_rules_passes(checkout: Path) -> None:
    done = run("validate", "--repo", checkout, "--json")
    assert done.code == 0
    assert done.json["outcome"] == "pass"
    assert done.json["findings"] == []
    assert done.json["checked"] == {"records": 7, "rules": len({rule.code for rule in load_rules()})}
    assert {"base", "head", "seconds"} <= done.json.keys()


def test_what_is_not_committed_is_judged_too(checkout: Path) -> None:
    put(checkout, {path_of("late"): b"a: ["})
    done = run("validate", "--repo", checkout, "--json")
    assert (done.code, done.json["outcome"]) == (1, "fail")
    (finding,) = [found for found in done.json["findings"] if found["rule"] == "GR-001"]
    assert finding.keys() == KEYS
    assert (finding["path"], finding["line"], finding["waived"]) == (path_of("late"), 1, False)


def test_ignored_files_are_not_judged(checkout: Path) -> None:
    put(checkout, {".git/info/exclude": b"models/acme/late\n", path_of("late"): b"a: ["})
    assert run("validate", "--repo", checkout).code == 0


def test_the_work_tree_is_judged_against_a_base(checkout: Path) -> None:
    put(checkout, {path_of(): model(provider="anthropic")})
    found = run("validate", "--repo", checkout, "--base", "main", "--json").json["findings"]
    assert [finding["rule"] for finding in found] == ["GR-011"]
    (checkout / path_of()).unlink()
    found = run("validate", "--repo", checkout, "--base", "main", "--json").json["findings"]
    assert [finding["rule"] for finding in found] == ["GR-018"]


def test_commits_of_a_branch_and_what_lies_around_are_judged_together(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "-c", "change")
    put(checkout, {path_of("new"): model("new", provider=5)})
    save(checkout, "new")
    put(checkout, {path_of("newer"): model("newer", provider=5)})
    words = ("validate", "--repo", checkout, "--base", "main", "--json")
    assert [found["path"] for found in run(*words).json["findings"]] == [path_of("new"), path_of("newer")]
    assert [found["path"] for found in run(*words, "--head", "HEAD").json["findings"]] == [path_of("new")]


def test_an_executable_file_and_a_symlink_in_the_work_tree_are_seen(checkout: Path) -> None:
    (checkout / path_of()).chmod(0o755)
    (checkout / "namespaces/acme.yaml").unlink()
    (checkout / "namespaces/acme.yaml").symlink_to("../registry.yaml")
    found = run("validate", "--repo", checkout, "--base", "main", "--json").json["findings"]
    says = {finding["says"] for finding in found if finding["rule"] == "GR-011"}
    assert says == {
        "the file of a landed record became an executable file",
        "the file of a landed record became a symlink",
    }


@pytest.mark.parametrize("sort", ["folder", "folder with a file", "pipe", "repository"])
def test_a_record_that_is_no_file_any_more_is_seen(checkout: Path, sort: str) -> None:
    where = checkout / path_of()
    where.unlink()
    if sort == "pipe":
        os.mkfifo(where)
    else:
        where.mkdir()
    if sort == "folder with a file":
        (where / "x").write_text("x")
    if sort == "repository":
        git(where, "init", "--quiet")
    for _ in ("as it is", "staged"):
        done = run("validate", "--repo", checkout, "--base", "HEAD", "--json")
        assert done.code == 1
        assert {found["rule"] for found in done.json["findings"]} & {"GR-011", "GR-018"}
        if sort.startswith("folder"):
            git(checkout, "add", "-A")


def test_what_a_sparse_checkout_leaves_out_is_not_removed(checkout: Path) -> None:
    git(checkout, "sparse-checkout", "set", "--no-cone", "access")
    assert not (checkout / path_of()).exists()
    assert run("validate", "--repo", checkout, "--base", "HEAD", "--json").json["findings"] == []


def test_a_branch_comes_before_a_tag_of_its_name(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "-c", "change")
    put(checkout, {path_of(): model(provider="anthropic")})
    save(checkout, "change")
    git(checkout, "tag", "main", "change")
    done = run("validate", "--repo", checkout, "--base", "main", "--head", "change", "--json")
    assert (done.code, done.json["base"]) == (1, git(checkout, "rev-parse", "refs/heads/main").strip())


def test_a_file_and_a_folder_that_want_one_name_collide(checkout: Path) -> None:
    start = git(checkout, "rev-parse", "HEAD").strip()
    inside = path_of("2.0.0.yaml", namespace="acme/chat")
    put(checkout, {path_of(version="2.0.0"): model(version="2.0.0")})
    save(checkout, "file")
    git(checkout, "switch", "--quiet", "-c", "change", start)
    put(checkout, {inside: model("2.0.0.yaml", namespace="acme/chat")})
    save(checkout, "folder")
    for base, head in (("main", "change"), ("change", "main")):
        done = run("validate", "--repo", checkout, "--base", base, "--head", head, "--json")
        assert done.code == 1
        assert "GR-000" in {found["rule"] for found in done.json["findings"]}


def test_findings_about_the_whole_change_are_told_whatever_is_asked_for(bare: Registry) -> None:
    first = str(bare.repo.tip())
    commit(bare, {path_of("new"): model("new")})
    words = ("validate", "--repo", where_of(bare), "--base", "main", "--head", first, "--push", "--json")
    found = run(*words[:1], "datasets", *words[1:])
    assert found.code == 1
    assert "GR-055" in {finding["rule"] for finding in found.json["findings"]}


def test_a_place_without_records_is_no_registry(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "other")
    put(tmp_path / "other", {"README.md": b"# Other\n"})
    git(tmp_path / "other", "add", "-A")
    git(tmp_path / "other", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "x")
    done = run("validate", "--repo", tmp_path / "other", "--json")
    assert (done.code, done.error["code"]) == (2, "repository")


def test_a_base_of_zeros_is_for_hooks(bare: Registry) -> None:
    done = run("validate", "--repo", where_of(bare), "--base", "0" * 40, "--head", "main", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")


def test_settings_that_cannot_be_read_are_not_the_changes_to_make(bare: Registry) -> None:
    found = bare.snapshot().read("registry.yaml")
    assert found
    commit(bare, {"registry.yaml": b"a: ["})
    base = str(bare.repo.tip())
    lenient = found[1].replace(b"  gate:", b"  gate:\n    severities:\n      GR-030: 'off'")
    dangling = model("lost", dependencies=[{"ref": "acme/nobody@^1"}])
    commit(bare, {"registry.yaml": lenient, path_of("lost"): dangling})
    done = run("validate", "--repo", where_of(bare), "--base", base, "--head", "main", "--json")
    assert "GR-030" in {finding["rule"] for finding in done.json["findings"]}


def test_paths_restrict_what_is_reported(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(checkout, {path_of("one"): b"a: [", path_of("two"): b"a: [", path_of("one-more"): model("one-more")})
    monkeypatch.chdir(checkout / "models")
    both = run("validate", "--repo", checkout, "--json")
    assert {found["path"] for found in both.json["findings"]} == {path_of("one"), path_of("two")}
    one = run("validate", "acme/one", "--repo", checkout, "--json")
    assert {found["path"] for found in one.json["findings"]} == {path_of("one")}
    none = run("validate", "acme/one-more", "--repo", checkout, "--json")
    assert (none.code, none.json["outcome"], none.json["findings"]) == (0, "pass", [])
    assert run("validate", checkout, "--repo", checkout, "--json").json["findings"] == both.json["findings"]


def test_a_path_outside_is_refused(checkout: Path, tmp_path: Path) -> None:
    done = run("validate", tmp_path / "elsewhere", "--repo", checkout, "--json")
    assert done.code == 2
    assert done.error["code"] == "usage"


@pytest.mark.parametrize(
    ("files", "code", "outcome"),
    [
        pytest.param({path_of("new"): model("new")}, 0, "pass", id="passes"),
        pytest.param({path_of(): model(provider="anthropic")}, 1, "fail", id="fails"),
        pytest.param({path_of("copy"): model("chat").replace(b"name: chat", b"name: copy")}, 42, "review", id="waits"),
    ],
)
def test_the_exit_code_says_the_outcome(bare: Registry, files: dict[str, bytes], code: int, outcome: str) -> None:
    base = bare.repo.tip()
    commit(bare, files)
    done = run("validate", "--repo", where_of(bare), "--base", str(base), "--head", "main", "--json")
    assert (done.code, done.json["outcome"]) == (code, outcome)
    assert (done.json["base"], done.json["head"]) == (base, bare.repo.tip())


def test_a_decision_that_was_taken_lets_it_pass(bare: Registry) -> None:
    base = str(bare.repo.tip())
    commit(bare, {path_of("copy"): model("chat").replace(b"name: chat", b"name: copy")})
    words = ("validate", "--repo", where_of(bare), "--base", base, "--head", "main")
    assert run(*words).code == 42
    assert run(*words, "--approve", "GR-012").code == 0
    refused = run(*words, "--approve", "GR-999", "--json")
    assert refused.code == 2


def test_who_is_said_to_be_the_author_counts(bare: Registry) -> None:
    base = str(bare.repo.tip())
    commit(bare, {path_of("new"): model("new")})
    words = ("validate", "--repo", where_of(bare), "--base", base, "--head", "main")
    assert run(*words).code == 0
    assert run(*words, "--author", "stranger@example.com").code == 1
    assert run(*words, "--author", "stranger@example.com", "--approver", "author@example.com").code == 0


@pytest.mark.parametrize("words", [("--base", "nosuch"), ("--base", "main", "--head", "nosuch"), ("--head", "nosuch")])
def test_a_revision_that_is_not_there_is_told(bare: Registry, words: tuple[str, ...]) -> None:
    done = run("validate", "--repo", where_of(bare), *words, "--json")
    assert done.code == 2
    assert done.error["code"] == "repository"
    assert "nosuch" in done.error["says"]


def test_histories_without_a_common_commit_are_told(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--orphan", "other")
    put(checkout, {path_of("new"): model("new")})
    save(checkout, "other")
    done = run("validate", "--repo", checkout, "--base", "main", "--head", "other", "--json")
    assert done.code == 2
    assert "no history in common" in done.error["says"]


def test_a_repository_without_commits_is_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    done = run("validate", "--repo", tmp_path / "empty.git", "--json")
    assert done.code == 2
    assert "no commit" in done.error["says"]


def test_an_object_that_cannot_be_read_ends_it_without_a_verdict(checkout: Path) -> None:
    put(checkout, {path_of("new"): model("new")})
    head = save(checkout, "new")
    blob = git(checkout, "rev-parse", f"{head}:{path_of('new')}").strip()
    (checkout / ".git/objects" / blob[:2] / blob[2:]).unlink()
    done = run("validate", "--repo", checkout, "--base", "HEAD~1", "--head", "HEAD", "--json")
    assert done.code == 2
    assert blob in done.error["got"]


def test_main_may_have_moved_on_since_the_branch_was_made(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "-c", "change")
    put(checkout, {path_of("mine"): model("mine")})
    save(checkout, "mine")
    git(checkout, "switch", "--quiet", "main")
    put(checkout, {path_of("theirs"): model("theirs")})
    save(checkout, "theirs")
    done = run("validate", "--repo", checkout, "--base", "main", "--head", "change", "--json")
    assert (done.code, done.json["findings"]) == (0, [])
    assert done.json["checked"]["records"] == 1


def test_a_push_is_judged_commit_by_commit(bare: Registry) -> None:
    base = str(bare.repo.tip())
    commit(bare, {path_of("new"): model("new")})
    commit(bare, {path_of("new"): model("new", license="mit")})
    words = ("validate", "--repo", where_of(bare), "--base", base, "--head", "main", "--json")
    assert run(*words).code == 0
    pushed = run(*words, "--push")
    assert pushed.code == 1
    assert [found["rule"] for found in pushed.json["findings"]] == ["GR-011"]


def test_a_push_that_rewrites_main_is_refused(bare: Registry) -> None:
    first = str(bare.repo.tip())
    commit(bare, {path_of("new"): model("new")})
    done = run("validate", "--repo", where_of(bare), "--base", "main", "--head", first, "--push", "--json")
    assert done.code == 1
    assert "GR-055" in {found["rule"] for found in done.json["findings"]}


def test_the_first_push_of_all_is_judged_as_a_state(bare: Registry) -> None:
    done = run("validate", "--repo", where_of(bare), "--base", "0" * 40, "--head", "main", "--push", "--json")
    assert (done.code, done.json["base"]) == (0, None)


@pytest.mark.parametrize("form", ["text", "sarif", "junit", "github", "markdown"])
def test_every_format_is_written(bare: Registry, form: str) -> None:
    base = str(bare.repo.tip())
    commit(bare, {path_of(): model(provider="anthropic")})
    done = run("validate", "--repo", where_of(bare), "--base", base, "--head", "main", "--format", form)
    assert done.code == 1
    assert "GR-011" in done.out


def test_json_is_a_format_like_the_others(bare: Registry) -> None:
    done = run("validate", "--repo", where_of(bare), "--format", "json")
    assert json.loads(done.out)["outcome"] == "pass"


def test_quiet_says_nothing_where_nothing_stands_against_it(bare: Registry) -> None:
    assert run("validate", "--repo", where_of(bare), "--quiet").out == ""


def test_the_library_call_judges_any_bare_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "foreign.git")
    foreign = Registry(Registry.open(new_registry(tmp_path, BASE).repo.git_dir).repo)
    report = validate(foreign.repo.git_dir, None, "main")
    assert report.outcome == "pass"
    with pytest.raises(RepositoryError):
        validate(tmp_path / "foreign.git", None, None)
    with pytest.raises(RepositoryError):
        validate(tmp_path / "nowhere", "main", "main")


def test_a_foreign_repository_needs_no_settings(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "foreign.git")
    stream = b"commit refs/heads/main\ncommitter Example Author <author@example.com> 1767225600 +0000\ndata 1\n1\n"
    raw = model("chat")
    stream += b"M 100644 inline models/acme/chat/1.0.0.yaml\ndata %d\n%s\n" % (len(raw), raw)
    subprocess.run(["git", "-C", str(tmp_path / "foreign.git"), "fast-import", "--quiet"], input=stream, check=True)
    report = validate(tmp_path / "foreign.git", None, "main")
    assert report.outcome == "pass"
    assert {finding.rule for finding in report.findings} == {"GR-050"}


def test_the_same_call_gives_the_same_findings(bare: Registry) -> None:
    base = str(bare.repo.tip())
    commit(
        bare, {path_of(): model(provider="anthropic"), path_of("odd"): b"a: [", path_of("new"): model("new", license=5)}
    )
    first, second = (validate(where_of(bare), base, "main") for _ in range(2))
    assert first.findings == second.findings
    assert len(first.findings) >= 3


@pytest.mark.parametrize("kind", [kind for kind in KIND_TYPES if kind != "Registry"])
def test_the_example_of_a_kind_has_no_fault_but_that_what_it_names_is_not_here(bare: Registry, kind: str) -> None:
    raw = KIND_TYPES[kind].example.encode()
    from gitreg.manifests import read_manifest

    manifest = read_manifest(raw).manifest
    assert manifest is not None
    base = str(bare.repo.tip())
    commit(bare, {manifest.address.path: raw})
    found = validate(where_of(bare), base, "main").findings
    codes = {finding.rule for finding in found if finding.severity.value == "error"}
    assert codes <= {"GR-020", "GR-030", "GR-050", "GR-061", "GR-070", "GR-018", "GR-011"}, [f.explain() for f in found]


def test_rules_are_listed_with_what_they_check() -> None:
    listed = run("rules", "--json").json
    assert [rule["code"] for rule in listed] == sorted({rule.code for rule in load_rules()})
    assert all(rule["checks"] and all(rule["checks"]) for rule in listed)
    assert {"code", "slug", "severity", "fixed", "weight", "checks"} == set(listed[0])
    assert "GR-011\tversion-immutable\terror, fixed" in run("rules").out


def test_the_page_of_a_rule_is_printed() -> None:
    assert run("rules", "gr-018").out.startswith("# GR-018 delisting\n")
    assert "## Failing" in run("rules", "GR-018", "--json").json["page"]
    refused = run("rules", "GR-999", "--json")
    assert refused.code == 2
    assert "GR-999" in refused.error["says"]


def test_a_gate_that_is_killed_leaves_nothing_that_stands_in_the_way(bare: Registry) -> None:
    """Kill it while it makes its lookups: the next run makes them again."""
    files = {path_of(f"m{n}"): model(f"m{n}") for n in range(400)}
    base = str(bare.repo.tip())
    commit(bare, files)
    command = [
        sys.executable,
        "-m",
        "gitreg",
        "validate",
        "--repo",
        str(where_of(bare)),
        "--base",
        "main",
        "--head",
        base,
    ]
    for patience in (0.3, 0.5, 0.7, 0.9):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
    done = run("validate", "--repo", where_of(bare), "--base", "main", "--head", "main", "--json")
    assert (done.code, done.json["findings"]) == (0, [])
    other = commit(bare, {path_of("copy"): files[path_of("m7")].replace(b"name: m7", b"name: copy")})
    found = validate(where_of(bare), f"{other.commit}~1", other.commit).findings
    assert [finding.rule for finding in found] == ["GR-012"]
