"""`gitreg template check`: an instance edited by hand is found, and what a newer template would change is told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_support import AUTHOR, Run, fine, git, model, registered, run, state_of, written
from template_support import BODY, CAREFUL, MODEL, PARAMETERS, call, made, smuggled, template, template_registry

from gitreg.errors import GitregError
from gitreg_indexer import Page
from gitreg_indexer.catalog import Position

INSTANCE = "pipelines/acme/qa/1.0.0.yaml"
QA, ANSWER = "pipeline:acme/qa@1.0.0", "template:acme/answer@1.0.0"


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = template_registry(tmp_path_factory.mktemp("templates") / "registry")
    made(folder, "acme/answer", "acme/qa", "--set", MODEL)
    made(folder, "acme/careful", "acme/mails", "--set", MODEL, "--set", "language=de")
    return folder


@pytest.fixture
def registry(laid: Path, tmp_path: Path) -> Path:
    """A registry of one's own."""
    return Path(shutil.copytree(laid, tmp_path / "registry", symlinks=True))


def edited(registry: Path, old: str, new: str, path: str = INSTANCE) -> str:
    """Give a file of the registry with a piece of its text changed."""
    text = (registry / path).read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new)


def statuses(done: Run) -> dict[str, str]:
    assert "Traceback" not in done.err
    return {each["ref"]: each["status"] for each in done.json["checked"]}


def fields(done: Run, ref: str = QA) -> list[str]:
    """Give the fields that are said to be at fault."""
    assert done.code == 1
    return [fault["field"] for each in done.json["checked"] if each["ref"] == ref for fault in each["faults"]]


def newer(done: Run, ref: str = QA) -> Any:
    assert done.code == 0, done.out
    return next(each["newer"] for each in done.json["checked"] if each["ref"] == ref)


# What stands


def test_what_check_answers_keeps_its_contract(laid: Path) -> None:
    done = call(laid, "check", "--json")
    assert (done.code, list(done.json)) == (0, ["checked", "commit", "seq"])
    assert [list(each) for each in done.json["checked"]] == [["ref", "template", "status", "faults", "newer"]] * 2
    assert done.json["checked"][1] == {"ref": QA, "template": ANSWER, "status": "fine", "faults": [], "newer": None}


def test_an_instance_that_was_edited_by_hand_is_found(registry: Path) -> None:
    before = git(registry, "rev-parse", "main").strip()
    smuggled(registry, {INSTANCE: edited(registry, "timeout: 30000", "timeout: 5000\n    concurrency: 2")})
    done = call(registry, "check", "--json")
    assert statuses(done) == {"pipeline:acme/mails@1.0.0": "fine", QA: "faulty"}
    assert fields(done) == ["spec.execution.concurrency", "spec.execution.timeout"]
    told = done.json["checked"][1]["faults"][1]
    assert told["says"] == f"spec.execution.timeout is 5000; {ANSWER} gives 30000"
    assert told["mend"]
    assert call(registry, "check", "--at", before).code == 0
    said = call(registry, "check", "acme/qa").out
    assert said.startswith(f"faulty {QA}, made from {ANSWER}\n    spec.execution.concurrency: ")
    assert "        mend: take what the template gives" in said


def test_it_says_the_same_as_the_gate(registry: Path) -> None:
    smuggled(registry, {INSTANCE: edited(registry, "timeout: 30000", "timeout: 5000")})
    judged = run("validate", "--repo", registry, "--format", "json").json["findings"]
    gate = [(each["field"], each["says"], each["mend"]) for each in judged if each["rule"] == "GR-037"]
    told = call(registry, "check", "acme/qa", "--json").json["checked"][0]["faults"]
    assert [(each["field"], each["says"], each["mend"]) for each in told] == gate != []


def test_what_one_version_gives_stays_where_what_it_extends_moves_on(registry: Path) -> None:
    before = call(registry, "render", "acme/careful@1.0.0", "--set", MODEL).out
    body = {**BODY, "execution": {"timeout": "{{ timeoutMs }}", "concurrency": 4}}
    registered(registry, template(version="1.1.0", parameters=PARAMETERS, body=body))
    assert call(registry, "render", "acme/careful@1.0.0", "--set", MODEL).out == before
    done = call(registry, "check", "template:acme/careful", "--json")
    assert statuses(done) == {"template:acme/careful@1.0.0": "fine", "pipeline:acme/mails@1.0.0": "fine"}
    assert "GR-037" not in run("validate", "--repo", registry).out


