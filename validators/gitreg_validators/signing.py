"""Whose key signed a commit: asked of Git itself, with the keys that the base authorises.

- The keys are those of `access/allowed_signers` in the base (the format of ssh-keygen's ALLOWED SIGNERS); a change
  cannot bring the key that it is signed with.
- Git checks the signature with ssh-keygen; where that is not installed nothing is taken for signed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gitreg.repository.git import Commit, GitRepository
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Signing

ALLOWED: Final = "access/allowed_signers"
_SECONDS: Final = 20


def signings_of(repo: GitRepository, law: Snapshot, commits: Iterable[Commit]) -> Iterator[Signing]:
    """Tell of each commit whose authorised key signed it, or why none did."""
    entry = law.entry(ALLOWED)
    keys = repo.read_blob(entry.oid) if entry is not None and entry.is_plain else None
    with tempfile.TemporaryDirectory(prefix="gitreg-") as folder:
        allowed = Path(folder, "allowed_signers")
        allowed.write_bytes(keys or b"")
        for commit in commits:
            if keys is None:
                yield Signing(commit.oid, None, f"the base has no {ALLOWED}, so no key is authorised")
            else:
                yield _signing(repo, commit, allowed)


def _signing(repo: GitRepository, commit: Commit, allowed: Path) -> Signing:
    command = ["git", "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}"]
    command += ["log", "-1", "--no-show-signature", "--format=%G?%x00%GS%x00%GK", commit.oid, "--"]
    try:
        done = subprocess.run(
            command,
            cwd=repo.git_dir,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "GIT_DIR": str(repo.git_dir), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Signing(commit.oid, None, f"git could not check it: {error}")
    parts = done.stdout.decode("utf-8", "replace").rstrip("\n").split("\0")
    if done.returncode != 0 or len(parts) != 3:
        return Signing(commit.oid, None, f"git could not check it: {done.stderr.decode('utf-8', 'replace').strip()}")
    state, signer, key = parts
    if state == "G":
        return Signing(commit.oid, f"{signer} ({key})")
    return Signing(commit.oid, None, _WHY.get(state, f"git says {state!r} of its signature"))


_WHY: Final = {
    "N": "it is not signed",
    "B": "its signature is not good",
    "U": "it is signed by a key that nobody authorised",
    "E": "its signature cannot be checked: ssh-keygen is missing, or the key is of another sort",
    "X": "its signature has expired",
    "Y": "it is signed by a key that has expired",
    "R": "it is signed by a key that was revoked",
}
