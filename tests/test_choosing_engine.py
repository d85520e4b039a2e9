"""Which engine searches: as the environment says, else the one that is installed; on the command line too."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cli_support import fine, run
from index_support import commit, found, model

from gitreg.errors import UsageError
from gitreg_indexer import engine
from gitreg_indexer.engine import VARIABLE, chosen_engine, open_engine


@pytest.mark.parametrize(
    ("named", "missing", "expected"),
    [
        pytest.param("", (), "tantivy", id="nothing-named"),
        pytest.param("whoosh", (), "whoosh", id="named"),
        pytest.param("tantivy", (), "tantivy", id="the-usual-named"),
        pytest.param("", ("tantivy",), "whoosh", id="only-whoosh-installed"),
        pytest.param("", ("tantivy", "whoosh"), "tantivy", id="none-installed"),
    ],
)
def test_an_engine_is_chosen(
    monkeypatch: pytest.MonkeyPatch, named: str, missing: tuple[str, ...], expected: str
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None if name in missing else find_spec(name))
    assert chosen_engine({VARIABLE: named} if named else {}) == expected


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        chosen_engine({VARIABLE: "lucene"})
    assert (caught.value.got, caught.value.expected) == ("lucene", "tantivy, whoosh")
    assert VARIABLE in caught.value.mend


@pytest.mark.parametrize(("name", "mend"), [("tantivy", "pip install tantivy"), ("whoosh", "llm-gitreg[whoosh]")])
def test_an_engine_that_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, mend: str
) -> None:
    class Missing:
        name = ""

        def load(self) -> Any:
            raise ModuleNotFoundError(f"No module named {self.name!r}")

    entry = Missing()
    entry.name = name
    monkeypatch.setattr(engine, "entry_points", lambda **_: [entry])
    for ask in (lambda: chosen_engine({VARIABLE: name}), lambda: open_engine(name, tmp_path / "engine")):
        with pytest.raises(UsageError) as caught:
            ask()
        assert mend in caught.value.mend
        assert caught.value.got == f"No module named {name!r}"
    assert not (tmp_path / "engine").exists()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    registry = found(tmp_path)
    commit(registry.repo, {**model("gold"), **model("silver")})
    return registry.repo.git_dir


def test_every_command_goes_by_the_environment(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "whoosh")
    fine("index", "--repo", repo)
    items = fine("search", "gold", "--repo", repo, "--json").json["items"]
    assert [each["metadata"]["name"] for each in items] == ["gold"]
    status = fine("index", "status", "--repo", repo, "--json").json
    assert status["search"]["engine"] == "whoosh"
    assert status["search"]["seq"] == status["seq"]
    assert status["size"]["search"] > 0
    assert (
        fine("index", "verify", "--repo", repo, "--json").json["checked"]["documents"] == status["records"]["Model"] + 1
    )
    monkeypatch.delenv(VARIABLE)
    assert fine("index", "status", "--repo", repo, "--json").json["search"] == {"engine": "tantivy", "seq": None}
    assert "acme/gold" in fine("search", "gold", "--repo", repo).out
    assert fine("index", "verify", "--repo", repo).code == 0


def test_an_engine_that_is_not_known_stops_a_command(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "lucene")
    for words in (("index",), ("search", "gold"), ("index", "status"), ("index", "verify")):
        told = run(*words, "--repo", repo)
        assert (told.code, "there is no search engine 'lucene'" in told.err) == (2, True), words


def test_nothing_of_tantivy_is_needed_where_it_is_not_installed(repo: Path) -> None:
    program = (
        "import importlib.util, sys\n"
        "sys.modules['tantivy'] = None\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'tantivy' else real(name, *more)\n"
        "from gitreg.cli import main\n"
        "sys.exit(main())\n"
    )
    for words in (("index",), ("search", "gold"), ("index", "verify")):
        done = subprocess.run(
            [sys.executable, "-c", program, *words, "--repo", str(repo)],
            capture_output=True,
            text=True,
            env={**os.environ, VARIABLE: ""},
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert {each.name for each in repo.glob("gitreg/index/3-*/*") if each.is_dir()} == {"whoosh"}
