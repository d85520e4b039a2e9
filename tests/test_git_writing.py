"""A commit is durable and exact, or nothing has changed; the branch never loses an update."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from effort import tries
from pygit2.transaction import ReferenceTransaction

from gitreg.errors import ConflictError, RepositoryError, UsageError
from gitreg.repository import writing
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import RefMoved, advance, write_commit

AUTHOR = Signature("Example Author", "author@example.com", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))

Committing = Callable[..., str]

WRITER = """
import sys
from datetime import UTC, datetime
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import RefMoved, advance, write_commit

repo = GitRepository.open(sys.argv[1])
who = Signature("Example Author", "author@example.com", datetime(2025, 1, 1, tzinfo=UTC))
for n in range(int(sys.argv[3])):
    while True:
        old = repo.tip()
        new = write_commit(repo, parent=old, changes={f"d{n % 7}/{sys.argv[2]}-{n}": b"%d" % n},
                           author=who, committer=who, message=f"{sys.argv[2]} {n}")
        try:
            advance(repo, new=new, old=old, message="append")
            break
        except RefMoved:
            continue
    print(new, flush=True)
"""


def git(where: Path, *words: str, given: bytes | None = None) -> str:
    done = subprocess.run(["git", "-C", str(where), *words], input=given, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def write(
    repo: GitRepository, changes: Mapping[str, bytes | None], parent: str | None = None, message: str = "m"
) -> str:
    return write_commit(repo, parent=parent, changes=changes, author=AUTHOR, committer=AUTHOR, message=message)


def files_of(repo: GitRepository, oid: str) -> dict[str, bytes]:
    return {entry.path: repo.read_blob(entry.oid) for entry in repo.walk(oid)}


def start_writer(repo: GitRepository, name: str, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(repo.git_dir), name, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def faults_of(repo: GitRepository) -> list[str]:
    """Give what `git fsck` finds; what lost a race or was killed in between dangles, which is no fault."""
    told = git(repo.git_dir, "fsck", "--strict", "--full").split("\n")
    return [line for line in told if line and not line.startswith("dangling ")]


def everything_under(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


class TestWritingACommit:
    def test_git_reads_it_and_finds_no_fault(self, repo: GitRepository) -> None:
        first = write(repo, {"a/b/c.yaml": b"1\n", "a.yaml": b"2\n", "ünï cöde": b"3"})
        second = write(repo, {"a/b/d.yaml": b"4\n", "a.yaml": None}, first, "Two\n\nlines")
        advance(repo, new=second, old=None, message="register")
        assert git(repo.git_dir, "fsck", "--strict", "--full") == ""
        assert git(repo.git_dir, "show", "main:a/b/d.yaml") == "4"
        assert git(repo.git_dir, "log", "-1", "--format=%an <%ae> %at %ct%n%B") == (
            "Example Author <author@example.com> 1735787045 1735787045\nTwo\n\nlines"
        )
        assert set(files_of(repo, second)) == {"a/b/c.yaml", "a/b/d.yaml", "ünï cöde"}

    def test_no_ref_moves(self, repo: GitRepository) -> None:
        write(repo, {"a": b"1"})
        assert repo.tip() is None
        assert git(repo.git_dir, "for-each-ref") == ""

    def test_the_same_call_gives_the_same_commit_as_git_does(self, repo: GitRepository, tmp_path: Path) -> None:
        west = timezone(-timedelta(hours=3, minutes=30))
        who = Signature("Example Author", "author@example.com", AUTHOR.when.astimezone(west))
        ours = write_commit(
            repo, parent=None, changes={"a.b": b"1", "a/b": b"2"}, author=who, committer=AUTHOR, message="m"
        )
        GitRepository.create(tmp_path / "w")
        (tmp_path / "w/a").mkdir()
        (tmp_path / "w/a.b").write_text("1")
        (tmp_path / "w/a/b").write_text("2")
        git(tmp_path / "w", "add", ".")
        with pytest.MonkeyPatch.context() as patch:
            for role, when in (("AUTHOR", "1735787045 -0330"), ("COMMITTER", "1735787045 +0000")):
                patch.setenv(f"GIT_{role}_NAME", "Example Author")
                patch.setenv(f"GIT_{role}_EMAIL", "author@example.com")
                patch.setenv(f"GIT_{role}_DATE", when)
            git(tmp_path / "w", "commit", "-qm", "m")
        assert git(tmp_path / "w", "rev-parse", "HEAD") == ours

    def test_emptied_folders_vanish(self, repo: GitRepository) -> None:
        first = write(repo, {"a/b/c": b"1", "x": b"2"})
        second = write(repo, {"a/b/c": None}, first)
        assert [entry.path for entry in repo.children(second)] == ["x"]
        third = write(repo, {"x": None}, second)
        assert repo.commit(third).tree == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

    def test_a_commit_without_a_difference_keeps_the_tree(self, repo: GitRepository) -> None:
        first = write(repo, {"a/b": b"1"})
        second = write(repo, {"a/b": b"1", "never/was": None}, first)
        assert repo.commit(second).tree == repo.commit(first).tree

    def test_a_file_that_was_odd_becomes_plain(self, repo: GitRepository) -> None:
        blob = git(repo.git_dir, "hash-object", "-w", "--stdin", given=b"1")
        tree = git(repo.git_dir, "mktree", given=f"100755 blob {blob}\tx\n120000 blob {blob}\ty\n".encode())
        who = "E <e@example.com> 1 +0000"
        text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nm\n"
        parent = git(repo.git_dir, "hash-object", "-w", "-t", "commit", "--stdin", given=text.encode())
        tip = write(repo, {"x": b"1"}, parent)
        assert [(e.path, oct(e.mode)) for e in repo.walk(tip)] == [("x", "0o100644"), ("y", "0o120000")]

    def test_both_lanes_give_the_same_commit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        changes = {f"n{k % 9}/m{k % 11}/{k}.yaml": b"%d\n" % k * (k * 37) for k in range(120)}
        found = []
        for lane, above in (("loose", 10**9), ("packed", 0)):
            repo = GitRepository.create(tmp_path / lane, bare=True)
            monkeypatch.setattr(writing, "PACK_ABOVE", 10**9)
            base = write(repo, {"n0/kept": b"1", "n1/m1/1.yaml": b"old"})
            monkeypatch.setattr(writing, "PACK_ABOVE", above)
            found.append(write(repo, changes, base))
            assert files_of(repo, found[-1]) == {**changes, "n0/kept": b"1"}
            packs = list((repo.git_dir / "objects/pack").glob("*.pack"))
            assert len(packs) == (lane == "packed")
            advance(repo, new=found[-1], old=None, message="m")
            assert git(repo.git_dir, "fsck", "--strict") == ""
        assert found[0] == found[1]

    def test_without_git_the_objects_are_written_one_by_one(
        self, repo: GitRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        tip = write(repo, {f"{n}": b"%d" % n for n in range(100)})
        assert len(files_of(repo, tip)) == 100

    def test_variables_that_point_git_elsewhere_do_not_matter(
        self, repo: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
        tip = write(repo, {f"{n}": b"%d" % n for n in range(100)})
        assert len(files_of(repo, tip)) == 100
        assert not (tmp_path / "objects").exists()

    def test_every_object_is_flushed_also_those_that_git_left_unflushed(
        self, repo: GitRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blob = git(repo.git_dir, "hash-object", "-w", "--stdin", given=b"1")
        flushed: list[Path] = []
        monkeypatch.setattr(writing, "_fsync", flushed.append)
        write(repo, {"x": b"1"})
        assert repo.git_dir / "objects" / blob[:2] / blob[2:] in flushed
        assert repo.git_dir / "objects" in flushed


class TestPathsThatCannotBe:
    @pytest.mark.parametrize(
        "path",
        [
            *("", "/a", "a//b", "a/", ".", "..", "a/../b", "./a", "a\\b", "a\0b", "\udcff", "d/" * 64 + "f"),
            *(
                ".git",
                ".git/config",
                "a/.GIT/x",
                ".git ",
                ".git.",
                "git~1",
                ".g\u200cit",
                ".git::$DATA",
                "a" * 5000,
            ),
        ],
    )
    def test_a_bad_path_is_refused_and_nothing_is_written(self, repo: GitRepository, path: str) -> None:
        before = everything_under(repo.git_dir)
        with pytest.raises(UsageError, match="the path"):
            write(repo, {"fine": b"1", path: b"2"})
        assert everything_under(repo.git_dir) == before

    @pytest.mark.parametrize("path", [".gitignore", "a b", ".github/x", "…", "a.git", "-x", "a\nb", "git~10"])
    def test_an_unusual_path_is_fine(self, repo: GitRepository, path: str) -> None:
        assert files_of(repo, write(repo, {path: b"1"})) == {path: b"1"}

    def test_what_is_there_can_be_removed_however_odd(self, repo: GitRepository) -> None:
        blob = git(repo.git_dir, "hash-object", "-w", "--stdin", given=b"1")
        tree = git(repo.git_dir, "mktree", "-z", given=b"100644 blob %s\ta\\\xff\0" % blob.encode())
        who = "E <e@example.com> 1 +0000"
        text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nm\n"
        parent = git(repo.git_dir, "hash-object", "-w", "-t", "commit", "--stdin", given=text.encode())
        assert list(repo.walk(write(repo, {"a\\\udcff": None}, parent))) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"a": b"2"},
            {"a": None},
            {"f/x": b"2"},
            {"n": b"1", "n/x": b"2"},
            {"a/b": None, "a": b"2"},
            {"f": b"2", "f/x": b"2"},
        ],
    )
    def test_a_file_and_a_folder_of_one_name_are_refused(
        self, repo: GitRepository, changes: dict[str, bytes | None]
    ) -> None:
        base = write(repo, {"a/b": b"1", "a/c": b"1", "f": b"1"})
        before = everything_under(repo.git_dir)
        with pytest.raises(UsageError) as caught:
            write(repo, changes, base)
        assert caught.value.where
        assert everything_under(repo.git_dir) == before

    def test_a_file_may_become_a_folder_and_back_in_one_commit(self, repo: GitRepository) -> None:
        first = write(repo, {"f": b"1"})
        second = write(repo, {"f": None, "f/x": b"2"}, first)
        assert files_of(repo, second) == {"f/x": b"2"}
        assert files_of(repo, write(repo, {"f/x": None, "f": b"3"}, second)) == {"f": b"3"}
        assert files_of(repo, write(repo, {"f/x/y": None}, first)) == {"f": b"1"}

    @pytest.mark.parametrize("message", ["", " \n", "a\0b", "\udcff"])
    def test_a_bad_message_is_refused(self, repo: GitRepository, message: str) -> None:
        with pytest.raises(UsageError):
            write(repo, {"a": b"1"}, message=message)

    def test_a_bad_author_is_refused(self, repo: GitRepository) -> None:
        bad = Signature("E\nparent 0", "e@example.com", AUTHOR.when)
        with pytest.raises(UsageError):
            write_commit(repo, parent=None, changes={}, author=bad, committer=AUTHOR, message="m")


class TestAFailingDisk:
    @pytest.mark.parametrize("count", [1, 200])
    def test_a_place_that_cannot_be_written_is_told_and_nothing_moves(
        self, repo: GitRepository, commit_to: Committing, count: int
    ) -> None:
        tip = commit_to(repo, {"a": b"1"})
        (repo.git_dir / "objects").rename(repo.git_dir / "objects.kept")
        (repo.git_dir / "objects").write_text("a file")
        with pytest.raises(RepositoryError) as caught:
            write(repo, {f"{n}": b"%d" % n for n in range(count)})
        assert caught.value.mend
        (repo.git_dir / "objects").unlink()
        (repo.git_dir / "objects.kept").rename(repo.git_dir / "objects")
        assert repo.tip() == tip
        assert git(repo.git_dir, "fsck", "--strict") == ""

    @pytest.mark.parametrize(
        ("text", "mend"),
        [
            ("failed to create temporary file: Read-only file system", "read-write"),
            ("failed to write: No space left on device", "free some space"),
            ("failed to write: Disk quota exceeded", "quota"),
            ("could not open: Permission denied", "right to this folder"),
        ],
    )
    def test_the_mend_fits_the_disks_trouble(
        self, repo: GitRepository, monkeypatch: pytest.MonkeyPatch, text: str, mend: str
    ) -> None:
        def fail(_: Path) -> None:
            raise OSError(text)

        git(repo.git_dir, "hash-object", "-w", "--stdin", given=b"1")
        monkeypatch.setattr(writing, "_fsync", fail)
        with pytest.raises(RepositoryError, match="nothing has changed") as caught:
            write(repo, {"x": b"1"})
        assert mend in caught.value.mend
        assert text in str(caught.value.got)

    def test_a_ref_that_cannot_be_written_is_told(self, repo: GitRepository) -> None:
        tip = write(repo, {"a": b"1"})
        (repo.git_dir / "refs/heads").rmdir()
        (repo.git_dir / "refs/heads").write_text("a file")
        with pytest.raises(RepositoryError):
            advance(repo, new=tip, old=None, message="m")


class TestMovingTheBranch:
    def test_the_reflog_is_written_as_git_would(self, tmp_path: Path) -> None:
        repo = GitRepository.create(tmp_path / "w")
        first = write(repo, {"a": b"1"})
        advance(repo, new=first, old=None, message="register a")
        git(repo.git_dir, "config", "user.name", "Somebody Else")
        git(repo.git_dir, "config", "user.email", "else@example.com")
        second = write(repo, {"a": b"2"}, first)
        advance(repo, new=second, old=first, message="register b")
        for ref in ("main", "HEAD"):
            told = git(tmp_path / "w", "log", "-g", "--format=%H %gn %gs", ref).split("\n")
            assert told == [f"{second} Somebody Else register b", f"{first} Example Author register a"]

    def test_a_moved_branch_is_told_and_left(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        mine = write(repo, {"b": b"1"})
        for old in (None, mine):
            with pytest.raises(RefMoved) as caught:
                advance(repo, new=mine, old=old, message="m")
            assert caught.value.got == tip
        assert repo.tip() == tip
        assert not list(repo.git_dir.rglob("*.lock"))

    def test_the_branch_is_compared_only_once_it_is_locked(
        self, repo: GitRepository, commit_to: Committing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody else's move lands in the last moment before the lock is ours."""
        tip = commit_to(repo, {"a": b"1"})
        mine, theirs = write(repo, {"b": b"1"}, tip), write(repo, {"c": b"1"}, tip)
        lock_ref = ReferenceTransaction.lock_ref

        def lock_late(transaction: ReferenceTransaction, name: str) -> None:
            git(repo.git_dir, "update-ref", name, theirs, tip)
            lock_ref(transaction, name)

        monkeypatch.setattr(ReferenceTransaction, "lock_ref", lock_late)
        with pytest.raises(RefMoved):
            advance(repo, new=mine, old=tip, message="m")
        assert repo.tip() == theirs

    def test_a_branch_that_vanished_is_told(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        git(repo.git_dir, "update-ref", "-d", "refs/heads/main")
        with pytest.raises(RefMoved):
            advance(repo, new=write(repo, {}, tip), old=tip, message="m")

    def test_a_packed_branch_moves_too(self, repo: GitRepository, commit_to: Committing) -> None:
        commit_to(repo, {"a": b"1"})
        git(repo.git_dir, "pack-refs", "--all")
        tip = commit_to(repo, {"a": b"2"})
        assert git(repo.git_dir, "rev-parse", "main") == tip

    def test_a_held_lock_is_waited_for(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        lock = repo.git_dir / "refs/heads/main.lock"
        lock.touch()
        with subprocess.Popen(["sh", "-c", f"sleep 0.2; rm {lock}"]):
            advance(repo, new=write(repo, {}, tip), old=tip, message="m")
        assert not lock.exists()

    def test_a_lock_that_stays_is_told_with_its_mend(
        self, repo: GitRepository, commit_to: Committing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tip = commit_to(repo, {"a": b"1"})
        lock = repo.git_dir / "refs/heads/main.lock"
        lock.touch()
        monkeypatch.setattr(writing, "LOCK_PATIENCE", 0.05)
        with pytest.raises(ConflictError) as caught:
            advance(repo, new=write(repo, {}, tip), old=tip, message="m")
        assert not isinstance(caught.value, RefMoved)
        assert caught.value.where == str(lock)
        assert f"rm {lock}" in caught.value.mend
        assert repo.tip() == tip

    def test_what_is_no_commit_is_refused(self, repo: GitRepository, commit_to: Committing) -> None:
        tip = commit_to(repo, {"a": b"1"})
        with pytest.raises(RepositoryError):
            advance(repo, new=repo.commit(tip).tree, old=tip, message="m")


class TestSeveralWriters:
    def test_two_processes_lose_nothing(self, repo: GitRepository) -> None:
        """Both start on the unborn branch, so the very first commit is raced for as well."""
        writers = [start_writer(repo, name, 50) for name in ("one", "two")]
        for writer in writers:
            out, err = writer.communicate(timeout=60)
            assert writer.returncode == 0, err
            assert len(out.split()) == 50
        tip = repo.tip()
        assert tip is not None
        assert repo.seq(tip) == 100
        assert set(files_of(repo, tip)) == {f"d{n % 7}/{who}-{n}" for who in ("one", "two") for n in range(50)}
        assert faults_of(repo) == []

    def test_the_first_commit_is_won_by_one_only(self, tmp_path: Path) -> None:
        for n in range(tries(3, 15)):
            repo = GitRepository.create(tmp_path / f"r{n}", bare=True)
            writers = [start_writer(repo, name, 1) for name in ("one", "two", "three")]
            tips = [writer.communicate(timeout=60)[0].strip() for writer in writers]
            tip = repo.tip()
            assert tip is not None
            assert set(repo.first_parents(tip)) == set(tips)

    def test_threads_share_one_repository(self, repo: GitRepository) -> None:
        def append(n: int) -> None:
            while True:
                old = repo.tip()
                try:
                    advance(repo, new=write(repo, {f"t/{n}": b"1"}, old), old=old, message="m")
                except RefMoved:
                    continue
                return

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(append, range(40)))
        tip = repo.tip()
        assert tip is not None
        assert repo.seq(tip) == 40


class TestAKilledWriter:
    def test_every_acknowledged_commit_survives(self, repo: GitRepository) -> None:
        acknowledged: list[str] = []
        chance = random.Random(7)  # noqa: S311 - moments, not secrets
        for round_ in range(tries(4, 30)):
            writer = start_writer(repo, f"w{round_}", 10_000)
            assert writer.stdout is not None
            acknowledged.append(writer.stdout.readline().strip())
            time.sleep(chance.uniform(0.0, 0.12))
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
            writer.communicate()
            acknowledged += [line for line in rest[:-1] if len(line) == 40]
            tip = repo.tip()
            assert tip is not None
            assert set(acknowledged) <= set(repo.first_parents(tip))
        assert faults_of(repo) == []
        last = start_writer(repo, "last", 3)
        out, err = last.communicate(timeout=60)
        assert last.returncode == 0, err
        assert repo.tip() == out.split()[-1]
        assert [path.name for path in (repo.git_dir / "refs/heads").iterdir()] == ["main"]