def test_a_template_of_a_range_does_not_land(registry: Path, tmp_path: Path) -> None:
    """It would give something else as soon as another version lands, and its instances are frozen."""
    text = template("loose", extends="template:acme/answer@^1", includes=["acme/careful@stable"], body={})
    done = run("register", written(tmp_path, "t.yaml", text), "--repo", registry, "--author", AUTHOR, "--json")
    told = {each["field"]: each for each in done.error["findings"] if each["rule"] == "GR-037"}
    assert (done.code, list(told)) == (1, ["spec.extends", "spec.includes[0]"])
    assert "template:acme/answer@^1 is not an exact version of a template" in told["spec.extends"]["says"]
    assert "`gitreg resolve template:acme/answer@^1`" in told["spec.extends"]["mend"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["acme/qa"], {QA: "fine"}, id="a-pipeline"),
        pytest.param(["pipeline:acme/qa@^1"], {QA: "fine"}, id="a-range"),
        pytest.param(["template:acme/answer"], {ANSWER: "fine", QA: "fine"}, id="a-template"),
        pytest.param(["template:acme/answer@1.0.0"], {ANSWER: "fine", QA: "fine"}, id="a-template-by-version"),
        pytest.param(["template:acme/answer", "acme/qa"], {ANSWER: "fine", QA: "fine"}, id="each-once"),
        pytest.param(["acme/plain"], {"pipeline:acme/plain@1.0.0": "no-template"}, id="of-no-template"),
    ],
)
def test_what_is_named_is_checked(registry: Path, words: list[str], expected: dict[str, str]) -> None:
    end = "  template:\n    ref: template:acme/answer@1.0.0\n    parameters:\n      model: acme/chat@^1\n"
    plain = edited(registry, end, "").replace("name: qa", "name: plain")
    registered(registry, plain)
    done = call(registry, "check", *words, "--json")
    assert (done.code, statuses(done)) == (0, expected)


def test_a_template_by_version_is_checked_with_the_instances_of_that_version(registry: Path) -> None:
    registered(registry, template(version="1.1.0", parameters=PARAMETERS, body=BODY))
    made(registry, "acme/answer", "acme/new", "--set", MODEL)
    new, later = "pipeline:acme/new@1.0.0", "template:acme/answer@1.1.0"
    assert statuses(call(registry, "check", "template:acme/answer@1.1.0", "--json")) == {later: "fine", new: "fine"}
    assert statuses(call(registry, "check", "template:acme/answer@^1", "--json")) == {later: "fine", new: "fine"}
    both = statuses(call(registry, "check", "template:acme/answer", "--json"))
    assert both == {later: "fine", new: "fine", QA: "fine"}


