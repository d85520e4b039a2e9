"""`gitreg validate --output FORMAT=FILE` writes one report in several formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import model, new_registry, run, written

FORMS = ("json", "text", "sarif", "junit", "github", "markdown")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_registry(tmp_path_factory.mktemp("outputs") / "registry")
    written(folder, "models/acme/chat/1.0.0.yaml", model("1.0.1"))
    return folder


def test_every_format_has_the_same_report_as_when_it_is_printed(registry: Path, tmp_path: Path) -> None:
    words = [word for form in FORMS for word in ("--output", f"{form}={tmp_path / form}")]
    done = run("validate", "--repo", registry, *words, "--format", "github")
    assert done.code == 1
    assert (tmp_path / "github").read_text() == done.out
    told = json.loads((tmp_path / "json").read_text())
    assert told["outcome"] == "fail"
    for form in FORMS:
        text = (tmp_path / form).read_text(encoding="utf-8")
        assert "GR-004" in text
        if form not in ("json", "text", "junit"):  # those tell how long it took
            assert run("validate", "--repo", registry, "--format", form).out == text


def test_what_stood_there_is_replaced_and_only_what_was_asked_for_is_written(registry: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "report=1.json", "x" * 100_000)
    words = ("--output", f"json={file}", "--quiet", registry / "registry.yaml")
    assert run("validate", "--repo", registry, *words).code == 0
    assert json.loads(file.read_text())["findings"] == []
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("word", ["report.json", "yaml=a", "json=", "=a", "", "json=a\0b"])
def test_a_word_that_is_no_output_is_refused_before_anything_is_judged(tmp_path: Path, word: str) -> None:
    done = run("validate", "--repo", tmp_path / "nowhere", "--output", word, "--json")
    assert done.code == 2
    assert done.error["code"] == "usage"
    assert "FORMAT=FILE" in done.error["expected"]


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_written(registry: Path, tmp_path: Path) -> None:
    words = ("--output", f"json={tmp_path / 'no/folder.json'}", "--output", f"markdown={tmp_path / 'report.md'}")
    done = run("validate", "--repo", registry, *words, "--json")
    assert done.code == 2
    assert "no/folder.json" in done.error["where"]
    assert (tmp_path / "report.md").is_file()
