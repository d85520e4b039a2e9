"""The reference of the command line is made from the commands, the same everywhere."""

from __future__ import annotations

import pytest
from cli_support import run

from gitreg.cli.reference import cli_reference
from gitreg.cli.tree import BUILT_IN, load_command

CORE = ("init", "register", "update", "import", "fmt", "schema", "version")


def test_it_tells_of_every_command_and_option() -> None:
    text = cli_reference(CORE)
    for name in CORE:
        assert f"\n## gitreg {name}\n" in text
    assert "\n### gitreg version satisfies\n" in text
    assert "gitreg register [OPTIONS] FILE...\n" in text
    assert "| `--set PATH=VALUE` |" in text


def test_it_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cli_reference(CORE)
    for name, value in {"COLUMNS": "40", "GITREG_REPO": "/elsewhere", "TERM": "dumb", "LANGUAGE": "de"}.items():
        monkeypatch.setenv(name, value)
    assert cli_reference(CORE) == before


@pytest.mark.parametrize("name", [name for name in CORE if name != "version"])
def test_each_command_shows_an_example(name: str) -> None:
    assert f"gitreg {name}" in (load_command(name).help or "").split("Example")[1]


@pytest.mark.parametrize("name", CORE)
def test_the_line_in_the_help_begins_as_the_command_does(name: str) -> None:
    shown = run(name, "--help")
    assert shown.code == 0
    assert BUILT_IN[name].endswith(".")