def test_an_instance_of_a_template_that_is_gone_is_found(registry: Path) -> None:
    (registry / "templates/acme/answer/1.0.0.yaml").unlink()
    smuggled(registry, {})
    done = call(registry, "check", "--json")
    assert fields(done) == ["spec.template.ref"]
    assert "spec.template.ref" in fields(done, "pipeline:acme/mails@1.0.0")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"body": {"inputSchema": "{{ gone }}"}}, "spec.body.inputSchema", id="unknown-name"),
        pytest.param({"body": {"x": "{% if a %}{% endif %}"}}, "spec.body.x", id="a-statement"),
        pytest.param({"extends": "template:acme/gone@1.0.0", "body": {}}, "spec.extends", id="nothing-to-extend"),
        pytest.param(
            {"extends": "template:acme/answer@1.0.0", "body": {"execution": {"priority": "{{ gone }}"}}},
            "spec.body.execution.priority",
            id="unknown-name-in-a-composed-body",
        ),
        pytest.param(
            {"body": BODY, "parameters": {**PARAMETERS, "timeoutMs": {"schema": {"type": "integer"}, "default": "x"}}},
            "spec.parameters.timeoutMs.default",
            id="a-default-against-its-schema",
        ),
        pytest.param(
            {"body": BODY, "parameters": {**PARAMETERS, "model": {"schema": {"type": "sting"}}}},
            "spec.parameters.model.schema",
            id="no-schema",
        ),
        pytest.param({"body": {"inputSchema": True, "outputSchema": True}}, "spec.dag", id="no-pipeline-by-default"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_without_parameters(
    laid: Path, tmp_path: Path, spec: Any, field: str
) -> None:
    file = written(tmp_path, "t.yaml", template("broken", **spec))
    done = call(laid, "check", file, "--json")
    told = fields(done, "template:acme/broken@1.0.0")
    assert told == [field], done.out


def graph(*ids: str, edges: tuple[tuple[str, str], ...] = (), **more: Any) -> dict[str, Any]:
    nodes = [{"id": each, "type": "model", "model": "acme/chat@^1", **more} for each in ids]
    ways = [{"from": {"node": one, "port": "out"}, "to": {"node": other, "port": "in"}} for one, other in edges]
    return {"dag": {"nodes": nodes, "edges": ways}, "inputSchema": True, "outputSchema": True}


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        pytest.param(graph("a", "a"), "spec.dag.nodes[1].id", "two nodes are called 'a'", id="two-of-one-id"),
        pytest.param(graph("a", edges=(("a", "b"),)), "spec.dag.edges[0].to.node", "there is no node 'b'", id="no-end"),
        pytest.param(graph("a", edges=(("a", "a"),)), "spec.dag.edges[0]", "flows in a circle: a -> a", id="a-loop"),
        pytest.param(graph("a", "b"), "spec.dag.nodes[1]", "nothing flows between 'b'", id="two-parts"),
        pytest.param(
            {**graph("a", timeout="{{ t }}"), "execution": {"timeout": 4}},
            "spec.dag.nodes[0].timeout",
            "may take 5 ms, and the whole run 4 ms",
            id="what-comes-of-a-default",
        ),
    ],
)
def test_a_template_that_gives_what_cannot_be_run_is_faulty(
    registry: Path, tmp_path: Path, body: Any, field: str, says: str
) -> None:
    """The gate would refuse each of its instances."""
    text = template("loose", parameters={"t": {"schema": {"type": "integer"}, "default": 5}}, body=body)
    done = call(registry, "check", written(tmp_path, "t.yaml", text), "--json")
    (found,) = done.json["checked"]
    assert (done.code, found["status"]) == (1, "faulty")
    assert [fault["field"] for fault in found["faults"]] == [field]
    assert says in found["faults"][0]["says"]
    registered(registry, text)
    rendered = call(registry, "render", "acme/loose", "--json")
    assert rendered.code == 1
    assert [(each["rule"], each["field"]) for each in rendered.error["findings"]] == [("GR-034", field)]
    output = tmp_path / "made.yaml"
    for out in (output, "-"):
        told = call(registry, "instantiate", "acme/loose", "acme/none", "--output", out, "--json")
        assert [(each["rule"], each["field"]) for each in told.error["findings"]] == [("GR-034", field)]
        assert told.code == 1
    assert not output.exists()
    landing = call(registry, "instantiate", "acme/loose", "acme/none", "--author", AUTHOR, "--json")
    assert [(each["rule"], each["field"]) for each in landing.error["findings"]] == [("GR-034", field)]


def test_a_template_whose_parameters_are_to_be_given_is_not_run(registry: Path, tmp_path: Path) -> None:
    body = {**graph("a", "a"), "execution": {"timeout": "{{ t }}"}}
    text = template("open", parameters={"t": {"schema": {"type": "integer"}}}, body=body)
    assert call(registry, "check", written(tmp_path, "t.yaml", text)).code == 0
    registered(registry, text)
    rendered = call(registry, "render", "acme/open", "--set", "t=5", "--json")
    assert [each["rule"] for each in rendered.error["findings"]] == ["GR-034"]


# Newer templates


def test_what_a_newer_template_would_change_is_remarked(registry: Path) -> None:
    body = {**BODY, "execution": {"timeout": "{{ timeoutMs }}", "concurrency": 4}}
    registered(registry, template(version="1.1.0", parameters=PARAMETERS, body=body))
    done = call(registry, "check", "acme/qa", "--json")
    change = {"path": "spec.execution.concurrency", "before": 1, "after": 4}
    assert newer(done) == {"ref": "template:acme/answer@1.1.0", "faults": [], "fields": [change]}
    said = call(registry, "check", "acme/qa")
    assert said.out == f"fine {QA}, made from {ANSWER}\n"
    assert "template:acme/answer@1.1.0 is newer; moving changes 1 field\n" in said.err
    assert "    spec.execution.concurrency: 1 -> 4\n" in said.err


