"""`gitreg pipeline show`, `order`, `lock` and `matrix`: what they answer now and of the past, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_support import Run, fine, run, written
from gate_support import aliases, dataset, model, pipeline
from index_support import commit, found
from pipeline_support import TEXT, edge, stage

from gitreg.kinds import Pipeline
from gitreg.manifests import read_manifest
from gitreg.pipelines import dag_data
from gitreg.pipelines.matrix import Named, matrix_data
from gitreg.pipelines.picture import picture_of
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.versions import Version
from gitreg_indexer.index import Index
from gitreg_indexer.pipelines import dag_of, matrix_of

STAGES = [stage("clean", {"raw": TEXT}, {"text": TEXT}), stage("answer", {"text": TEXT}, {"out": TEXT})]


def two(first: str = "acme/chat@^1", second: str = "acme/chat@^1", **spec: Any) -> bytes:
    nodes = [{**STAGES[0], "model": first}, {**STAGES[1], "model": second}]
    dag = {"nodes": nodes, "edges": [edge("clean.text>answer.text")]}
    spec = {"inputSchema": {"type": "string"}, "outputSchema": {"type": "string"}, **spec}
    return pipeline(**json.loads(json.dumps({"dag": dag, **spec})))


def chat(version: str, **spec: Any) -> dict[str, bytes]:
    return {f"models/acme/chat/{version}.yaml": model("chat", version, **spec)}


COMMITS: list[Mapping[str, bytes]] = [
    {
        **chat("1.0.0", lifecycle={"status": "deprecated"}),
        **chat("1.1.0"),
        "models/acme/chat/aliases.yaml": aliases(stable="1.0.0"),
        "models/acme/other/1.0.0.yaml": model("other"),
        "pipelines/acme/p/1.0.0.yaml": two(),
    },
    {
        **chat("2.0.0"),
        **chat("2.1.0-rc.1"),
        "pipelines/acme/p/2.0.0.yaml": two("acme/chat@^2", "acme/chat@stable", version="2.0.0"),
        "pipelines/acme/p/2.1.0.yaml": two("acme/other", "acme/chat", version="2.1.0"),
        "pipelines/acme/p/aliases.yaml": aliases("p", of="Pipeline", live="1.0.0"),
        "datasets/acme/tickets/1.0.0.yaml": dataset(),
        "pipelines/acme/triage/1.0.0.yaml": pipeline("triage"),
    },
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    made = found(tmp_path_factory.mktemp("commands") / "registry.git")
    for files in COMMITS:
        commit(made.repo, files)
    return made


def ask(registry: Registry, *words: str | Path) -> Run:
    return run("pipeline", *words, "--repo", registry.repo.git_dir)


def asked(registry: Registry, *words: str | Path) -> Any:
    done = ask(registry, *words, "--json")
    assert done.code == 0, done.err
    return done.json


# show and order


def test_a_pipeline_is_shown(registry: Registry) -> None:
    assert ask(registry, "show", "acme/p@live").out.splitlines() == [
        "pipeline:acme/p@1.0.0: fits",
        "",
        "stage   type   takes  gives  model         means",
        "clean   model  raw    text   acme/chat@^1  1.1.0",
        "answer  model  text   out    acme/chat@^1  1.1.0",
        "",
        "flow                       verdict  why",
        "input -> clean.raw         fits",
        "clean.text -> answer.text  fits",
        "answer.out -> output       fits",
        "",
        "1. clean",
        "2. answer",
        "critical path: clean -> answer, by the number of stages",
        "no time: clean, answer state no timeout",
    ]


def test_what_does_not_fit_is_shown_with_the_reason(registry: Registry, tmp_path: Path) -> None:
    circle = {"nodes": [stage("a", timeout=5, resources={"cpu": "500m"}), stage("b"), stage("c")]}
    files = {
        "pipelines/acme/p/1.0.0.yaml": two(inputSchema={"type": "number"}),
        "pipelines/acme/q/1.0.0.yaml": pipeline("q", dag={**circle, "edges": [edge("b.o>c.i"), edge("c.o>b.i")]}),
    }
    made = found(tmp_path / "registry.git")
    commit(made.repo, files)
    text = ask(made, "show", "acme/p").out
    assert "pipeline:acme/p@1.0.0: does not fit" in text
    assert "input -> clean.raw         does not fit  #" in text
    assert "acme/chat@^1  nothing" in text
    circled = ask(made, "show", "acme/q").out
    assert "never: b, c (on a circle, or behind one)" in circled
    assert "critical path: a: 5 ms at the worst" in circled
    assert "cpu: 500m side by side (a), 500m for the largest stage (a)" in circled
    assert "input -> a not known to fit the stage 'a' declares no inputs" in " ".join(circled.split())


def test_the_data_is_of_one_commit(registry: Registry) -> None:
    data = asked(registry, "show", "acme/p@live")
    assert [each["means"] for each in data["stages"]] == ["model:acme/chat@1.1.0"] * 2
    assert (data["seq"], data["commit"]) == (3, registry.repo.tip())
    assert asked(registry, "show", "acme/p@live", "--format", "json") == data
    order = asked(registry, "order", "acme/p@live")
    assert list(order) == ["ref", "order", "stuck", "criticalPath", "resources", "commit", "seq"]
    assert order == {key: data[key] for key in order}
    assert ask(registry, "order", "acme/p@live").out.startswith("1. clean\n2. answer\ncritical path: ")


def test_the_past_is_shown_as_it_was(registry: Registry) -> None:
    then = asked(registry, "show", "acme/p", "--at", "2")
    assert (then["ref"], then["seq"]) == ("pipeline:acme/p@1.0.0", 2)
    assert asked(registry, "show", "acme/p")["ref"] == "pipeline:acme/p@2.1.0"
    index = Index.open(registry)
    assert dag_of(index.reader(), Ref.parse("pipeline:acme/p"), 2) == then
    index.close()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(["show", "acme/nobody"], 1, "there is no pipeline:acme/nobody", id="no such name"),
        pytest.param(["show", "acme/tirage"], 1, "did you mean acme/triage?", id="a name that is near"),
        pytest.param(["show", "acme/p@9.0.0"], 1, "no version 9.0.0", id="no such version"),
        pytest.param(["order", "acme/p@^9"], 1, "no version satisfies", id="a range of nothing"),
        pytest.param(["lock", "acme/p@dead"], 1, "no alias 'dead'", id="no such alias"),
        pytest.param(["show", "model:acme/chat"], 2, "is a model, and no pipeline", id="a model"),
        pytest.param(["lock", "dataset:acme/tickets"], 2, "is a dataset, and no pipeline", id="a dataset"),
        pytest.param(["show", "p"], 2, "is not a ref", id="no namespace"),
        pytest.param(["show", "acme/p@\x1b[2J"], 2, "is neither a version", id="controls"),
        pytest.param(["matrix", "acme/p@1.0.0"], 2, "selects one version", id="a matrix of one version"),
        pytest.param(["matrix", "acme/nobody"], 1, "there is no pipeline:acme/nobody", id="a matrix of nothing"),
        pytest.param(["matrix", "acme/p", "--model", "acme/chap"], 1, "did you mean model:acme/chat?", id="no model"),
        pytest.param(["matrix", "acme/p", "--model", "acme/chat@^1"], 2, "selects among them", id="a model's versions"),
        pytest.param(["matrix", "acme/p", "--model", "x"], 2, "is not a ref", id="no name of a model"),
        pytest.param(["show", "acme/p", "--at", "99"], 1, "main had no commit", id="a moment to come"),
        pytest.param(["show", "acme/p", "--at", "1"], 1, "there is no pipeline:acme/p", id="before it was there"),
        pytest.param(["show", "acme/p", "--format", "xml"], 2, "xml", id="no such form"),
        pytest.param(["lock", "acme/p", "--output", "a", "--check", "b"], 2, "exclude each other", id="both"),
        pytest.param(["lock", "acme/p", "--check", "/nowhere"], 2, "cannot be read", id="no such file"),
        pytest.param(["lock", "acme/p", "--output", "/nowhere/a"], 2, "cannot be written", id="no such folder"),
    ],
)
def test_what_cannot_be_answered_is_told(registry: Registry, words: list[str], code: int, says: str) -> None:
    done = ask(registry, *words)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "\x1b" not in done.err
    told = ask(registry, *words, "--json")
    assert told.code == code
    assert says in json.dumps(told.error, ensure_ascii=False)


def test_no_index_is_needed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (["show", "acme/p"], ["lock", "acme/p", "--at", "3"], ["matrix", "acme/p"], ["show", "acme/p", "--at", "2"])
    before = [ask(registry, *each, "--json").json for each in words]
    monkeypatch.setattr("gitreg_indexer.registry_at.reader_or_none", lambda *_, **__: None)
    assert [ask(registry, *each, "--json").json for each in words] == before


# lock


def test_a_lock_is_written_and_checked(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "p.lock.json"
    done = ask(registry, "lock", "acme/p@1.0.0", "--output", file)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"locked pipeline:acme/p@1.0.0 at commit {str(registry.repo.tip())[:12]} (seq 3): 2 records\n"
    assert ask(registry, "lock", "acme/p@1.0.0").out == file.read_text()
    assert ask(registry, "lock", "acme/p@1.0.0", "--output", "-", "--json").out == file.read_text()
    assert ask(registry, "lock", "acme/p@1.0.0", "--check", file).out == "pipeline:acme/p@1.0.0: the lock holds\n"
    data = asked(registry, "lock", "acme/p@1.0.0", "--check", file)
    assert (data["holds"], data["findings"], data["drifts"], data["locked"]["seq"]) == (True, [], [], 3)
    piped = run(
        "pipeline", "lock", "acme/p@1.0.0", "--check", "-", "--repo", registry.repo.git_dir, stdin=file.read_bytes()
    )
    assert piped.code == 0
    assert asked(registry, "lock", "acme/p@1.0.0", "--output", file) == {
        "file": str(file),
        "pipeline": "pipeline:acme/p@1.0.0",
        "records": 2,
        "commit": registry.repo.tip(),
        "seq": 3,
    }


def test_a_lock_that_holds_no_more_exits_with_1(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "p.lock.json"
    asked(registry, "lock", "acme/p@1.0.0", "--output", file)
    written(tmp_path, "p.lock.json", file.read_text().replace('"status": "active"', '"status": "retired"'))
    done = ask(registry, "lock", "acme/p@1.0.0", "--check", file)
    assert done.code == 1
    assert "model:acme/chat@1.1.0: error lock content: its file is the one that was locked" in done.out
    assert "written by another version of gitreg, or edited by hand" in done.out
    assert done.out.endswith("pipeline:acme/p@1.0.0: the lock does not hold: 2 errors\n")
    assert ask(registry, "lock", "acme/p@1.0.0", "--check", file, "--json").json["holds"] is False


def test_a_lock_of_another_pipeline_or_version_is_told(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "p.lock.json"
    asked(registry, "lock", "acme/p@1.0.0", "--output", file)
    moved = ask(registry, "lock", "acme/p", "--check", file)
    assert moved.code == 0
    assert "pipeline:acme/p means pipeline:acme/p@2.1.0 by now" in moved.out
    other = ask(registry, "lock", "acme/q", "--check", file)
    assert (other.code, "this is the lock of pipeline:acme/p@1.0.0" in other.err) == (2, True)
    broken = ask(registry, "lock", "acme/p", "--check", written(tmp_path, "x.json", "{"))
    assert (broken.code, broken.out) == (1, "")
    assert "this is no lock that gitreg wrote" in broken.err


def test_what_a_fresh_lock_would_mean_is_told(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "p.lock.json"
    asked(registry, "lock", "acme/p@2.1.0", "--output", file)
    text = file.read_text().replace("model:acme/chat@2.0.0", "model:acme/chat@1.0.0").replace('"2.0.0"', '"1.0.0"')
    done = ask(registry, "lock", "acme/p@2.1.0", "--check", written(tmp_path, "p.lock.json", text))
    assert "a fresh lock differs: pipeline:acme/p@2.1.0 spec.dag.nodes[1].model: model:acme/chat" in done.out
    assert "    model:acme/chat@1.0.0 -> model:acme/chat@2.0.0" in done.out


def test_one_is_told_what_of_a_lock_is_on_its_way_out(registry: Registry) -> None:
    done = ask(registry, "lock", "acme/p@2.0.0")
    said = done.err.splitlines()
    assert said[0] == "model:acme/chat@1.0.0 is deprecated"
    assert said[1].startswith("model:acme/chat@^2 means model:acme/chat@2.0.0, and others mean model:acme/chat@1.0.0 (")
    assert said[2].endswith(", and others mean model:acme/chat@2.0.0 (pipeline:acme/p@2.0.0, spec.dag.nodes[1].model)")
    assert done.code == 0


def test_an_output_is_replaced_whole_and_keeps_its_mode(registry: Registry, tmp_path: Path) -> None:
    file = written(tmp_path, "p.lock.json", "old")
    file.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(file)
    asked(registry, "lock", "acme/p", "--output", link)
    assert (file.stat().st_mode & 0o777, link.is_symlink()) == (0o640, True)
    assert file.read_text().startswith("{")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "p.lock.json"]


# matrix


def test_a_matrix_tells_what_each_version_means_and_admits(registry: Registry) -> None:
    assert ask(registry, "matrix", "acme/p").out.splitlines() == [
        "model:acme/chat",
        "pipeline  wants       2.1.0-rc.1  2.0.0  1.1.0   1.0.0 (deprecated)",
        "2.1.0     any         admits      means  admits  admits",
        "2.0.0     ^2, stable  -           means  -       means",
        "1.0.0     ^1          -           -      means   admits",
        "",
        "model:acme/other",
        "pipeline  wants  1.0.0",
        "2.1.0     any    means",
    ]


def test_versions_that_nobody_admits_are_only_counted(registry: Registry) -> None:
    out = ask(registry, "matrix", "acme/p", "--at", "2").out
    assert out.splitlines()[1:] == ["pipeline  wants  1.1.0  1.0.0 (deprecated)", "1.0.0     ^1     means  admits"]
    many = {Version.parse(f"{n}.0.0"): "active" for n in range(1, 5)}
    made = read_manifest(two()).manifest
    assert isinstance(made, Pipeline)
    data = matrix_data([made], lambda _: Named(many))
    assert [row["references"][0]["admits"] for row in data["models"][0]["rows"]] == [["1.0.0"]]
    assert len(data["models"][0]["versions"]) == 4


def test_the_matrix_as_data(registry: Registry) -> None:
    data = asked(registry, "matrix", "acme/p", "--model", "acme/chat")
    assert [each["model"] for each in data["models"]] == ["model:acme/chat"]
    assert data["versions"][0] == {"version": "2.1.0", "status": "active"}
    assert data["models"][0]["versions"][-1] == {"version": "1.0.0", "status": "deprecated"}
    assert data["models"][0]["rows"][1]["references"] == [
        {"wants": "model:acme/chat@^2", "fields": ["spec.dag.nodes[0].model"], "means": "2.0.0", "admits": ["2.0.0"]},
        {
            "wants": "model:acme/chat@stable",
            "fields": ["spec.dag.nodes[1].model"],
            "means": "1.0.0",
            "admits": ["1.0.0"],
        },
    ]
    assert data["models"][0]["rows"][2]["references"][0]["fields"] == [f"spec.dag.nodes[{n}].model" for n in (0, 1)]
    cells = [cell for model in data["models"] for row in model["rows"] for cell in row["references"]]
    assert all(cell["means"] in cell["admits"] for cell in cells)
    index = Index.open(registry)
    reader = index.reader()
    assert matrix_of(reader, Ref.parse("pipeline:acme/p"), 3, model="model:acme/chat") == data
    index.close()


def test_each_name_is_looked_up_once() -> None:
    made = [read_manifest(two(version=f"1.{n}.0")).manifest for n in range(20)]
    asked_for: list[str] = []

    def look_up(ref: Ref) -> Named:
        asked_for.append(ref.place)
        return Named({Version(1, 0, 0): "active"})

    matrix_data([each for each in made if isinstance(each, Pipeline)], look_up)
    assert asked_for == ["model:acme/chat"]


def test_a_pipeline_without_models_has_an_empty_matrix(tmp_path: Path) -> None:
    made = found(tmp_path / "registry.git")
    node = {"id": "a", "type": "custom", "handlerUri": "https://a.example/h"}
    commit(made.repo, {"pipelines/acme/p/1.0.0.yaml": pipeline(dag={"nodes": [node]})})
    assert ask(made, "matrix", "acme/p").out == "no version of pipeline:acme/p refers to a model\n"
    assert asked(made, "matrix", "acme/p")["models"] == []


def test_a_model_that_is_not_there_has_no_versions(tmp_path: Path) -> None:
    made = found(tmp_path / "registry.git")
    commit(made.repo, {"pipelines/acme/p/1.0.0.yaml": two()})
    data = asked(made, "matrix", "acme/p")["models"][0]
    assert (data["versions"], data["rows"][0]["references"][0]["means"]) == ([], None)


# the picture


def test_a_pipeline_is_drawn(registry: Registry) -> None:
    assert ask(registry, "show", "acme/p@live", "--format", "svg").out.startswith("<svg ")
    assert ask(registry, "show", "acme/p@live", "--format", "dot").out.startswith("digraph {")
    assert "flowchart LR" in ask(registry, "show", "acme/p@live", "--format", "mermaid").out


@pytest.mark.parametrize("form", ["svg", "dot", "mermaid"])
def test_a_picture_is_no_json(registry: Registry, form: str) -> None:
    done = ask(registry, "show", "acme/p@live", "--format", form, "--json")
    assert (done.code, f"--json and --format {form} exclude each other" in done.error["says"]) == (2, True)


def test_a_picture_shows_what_flows_and_what_is_not_known_to_fit() -> None:
    made = read_manifest(two(inputSchema={"type": "number"})).manifest
    assert isinstance(made, Pipeline)
    drawn = picture_of(dag_data(made, {"clean": "model:acme/chat@1.1.0"}), lambda ref: f"/r/{ref}")
    assert [(box.id, box.lines, box.href, box.is_faded) for box in drawn.boxes] == [
        ("(input)", (), None, False),
        ("clean", ("chat@^1", "means 1.1.0"), "/r/model:acme/chat@1.1.0", False),
        ("answer", ("chat@^1", "means nothing"), None, True),
        ("(output)", (), None, False),
    ]
    assert [(each.source, each.target, each.label, each.is_dashed) for each in drawn.arrows] == [
        ("(input)", "clean", "raw: does not fit", True),
        ("clean", "answer", "text", False),
        ("answer", "(output)", "out", False),
    ]
    assert drawn.caption == "does not fit from end to end; the longest way takes 2 stages"


def test_every_command_has_help_with_an_example() -> None:
    for word in ("show", "order", "lock", "matrix", "clone", "branch", "rollback"):
        assert f"gitreg pipeline {word}" in fine("pipeline", word, "--help").out.split("Example")[1]
