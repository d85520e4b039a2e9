"""`gitreg fmt` puts files in canonical form, whole or not at all, and touches nothing that is in it already."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import model, namespace, new_registry, run, state_of, written

LOOSE = (
    '# why\n{apiVersion: gitreg/v1, kind: Namespace, metadata: {name: "acme"}, spec: {owners: [author@example.com]}}\n'
)
LINE = "# yaml-language-server: $schema=../.gitreg/schemas/v1/namespace.schema.json\n"
CANONICAL = LINE + "# why\n" + namespace()


def test_a_file_is_formatted_in_place(tmp_path: Path) -> None:
    file = written(tmp_path, "ns.yaml", LOOSE)
    file.chmod(0o640)
    done = run("fmt", file)
    assert (done.code, done.out) == (0, f"formatted {file}\n")
    assert file.read_text(encoding="utf-8") == CANONICAL
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["ns.yaml"]


def test_what_is_canonical_is_not_touched(tmp_path: Path) -> None:
    file = written(tmp_path, "ns.yaml", CANONICAL)
    before = file.stat()
    assert run("fmt", file, "--json").json == {"changed": [], "unchanged": 1, "written": True, "findings": []}
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("flag", ["--check", "--diff"])
def test_a_dry_run_writes_nothing_and_exits_1(tmp_path: Path, flag: str) -> None:
    file = written(tmp_path, "ns.yaml", LOOSE)
    done = run("fmt", flag, file)
    assert done.code == 1
    assert str(file) in done.out
    assert ("+kind: Namespace" in done.out) == (flag == "--diff")
    assert file.read_text(encoding="utf-8") == LOOSE
    file.write_text(CANONICAL, encoding="utf-8")
    assert run("fmt", flag, file).code == 0


def test_what_cannot_be_read_is_told_and_the_rest_formatted(tmp_path: Path) -> None:
    broken = written(tmp_path, "a.yaml", "a: [\n")
    file = written(tmp_path, "b.yaml", LOOSE)
    done = run("fmt", tmp_path, "--json")
    assert done.code == 1
    assert done.json["changed"] == [str(file)]
    assert [finding["path"] for finding in done.json["findings"]] == [str(broken)]
    assert broken.read_text(encoding="utf-8") == "a: [\n"
    told = run("fmt", tmp_path)
    assert "error GR-001 yaml-subset" in told.err
    assert "left as they are" in told.err


def test_an_absent_file_exits_2(tmp_path: Path) -> None:
    done = run("fmt", tmp_path / "absent.yaml")
    assert done.code == 2
    assert "cannot be opened: No such file" in done.err
    assert "1 file that cannot be read" in done.err
    assert "in manifests" not in done.err


def test_a_folder_without_manifests_is_said(tmp_path: Path) -> None:
    done = run("fmt", tmp_path)
    assert done.code == 2
    assert "no manifest below this folder" in done.err


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file = written(tmp_path, "real/ns.yaml", LOOSE)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    assert run("fmt", link).code == 0
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == CANONICAL


def test_stdin_goes_to_stdout() -> None:
    done = run("fmt", "-", stdin=LOOSE.encode())
    assert (done.code, done.out) == (0, CANONICAL)
    broken = run("fmt", "-", stdin=b"a: [")
    assert (broken.code, broken.out) == (1, "")
    assert "error GR-001 yaml-subset" in broken.err
    assert run("fmt", "-", "--check", stdin=LOOSE.encode()).code == 1


def test_a_new_registry_is_in_canonical_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = new_registry(tmp_path / "registry")
    before = state_of(registry)
    monkeypatch.chdir(registry)
    done = run("fmt", "--check")
    assert done.code == 0, done.out
    assert run("fmt").code == 0
    assert state_of(registry) == before


def test_the_schema_line_leads_from_the_canonical_place(tmp_path: Path) -> None:
    file = written(tmp_path, "x.yaml", model())
    run("fmt", file)
    first = file.read_text(encoding="utf-8").split("\n")[0]
    assert first.endswith("$schema=../../../.gitreg/schemas/v1/model.schema.json")


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "ns.yaml", LOOSE)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(file))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    done = run("fmt", file)
    assert done.code == 2
    assert "cannot be written: Read-only file system" in done.err
    assert "GR-001" not in done.err
    assert "in manifests" not in done.err
    assert file.read_text(encoding="utf-8") == LOOSE
