"""Follow a branch of a remote: fetch it, and bring the registry's branch forward to it where that is safe.

- What is fetched gets a ref of its own, `refs/gitreg/remotes/<remote>/heads/<branch>`, wherever the remote moved it;
  what the git config says of fetching (mirrors, pruning, tags) is left aside.
- The registry's branch only goes forward, by compare and swap, to commits whose first parents lead to it. Anything
  else is `HistoryRewritten`, and the branch stays where it is.
- Work trees that have the branch checked out come along; where somebody is at work in one, nothing moves.
- git asks nobody for a password and has no terminal; it ends with its time, or when it is told to.
- No message has a URL's user, password or query in it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from gitreg.errors import RepositoryError, UsageError
from gitreg.repository.git import GitRepository, HistoryRewritten, explained
from gitreg.repository.worktree import busy_with, follow
from gitreg.repository.writing import advance, git_environment

PATIENCE: Final = 600.0
"""Seconds that one fetch may take: git cannot go on with one that was cut off."""

_HEADS: Final = "refs/heads/"
_SETTINGS: Final = ("core.fsync=all", "http.lowSpeedLimit=500", "http.lowSpeedTime=60")
_QUIET: Final = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true"}
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)([^/\s]*@)?([^\s'\"?#]*)(\?[^\s'\"]*)?", re.IGNORECASE)
_TICK: Final = 0.1
_GRACE: Final = 2.0


class FetchFailed(RepositoryError):  # noqa: N818 - it is what happened
    """The remote could not be fetched from; trying again later may help."""

    code = "fetch-failed"


class WorkTreeBusy(RepositoryError):  # noqa: N818 - it is what it is
    """The branch is checked out, and somebody is at work there."""

    code = "work-tree-busy"


@dataclass(frozen=True, slots=True)
class Moved:
    """The branch has come forward. `left` names work-tree files that were not touched."""

    old: str | None
    new: str
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a remote, and the registry's branch that follows it: `source` is the ref there, `mirror` here."""

    repo: GitRepository
    name: str
    source: str
    mirror: str

    @classmethod
    def open(cls, repo: GitRepository, name: str) -> Remote:
        """Find a remote by its name in the git config; `UsageError` where there is none."""
        with explained("the git config cannot be read", where=repo.git_dir / "config"):
            known = [found for found in repo.handle.remotes.names() if found]
            if name not in known:
                raise UsageError(
                    f"the repository has no remote {name!r}",
                    where=str(repo.git_dir),
                    got=repr(name),
                    expected=", ".join(known) or "a remote; there is none yet",
                    mend=f"see `git remote`, or add it with `git remote add {name} URL`",
                )
            source = _source_of(repo, name)
        return cls(repo, name, source, f"refs/gitreg/remotes/{name}/{source.removeprefix('refs/')}")

    @property
    def place(self) -> str:
        """Say where it is, without its URL."""
        return f"{self.name} of {self.repo.workdir or self.repo.git_dir}"

    def fetch(self, *, patience: float = PATIENCE, ended: Event | None = None) -> None:
        """Bring what the branch is at the remote into the repository; `FetchFailed` where that does not work."""
        self._sweep_lock(patience)
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        words = ["--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head", "--refmap="]
        spec = f"+{self.source}:{self.mirror}"
        command = ["git", f"--git-dir={self.repo.git_dir}", *settings, "fetch", *words, "--", self.name, spec]
        code, said = self._run(command, patience, ended or Event())
        if code != 0:
            raise self._failed(said)

    def _sweep_lock(self, patience: float) -> None:
        """Remove the lock that a killed git has left on the fetched ref, which is ours: no fetch takes so long."""
        lock = self.repo.git_dir / f"{self.mirror}.lock"
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime > patience + _GRACE:
                lock.unlink()

    def tip(self) -> str | None:
        """Give the commit that the remote's branch stood at when it was last fetched."""
        with explained("a ref cannot be read", where=f"{self.repo.git_dir}: {self.mirror}"):
            ref = self.repo.handle.references.get(self.mirror)
            return None if ref is None else str(ref.resolve().target)

    def follow(self) -> Moved | None:
        """Bring the registry's branch forward to what was fetched; None where it has all of it already.

        `HistoryRewritten` where the two have gone apart, `WorkTreeBusy` where somebody's work would be in the way.
        """
        repo, new, old = self.repo, self.tip(), self.repo.tip()
        if new is None:
            return None
        self._finish()
        if new == old:
            return None
        if old is not None:
            with explained("the histories cannot be compared", where=repo.git_dir):
                if repo.handle.descendant_of(old, new):
                    return None
            self._refuse_other_history(new, old)
        work = busy_with(repo)
        if work is not None:
            raise WorkTreeBusy(
                f"{_short(repo.branch)} is checked out and not brought forward: somebody is at work on it",
                where=str(repo.git_dir),
                got=work,
                mend="commit or stash it; better, follow a remote in a repository of its own (`git clone --mirror`)",
            )
        self._note(old, new)
        advance(repo, new=new, old=old, message=f"gitreg: fast-forward to {self.name}")
        left = follow(repo, old=old, new=new)
        self._forget()
        return Moved(old, new, left)

    @property
    def _moving(self) -> Path:
        return self.repo.state_dir / "remotes" / "moving"

    def _note(self, old: str | None, new: str) -> None:
        """Write down where the branch goes, so that work trees are brought along even if this process is killed."""
        with explained("the move of the branch cannot be written down", where=self._moving):
            self._moving.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._moving.with_suffix(f".{os.getpid()}.new")
            fresh.write_text(f"{old or '-'} {new}\n", encoding="ascii")
            fresh.replace(self._moving)

    def _forget(self) -> None:
        with suppress(OSError):
            self._moving.unlink()

    def _finish(self) -> None:
        """Bring work trees along where a process was killed between the branch's move and theirs."""
        try:
            old, new = self._moving.read_text("ascii").split()
        except (OSError, ValueError):
            return
        if self.repo.tip() == new:
            follow(self.repo, old=None if old == "-" else old, new=new)
        self._forget()

    def _refuse_other_history(self, new: str, old: str) -> None:
        try:
            self.repo.first_parents(new, old)
        except HistoryRewritten as error:
            branch = self.repo.branch
            move = f"reset --keep {self.mirror}" if self.repo.workdir else f"update-ref {branch} {self.mirror}"
            raise HistoryRewritten(
                f"{_short(self.source)} of {self.name} was rewritten: it no longer descends from {_short(branch)} here",
                where=f"{self.repo.git_dir}: {branch}",
                got=f"{new[:12]} at {self.name}, which does not descend from {old[:12]}",
                mend="find out who did it and put the branch back there; to follow it all the same, run "
                f"`git {move}`, then `gitreg index accept-rewrite`",
            ) from error

    def _run(self, command: Sequence[str], patience: float, ended: Event) -> tuple[int, str]:
        """Run git in a session of its own, which has no terminal to ask on and can be ended whole."""
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**git_environment(), **_QUIET},
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise FetchFailed(
                "git is not installed, and remotes are reached by it", mend="install git, and put it on the PATH"
            ) from error
        until = time.monotonic() + patience
        while True:
            try:
                _, said = process.communicate(timeout=_TICK)
            except subprocess.TimeoutExpired:
                if not ended.is_set() and time.monotonic() < until:
                    continue
                _end(process)
                raise FetchFailed(
                    "the fetch was ended" if ended.is_set() else f"the remote did not answer within {patience:g} s",
                    where=self.place,
                    mend="check the network, and the remote with `git ls-remote`; it is tried again",
                ) from None
            return process.returncode, said.decode("utf-8", "replace")

    def _failed(self, said: str) -> FetchFailed:
        return FetchFailed(
            f"{self.name} cannot be fetched from",
            where=self.place,
            got=_last_words(without_credentials(said)),
            mend=f"see what `git ls-remote {self.name}` says; it is tried again",
        )


def without_credentials(text: str) -> str:
    """Take user, password and query out of every URL in a text."""
    return _URL.sub(r"\1\3", text)


def _source_of(repo: GitRepository, remote: str) -> str:
    """Name the ref of a remote that the registry's branch follows: what it mirrors, its upstream, or its namesake."""
    branch = repo.branch
    tracking = f"refs/remotes/{remote}/"
    if branch.startswith(tracking):
        return _HEADS + branch.removeprefix(tracking)
    config = repo.handle.config
    settings = f"branch.{branch.removeprefix(_HEADS)}"
    if f"{settings}.remote" in config and config[f"{settings}.remote"] == remote and f"{settings}.merge" in config:
        return str(config[f"{settings}.merge"])
    return branch


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and what it has started, and wait for it: first so that it can clear away its locks."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, way)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_GRACE)
            return


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    first = next((line for line in lines if line.startswith(("error:", "fatal:"))), "")
    kept = lines[-4:] if first in lines[-4:] or not first else [first, *lines[-3:]]
    return "; ".join(kept)[:600] or "git said nothing"


def _short(ref: str) -> str:
    return ref.removeprefix(_HEADS).removeprefix("refs/")
