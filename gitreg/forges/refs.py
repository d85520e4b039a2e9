"""The refs that a forge in Git is made of: those of this repository, or those of a remote, by git itself.

- What is decisive moves first, compare and swap. In this repository what follows may be left undone by a crash, so the
  decisive ref alone must tell the truth; on a remote all of it moves together (`git push --atomic`).
- No command waits for a password, and none waits for ever.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gitreg.errors import RepositoryError
from gitreg.forges.forge import ForgeError
from gitreg.repository.git import GitRepository, explained
from gitreg.repository.worktree import follow
from gitreg.repository.writing import RefMoved, swap

NOTES: Final = "refs/gitreg/proposals/"
HEADS: Final = "refs/heads/"
BRANCHES: Final = "refs/heads/proposals/"
PATIENCE: Final = 120.0
"""Seconds that one git command with a remote may take."""


@dataclass(frozen=True, slots=True)
class Move:
    """A ref that goes from `old` to `new`; None is a ref that is not there."""

    ref: str
    old: str | None
    new: str | None


class Refs(Protocol):
    """The refs of a forge, by the names that they have there."""

    @property
    def place(self) -> str:
        """Say where they are."""
        ...

    def refresh(self) -> None:
        """See them as they are now, and bring what they name into the repository."""
        ...

    def get(self, ref: str) -> str | None:
        """Give the commit that a ref names."""
        ...

    def below(self, prefix: str) -> Mapping[str, str]:
        """List the refs below a prefix with the commits that they name."""
        ...

    def swap(self, decisive: Move, *following: Move, message: str) -> tuple[str, ...]:
        """Move refs; `RefMoved` where the decisive one stands elsewhere. Gives the work-tree files that were left."""
        ...


class OwnRefs:
    """The refs of this repository."""

    def __init__(self, repo: GitRepository) -> None:
        self._repo = repo

    @property
    def place(self) -> str:
        """Say where they are."""
        return str(self._repo.workdir or self._repo.git_dir)

    def refresh(self) -> None:
        """Do nothing: they are always as they are now."""

    def get(self, ref: str) -> str | None:
        """Give the commit that a ref names."""
        return _target(self._repo, ref)

    def below(self, prefix: str) -> Mapping[str, str]:
        """List the refs below a prefix with the commits that they name."""
        return dict(_below(self._repo, prefix, prefix))

    def swap(self, decisive: Move, *following: Move, message: str) -> tuple[str, ...]:
        """Move the decisive ref, then the others as far as they stand where they should."""
        swap(self._repo, decisive.ref, new=decisive.new, old=decisive.old, message=message)
        for move in following:
            with suppress(RefMoved):
                swap(self._repo, move.ref, new=move.new, old=move.old, message=message)
        if decisive.ref == self._repo.branch and decisive.new is not None:
            return follow(self._repo, old=decisive.old, new=decisive.new)
        return ()


class RemoteRefs:
    """The refs of a remote, as the last fetch saw them."""

    def __init__(self, repo: GitRepository, remote: str = "origin") -> None:
        self._repo = repo
        self._remote = remote
        self._mirrors = {HEADS: f"refs/remotes/{remote}/", NOTES: f"refs/gitreg/remotes/{remote}/proposals/"}

    @property
    def place(self) -> str:
        """Say where they are."""
        return f"{self._remote} of {self._repo.workdir or self._repo.git_dir}"

    def refresh(self) -> None:
        """Fetch the branches and the proposals' notes."""
        specs = [f"+{prefix}*:{mirror}*" for prefix, mirror in self._mirrors.items()]
        fetch(self._repo, self._remote, specs, prune=True)

    def get(self, ref: str) -> str | None:
        """Give the commit that a ref named when it was fetched."""
        return _target(self._repo, self._mirror_of(ref))

    def below(self, prefix: str) -> Mapping[str, str]:
        """List the refs below a prefix, as they were when they were fetched."""
        return dict(_below(self._repo, self._mirror_of(prefix), prefix))

    def swap(self, decisive: Move, *following: Move, message: str) -> tuple[str, ...]:  # noqa: ARG002 - the remote keeps no message
        """Push all moves, or none."""
        moves = (decisive, *following)
        leases = [f"--force-with-lease={move.ref}:{move.old or ''}" for move in moves]
        specs = [f"{move.new or ''}:{move.ref}" for move in moves]
        command = ["push", "--porcelain", "--atomic", "--no-verify", *leases, self._remote, *specs]
        done = run_git(self._repo, command)
        self.refresh()
        is_done = self.get(decisive.ref) == decisive.new  # also where only the answer was lost
        if done.returncode != 0 and not is_done:
            raise self._refused(done, moves)
        return ()

    def _mirror_of(self, ref: str) -> str:
        """Give the name under which a ref of the remote is kept here."""
        for name, mirror in self._mirrors.items():
            if ref.startswith(name):
                return mirror + ref.removeprefix(name)
        raise ForgeError(f"{ref} is no branch and no note", where=self.place, mend="report this as a bug of gitreg")

    def _refused(self, done: subprocess.CompletedProcess[str], moves: Sequence[Move]) -> RefMoved | ForgeError:
        said = f"{done.stdout}\n{done.stderr}"
        moved = [move for move in moves if self.get(move.ref) != move.old]
        if moved or "cannot lock ref" in said:  # servers have many words for it; where the refs stand has one
            first = moved[0] if moved else moves[0]
            return RefMoved(
                "somebody else's push came first",
                where=f"{self.place}: {first.ref}",
                got=self.get(first.ref) or "no such ref",
                expected=first.old or "no such ref",
                mend="look at what changed, and try again",
            )
        rejected = [line for line in said.splitlines() if line.startswith("!")]
        return ForgeError(
            "the remote did not take the push; nothing has changed there",
            where=self.place,
            got=_last_words("\n".join([*rejected, done.stderr])),
            mend="see whether you may push there: `git push` says the same with more words",
        )