def test_a_newer_template_may_ask_for_more(registry: Path) -> None:
    more = {**PARAMETERS, "region": {"schema": {"type": "string"}}}
    text = template(version="1.2.0", parameters=more, body=BODY)
    smuggled(registry, {"templates/acme/answer/1.2.0.yaml": text})  # the gate wants a new major for it
    done = call(registry, "check", "acme/qa", "--json")
    assert [fault["field"] for fault in newer(done)["faults"]] == ["parameters.region"]
    assert "gives nothing for these parameters" in call(registry, "check", "acme/qa").err


@pytest.mark.parametrize(
    ("version", "status"),
    [
        pytest.param("2.0.0", "active", id="another-major"),
        pytest.param("1.1.0-rc.1", "active", id="a-prerelease"),
        pytest.param("1.1.0", "retired", id="a-retired-one"),
        pytest.param("0.9.0", "active", id="an-older-one"),
    ],
)
def test_not_every_other_version_is_newer(registry: Path, version: str, status: str) -> None:
    text = template(version=version, parameters=PARAMETERS, body=BODY, lifecycle={"status": status})
    smuggled(registry, {f"templates/acme/answer/{version}.yaml": text})
    assert newer(call(registry, "check", "acme/qa", "--json")) is None


def test_what_an_instance_needs_beside_its_template_stays_when_it_moves(registry: Path) -> None:
    own = edited(registry, "  template:\n", "  dependencies:\n  - ref: acme/chat@^1\n  template:\n").replace(
        "name: qa", "name: mine"
    )
    registered(registry, own, template(version="1.1.0", parameters=PARAMETERS, body=BODY))
    assert newer(call(registry, "check", "acme/mine", "--json"), "pipeline:acme/mine@1.0.0")["fields"] == []


# Files


def test_a_file_is_checked_before_it_lands(registry: Path, tmp_path: Path) -> None:
    before = state_of(registry)
    good = written(tmp_path, "good.yaml", edited(registry, "name: qa", "name: good"))
    bad = written(
        tmp_path, "bad.yaml", edited(registry, "timeout: 30000", "timeout: 1").replace("name: qa", "name: bad")
    )
    done = call(registry, "check", good, bad, "--json")
    assert statuses(done) == {"pipeline:acme/good@1.0.0": "fine", "pipeline:acme/bad@1.0.0": "faulty"}
    assert statuses(call(registry, "check", tmp_path, "--json"))["pipeline:acme/bad@1.0.0"] == "faulty"
    assert call(registry, "check", "-", stdin=good.read_bytes()).code == 0
    assert state_of(registry) == before


def test_a_template_and_its_instance_are_checked_before_either_lands(laid: Path, tmp_path: Path) -> None:
    draft = written(tmp_path, "t.yaml", template("draft", **CAREFUL))
    text = (laid / "pipelines/acme/mails/1.0.0.yaml").read_text(encoding="utf-8")
    made_of_it = written(tmp_path, "p.yaml", text.replace("template:acme/careful", "template:acme/draft"))
    done = call(laid, "check", made_of_it, draft, "--json")
    assert statuses(done) == {"pipeline:acme/mails@1.0.0": "fine", "template:acme/draft@1.0.0": "fine"}
    assert call(laid, "check", made_of_it).code == 1


@pytest.mark.parametrize(
    ("words", "raw", "code", "says"),
    [
        pytest.param(["model:acme/chat"], b"", 2, "neither a pipeline nor a template", id="a-model"),
        pytest.param(["acme/mail"], b"", 1, "did you mean acme/mails?", id="no-such-pipeline"),
        pytest.param(["template:acme/answr"], b"", 1, "did you mean acme/answer?", id="no-such-template"),
        pytest.param(["acme/answer"], b"", 1, "write `template:acme/answer`", id="a-template-without-its-kind"),
        pytest.param(["Acme"], b"", 2, "is not a ref", id="no-ref"),
        pytest.param(["absent.yaml"], b"", 2, "cannot be opened", id="no-such-file"),
        pytest.param(["-"], b"a: [1\n", 1, "<stdin>", id="no-manifest"),
        pytest.param(["-"], b"\xff", 1, "UTF-8", id="not-UTF-8"),
        pytest.param(["-"], b"", 1, "<stdin>", id="nothing"),
        pytest.param(["-"], model().encode(), 2, "neither a pipeline nor a template", id="a-model's-file"),
        pytest.param(["x" * 5000], b"", 2, "is not a ref", id="a-long-word"),
        pytest.param(["a\0b"], b"", 2, "is not a ref", id="a-NUL"),
        pytest.param(["--at", "99"], b"", 1, "99", id="no-such-moment"),
    ],
)
def test_what_cannot_be_checked_is_refused(laid: Path, words: list[str], raw: bytes, code: int, says: str) -> None:
    done = call(laid, "check", *words, stdin=raw)
    assert done.code == code, done.err
    assert says in done.err
    assert "bug" not in done.err


