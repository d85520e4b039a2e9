"""`gitreg import` finds importers, hands them the bytes, and prints an answer that adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_support import AUTHOR, new_registry, run, state_of

from gitreg.cli import importing
from gitreg.registry import Registry
from gitreg.repository.git import Signature


class Answer:
    def as_data(self) -> dict[str, Any]:
        skipped = [{"key": f"row-{n}", "reason": "it has no price"} for n in range(12)]
        return {"read": 15, "registered": 2, "updated": 1, "unchanged": 0, "skipped": skipped, "commit": "c0ffee"}


class Fake:
    name = "fake"
    help = "Reads nothing."
    called: tuple[object, ...] = ()

    def run(
        self,
        registry: Registry,
        raw: bytes,
        *,
        author: Signature,
        when: object = None,  # noqa: ARG002 - the protocol has it
        origin: str,
    ) -> Answer:
        self.called = (registry.settings.metadata.name, raw, str(author), origin)
        return Answer()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return new_registry(tmp_path / "registry")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(importing, "importer_named", lambda _: made)
    return made


def test_the_importer_gets_the_bytes(registry: Path, tmp_path: Path, fake: Fake) -> None:
    file = tmp_path / "rows.json"
    file.write_bytes(b"{}")
    done = run("import", "fake", file, "--repo", registry, "--author", AUTHOR, "--json")
    assert done.code == 0
    assert done.json == Answer().as_data()
    assert fake.called == ("registry", b"{}", AUTHOR, str(file))


def test_stdin_is_a_file(registry: Path, fake: Fake) -> None:
    run("import", "fake", "-", "--repo", registry, "--author", AUTHOR, stdin=b"[1]")
    assert fake.called[1:] == (b"[1]", AUTHOR, "<stdin>")


@pytest.mark.usefixtures("fake")
def test_people_see_counts_and_the_first_reasons(registry: Path) -> None:
    words = ("import", "fake", "-", "--repo", registry, "--author", AUTHOR)
    lines = run(*words).out.splitlines()
    assert lines[0] == "read 15: 2 registered, 1 updated, 0 unchanged, 12 skipped"
    assert lines[1] == "  skipped row-0: it has no price"
    assert lines[11] == "  and 2 more skipped; -v prints all"
    assert lines[-1] == "commit c0ffee"
    assert "  skipped row-11: it has no price" in run(*words, "-v").out
    assert run(*words, "--quiet").out == ""


def test_the_importers_are_listed() -> None:
    rows = run("import", "--list", "--json").json
    assert [row["name"] for row in rows if row["name"] == "litellm"] == ["litellm"]
    assert "litellm\t" in run("import", "--list").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["nosuch", "x.json"], "there is no importer 'nosuch'", id="importer"),
        pytest.param(["litellm"], "NAME and FILE are both needed", id="no file"),
        pytest.param(["litellm", "absent.json"], "the file cannot be read", id="absent file"),
        pytest.param(["litellm", "."], "the file cannot be read", id="folder"),
    ],
)
def test_wrong_words_are_refused(registry: Path, words: list[str], says: str) -> None:
    before = state_of(registry)
    refused = run("import", *words, "--repo", registry, "--author", AUTHOR)
    assert refused.code == 2
    assert says in refused.err
    assert state_of(registry) == before


def test_without_an_author_nothing_is_imported(registry: Path) -> None:
    before = state_of(registry)
    refused = run("import", "litellm", "-", "--repo", registry, stdin=b"{}")
    assert refused.code == 2
    assert "author of the commit is not known" in refused.err
    assert state_of(registry) == before
