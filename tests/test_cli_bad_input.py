"""Whatever is given to `gitreg register`, the answer is clear and has a mend, and nothing moves."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pygit2
import pytest
from cli_support import AUTHOR, model, namespace, new_registry, registered, run, state_of, written


class Bad(NamedTuple):
    """What is given, and what must be said of it."""

    content: str | bytes
    rule: str
    says: str
    mend: str


def bomb() -> str:
    """Give a billion laughs, in lists of lists."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n"


TABLE = {
    "broken UTF-8": Bad(namespace().encode() + b"# \xff\n", "GR-001", "byte 0xff", "save the file as UTF-8"),
    "UTF-16": Bad(namespace().encode("utf-16"), "GR-001", "is not UTF-8", "save the file as UTF-8"),
    "binary": Bad(bytes(range(256)) * 16, "GR-001", "", ""),
    "NUL": Bad(namespace() + "\0", "GR-001", "not YAML", "remove the control character"),
    "byte order mark": Bad("\ufeff" + namespace(), "GR-001", "byte order mark", "without a byte order mark"),
    "tabs": Bad("apiVersion: gitreg/v1\nmetadata:\n\tname: x\n", "GR-001", "not YAML", "spaces, not tabs"),
    "anchor bomb": Bad(bomb(), "GR-001", "anchors (&a0) are not allowed", "write the value out"),
    "alias": Bad("a: *b\n", "GR-001", "aliases (*b) are not allowed", "write the value out"),
    "tag": Bad("a: !!python/object:os.system x\n", "GR-001", "tags", "remove the tag"),
    "merge key": Bad("<<: {a: 1}\n", "GR-001", "merge keys", "write the fields out"),
    "duplicate keys": Bad(namespace() + "kind: Model\n", "GR-001", "'kind' stands here twice", "keep one of the two"),
    "two documents": Bad(namespace() + "---\n" + namespace(), "GR-001", "second document", "its own file"),
    "directive": Bad("%YAML 1.1\n---\na: 1\n", "GR-001", "directives", "remove the line"),
    "deep": Bad("[" * 30 + "]" * 30, "GR-001", "nested deeper than 20", "flatten it"),
    "70 KiB file": Bad(namespace() + "#" * 70_000, "GR-001", "the file has 70,", "link to it"),
    "10 MB file": Bad(b"a: b\n" * 2_000_000, "GR-001", "and a manifest has at most 65,536", "link to it"),
    "empty": Bad("", "GR-001", "the file is empty", "--example"),
    "comment only": Bad("# nothing\n", "GR-001", "the file is empty", "--example"),
    "a list": Bad("- a\n", "", "", ""),
    "no kind": Bad("a: b\n", "", "kind", ""),
    "unknown kind": Bad(namespace().replace("Namespace", "Nmespace"), "", "Nmespace", "Namespace"),
    "unknown key": Bad(
        namespace().replace("owners", "owner"), "GR-003", "unknown key 'owner'", "did you mean 'owners'?"
    ),
    "wrong type": Bad(
        namespace().replace("  - author@example.com\n", "").replace("owners:", "owners: author@example.com"),
        "GR-003",
        "expected a list",
        "on a line of its own",
    ),
    "text that reads as a number": Bad(model(more="  description: 12\n"), "GR-003", "expected text", "quote it: '12'"),
    "missing field": Bad(
        model().replace("  provider: openai\n", ""), "GR-003", "`provider` is missing", "add `provider`"
    ),
    "derived field": Bad(model(more="  createdAt: '2026-11-30'\n"), "GR-019", "createdAt", "remove `createdAt`"),
    "other apiVersion": Bad(namespace().replace("gitreg/v1", "gitreg/v2"), "GR-003", "gitreg/v2", "write `apiVersion"),
    "version 1.0": Bad(model("'1.0'"), "GR-010", "'1.0'", "write major.minor.patch"),
    "version 1.0 unquoted": Bad(model("1.0"), "GR-010", "1.0", "write major.minor.patch"),
    "version 01.0.0": Bad(model("01.0.0"), "GR-010", "'01.0.0'", "no leading zeros"),
    "version v1.0.0": Bad(model("v1.0.0"), "GR-010", "'v1.0.0'", "write major.minor.patch"),
    "version with build": Bad(model("1.0.0+b"), "GR-010", "'1.0.0+b'", "no build metadata"),
    "capital name": Bad(model(name="Chat"), "GR-005", "'Chat'", "lower-case"),
    "path in a name": Bad(model(name="../../etc"), "GR-005", "'../../etc'", "lower-case"),
    "short checksum": Bad(model(digest="abc"), "GR-060", "'abc'", "64 lower-case hexadecimal digits"),
    "reference to nothing": Bad(
        model(more="").replace("spec:\n", "spec:\n  dependencies:\n  - ref: acme/absent@^1\n"),
        "GR-030",
        "there is no model:acme/absent",
        "register model:acme/absent first",
    ),
    "frozen field": Bad(model("0.1.0").replace("openai", "anthropic"), "GR-011", "spec.provider", ""),
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_registry(tmp_path_factory.mktemp("bad") / "registry")
    registered(folder, namespace(), model("0.1.0"))
    return folder


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_manifest_is_refused_with_a_mend(registry: Path, tmp_path: Path, name: str) -> None:
    bad = TABLE[name]
    file = written(tmp_path, "bad.yaml", bad.content)
    before = state_of(registry)
    refused = run("register", file, "--repo", registry, "--author", AUTHOR, "--json")
    assert refused.code == 1, refused.err
    assert refused.error["code"] == "rejected"
    assert "this is a bug" not in refused.err
    said = [finding for finding in refused.error["findings"] if bad.rule in finding["rule"]]
    assert said, refused.err
    assert any(bad.says in finding["says"] and bad.mend in finding["mend"] for finding in said), refused.err
    assert all(finding["mend"] for finding in said)
    assert said[0]["says"] in refused.err
    assert state_of(registry) == before


class Call(NamedTuple):
    """What stands where, and what must be said of a call on it."""

    code: int
    error: str
    says: str
    mend: str


PLACES = {
    "no such folder": Call(2, "repository", "there is no such folder", "gitreg init"),
    "a file": Call(2, "repository", "this is a file, not a folder", "gitreg init"),
    "not a repository": Call(2, "repository", "this is not a Git repository", "gitreg init"),
    "a repository that is no registry": Call(2, "repository", "this repository is not a registry", "gitreg init"),
    "a repository without commits": Call(2, "repository", "this repository is not a registry", "gitreg init"),
    "a registry.yaml that cannot be read": Call(2, "repository", "this repository is not a registry", "--repo"),
}


def place(folder: Path, name: str) -> Path:
    """Make what a `--repo` may wrongly name."""
    where = folder / "place"
    if name == "a file":
        return written(folder, "place", "mine")
    if name == "not a repository":
        where.mkdir()
    elif name == "a registry.yaml that cannot be read":
        registry = new_registry(where)
        written(registry, "registry.yaml", "a: [")
        repo = pygit2.Repository(str(where))
        repo.index.add("registry.yaml")
        who = pygit2.Signature("A", "a@example.com")
        repo.create_commit("HEAD", who, who, "Break it", repo.index.write_tree(), [repo.head.target])
    elif name.startswith("a repository"):
        repo = pygit2.init_repository(str(where), initial_head="main")
        if name == "a repository that is no registry":
            who = pygit2.Signature("A", "a@example.com")
            repo.create_commit("HEAD", who, who, "Begin", repo.index.write_tree(), [])
    return where


INDEX = ("index", *(f"index {word}" for word in ("status", "verify", "accept-rewrite", "watch")))


@pytest.mark.parametrize("command", ["register", "update", "blame", "import", *INDEX])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_is_no_registry_is_refused(tmp_path: Path, name: str, command: str) -> None:
    expected = PLACES[name]
    where = place(tmp_path, name)
    file = str(written(tmp_path, "ns.yaml", namespace()))
    words = {
        "register": [file],
        "update": ["acme/chat", "--set", "a=1"],
        "blame": ["acme/chat", "spec"],
        "import": ["litellm", file],
    }
    refused = run(*command.split(), *words.get(command, []), "--repo", where, "--json")
    assert refused.code == expected.code
    assert refused.error["code"] == expected.error
    assert refused.error["says"].startswith(expected.says)
    assert expected.mend in refused.error["mend"]
    assert str(where) in refused.err


@pytest.mark.parametrize(
    ("words", "says", "mend"),
    [
        pytest.param([], "the author of the commit is not known", "--author", id="no author"),
        pytest.param(["--author", "nobody"], "'nobody' is not a name and an email", "Example Author", id="no email"),
        pytest.param(
            ["--author", "A\nB <a@b>"], "the name of a signature", "correct the name", id="line in the author"
        ),
        pytest.param(["--author", AUTHOR, "-m", " "], "the message is empty", "say in a line", id="empty message"),
        pytest.param(["--author", AUTHOR, "-m", "a\0b"], "without NUL", "message", id="NUL in the message"),
        pytest.param(["--author", AUTHOR, "--approve", "x"], "there is no rule 'x'", "code", id="no such rule"),
    ],
)
def test_wrong_options_are_refused(registry: Path, tmp_path: Path, words: list[str], says: str, mend: str) -> None:
    file = written(tmp_path, "ns.yaml", namespace("beta"))
    before = state_of(registry)
    refused = run("register", file, "--repo", registry, *words, "--json")
    assert refused.code == 2
    assert refused.error["code"] == "usage"
    assert says in refused.err
    assert mend in refused.error["mend"]
    assert state_of(registry) == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("absent.yaml", "No such file", id="absent"),
        pytest.param("file.yaml/below.yaml", "Not a directory", id="below a file"),
        pytest.param("", "a file's name is empty", id="empty name"),
        pytest.param("a\0b", "null byte", id="NUL in the name"),
        pytest.param("x" * 300, "File name too long", id="long name"),
        pytest.param("empty", "no manifest below this folder", id="empty folder"),
        pytest.param("loop.yaml", "Too many levels of symbolic links", id="link to itself"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    written(tmp_path, "file.yaml", namespace())
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    monkeypatch.chdir(tmp_path)
    before = state_of(registry)
    refused = run("register", name, "--repo", registry, "--author", AUTHOR, "--json")
    assert refused.code == 2
    assert says in refused.err
    assert "mend: " in refused.err
    assert state_of(registry) == before