# How they are found


def test_where_nothing_was_made_from_a_template_that_is_said(tmp_path: Path) -> None:
    registry = template_registry(tmp_path / "registry")
    done = call(registry, "check")
    assert (done.code, done.out) == (0, "")
    assert "no pipeline stands that was made from a template" in done.err


def test_all_pages_of_what_is_found_are_checked(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg_indexer.registry_at._AT_ONCE", 1)
    smuggled(
        registry, {f"pipelines/acme/p{n}/1.0.0.yaml": edited(registry, "name: qa", f"name: p{n}") for n in range(3)}
    )
    refs = list(statuses(call(registry, "check", "--json")))
    assert refs == [f"pipeline:acme/{name}@1.0.0" for name in ("mails", "p0", "p1", "p2", "qa")]


@pytest.mark.parametrize("word", ["", "template:", "templates:", "PipelineTemplate:", "pipelineTEMPLATE:"])
def test_instances_are_found_however_they_name_their_template(registry: Path, word: str) -> None:
    text = edited(registry, ANSWER, f"{word}acme/answer@1.0.0").replace("name: qa", "name: other")
    registered(registry, text)
    found = statuses(call(registry, "check", "template:acme/answer@1.0.0", "--json"))
    assert found == {ANSWER: "fine", "pipeline:acme/other@1.0.0": "fine", QA: "fine"}


def test_instances_of_a_template_with_a_long_name_are_those_of_no_other(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitreg_indexer.registry_at._LONGEST", 20)
    longs = ["a" * 63 + end for end in "xy"]
    for name in longs:
        registered(registry, template(name, parameters=PARAMETERS, body=BODY))
        made(registry, f"acme/{name}", f"acme/of-{name[-1]}", "--set", MODEL)
    found = statuses(call(registry, "check", f"template:acme/{longs[0]}", "--json"))
    assert found == {f"template:acme/{longs[0]}@1.0.0": "fine", "pipeline:acme/of-x@1.0.0": "fine"}


@pytest.mark.parametrize("words", [[], ["template:acme/answer"], ["acme/qa"]], ids=["all", "a-template", "a-pipeline"])
def test_git_gives_what_the_index_gives(registry: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    registered(registry, template(version="1.1.0", parameters=PARAMETERS, body=BODY))
    for version in ("1.1.0", "1.10.0"):
        made(registry, "acme/answer", f"acme/qa@{version}", "--set", MODEL, "--set", f"timeoutMs={len(version)}")
    smuggled(registry, {INSTANCE: edited(registry, "timeout: 30000", "timeout: 5000")})
    indexed = call(registry, "check", *words, "--json")

    def refuse(*_: Any, **__: Any) -> None:
        raise GitregError("the index cannot be used", mend="name another folder with --index")

    monkeypatch.setattr("gitreg_indexer.reading.open_current", refuse)
    through_git = call(registry, "check", *words, "--json")
    assert "reading through Git" in through_git.err
    assert (through_git.json, through_git.code) == (indexed.json, indexed.code)


def test_where_the_search_engine_is_behind_the_catalog_is_asked(laid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = call(laid, "check", "--json").json
    behind = Page((), 0, 0, 0, Position(0, ""))
    monkeypatch.setattr("gitreg_indexer.reader.Reader.search", lambda *_, **__: behind)
    assert call(laid, "check", "--json").json == expected


def test_an_instance_that_lands_is_seen_at_once(registry: Path) -> None:
    call(registry, "check")
    fine("template", "instantiate", "acme/answer", "acme/z", "--set", MODEL, "--repo", registry, "--author", AUTHOR)
    assert "pipeline:acme/z@1.0.0" in statuses(call(registry, "check", "--json"))
