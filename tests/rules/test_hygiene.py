"""Which files may stand in a registry, where, and as what."""

from __future__ import annotations

import pytest
from gate_support import BASE, Case, change_of, expect, found_by, model, new_registry, path_of

from gitreg.repository.git import Entry
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.validation import Change, check
from gitreg_validators.hygiene import RULES

TEXT = b"text\n"
LANDED = {"docs/Guide.md": TEXT, "stray.txt": TEXT, "models/acme/chat/1.0.0-rc.1.yaml": model(version="1.0.0-rc.1")}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("hygiene"), {**BASE, **LANDED}).snapshot()


FINE = [
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    ".github/workflows/validate.yml",
    ".gitlab-ci.yml",
    ".gitreg/schemas/v1/model.schema.json",
    ".gitignore",
    ".gitattributes",
    ".editorconfig",
    ".pre-commit-config.yaml",
    ".yamllint",
    "docs/deep/down/page.txt",
    "docs/größe.md",
    "examples/model.yml",
    "hooks/pre-commit",
    "access/allowed_signers",
    "access/README.md",
    "models/README.md",
    "models/acme/README.md",
    "models/acme/chat/README.md",
    "policy-links/acme/.gitkeep",
    path_of("new"),
    path_of("new", "1.0.0-RC.1"),
    "datasets/acme/chat/1.0.0.yaml",
    "namespaces/acme/nlp.yaml",
    "waivers/late.yaml",
]


@pytest.mark.parametrize("path", FINE)
def test_documented_files_may_stand(base: Snapshot, path: str) -> None:
    expect(base, Case(path, {path: TEXT}), RULES)


