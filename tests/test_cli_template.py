"""Templates on the command line: shown, filled in, made into pipelines; bad input is told whole and leaves nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_support import AUTHOR, Run, fine, git, registered, state_of, written
from template_support import BODY, MODEL, PARAMETERS, TEXT, call, made, smuggled, template, template_registry

from gitreg.errors import GitregError
from gitreg.kinds import Pipeline
from gitreg.manifests import read_manifest, to_data
from gitreg.registry import Registry


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template_registry(tmp_path_factory.mktemp("templates") / "registry")


@pytest.fixture
def registry(laid: Path, tmp_path: Path) -> Path:
    """A registry of one's own."""
    return Path(shutil.copytree(laid, tmp_path / "registry", symlinks=True))


@pytest.fixture
def unindexed(laid: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same registry, where no index can be kept."""

    def refuse(*_: Any, **__: Any) -> None:
        raise GitregError("the index cannot be used", got="read-only", mend="name another folder with --index")

    monkeypatch.setattr("gitreg_indexer.reading.open_current", refuse)
    return laid


def faults(done: Run) -> dict[str, str]:
    """Give what a refused call says of each field."""
    assert done.code == 1, done.err
    assert "Traceback" not in done.err
    return {finding["field"]: finding["says"] for finding in done.error["findings"]}


def landed(done: Run) -> list[tuple[str, str]]:
    return [(each["ref"], each["status"]) for each in done.json["records"]]


# Show


def test_show_tells_where_each_parameter_is_from(laid: Path) -> None:
    done = call(laid, "show", "acme/careful", "--json")
    assert done.code == 0, done.err
    assert list(done.json) == [
        *("ref", "description", "status", "madeOf", "parameters", "stages", "faults", "commit", "seq"),
    ]
    keys = ("name", "required", "default", "from", "way")
    assert [tuple(each[key] for key in keys) for each in done.json["parameters"]] == [
        ("language", False, "en", "template:acme/careful@1.0.0", "own"),
        ("model", True, None, "template:acme/answer@1.0.0", "extended"),
        ("timeoutMs", False, 30000, "template:acme/answer@1.0.0", "extended"),
    ]
    by, base = "template:acme/careful@1.0.0", "template:acme/answer@1.0.0"
    assert done.json["madeOf"] == [{"by": by, "way": "extended", "ref": base}]
    assert [stage["id"] for stage in done.json["stages"]] == ["answer", "redact"]
    assert done.json["faults"] == []


def test_show_is_readable(laid: Path) -> None:
    done = call(laid, "show", "template:acme/careful@^1")
    assert "template:acme/careful@1.0.0 extends template:acme/answer@1.0.0\n" in done.out
    assert "model\tstring\trequired\ttemplate:acme/answer@1.0.0\tThe model that answers.\n" in done.out
    assert "answer\tmodel\t{{ model }}\n" in done.out


def test_show_tells_the_faults_of_what_is_not_composed(registry: Path) -> None:
    broken = template("broken", parameters={"n": {"schema": {"type": "integer"}, "default": "x"}}, body=BODY)
    smuggled(registry, {"templates/acme/broken/1.0.0.yaml": broken})
    done = call(registry, "show", "acme/broken", "--json")
    assert done.code == 1
    assert [fault["field"] for fault in done.json["faults"]] == [
        "spec.body.dag.nodes[0].model",
        "spec.body.execution.timeout",
        "spec.parameters.n.default",
    ]
    assert "fault: spec.parameters.n.default: 'x' is not of type 'integer'" in call(registry, "show", "acme/broken").err


# Render


def test_render_prints_the_spec_as_it_would_stand_in_a_manifest(laid: Path) -> None:
    done = call(laid, "render", "acme/careful", "--set", MODEL)
    assert done.code == 0, done.err
    spec = yaml.safe_load(done.out)
    assert list(spec) == ["dag", "inputSchema", "outputSchema", "execution"]
    assert spec["dag"]["nodes"][0]["model"] == "acme/chat@^1"
    assert spec["dag"]["nodes"][1]["logic"] == "https://git.acme.example/redact/en.py"
    assert spec["execution"] == {"timeout": 30000}
    assert call(laid, "render", "acme/careful", "--set", MODEL).out == done.out
    assert call(laid, "render", "acme/careful", "--set", MODEL, "--json").json == spec


def test_what_is_set_wins_over_the_file(laid: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "p.yaml", "model: acme/chat@^1\ntimeoutMs: 5\n")
    done = call(laid, "render", "acme/answer", "--params", file, "--set", "timeoutMs=7", "--json")
    assert (done.json["execution"]["timeout"], done.json["dag"]["nodes"][0]["model"]) == (7, "acme/chat@^1")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"model": "acme/chat@^1", "timeoutMs": 5}', id="JSON on a line"),
        pytest.param('{\n\t"model":"acme\\/chat@^1",\n\t"timeoutMs":5\n}\n', id="JSON with tabs and escapes"),
        pytest.param("# mine\nmodel: 'acme/chat@^1'\ntimeoutMs: 5\n", id="YAML"),
    ],
)
def test_parameters_may_be_a_file_of_yaml_or_json(laid: Path, text: str) -> None:
    done = call(laid, "render", "acme/answer", "--params", "-", "--json", stdin=text.encode())
    assert done.code == 0, done.err
    assert (done.json["execution"]["timeout"], done.json["dag"]["nodes"][0]["model"]) == (5, "acme/chat@^1")


def test_all_faults_of_parameters_are_told_at_once(laid: Path) -> None:
    words = ("--set", "modle=acme/chat@^1", "--set", "timeoutMs=x", "--set", "language=fr")
    done = call(laid, "render", "acme/careful", *words, "--json")
    assert faults(done) == {
        "parameters.modle": "the template has no parameter 'modle'",
        "parameters.model": "the parameter 'model' is missing",
        "parameters.timeoutMs": "'x' is not of type 'integer'",
        "parameters.language": "'fr' is not one of ['en', 'de']",
    }
    assert done.error["findings"][0]["mend"] == "did you mean 'model'?"
    assert "mend: give a value for 'model'" in done.err


def test_an_integer_may_be_given_as_an_exponent(laid: Path) -> None:
    done = call(laid, "render", "acme/answer", "--set", MODEL, "--set", "timeoutMs=1e3", "--json")
    assert done.json["execution"] == {"timeout": 1000}


def test_what_gives_no_pipeline_is_told(laid: Path) -> None:
    told = faults(call(laid, "render", "acme/answer", "--set", "model=no ref", "--json"))
    assert list(told) == ["spec.dag.nodes[0].model"]
    assert told["spec.dag.nodes[0].model"].startswith("what the template gives is no pipeline: ")


def test_the_template_of_then_is_used(registry: Path) -> None:
    before = git(registry, "rev-parse", "main").strip()
    changed = {**BODY, "execution": {"timeout": "{{ timeoutMs }}", "concurrency": 4}}
    registered(registry, template(version="1.1.0", parameters=PARAMETERS, body=changed))
    now = call(registry, "render", "acme/answer", "--set", MODEL, "--json").json
    then = call(registry, "render", "acme/answer", "--set", MODEL, "--at", before, "--json").json
    assert (now["execution"], then["execution"]) == ({"timeout": 30000, "concurrency": 4}, {"timeout": 30000})
    assert call(registry, "render", "acme/answer@1.1.0", "--set", MODEL, "--at", before).code == 1
    assert call(registry, "show", "acme/answer", "--at", before, "--json").json["ref"] == "template:acme/answer@1.0.0"


@pytest.mark.parametrize("word", ["show", "render", "check"])
def test_it_reads_through_git_where_no_index_can_be_kept(unindexed: Path, word: str) -> None:
    words = {"show": ["acme/careful"], "render": ["acme/careful", "--set", MODEL], "check": ["template:acme/careful"]}
    done = call(unindexed, word, *words[word], "--json")
    assert done.code == 0, done.err
    assert "reading through Git" in done.err
    assert done.out.replace(" ", "").count('"acme/chat@^1"') == (word == "render")


def test_an_index_without_the_past_will_do(registry: Path) -> None:
    fine("index", "--rebuild", "--history", "none", "--repo", registry)
    made(registry, "acme/answer", "acme/qa", "--set", MODEL)
    done = call(registry, "check", "--json")
    assert [each["status"] for each in done.json["checked"]] == ["fine"]
    assert call(registry, "render", "acme/answer", "--set", MODEL, "--at", "2").code == 2


# Instantiate


def test_an_instance_carries_its_template_and_parameters(registry: Path) -> None:
    words = ("--set", MODEL, "--description", "Answers.", "--owner", "nlp-team", "--tag", "qa", "--tag", "mail")
    done = made(registry, "acme/careful@^1", "acme/mails", *words, "--json")
    assert landed(done) == [("pipeline:acme/mails@1.0.0", "registered")]
    stands = fine("get", "pipeline:acme/mails", "--repo", registry, "--json").json
    assert stands["spec"]["template"] == {"ref": "template:acme/careful@1.0.0", "parameters": {"model": "acme/chat@^1"}}
    stated = {key: stands["metadata"][key] for key in ("description", "owner", "tags")}
    assert stated == {"description": "Answers.", "owner": "nlp-team", "tags": ["qa", "mail"]}
    assert read_manifest((registry / "pipelines/acme/mails/1.0.0.yaml").read_bytes()).findings == ()
    assert fine("validate", "--repo", registry).code == 0


def test_twice_the_same_is_unchanged(registry: Path) -> None:
    for version in ("", "@1.0.0"):
        words = ("acme/answer", f"acme/qa{version}", "--set", MODEL, "--json")
        first, again = made(registry, *words), made(registry, *words)
        assert again.json["records"][0]["status"] == "unchanged"
        assert again.json["commit"] == first.json["commit"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--set", "metadata.description=Edited"], id="a-description"),
        pytest.param(
            ["--set", "spec.lifecycle.status=deprecated", "--set", "spec.lifecycle.reason=Old."],
            id="its-end",
        ),
        pytest.param(["--set", "metadata.labels.team=nlp", "--set", "spec.custom.nlp.x=1"], id="several"),
    ],
)
@pytest.mark.parametrize("version", [pytest.param("", id="any-version"), pytest.param("@1.0.0", id="one-version")])
def test_what_was_edited_since_stays_edited(registry: Path, words: list[str], version: str) -> None:
    made(registry, "acme/answer", "acme/qa", "--set", MODEL, "--description", "Answers.")
    fine("update", "pipeline:acme/qa", *words, "--repo", registry, "--author", AUTHOR)
    before = state_of(registry)
    call_again = ("acme/answer", f"acme/qa{version}", "--set", MODEL, "--description", "Answers.", "--json")
    assert landed(made(registry, *call_again)) == [("pipeline:acme/qa@1.0.0", "unchanged")]
    assert state_of(registry) == before
    written_out = call(registry, "instantiate", *call_again[:-1], "--output", "-").out
    assert written_out == (registry / "pipelines/acme/qa/1.0.0.yaml").read_text(encoding="utf-8")


def test_a_name_with_versions_asks_for_the_next(registry: Path) -> None:
    made(registry, "acme/answer", "acme/qa", "--set", MODEL)
    made(registry, "acme/answer", "acme/qa@1.1.0", "--set", MODEL, "--set", "timeoutMs=5")
    before = state_of(registry)
    done = call(registry, "instantiate", "acme/answer", "acme/qa", "--set", MODEL, "--set", "timeoutMs=6", "--json")
    assert done.code == 2
    assert done.error["says"] == "pipeline:acme/qa has versions already, and none of them is this: 1.1.0, 1.0.0"
    assert done.error["mend"] == "name the version; the next one would be acme/qa@1.2.0"
    same = call(registry, "instantiate", "acme/answer", "acme/qa@1.0.0", "--set", MODEL, "--author", AUTHOR)
    assert same.out.startswith("unchanged ")
    words = ("acme/qa@1.0.0", "--set", MODEL, "--set", "timeoutMs=6", "--author", AUTHOR, "--json")
    assert "spec.execution.timeout" in faults(call(registry, "instantiate", "acme/answer", *words))
    assert state_of(registry) == before
    again = made(registry, "acme/answer", "acme/qa", "--set", MODEL, "--json")
    assert landed(again) == [("pipeline:acme/qa@1.0.0", "unchanged")]


def test_it_may_only_be_written(registry: Path, tmp_path: Path) -> None:
    before = state_of(registry)
    file = tmp_path / "new.yaml"
    words = ("instantiate", "acme/answer", "acme/qa", "--set", MODEL, "--output", file)
    done = call(registry, *words, "--json")
    assert done.json == {
        "status": "written",
        "ref": "pipeline:acme/qa@1.0.0",
        "template": "template:acme/answer@1.0.0",
        "file": str(file),
    }
    assert read_manifest(file.read_bytes()).findings == ()
    assert call(registry, *words).out.startswith("unchanged ")
    assert call(registry, *words[:-1], "-").out == file.read_text(encoding="utf-8")
    assert call(registry, *words[:-1], "-", "--json").json["spec"]["template"]["ref"] == "template:acme/answer@1.0.0"
    file.write_text("mine\n", encoding="utf-8")
    assert call(registry, *words).code == 2
    assert file.read_text(encoding="utf-8") == "mine\n"
    assert call(registry, *words[:-1], tmp_path / "absent" / "a.yaml").code == 2
    assert state_of(registry) == before
    file.unlink()
    call(registry, *words)
    fine("register", file, "--repo", registry, "--author", AUTHOR)


def test_what_is_no_file_is_written_to_and_never_read(registry: Path, tmp_path: Path) -> None:
    pipe, words = tmp_path / "pipe", ("instantiate", "acme/answer", "acme/qa", "--set", MODEL, "--output")
    os.mkfifo(pipe)
    read: list[bytes] = []
    reading = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reading.start()
    done = call(registry, *words, pipe)
    reading.join(timeout=30)
    assert (done.code, done.out) == (0, ""), done.err
    assert done.err.startswith("written ")
    assert read == [call(registry, *words, "-").out.encode()]
    empty = written(tmp_path, "empty.yaml", "")
    assert call(registry, *words, empty).code == 0
    assert empty.read_bytes() == read[0]


def test_a_file_that_cannot_be_written_whole_is_not_written(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gitreg.cli.files.os.fsync", refuse)
    folder = tmp_path / "out"
    folder.mkdir()
    done = call(registry, "instantiate", "acme/answer", "acme/qa", "--set", MODEL, "--output", folder / "a.yaml")
    assert done.code == 2
    assert "No space left on device" in done.err
    assert list(folder.iterdir()) == []


def test_it_may_be_proposed(registry: Path) -> None:
    words = ("instantiate", "acme/answer", "acme/qa", "--set", MODEL, "--propose", "--author", AUTHOR, "--json")
    tip = git(registry, "rev-parse", "main")
    done = call(registry, *words)
    assert done.code == 0, done.err
    assert done.json["proposal"]["title"] == "Add pipeline:acme/qa@1.0.0, made from template:acme/answer@1.0.0"
    assert call(registry, *words, "--forge", "local").json["status"] == "unchanged"
    assert git(registry, "rev-parse", "main") == tip


def test_it_is_made_anew_where_somebody_lands_first(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register, newer = Registry.register, template(version="1.1.0", parameters=PARAMETERS, body=BODY)

    def late(self: Registry, *args: Any, **more: Any) -> Any:
        monkeypatch.setattr(Registry, "register", register)
        registered(registry, newer)
        return self.register(*args, **more)

    monkeypatch.setattr(Registry, "register", late)
    done = made(registry, "acme/answer", "acme/qa", "--set", MODEL, "--json")
    assert landed(done) == [("pipeline:acme/qa@1.0.0", "registered")]
    stands = fine("get", "pipeline:acme/qa", "--repo", registry, "--json").json
    assert stands["spec"]["template"]["ref"] == "template:acme/answer@1.1.0"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--forge", "local"], "--forge says nothing without --propose", id="forge"),
        pytest.param(["--propose", "--output", "a.yaml"], "exclude each other", id="two-ways"),
        pytest.param(["--title", "T"], "--title says nothing without --propose", id="title"),
        pytest.param(["--propose", "--message", "M"], "--message says nothing with --propose", id="message"),
        pytest.param(["--propose", "--approve", "GR-012"], "--approve says nothing", id="approve"),
        pytest.param(["--output", "a.yaml", "--author", "A <a@example.com>"], "--author says nothing", id="author"),
    ],
)
def test_options_that_would_say_nothing_are_refused(laid: Path, words: list[str], says: str) -> None:
    done = call(laid, "instantiate", "acme/answer", "acme/qa", "--set", MODEL, *words)
    assert done.code == 2
    assert says in done.err


# Bad input


@pytest.mark.parametrize("word", ["show", "render", "instantiate"])
@pytest.mark.parametrize(
    ("ref", "code", "says"),
    [
        pytest.param("acme/anser", 1, "did you mean acme/answer?", id="no-such-name"),
        pytest.param("acme/answer@2.0.0", 1, "it has no version 2.0.0; there are 1.0.0", id="no-such-version"),
        pytest.param("acme/answer@production", 1, "it has no alias 'production'", id="no-such-alias"),
        pytest.param("model:acme/chat", 2, "model:acme/chat is no template", id="a-model"),
        pytest.param("registry", 2, "registry is no template", id="the-registry"),
        pytest.param("Acme", 2, "is not a ref", id="no-ref"),
        pytest.param("", 2, "is not a ref", id="nothing"),
        pytest.param("acme/\udcff", 2, "is not a ref", id="not-UTF-8"),
    ],
)
def test_what_is_no_template_is_refused(laid: Path, word: str, ref: str, code: int, says: str) -> None:
    before = state_of(laid)
    done = call(laid, word, ref, *(["acme/qa"] if word == "instantiate" else []))
    assert done.code == code
    assert says in done.err
    assert "bug" not in done.err
    assert "Traceback" not in done.err
    assert state_of(laid) == before


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        pytest.param(b"- a\n", 2, "holds no mapping", id="a-list"),
        pytest.param(b"", 2, "holds no mapping", id="nothing"),
        pytest.param(b"text\n", 2, "holds no mapping", id="a-text"),
        pytest.param(b"[1]", 2, "holds no mapping", id="a-JSON-list"),
        pytest.param(b"a: 1\na: 2\n", 1, "<stdin>:2:1", id="a-key-twice"),
        pytest.param(b'{"a": 1,\t"a": 2}', 1, "<stdin>:1", id="a-JSON-key-twice"),
        pytest.param(b"a: &x 1\n", 1, "<stdin>:1", id="an-anchor"),
        pytest.param(b"a: [1\n", 1, "<stdin>", id="broken"),
        pytest.param(b"\xff\xfe", 1, "UTF-8", id="not-UTF-8"),
        pytest.param(b"a: " + b"x" * 70_000, 2, "too large", id="too-large"),
        pytest.param(b"a: " + b"[" * 5000, 1, "<stdin>", id="too-deep"),
        pytest.param(b'{"a":\t' + b"[" * 5000 + b"]" * 5000 + b"}", 1, "<stdin>", id="too-deep-JSON"),
        pytest.param(b'{"a":\t' + b"[" * 30 + b"]" * 30 + b"}", 1, "<stdin>", id="deeper-than-a-manifest"),
        pytest.param(b'{"model":\t1e999}', 1, "not JSON", id="no-finite-number"),
        pytest.param(b'{\n\t"model": NaN\n}', 1, "no pipeline", id="no-number"),
        pytest.param(b'{"model":\t"\\ud800"}', 1, "template:acme/answer", id="half-a-character"),
        pytest.param(b"1: a\n", 1, "<stdin>", id="a-key-that-is-no-text"),
    ],
)
def test_a_file_that_holds_no_parameters_is_refused(laid: Path, raw: bytes, code: int, says: str) -> None:
    done = call(laid, "render", "acme/answer", "--params", "-", stdin=raw)
    assert done.code == code, done.err
    assert says in done.err
    assert "bug" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--set", "model"], "expected: NAME=VALUE", id="no-value"),
        pytest.param(["--set", "=x"], "does not say what to set", id="no-name"),
        pytest.param(["--set", MODEL, "--set", MODEL], "set twice", id="twice"),
        pytest.param(["--set", "model=\udcff"], "gives no pipeline", id="not-UTF-8"),
        pytest.param(["--set", "model=[a"], "cannot be read", id="half-a-list"),
        pytest.param(["--params", "/absent/p.yaml"], "cannot be read", id="no-such-file"),
        pytest.param(["--params", "/"], "cannot be read", id="a-folder"),
        pytest.param(["--params", "a\0b"], "", id="no-name-of-a-file"),
        pytest.param(["--set", MODEL, "--at", "yesterday-ish"], "no moment", id="no-moment"),
    ],
)
def test_words_that_cannot_be_are_refused(laid: Path, words: list[str], says: str) -> None:
    done = call(laid, "render", "acme/answer", *words)
    assert done.code in (1, 2)
    assert says in done.err
    assert "bug" not in done.err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("acme/qa@^1", "cannot name a new pipeline", id="a-range"),
        pytest.param("acme/qa@stable", "cannot name a new pipeline", id="an-alias"),
        pytest.param("model:acme/qa", "cannot name a new pipeline", id="a-model"),
        pytest.param("qa", "is not a ref", id="no-namespace"),
        pytest.param("acme/Q", "is not a ref", id="upper-case"),
        pytest.param("acme/qa@1.0", "cannot name a new pipeline", id="half-a-version"),
    ],
)
def test_what_cannot_name_a_pipeline_is_refused(laid: Path, name: str, says: str) -> None:
    done = call(laid, "instantiate", "acme/answer", name, "--set", MODEL)
    assert done.code == 2
    assert says in done.err


def test_metadata_that_cannot_be_is_told_by_field(laid: Path) -> None:
    words = ("--set", MODEL, "--tag", "Upper Case", "--owner", "two\nlines", "--json")
    told = faults(call(laid, "instantiate", "acme/answer", "acme/qa", *words))
    assert set(told) == {"metadata.tags[0]", "metadata.owner"}


def test_a_circle_of_extends_is_told(registry: Path) -> None:
    circle = {
        f"templates/acme/{name}/1.0.0.yaml": template(name, extends=f"template:acme/{other}@1.0.0", body={})
        for name, other in (("one", "two"), ("two", "one"))
    }
    smuggled(registry, circle)
    told = faults(call(registry, "render", "acme/one", "--json"))
    assert "leads back to itself" in told["spec.extends"]
    assert call(registry, "show", "acme/one").code == 1
    assert call(registry, "check", "template:acme/one", "--json").json["checked"][0]["status"] == "faulty"


# Injection


EVIL = (
    "{{ 7 * 7 }}",
    "{{ model }}",
    "{% for a in model %}{% endfor %}",
    "{# gone #}",
    "{{ self.__init__.__globals__ }}",
    "a: b\n- c: {d: e}",
    "'\"\\ # & * ! | > %",
    "---\nkind: Model\n...",
    "&x *x !!python/object/apply:os.system [id]",
    "\t tab, \u2028 line, \u00e9, \U0001f600",
    "null",
    "yes",
    "1e3",
    "~",
    "",
)


@pytest.fixture(scope="module")
def open_hearted(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a template that takes any text."""
    folder = Path(shutil.copytree(laid, tmp_path_factory.mktemp("evil") / "registry", symlinks=True))
    node = {"id": "a", "type": "model", "model": "acme/chat@^1", "parameters": {"p": "{{ p }}", "q": "<{{ p }}>"}}
    body = {"dag": {"nodes": [node]}, "inputSchema": TEXT, "outputSchema": TEXT}
    registered(folder, template("any", parameters={"p": {"schema": TEXT}}, body=body))
    return folder


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_what_stands_in_a_parameter_comes_out_as_data(open_hearted: Path, text: str) -> None:
    raw = json.dumps({"p": text}).encode()
    written_out = call(
        open_hearted, "instantiate", "acme/any", "acme/qa", "--params", "-", "--output", "-", stdin=raw
    ).out
    pipeline = read_manifest(written_out.encode()).manifest
    assert isinstance(pipeline, Pipeline)
    data = to_data(pipeline)["spec"]
    assert data["dag"]["nodes"][0]["parameters"] == {"p": text, "q": f"<{text}>"}
    assert data["template"]["parameters"] == {"p": text}
    done = call(open_hearted, "check", "-", stdin=written_out.encode())
    assert done.out == "fine pipeline:acme/qa@1.0.0, made from template:acme/any@1.0.0\n"
    rendered = yaml.safe_load(call(open_hearted, "render", "acme/any", "--params", "-", stdin=raw).out)
    assert rendered["dag"]["nodes"][0]["parameters"] == {"p": text, "q": f"<{text}>"}


def test_a_parameter_that_looks_like_a_template_lands_as_data(open_hearted: Path) -> None:
    made(open_hearted, "acme/any", "acme/landed", "--set", "p='{{ 7 * 7 }}'")
    stands = fine("get", "pipeline:acme/landed", "--repo", open_hearted, "--json").json
    assert stands["spec"]["dag"]["nodes"][0]["parameters"] == {"p": "{{ 7 * 7 }}", "q": "<{{ 7 * 7 }}>"}
