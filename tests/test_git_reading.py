"""What is read is what Git holds, however odd; what cannot be read says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from gitreg.errors import RepositoryError, UsageError
from gitreg.repository.git import (
    GitRepository,
    HistoryRewritten,
    Signature,
    printable,
)
from gitreg.repository.writing import write_commit

AUTHOR = Signature("Example Author", "author@example.com", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))

Committing = Callable[..., str]


def git(where: Path, *words: str, given: bytes | None = None) -> str:
    done = subprocess.run(["git", "-C", str(where), *words], input=given, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def put(repo: GitRepository, kind: ObjectType, data: bytes) -> str:
    return str(repo.handle.odb.write(kind, data))


def tree_of(repo: GitRepository, *entries: tuple[bytes, bytes, str]) -> str:
    rows = (b"%s %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in entries)
    return put(repo, ObjectType.TREE, b"".join(rows))


def chain_of(repo: GitRepository, length: int) -> list[str]:
    """Make commits in a row, oldest first, without a ref."""
    tree = put(repo, ObjectType.TREE, b"")
    oids: list[str] = []
    for n in range(length):
        parent = f"parent {oids[-1]}\n" if oids else ""
        who = f"Example Author <author@example.com> {1_700_000_000 + n} +0000"
        text = f"tree {tree}\n{parent}author {who}\ncommitter {who}\n\nstep {n}\n"
        oids.append(put(repo, ObjectType.COMMIT, text.encode()))
    return oids


class TestOpening:
    def test_a_bare_repository_is_opened_by_its_path(self, repo: GitRepository) -> None:
        opened = GitRepository.open(repo.git_dir)
        assert (opened.git_dir, opened.workdir, opened.tip()) == (repo.git_dir, None, None)

    def test_a_folder_inside_a_work_tree_leads_to_its_repository(self, tmp_path: Path) -> None:
        made = GitRepository.create(tmp_path / "w")
        (tmp_path / "w/models/acme").mkdir(parents=True)
        opened = GitRepository.open(tmp_path / "w/models/acme")
        assert opened.git_dir == made.git_dir == tmp_path / "w/.git"
        assert opened.workdir == tmp_path / "w"
        assert opened.state_dir == tmp_path / "w/.git/gitreg"
        assert not opened.state_dir.exists()

    def test_a_linked_worktree_shares_the_git_folder(self, tmp_path: Path, commit_to: Committing) -> None:
        made = GitRepository.create(tmp_path / "w")
        tip = commit_to(made, {"a": b"1"})
        git(tmp_path / "w", "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
        opened = GitRepository.open(tmp_path / "side")
        assert opened.git_dir == made.git_dir
        assert opened.workdir == tmp_path / "side"
        assert (opened.branch, opened.tip()) == ("refs/heads/main", tip)

    @pytest.mark.parametrize("kind", ["absent", "plain-folder", "file"])
    def test_what_is_no_repository_is_refused_with_a_mend(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / "plain-folder").mkdir()
        (tmp_path / "file").touch()
        with pytest.raises(RepositoryError) as caught:
            GitRepository.open(tmp_path / kind)
        assert caught.value.where == str(tmp_path / kind)
        assert "gitreg init" in caught.value.mend

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_repository_of_another_user_names_safe_directory(self, tmp_path: Path) -> None:
        GitRepository.create(tmp_path / "w")
        for path in (tmp_path / "w", tmp_path / "w/.git"):
            os.chown(path, 12345, 12345)
        with pytest.raises(RepositoryError) as caught:
            GitRepository.open(tmp_path / "w")
        assert f"git config --global --add safe.directory {tmp_path / 'w'}" in caught.value.mend

    def test_a_broken_repository_is_refused(self, tmp_path: Path) -> None:
        GitRepository.create(tmp_path / "w")
        (tmp_path / "w/.git/config").write_text("[core\n")
        with pytest.raises(RepositoryError):
            GitRepository.open(tmp_path / "w").tip()


class TestCreating:
    @pytest.mark.parametrize("bare", [True, False])
    @pytest.mark.parametrize("exists", [True, False])
    def test_git_accepts_what_is_made(self, tmp_path: Path, bare: bool, exists: bool) -> None:
        where = tmp_path / "deep/new"
        if exists:
            where.mkdir(parents=True)
        made = GitRepository.create(where, bare=bare, branch="trunk")
        assert made.branch == "refs/heads/trunk"
        assert made.tip() is None
        assert git(where, "symbolic-ref", "HEAD") == "refs/heads/trunk"
        assert git(where, "rev-parse", "--is-bare-repository") == str(bare).lower()
        assert [path.name for path in where.parent.iterdir()] == ["new"]

    def test_a_folder_with_files_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(RepositoryError, match="empty folder"):
            GitRepository.create(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    @pytest.mark.parametrize("exists", [True, False])
    def test_a_failure_leaves_nothing_behind(
        self, tmp_path: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where = tmp_path / "new"
        if exists:
            where.mkdir()

        def fail(path: str, **_: object) -> None:
            (Path(path) / "objects").mkdir()
            raise OSError("failed to create HEAD: No space left on device")

        monkeypatch.setattr(pygit2, "init_repository", fail)
        with pytest.raises(RepositoryError) as caught:
            GitRepository.create(where)
        assert "free some space" in caught.value.mend
        assert list(tmp_path.rglob("*")) == ([where] if exists else [])

    def test_a_branch_name_that_git_refuses_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError):
            GitRepository.create(tmp_path / "new", branch="no..way")
        assert not (tmp_path / "new").exists()


class TestTheBranch:
    @pytest.mark.parametrize("named", ["live", "refs/heads/live"])
    def test_the_git_config_decides_first(self, repo: GitRepository, named: str) -> None:
        git(repo.git_dir, "config", "gitreg.branch", named)
        assert GitRepository.open(repo.git_dir).branch == "refs/heads/live"

    def test_main_comes_before_what_head_names(self, repo: GitRepository, commit_to: Committing) -> None:
        commit_to(repo, {"a": b"1"})
        git(repo.git_dir, "symbolic-ref", "HEAD", "refs/heads/other")
        assert GitRepository.open(repo.git_dir).branch == "refs/heads/main"

    def test_a_symbolic_branch_stands_for_its_target(self, repo: GitRepository, commit_to: Committing) -> None:
        commit_to(repo, {"a": b"1"})
        git(repo.git_dir, "branch", "-m", "main", "trunk")
        git(repo.git_dir, "symbolic-ref", "refs/heads/main", "refs/heads/trunk")
        assert GitRepository.open(repo.git_dir).branch == "refs/heads/trunk"

    def test_a_detached_head_without_main_asks_for_the_name(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        git(repo.git_dir, "update-ref", "--no-deref", "HEAD", tip)
        git(repo.git_dir, "update-ref", "-d", "refs/heads/main")
        with pytest.raises(RepositoryError) as caught:
            _ = GitRepository.open(repo.git_dir).branch
        assert "git config gitreg.branch" in caught.value.mend

    def test_a_name_that_cannot_be_is_refused(self, repo: GitRepository) -> None:
        git(repo.git_dir, "config", "gitreg.branch", "a..b")
        with pytest.raises(RepositoryError):
            _ = GitRepository.open(repo.git_dir).branch


class TestResolving:
    def test_branches_tags_and_short_ids_lead_to_the_commit(self, repo: GitRepository, commit_to: Committing) -> None:
        first, tip = commit_to(repo, {"a": b"1"}), commit_to(repo, {"a": b"2"})
        git(
            repo.git_dir,
            "-c",
            "user.name=E",
            "-c",
            "user.email=e@example.com",
            "tag",
            "-am",
            "v1",
            "v1",
            first,
        )
        assert {repo.resolve(rev) for rev in ("main", "HEAD", tip[:10], tip)} == {tip}
        assert {repo.resolve(rev) for rev in ("v1", "main~1", first[:10])} == {first}
        assert [repo.named(name) for name in ("main", "refs/heads/main", "v1", "refs/tags/v1")] == [tip] * 2 + [
            first
        ] * 2
        git(repo.git_dir, "tag", "main", first)
        git(repo.git_dir, "tag", "tree", f"{first}^{{tree}}")
        git(repo.git_dir, "symbolic-ref", "refs/heads/dangling", "refs/heads/nowhere")
        git(repo.git_dir, "update-ref", "refs/hidden/x", first)
        assert repo.named("main") == tip
        nothing = [
            "nowhere",
            "HEAD",
            "main~1",
            first,
            first[:10],
            "tree",
            "dangling",
            "refs/hidden/x",
            "x",
            "heads/main",
        ]
        assert {repo.named(name) for name in [*nothing, "", "\udcff", "\0", "a..b", "refs/heads/", "a b"]} == {None}

    @pytest.mark.parametrize("rev", ["nowhere", "", "a..b", "HEAD~999", "\udcff", "\0", "main:a", "0" * 40])
    def test_what_is_no_commit_is_refused(self, repo: GitRepository, commit_to: Committing, rev: str) -> None:
        commit_to(repo, {"a": b"1"})
        with pytest.raises(RepositoryError) as caught:
            repo.resolve(rev)
        assert caught.value.mend


class TestCommits:
    def test_a_commit_is_read_as_written(self, repo: GitRepository, commit_to: Committing) -> None:
        first = commit_to(repo, {"a": b"1"}, "One\n\nBody, ünïcode")
        tip = commit_to(repo, {"a": b"2"}, "Two")
        commit = repo.commit(tip)
        assert (commit.oid, commit.parents, commit.message) == (tip, (first,), "Two\n")
        assert commit.author == commit.committer == AUTHOR
        assert commit.tree == git(repo.git_dir, "rev-parse", "main^{tree}")
        assert repo.commit(first).message == "One\n\nBody, ünïcode\n"

    def test_odd_commits_still_read(self, repo: GitRepository) -> None:
        tree = put(repo, ObjectType.TREE, b"")
        head = f"tree {tree}\n".encode()
        latin = b"author J\xf6rg <j@example.com> 5 +0200\ncommitter A <a@example.com> 5 -0130\n"
        signed = b"gpgsig -----BEGIN\n abc\n\n def\n -----END\n".replace(b"\n\n", b"\n \n")
        oid = put(repo, ObjectType.COMMIT, head + latin + b"encoding iso-8859-1\n" + signed + b"\nGr\xfc\xdfe\n")
        commit = repo.commit(oid)
        assert (commit.author.name, commit.message) == ("Jörg", "Grüße\n")
        assert commit.committer.when.utcoffset() == -timedelta(hours=1, minutes=30)

    @pytest.mark.parametrize(
        "who",
        [
            b"",
            b"nobody",
            b"<> 0 +0000",
            b"A <a> 99999999999999999999 +9999",
            b"A <a> x",
            b"\xff <\xfe> 1 +0000",
        ],
    )
    def test_a_nonsensical_author_does_not_stop_the_reader(self, repo: GitRepository, who: bytes) -> None:
        tree = put(repo, ObjectType.TREE, b"").encode()
        data = b"tree %s\nauthor %s\ncommitter %s\nencoding no-such\n\n\xff" % (tree, who, who)
        # written past libgit2, which refuses some of these
        oid = sha1(b"commit %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        made = git(repo.git_dir, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", given=data)
        assert made == oid
        assert repo.commit(oid).message == "\ufffd"
        assert repo.commit(oid).author.when.tzinfo is not None

    def test_an_object_of_another_kind_is_refused(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        blob = repo.entry(tip, "a")
        assert blob is not None
        for read in (
            lambda: repo.commit(blob.oid),
            lambda: repo.read_blob(tip),
            lambda: repo.entry(blob.oid, "a"),
        ):
            with pytest.raises(RepositoryError, match="is not a"):
                read()


class TestTrees:
    def test_entries_children_and_walks_agree(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"b/x": b"1", "b/y/z": b"2", "b.c": b"3", "a": b"4"})
        assert [entry.path for entry in repo.walk(tip)] == git(
            repo.git_dir, "ls-tree", "-r", "--name-only", "main"
        ).split("\n")
        assert [entry.path for entry in repo.walk(tip, "b")] == ["b/x", "b/y/z"]
        assert [(e.path, e.is_plain, e.is_tree) for e in repo.children(tip, "b")] == [
            ("b/x", True, False),
            ("b/y", False, True),
        ]
        assert [entry.path for entry in repo.children(repo.commit(tip).tree)] == ["a", "b.c", "b"]
        found = repo.entry(tip, "b/y/z")
        assert found is not None
        assert (found.path, found.mode, repo.read_blob(found.oid)) == ("b/y/z", 0o100644, b"2")

    @pytest.mark.parametrize("path", ["nope", "b/nope", "a/under-a-file", "b/x/y", "", "/", "b/"])
    def test_what_is_absent_is_none(self, repo: GitRepository, commit_to: Committing, path: str) -> None:
        tip = commit_to(repo, {"b/x": b"1", "a": b"4"})
        assert repo.entry(tip, path) is None
        if path:
            assert repo.children(tip, path) == list(repo.walk(tip, path)) == []

    def test_bytes_that_are_not_utf8_survive(self, repo: GitRepository) -> None:
        blob = put(repo, ObjectType.BLOB, b"x")
        tree = tree_of(repo, (b"100644", b"\xff\n\x1b.yaml", blob))
        (entry,) = repo.walk(tree)
        assert repo.entry(tree, entry.path) == entry
        assert printable(entry.path) == "\\xff\n\x1b.yaml"
        assert [change.path for change in repo.diff(None, tree)] == [entry.path]

    def test_an_odd_mode_hides_nothing(self, repo: GitRepository) -> None:
        blob = put(repo, ObjectType.BLOB, b"x")
        below = tree_of(repo, (b"100664", b"f", blob), (b"100777", b"g", blob))
        tree = tree_of(repo, (b"040000", b"d", below), (b"40755", b"e", below))
        assert [(entry.path, entry.mode) for entry in repo.walk(tree)] == [
            ("d/f", 0o100644),
            ("d/g", 0o100755),
            ("e/f", 0o100644),
            ("e/g", 0o100755),
        ]

    @pytest.mark.parametrize("names", [(b"a", b"a"), (b"a/b",)])
    def test_a_malformed_tree_is_an_error_and_no_guess(self, repo: GitRepository, names: tuple[bytes, ...]) -> None:
        blob = put(repo, ObjectType.BLOB, b"x")
        tree = tree_of(repo, *((b"100644", name, blob) for name in names))
        with pytest.raises(RepositoryError, match="malformed"):
            list(repo.walk(tree))

    def test_a_very_deep_tree_is_walked(self, repo: GitRepository) -> None:
        blob = put(repo, ObjectType.BLOB, b"x")
        tree = tree_of(repo, (b"100644", b"f", blob))
        for _ in range(1500):
            tree = tree_of(repo, (b"40000", b"d", tree))
        (entry,) = repo.walk(tree)
        (change,) = repo.diff(None, tree)
        assert entry.path == change.path == "d/" * 1500 + "f"


class TestBlobs:
    def test_a_limit_is_kept_without_reading(self, repo: GitRepository) -> None:
        blob = put(repo, ObjectType.BLOB, b"12345")
        assert repo.blob_size(blob) == 5
        assert repo.read_blob(blob, limit=5) == b"12345"
        with pytest.raises(RepositoryError, match="larger") as caught:
            repo.read_blob(blob, limit=4)
        assert (caught.value.got, caught.value.expected) == ("5 bytes", "at most 4 bytes")

    def test_missing_and_corrupt_objects_are_named(self, repo: GitRepository) -> None:
        with pytest.raises(RepositoryError, match="missing"):
            repo.read_blob("1" * 40)
        with pytest.raises(RepositoryError, match="not an object id"):
            repo.read_blob("main")
        blob = put(repo, ObjectType.BLOB, b"12345")
        path = repo.git_dir / "objects" / blob[:2] / blob[2:]
        path.chmod(0o644)
        path.write_bytes(b"garbage")
        with pytest.raises(RepositoryError) as caught:
            GitRepository.open(repo.git_dir).read_blob(blob)
        assert "git fsck" in caught.value.mend

    def test_objects_repacked_by_another_process_are_still_found(
        self, repo: GitRepository, commit_to: Committing
    ) -> None:
        tips = [commit_to(repo, {f"f{n}": b"%d" % n}) for n in range(3)]
        git(repo.git_dir, "repack", "-adq")
        reader = GitRepository.open(repo.git_dir)
        assert reader.commit(tips[0]).parents == ()
        commit_to(repo, {"more": b"m"})
        git(repo.git_dir, "repack", "-adq")
        assert [entry.path for entry in reader.walk(tips[2])] == ["f0", "f1", "f2"]


class TestDiffs:
    def test_each_change_of_mode_or_content_is_one_change(self, repo: GitRepository) -> None:
        one, two = put(repo, ObjectType.BLOB, b"1"), put(repo, ObjectType.BLOB, b"2")
        below = tree_of(repo, (b"100644", b"x", one))
        submodule = "5" * 40
        old = tree_of(
            repo,
            (b"100644", b"edited", one),
            (b"100644", b"executable", one),
            (b"100644", b"folder", one),
            (b"100644", b"link", one),
            (b"100644", b"moved-from", one),
            (b"100644", b"same", one),
            (b"100644", b"sub", one),
            (b"40000", b"was-folder", below),
        )
        new = tree_of(
            repo,
            (b"100644", b"edited", two),
            (b"100755", b"executable", one),
            (b"40000", b"folder", below),
            (b"120000", b"link", one),
            (b"100644", b"moved-to", one),
            (b"100644", b"same", one),
            (b"160000", b"sub", submodule),
            (b"100644", b"was-folder", one),
        )
        git(repo.git_dir, "config", "core.filemode", "false")
        git(repo.git_dir, "config", "diff.ignoreSubmodules", "all")
        git(repo.git_dir, "config", "diff.renames", "true")
        found = [
            (c.path, c.old and (c.old.mode, c.old.oid), c.new and (c.new.mode, c.new.oid))
            for c in GitRepository.open(repo.git_dir).diff(old, new)
        ]
        assert found == [
            ("edited", (0o100644, one), (0o100644, two)),
            ("executable", (0o100644, one), (0o100755, one)),
            ("folder", (0o100644, one), None),
            ("folder/x", None, (0o100644, one)),
            ("link", (0o100644, one), (0o120000, one)),
            ("moved-from", (0o100644, one), None),
            ("moved-to", None, (0o100644, one)),
            ("sub", (0o100644, one), (0o160000, submodule)),
            ("was-folder", None, (0o100644, one)),
            ("was-folder/x", (0o100644, one), None),
        ]

    def test_the_empty_tree_is_none(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a/b": b"1"})
        assert [(c.path, c.old) for c in repo.diff(None, tip)] == [("a/b", None)]
        assert [(c.path, c.new) for c in repo.diff(tip, None)] == [("a/b", None)]
        assert list(repo.diff(tip, tip)) == list(repo.diff(None, None)) == []


class TestHistory:
    def test_first_parents_come_oldest_first(self, repo: GitRepository) -> None:
        chain = chain_of(repo, 5)
        assert list(repo.first_parents(chain[4])) == chain
        assert list(repo.first_parents(chain[4], chain[1])) == chain[2:]
        assert list(repo.first_parents(chain[4], chain[4])) == []

    def test_the_other_side_of_a_merge_is_not_on_the_chain(self, repo: GitRepository) -> None:
        chain = chain_of(repo, 2)
        side = write_commit(repo, parent=chain[0], changes={"s": b"1"}, author=AUTHOR, committer=AUTHOR, message="side")
        tree = repo.commit(side).tree
        head = f"tree {tree}\nparent {chain[1]}\nparent {side}\n"
        who = "E <e@example.com> 1 +0000"
        merge = put(repo, ObjectType.COMMIT, f"{head}author {who}\ncommitter {who}\n\nm\n".encode())
        assert list(repo.first_parents(merge)) == [*chain, merge]
        assert repo.seq(merge) == 3
        with pytest.raises(HistoryRewritten) as caught:
            repo.first_parents(merge, side)
        assert "accept-rewrite" in caught.value.mend

    def test_positions_count_from_one(self, repo: GitRepository) -> None:
        chain = chain_of(repo, 10)
        assert [repo.seq(oid) for oid in reversed(chain)] == list(range(10, 0, -1))
        assert GitRepository.open(repo.git_dir).seq(chain[6]) == 7

    def test_the_position_of_a_child_costs_one_read(self, repo: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
        chain = chain_of(repo, 50)
        assert repo.seq(chain[48]) == 49
        reads: list[str] = []
        first_parent = repo._first_parent

        def counted(oid: str) -> str | None:
            reads.append(oid)
            return first_parent(oid)

        monkeypatch.setattr(repo, "_first_parent", counted)
        assert repo.seq(chain[49]) == 50
        assert reads == [chain[49]]

    def test_positions_outlive_the_process_and_a_damaged_file_is_ignored(self, repo: GitRepository) -> None:
        chain = chain_of(repo, 2500)
        assert repo.seq(chain[-1]) == 2500
        kept = repo.state_dir / "positions"
        lines = kept.read_text().splitlines()
        assert lines[0].startswith(f"{chain[-1]} 2500 ")
        torn = lines[0].replace(" 2500 ", " 250 ")
        for damage in (torn, lines[0][:50], "\0\xff", "", "x" * 100):
            kept.write_text(damage)
            assert GitRepository.open(repo.git_dir).seq(chain[-1]) == 2500

    def test_positions_do_not_need_a_place_to_be_kept(self, repo: GitRepository) -> None:
        chain = chain_of(repo, 1100)
        repo.state_dir.write_text("a file where the folder should be")
        assert repo.seq(chain[-1]) == 1100

    def test_a_shallow_clone_says_how_to_deepen_it(
        self, repo: GitRepository, commit_to: Committing, tmp_path: Path
    ) -> None:
        tips = [commit_to(repo, {"a": b"%d" % n}) for n in range(3)]
        git(tmp_path, "clone", "-q", "--bare", "--depth", "2", f"file://{repo.git_dir}", "shallow")
        shallow = GitRepository.open(tmp_path / "shallow")
        with pytest.raises(RepositoryError) as caught:
            shallow.seq(tips[2])
        assert "git fetch --unshallow" in caught.value.mend
        assert list(shallow.first_parents(tips[2], tips[1])) == [tips[2]]
        git(tmp_path / "shallow", "fetch", "-q", "--unshallow")
        assert GitRepository.open(tmp_path / "shallow").seq(tips[2]) == 3

    def test_the_history_of_a_path_holds_only_its_changes(self, repo: GitRepository, commit_to: Committing) -> None:
        commit_to(repo, {"other": b"0"})
        added = commit_to(repo, {"d/e/f": b"1"})
        commit_to(repo, {"d/e/g": b"1", "other": b"1"})
        edited = commit_to(repo, {"d/e/f": b"2"})
        commit_to(repo, {"d/h": b"1"})
        gone = commit_to(repo, {"d/e/f": None, "d/e/g": None})
        back = commit_to(repo, {"d/e/f": b"2"})
        tip = commit_to(repo, {"other": b"2"})
        story = [(c.oid, x.old is not None, x.new is not None) for c, x in repo.path_history("d/e/f", tip)]
        assert story == [
            (back, False, True),
            (gone, True, False),
            (edited, True, True),
            (added, False, True),
        ]
        assert list(repo.path_history("never", tip)) == []


class TestSignatures:
    def test_a_signature_is_parsed_and_printed(self) -> None:
        when = datetime(2025, 1, 1, tzinfo=UTC)
        found = Signature.parse(" Jörg B. Jr. < j@example.com > ", when=when)
        assert found == Signature("Jörg B. Jr.", "j@example.com", when)
        assert str(found) == "Jörg B. Jr. <j@example.com>"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Name",
            "<a@example.com>",
            "Name <>",
            "N <a@b> x",
            "N\nM <a@b>",
            "N\0 <a@b>",
            "N <a<b>",
            "\udcff <a@b>",
        ],
    )
    def test_what_git_cannot_hold_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            Signature.parse(text, when=datetime(2025, 1, 1, tzinfo=UTC))
        assert caught.value.mend

    def test_a_time_needs_a_zone(self) -> None:
        with pytest.raises(UsageError):
            Signature.parse("N <a@example.com>", when=datetime(2025, 1, 1))  # noqa: DTZ001 - the point of it

    def test_the_identity_is_gits(self, repo: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
        assert repo.identity() is None
        git(repo.git_dir, "config", "user.name", "Example Author")
        assert repo.identity() is None
        git(repo.git_dir, "config", "user.email", "author@example.com")
        assert str(repo.identity()) == "Example Author <author@example.com>"
        monkeypatch.setenv("GIT_AUTHOR_NAME", "Another")
        assert str(repo.identity()) == "Another <author@example.com>"