OUT = "documentation goes to docs/, samples to examples/"
MISPLACED = [
    ("notes.txt", OUT),
    ("setup.py", OUT),
    ("README.txt", OUT),
    ("src/README.md", OUT),
    ("models.yaml", OUT),
    (".gitkeep", OUT),
    (".githubs/a", OUT),
    ("doc.s/a", OUT),
    ("models/acme/new/1.0.0.yml", "move it to models/acme/new/1.0.0.yaml"),
    ("models/acme/new/1.0.0.YAML", "move it to models/acme/new/1.0.0.yaml"),
    ("models/acme/new/1.0.0.json", "move it to models/acme/new/1.0.0.yaml"),
    ("models/acme/new/v1.0.0.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("models/acme/new/V1.0.0-rc.1.yml", "move it to models/acme/new/1.0.0-rc.1.yaml"),
    ("models/acme/new/1.0.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("models/acme/new/v2.yaml", "move it to models/acme/new/2.0.0.yaml"),
    ("models/acme/new/1.0.0+build.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("model/acme/new/1.0.0.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("Models/Acme/new/1.0.0.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("modells/acme/new/1.0.0.yaml", "move it to models/acme/new/1.0.0.yaml"),
    ("PipelineTemplate/acme/new/v1.yml", "move it to templates/acme/new/1.0.0.yaml"),
    ("testsuite/acme/new/1.0.0.yaml", "move it to suites/acme/new/1.0.0.yaml"),
    ("policy-link/acme/late.yaml", "move it to policy-links/acme/late.yaml"),
    ("registry.yml", "move it to registry.yaml"),
    ("Docs/a.md", "move it to docs/a.md"),
    (
        "models/acme/new/notes.md",
        "a model stands at models/<namespace>/<name>/<version>.yaml, with a version like 1.0.0",
    ),
    ("models/acme/n w/1.0.0.yaml", "<version>.yaml, with a version like 1.0.0: 'n w' does not keep the name grammar"),
    ("models/1.0.0.yaml", "a model stands at models/<namespace>/<name>/<version>.yaml, with a version like 1.0.0"),
    ("models/a_b-/README.md", "'a_b-' does not keep the name grammar"),
    ("models/acme/new/1.0.0", "a model stands at models/"),
    ("policy-links/late.yaml", "a policy-link stands at policy-links/<namespace>/<name>.yaml"),
    ("namespaces/a/b/c/d.yaml", "a namespace stands at namespaces/<namespace>.yaml"),
    ("access/a/b.yaml", "stands at access/<name>.yaml"),
    ("waivers/late.txt", "a waiver stands at waivers/<name>.yaml"),
]


@pytest.mark.parametrize(("path", "mend"), MISPLACED)
def test_anything_else_is_told_its_place(base: Snapshot, path: str, mend: str) -> None:
    (found,) = [finding for finding in found_by(base, {path: TEXT}, RULES) if "one path" not in finding.says]
    assert found.says == f"{path!r} is neither at a manifest's place nor a documented file"
    assert mend in found.mend
    if mend == found.mend[-len(mend) :] and "stands at" in mend:
        assert found.mend.endswith(mend)
    assert found.path == path
    assert found.severity.value == "error"


CASES = [
    Case("a stray file is edited", {"stray.txt": b"more\n"}),
    Case("a stray file is taken away", {"stray.txt": None}),
    Case("a page in another case", {"docs/guide.md": TEXT}, "'docs/guide.md' and 'docs/Guide.md' are one path"),
    Case("a page in another case takes its place", {"docs/guide.md": TEXT, "docs/Guide.md": None}),
    Case("a folder in another case", {".GitHub/a": TEXT, ".github/b": TEXT}, "'.GitHub' and '.github' are one path"),
    Case("a folder within", {"docs/A/x.md": TEXT, "docs/a/y.md": TEXT, "docs/a/z": None}, "'docs/A' and 'docs/a'"),
    Case(
        "a version in another case",
        {path_of(version="1.0.0-RC.1"): TEXT},
        "'models/acme/chat/1.0.0-RC.1.yaml' and 'models/acme/chat/1.0.0-rc.1.yaml' are one path",
    ),
    Case("letters that fold", {"docs/STRASSE": TEXT, "docs/straße": TEXT}, "'docs/STRASSE' and 'docs/straße' are one"),
    Case("a colon", {"docs/a:b": TEXT}, "has the character ':', which Windows cannot hold"),
    Case("a control character", {"docs/a\x01b": TEXT}, "has the character '\\x01'"),
    Case("a backslash", {"docs/a\\b": TEXT}, "has the character '\\\\'"),
    Case("a star", {"docs/a*": TEXT}, "has the character '*'"),
    Case("another normal form", {"docs/a\u0308": TEXT}, "is not in Unicode's normal form NFC"),
    Case("a dot at the end", {"docs/a.": TEXT}, "the name 'a.' ends with '.', which Windows drops"),
    Case("a space at the end of a folder", {"docs/a /b": TEXT}, "the name 'a ' ends with ' ', which Windows drops"),
    Case("a device", {"docs/NUL.txt": TEXT}, "the name 'NUL.txt' cannot be a file on Windows"),
    Case("a device's name in a name", {"docs/nul-a.txt": TEXT}),
    Case("a folder of Git's", {"docs/git~1": TEXT}, "the name 'git~1' is Git's own"),
    Case("a name of 255 bytes", {"docs/" + "a" * 255: TEXT}),
    Case("a name of 256 bytes", {"docs/" + "ä" * 128: TEXT}, "more than 255 bytes"),
    Case("a record that no Windows can hold is name-grammar's matter", {path_of("nul"): TEXT}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_paths_are_fit_for_every_system(base: Snapshot, case: Case) -> None:
    found = [finding.says for finding in found_by(base, case.files, RULES)]
    if case.says is None:
        assert found == []
    else:
        assert [says for says in found if case.says in says], found


def test_both_of_two_new_twins_are_told_and_one_fault_a_path_of_its_form(base: Snapshot) -> None:
    found = found_by(base, {"docs/x/a": TEXT, "docs/x/A": TEXT}, RULES)
    assert [finding.path for finding in found] == ["docs/x/A", "docs/x/a"]
    found = found_by(base, {"docs/a:b.": TEXT}, RULES)
    assert len(found) == 1
    assert found_by(base, {"docs/y/a": TEXT, "docs/y/b": TEXT}, RULES) == []


def test_a_path_that_is_not_utf8_is_told_and_can_be_printed(base: Snapshot) -> None:
    found = found_by(base, {"docs/a\udcff": TEXT}, RULES)
    assert [(finding.path, finding.says) for finding in found] == [
        ("docs/a\\xff", "the path 'docs/a\\\\xff' is not UTF-8")
    ]
    found = found_by(base, {"a\udcff": TEXT}, RULES)
    assert [finding.path for finding in found] == ["a\\xff"] * 2
    assert found_by(base, {"docs/a\\udcff": None}, RULES) == []


def modes(base: Snapshot, path: str, mode: int) -> list[str]:
    oid = str(base.repo.handle.create_blob(b"docs"))
    return [f"{found.says} | {found.mend}" for found in found_by(base, {}, RULES, {path: Entry(path, oid, mode)})]


@pytest.mark.parametrize("path", [".github/run.sh", "hooks/pre-commit", ".github/a/b"])
def test_scripts_may_be_executable(base: Snapshot, path: str) -> None:
    assert modes(base, path, 0o100755) == []
    assert len(modes(base, path, 0o120000)) == 1


@pytest.mark.parametrize(
    ("path", "mode", "says", "mend"),
    [
        (
            "docs/run.sh",
            0o100755,
            "is an executable file; expected a plain file (mode 100644)",
            "--chmod=-x docs/run.sh",
        ),
        (path_of("new"), 0o100755, "is an executable file", "--chmod=-x"),
        (path_of("new"), 0o120000, "is a symlink", "put a plain file here"),
        (path_of(), 0o120000, "is a symlink", "put a plain file here"),
        ("docs/guides", 0o160000, "is a submodule", "put a plain file here"),
        ("hooks/sub", 0o160000, "is a submodule", "put a plain file here"),
        ("docs/odd", 0o100664, "is an entry of mode 100664", "put a plain file here"),
    ],
)
def test_everything_else_is_a_plain_file(base: Snapshot, path: str, mode: int, says: str, mend: str) -> None:
    (found,) = modes(base, path, mode)
    assert found.startswith(f"'{path}' {says}")
    assert mend in found


def test_a_landed_executable_is_not_held_against_a_change_of_its_text(base: Snapshot) -> None:
    def entry(raw: bytes, mode: int = 0o100755) -> Entry:
        return Entry("docs/run.sh", str(base.repo.handle.create_blob(raw)), mode)

    landed = Overlay(base, {}, {"docs/run.sh": entry(b"1")})
    assert check(Change(landed, Overlay(landed, {}, {"docs/run.sh": entry(b"2")})), RULES) == []
    assert check(Change(landed, Overlay(landed, {"docs/run.sh": None})), RULES) == []
    assert check(Change(landed, Overlay(landed, {"docs/run.sh": b"2"})), RULES) == []
    (found,) = check(Change(landed, Overlay(landed, {}, {"docs/run.sh": entry(b"2", 0o120000)})), RULES)
    assert "is a symlink" in found.says


def test_a_whole_state_is_judged(base: Snapshot) -> None:
    found = check(Change.state(base), RULES)
    assert [finding.path for finding in found] == ["stray.txt"]


def test_cost_follows_the_change(base: Snapshot) -> None:
    change = change_of(base, {path_of("new"): TEXT})
    check(change, RULES)
    assert change.head.footprint.folders <= {"models/acme/new"}
