"""`gitreg version`: answers on stdout, one line each; wrong words are UsageErrors; a batch never stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gitreg.cli.version import app
from gitreg.errors import NotFoundError, UsageError


def run(*words: str, stdin: bytes = b"") -> str:
    result = CliRunner().invoke(app, words, input=stdin)
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def batch(*lines: bytes, flags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    out = run("satisfies", "--batch", *flags, stdin=b"\n".join(lines))
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        pytest.param(("1.2.3", "^1.0.0"), "true", id="in"),
        pytest.param(("2.0.0", "^1.0.0"), "false", id="out"),
        pytest.param(("1.2.3", ""), "true", id="empty range"),
        pytest.param(("2.0.0-rc.1", ">=1.0.0"), "false", id="prerelease"),
        pytest.param(("2.0.0-rc.1", ">=1.0.0", "--include-prerelease"), "true", id="prerelease let in"),
        pytest.param(("1.2.3beta", "~1.2.3beta", "--loose"), "true", id="loose"),
        pytest.param(("1.2.3", "^1.0.0", "--json"), '{"satisfies": true}', id="json"),
        pytest.param(("2.0.0", "^1.0.0", "--json"), '{"satisfies": false}', id="json out"),
    ],
)
def test_satisfies_prints_the_answer(words: tuple[str, ...], out: str) -> None:
    assert run("satisfies", *words) == f"{out}\n"


@pytest.mark.parametrize(
    ("words", "says", "where"),
    [
        pytest.param(("one", "^1"), "'one' is not a version", "VERSION", id="version"),
        pytest.param(("1.0.0", "one"), "'one' is not a range", "RANGE", id="range"),
        pytest.param(("1.0.0",), "both needed", "gitreg version satisfies", id="no range"),
        pytest.param((), "both needed", "gitreg version satisfies", id="no words"),
        pytest.param(("1.0.0", "1", "--batch"), "stdin only", "gitreg version satisfies", id="words and batch"),
    ],
)
def test_satisfies_refuses_wrong_words(words: tuple[str, ...], says: str, where: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        run("satisfies", *words)
    assert caught.value.where == where
    assert caught.value.mend


def test_a_batch_answers_each_line() -> None:
    answers = batch(
        b'{"version": "1.2.3", "range": "^1"}',
        b"",
        b'  {"version": "1.2.3", "range": "^2"}  \r',
        b'{"version": "1.2.3-a", "range": "1", "includePrerelease": true}',
        b'{"version": "1.2.3a", "range": "*", "includePrerelease": true, "loose": true}',
    )
    assert answers == [{"satisfies": True}, {"satisfies": False}, {"satisfies": True}, {"satisfies": True}]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b"nonsense", "not a line of JSON", id="not JSON"),
        pytest.param(b'{"version": "1.2.3", "range": "^1"', "not a line of JSON", id="cut off"),
        pytest.param(b'{"version": "\xff", "range": "1"}', "not a line of JSON", id="broken UTF-8"),
        pytest.param(b"[" * 5000, "not a line of JSON", id="deep"),
        pytest.param(b'["1.2.3", "^1"]', "not an object: got list", id="list"),
        pytest.param(b"null", "not an object", id="null"),
        pytest.param(b'{"range": "^1"}', "'version' is missing", id="no version"),
        pytest.param(b'{"version": "1.2.3"}', "'range' is missing", id="no range"),
        pytest.param(b'{"version": 1, "range": "1"}', "'version' must be a string", id="number"),
        pytest.param(b'{"version": "1.0.0", "range": null}', "'range' must be a string", id="null range"),
        pytest.param(b'{"version": "1.0.0", "range": "1", "loose": 1}', "'loose' must be true or false", id="flag"),
        pytest.param(b'{"version": "1.0.0", "range": "1", "lose": true}', "'lose' is not known", id="unknown key"),
        pytest.param(b'{"version": "one", "range": "1"}', "'one' is not a version", id="invalid version"),
        pytest.param(b'{"version": "1.0.0", "range": "one"}', "'one' is not a range", id="invalid range"),
    ],
)
def test_a_bad_line_gets_an_error_and_the_batch_goes_on(line: bytes, says: str) -> None:
    first, second = batch(line, b'{"version": "1.2.3", "range": "^1"}')
    assert list(first) == ["error"]
    assert says in first["error"]
    assert second == {"satisfies": True}


def test_flags_count_for_lines_that_do_not_set_them() -> None:
    lines = (
        b'{"version": "1.2.3-a", "range": "1"}',
        b'{"version": "1.2.3-a", "range": "1", "includePrerelease": false}',
    )
    assert batch(*lines, flags=("--include-prerelease",)) == [{"satisfies": True}, {"satisfies": False}]


def test_a_batch_can_be_talked_to() -> None:
    code = "from gitreg.cli.version import app; app(['satisfies', '--batch'])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for version, said in (("1.2.3", b'{"satisfies": true}\n'), ("2.0.0", b'{"satisfies": false}\n')):
            process.stdin.write(json.dumps({"version": version, "range": "^1"}).encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == said
        process.stdin.write('{"version": "\u00e9", "range": "1"}\n'.encode())
        process.stdin.flush()
        assert "error" in json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("words", "out"),
    [
        pytest.param(("compare", "1.0.0-rc.1", "1.0.0"), "-1", id="below"),
        pytest.param(("compare", "1.0.0+a", "1.0.0+b"), "0", id="equal"),
        pytest.param(("compare", "1.10.0", "1.9.0", "--json"), '{"compare": 1}', id="above"),
        pytest.param(("best", "^1", "1.0.0", "1.4.0", "2.0.0"), "1.4.0", id="best"),
        pytest.param(("sort", "1.10.0", "1.9.0", "1.9.0-a"), "1.9.0-a\n1.9.0\n1.10.0", id="sort"),
        pytest.param(("sort", "1.10.0", "1.9.0", "--json"), '["1.9.0", "1.10.0"]', id="sort as JSON"),
    ],
)
def test_the_other_commands_answer(words: tuple[str, ...], out: str) -> None:
    assert run(*words) == f"{out}\n"


def test_best_of_none_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="none of 1 versions"):
        run("best", "^2", "1.0.0")


def test_the_app_is_a_typer_app_with_help() -> None:
    assert isinstance(app, typer.Typer)
    assert "satisfies" in run("--help")