def fetch(repo: GitRepository, remote: str, specs: Sequence[str], *, prune: bool = False, header: str = "") -> None:
    """Fetch refs from a remote; `ForgeError` where that does not work."""
    words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *(["--prune"] if prune else []), remote, *specs]
    done = run_git(repo, words, header=header)
    if done.returncode != 0:
        raise ForgeError(
            "the remote cannot be fetched from",
            where=f"{remote} of {repo.workdir or repo.git_dir}",
            got=_last_words(done.stderr),
            mend="check `git remote -v`, the network, and whether you may read it",
        )


def run_git(
    repo: GitRepository, words: Sequence[str], *, header: str = "", patience: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run git on a repository: no prompt, no translation, no end without its time."""
    command = ["git", f"--git-dir={repo.git_dir}", *words]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=patience,
            env=_environment(header),
            check=False,
        )
    except FileNotFoundError as error:
        raise ForgeError(
            "git is not installed, and remotes are reached by it", mend="install git, and put it on the PATH"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ForgeError(
            f"git did not end within {patience:g} s",
            where=str(repo.git_dir),
            got=f"git {words[0]}",
            mend="check the network, then look at what stands there (`gitreg proposals list`) before trying again",
        ) from error


def token_header(url: str, token: str) -> str:
    """Give the setting by which git sends a token to one host, to be passed by the environment."""
    secret = base64.b64encode(f"x-access-token:{token}".encode()).decode("ascii")
    return f"http.{url}.extraheader=AUTHORIZATION: basic {secret}"


def _environment(header: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    }
    ours = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true"}
    ours["GIT_SSH_COMMAND"] = kept.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    if header:  # by the environment: the words of a command can be read by everybody on the machine
        name, _, value = header.partition("=")
        n = kept.get("GIT_CONFIG_COUNT", "0")
        n = n if n.isdigit() else "0"
        ours |= {"GIT_CONFIG_COUNT": str(int(n) + 1), f"GIT_CONFIG_KEY_{n}": name, f"GIT_CONFIG_VALUE_{n}": value}
    return {**kept, **ours}


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return "; ".join(lines[-4:])[:1000] or "git said nothing"


def _target(repo: GitRepository, ref: str) -> str | None:
    with explained("a ref cannot be read", where=f"{repo.git_dir}: {ref}"):
        found = repo.handle.references.get(ref)
        return None if found is None else str(found.resolve().target)


def _below(repo: GitRepository, prefix: str, called: str) -> Sequence[tuple[str, str]]:
    with explained("the refs cannot be read", where=repo.git_dir):
        names = [each for each in repo.handle.references.iterator() if each.name.startswith(prefix)]
    return [(called + each.name.removeprefix(prefix), str(each.target)) for each in names]


def origin_url(repo: GitRepository, remote: str = "origin") -> str | None:
    """Give the URL of a remote as the config has it; None where there is no such remote."""
    config = repo.handle.config
    name = f"remote.{remote}.url"
    try:
        return str(config[name]) if name in config else None
    except (KeyError, ValueError, OSError) as error:
        raise RepositoryError(
            "the git config cannot be read",
            where=str(Path(repo.git_dir) / "config"),
            got=str(error),
            mend=f"see what `git config {name}` says",
        ) from error
