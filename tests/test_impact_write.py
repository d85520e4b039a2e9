"""`gitreg impact` as a command: what it prints, what it writes, what the gate says of it, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_support import AUTHOR, Run, fine, run
from gate_support import BASE, aliases, manifest, model, namespace, new_registry, path_of, pipeline, versioned
from impact_support import needing, suite

from gitreg.errors import UsageError
from gitreg.registry import Draft
from gitreg_indexer.catalog import Position
from gitreg_indexer.graph.analysis import Analysis
from gitreg_indexer.graph.applying import body_of, write_drafts
from gitreg_indexer.graph.moving import Step

V, T = "model:acme/b@1.1.0", "model:acme/b@2.0.0"
GUIDE = "https://docs.acme.example/b/2"
NOTES = {"breakingChanges": True, "changelog": "Answers in JSON.", "migrationGuide": GUIDE}
NODE = {"id": "a", "type": "model", "model": "acme/b@^1"}
P = (
    b"# Owned by the digest team.\n"
    + pipeline(dag={"nodes": [NODE]}).replace(b"      model: acme/b@^1", b"      model: acme/b@^1  # the fast one")
).replace(b"spec:\n", b"# Two stages one day.\nspec:\n")
FILES = {
    **BASE,
    "namespaces/beta.yaml": namespace("beta"),
    path_of("b", "1.1.0"): model("b", "1.1.0"),
    path_of("b", "2.0.0"): model("b", "2.0.0", provider="mistral", release=NOTES),
    "models/acme/b/aliases.yaml": aliases("b", good="1.1.0"),
    "pipelines/acme/p/1.0.0.yaml": P,
    "pipelines/acme/q/1.0.0.yaml": pipeline("q", dag={"nodes": [{**NODE, "model": "acme/b@good"}]}),
    **needing("pinned", "pipeline:acme/p@1.0.0", labels={"criticality": "critical"}),
    **needing("optional", "acme/b@1.1.0?"),
    **suite("s", "acme/b@^1"),
}
NEW = "pipelines/acme/p/1.0.1.yaml", "models/acme/pinned/2.0.0.yaml", "models/acme/b/aliases.yaml"

PINNED_STEP = (
    "edit\tmodel:acme/pinned@1.0.0\tspec.dependencies[0].ref\tpipeline:acme/p@1.0.1\t2.0.0"
    "\tit is pinned to pipeline:acme/p@1.0.0"
)
ALIAS_STEP = (
    f"edit\taliases:model/acme/b\tspec.aliases.good\t{T}\t"
    "\tmodel:acme/b@good is asked for by pipeline:acme/q@1.0.0, and perhaps by others"
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    new_registry(tmp_path, FILES)
    return tmp_path / "registry"


def impact(repo: Path, *words: str | Path) -> Run:
    return run("impact", *words, "--repo", repo)


def tip(repo: Path) -> str:
    return (repo / "refs/heads/main").read_text(encoding="ascii")


def test_it_prints_who_is_affected_and_the_plan(repo: Path) -> None:
    shown = impact(repo, "acme/b@1.1.0", "--plan")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "breaking\tcritical\t2\tmodel:acme/pinned@1.0.0\tdepends_on pipeline:acme/p@1.0.0",
        "breaking\tmedium\t1\tpipeline:acme/p@1.0.0\tuses model:acme/b@^1",
        "breaking\tmedium\t1\tpipeline:acme/q@1.0.0\tuses model:acme/b@good",
        "non-breaking\tmedium\t1\tmodel:acme/optional@1.0.0\tdepends_on model:acme/b@1.1.0",
        "non-breaking\tmedium\t1\tsuite:acme/s@1.0.0\tvalidates model:acme/b@^1",
        "",
        f"breaking {V}: 5 affected, 3 breaking, 0 unknown, 2 non-breaking; 1 critical",
        "blast radius: 3 records (2 direct) of 3 names in 1 namespace, up to 2 references away",
        "- release the change as 3.0.0 instead: none of these takes that by itself",
        f"- move the alias good to {T} first",
        f"- move 1 direct consumer to {T}: a plan says how",
        "- 1 critical consumer breaks: talk to the owners of acme before",
        "",
        f"plan: move to {T}",
        "none\tmodel:acme/optional@1.0.0\tspec.dependencies[0].ref\t\t\tit can do without",
        f"edit\tpipeline:acme/p@1.0.0\tspec.dag.nodes[0].model\tmodel:acme/b@^2.0\t1.0.1\tit resolves to {V}",
        PINNED_STEP,
        ALIAS_STEP,
        f"none\tpipeline:acme/q@1.0.0\tspec.dag.nodes[0].model\t\t\tthe alias 'good' moves to {T}",
        f"none\tsuite:acme/s@1.0.0\tspec.target\t\t\tit is about {V}, and does not run on it",
    ]


def test_a_proposal_carries_the_plan_out(repo: Path) -> None:
    before = tip(repo)
    done = impact(repo, "acme/b@1.1.0", "--write", "--author", AUTHOR, "--json")
    assert done.code == 0, done.err
    told = done.json["written"]
    assert (told["status"], tip(repo)) == ("proposed", before)
    assert sorted(record["path"] for record in told["records"]) == sorted(NEW)
    assert told["proposal"]["title"] == f"Move 3 records from {V} to {T}"
    body = told["proposal"]["body"]
    assert "| `pipeline:acme/p@1.0.0` | `spec.dag.nodes[0].model` | `model:acme/b@^1` |" in body
    fine("proposals", "approve", "1", "--as", "Second Author <second@example.com>", "--repo", repo)
    fine("proposals", "merge", "1", "--author", AUTHOR, "--repo", repo)
    again = impact(repo, "acme/b@1.1.0", "--json").json
    assert {each["ref"]: each["impact"] for each in again["impacted"]} == {
        "pipeline:acme/p@1.0.0": "breaking",  # it stands for ever, and nothing that is in use resolves to it
        "model:acme/pinned@1.0.0": "breaking",
        "model:acme/optional@1.0.0": "non-breaking",
        "suite:acme/s@1.0.0": "non-breaking",
    }
    assert {step["action"] for step in impact(repo, "acme/b@1.1.0", "--plan", "--json").json["plan"]} == {"none"}


def test_the_files_are_the_old_ones_with_their_comments(repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = impact(repo, "acme/b@1.1.0", "--write", "--output", out, "--author", AUTHOR)
    assert done.code == 0, done.err
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.yaml")) == sorted(NEW)
    text = (out / NEW[0]).read_text(encoding="utf-8")
    assert "# Owned by the digest team.\n" in text
    assert "# Two stages one day.\nspec:\n" in text
    assert "model: acme/b@^2.0 # the fast one\n" in text
    assert "version: 1.0.1\n" in text
    assert "changelog: Moves from model:acme/b@^1 to model:acme/b@^2.0.\n    previousVersion: 1.0.0\n" in text
    broken = (out / NEW[1]).read_text(encoding="utf-8")
    assert f"breakingChanges: true\n    previousVersion: 1.0.0\n    migrationGuide: {GUIDE}\n" in broken
    assert "good: 2.0.0\n" in (out / NEW[2]).read_text(encoding="utf-8")
    landed = run("register", out, "--repo", repo, "--author", AUTHOR, "--approve", "GR-012", "--approve", "GR-035")
    assert landed.code == 0, landed.err


def test_writing_twice_changes_nothing_and_never_overwrites(repo: Path, tmp_path: Path) -> None:
    words = ("acme/b@1.1.0", "--write", "--output", tmp_path / "out", "--author", AUTHOR)
    assert impact(repo, *words).code == 0
    assert impact(repo, *words).code == 0
    other = tmp_path / "out" / NEW[0]
    other.write_text("mine", encoding="utf-8")
    refused = impact(repo, *words)
    assert refused.code == 2
    assert "in the way" in refused.err
    assert other.read_text(encoding="utf-8") == "mine"


def test_what_the_gate_refuses_is_not_made(tmp_path: Path) -> None:
    silent = {**FILES, path_of("b", "2.0.0"): model("b", "2.0.0")}  # no guide, which a breaking version has to name
    new_registry(tmp_path, silent)
    repo, out = tmp_path / "registry", tmp_path / "out"
    for words in (("--output", str(out)), ()):
        refused = impact(repo, "acme/b@1.1.0", "--write", *words, "--author", AUTHOR)
        assert refused.code == 1
        assert "GR-016" in refused.err
        assert "migrationGuide" in refused.err
    assert not out.exists()
    assert fine("proposals", "list", "--repo", repo).out == ""
    guided = impact(repo, "acme/b@1.1.0", "--write", "--output", out, "--guide", GUIDE, "--author", AUTHOR)
    assert guided.code == 0, guided.err


def test_what_a_template_was_filled_in_with_goes_along(tmp_path: Path) -> None:
    node = {"id": "a", "type": "model", "model": "{{ model }}"}
    body = {"dag": {"nodes": [node]}, "inputSchema": True, "outputSchema": True}
    template = versioned("PipelineTemplate", "t", parameters={"model": {"schema": {"type": "string"}}}, body=body)
    made = {"ref": "template:acme/t@1.0.0", "parameters": {"model": "acme/b@^1"}}
    files = {**FILES, "templates/acme/t/1.0.0.yaml": template}
    new_registry(tmp_path, {**files, "pipelines/acme/p/1.0.0.yaml": pipeline(dag={"nodes": [NODE]}, template=made)})
    out = tmp_path / "out"
    done = impact(tmp_path / "registry", "acme/b@1.1.0", "--write", "--output", out, "--author", AUTHOR)
    assert done.code == 0, done.err
    assert (out / NEW[0]).read_text(encoding="utf-8").count("model: acme/b@^2.0\n") == 2


def test_a_record_without_versions_is_edited_in_place(tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "title": "Y",
        "severity": "high",
        "rule": {"language": "conditions", "allOf": [{"field": "spec.license", "operator": "exists"}]},
    }
    exempt = {
        "id": "e",
        "policy": "policy:acme/y@1.0.0",
        "record": "acme/a",
        "reason": "R",
        "approvedBy": "a@acme.example",
        "approvedAt": "2026-03-02",
        "expiresAt": "2099-12-31",
    }
    link = {"selector": {"kinds": ["Dataset"]}, "policies": ["policy:acme/y@1.0.0"], "exceptions": [exempt]}
    path = "policy-links/acme/l.yaml"
    files = {
        "policies/acme/y/1.0.0.yaml": versioned("Policy", "y", **spec),
        "policies/acme/y/1.1.0.yaml": versioned("Policy", "y", "1.1.0", **spec),
        path: manifest("PolicyLink", {"namespace": "acme", "name": "l"}, link),
    }
    new_registry(tmp_path, {**BASE, **files})
    out = tmp_path / "out"
    words = ("policy:acme/y@1.0.0", "--write", "--output", out, "--author", AUTHOR)
    done = impact(tmp_path / "registry", *words)
    assert done.code == 0, done.err
    text = (out / path).read_text(encoding="utf-8")
    assert "- policy:acme/y@1.1.0\n" in text
    assert " policy: policy:acme/y@1.1.0\n" in text


def test_the_text_of_a_proposal_cannot_be_steered(repo: Path) -> None:
    plan = [
        Step(
            "model:acme/a@1.0.0", "spec.x", "model:acme/b@^1 || ^0.9 | x", "edit", "w", "model:acme/b@^2", None, "1.0.1"
        ),
        Step("model:acme/c@1.0.0", "spec.x", "model:acme/b@`rm`", "decide", "because | of <b>", None),
        Step("model:acme/d@1.0.0", "spec.x", "model:acme/b", "none", "w"),
    ]
    rows = body_of(Analysis(V, "breaking", Position(1, "a" * 40), (), T, None, tuple(plan))).splitlines()
    cells = [row.replace("\\|", "").count("|") for row in rows if row.startswith("| `")]
    assert cells == [6, 6]
    assert "`rm`" not in "\n".join(rows)
    assert rows[-1] == "1 reference needs nothing"


def test_a_plan_without_edits_writes_nothing(repo: Path) -> None:
    done = impact(repo, "acme/b@2.0.0", "--write", "--author", AUTHOR, "--json")
    assert (done.code, done.json["written"]) == (0, {"status": "nothing"})
    assert "nothing to write" in impact(repo, "acme/b@2.0.0", "--write").out


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        pytest.param(("acme/b", "--at", "1", "--write"), "exclude each other", 2, id="the-past-cannot-be-written"),
        pytest.param(("acme/b", "--write", "--output", "x", "--propose"), "exclude each other", 2, id="two-ways-out"),
        pytest.param(("acme/b", "--output", "x"), "without --write", 2, id="a-folder-for-nothing"),
        pytest.param(("acme/b", "--propose"), "without --write", 2, id="a-proposal-of-nothing"),
        pytest.param(("acme/b", "--change", "explode"), "no change 'explode'", 2, id="no-such-change"),
        pytest.param(("acme/b", "--depth", "0"), "depth", 2, id="no-depth"),
        pytest.param(("acme/nothing",), "there is no model:acme/nothing", 1, id="no-such-record"),
        pytest.param(("acme/b@1.1.0", "--to", "7.0.0"), "no version 7.0.0", 1, id="no-such-version"),
        pytest.param(("acme/b@1.1.0", "--to", "../../x"), "is not a ref", 2, id="to-no-ref"),
        pytest.param(("acme/b@1.1.0", "--to", "1.1.0"), "cannot take the place", 2, id="to-itself"),
        pytest.param(("acme/b", "--at", "yesterday"), "", 2, id="no-such-moment"),
        pytest.param(("acme/b@1.1.0\x1b[2J",), "not a ref", 2, id="a-ref-that-would-steer-the-terminal"),
    ],
)
def test_bad_words_are_refused_and_change_nothing(repo: Path, words: tuple[str, ...], says: str, code: int) -> None:
    before = tip(repo)
    refused = impact(repo, *words)
    assert refused.code == code
    assert says in refused.err
    assert "Traceback" not in refused.err
    assert "\x1b" not in refused.err
    assert tip(repo) == before


def test_a_folder_that_cannot_be_made_is_told(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = impact(repo, "acme/b@1.1.0", "--write", "--output", tmp_path / "file" / "out", "--author", AUTHOR)
    assert refused.code == 2
    assert "cannot be written" in refused.err


def test_the_past_is_asked_and_planned(repo: Path) -> None:
    seq = impact(repo, "acme/b@1.1.0", "--json").json["seq"]
    then = impact(repo, "acme/b@1.1.0", "--at", str(seq), "--plan", "--json").json
    assert then == impact(repo, "acme/b@1.1.0", "--plan", "--json").json
    assert json.dumps(then)


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "z").write_text("in the way")
    (tmp_path / "same").write_bytes(b"same")
    drafts = [Draft(b"a", "a/1.yaml"), Draft(b"same", "same"), Draft(b"z", "z/1.yaml")]
    with pytest.raises(UsageError, match="cannot be written"):
        write_drafts(tmp_path, drafts)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == ["same", "z"]
    assert (tmp_path / "same").read_bytes() == b"same"
