"""Which forge a registry's proposals are on.

- What is asked for, else `gitreg.forge` in the git config, else GitHub where `origin` is there, else Git itself.
- A work tree that was cloned from somewhere proposes to where it came from; any other repository is its own forge.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from gitreg.errors import UsageError
from gitreg.forges.forge import Forge
from gitreg.forges.local import LocalForge
from gitreg.forges.refs import OwnRefs, RemoteRefs, origin_url
from gitreg.registry import Registry
from gitreg.repository.git import GitRepository

GITHUB: Final = "github.com"
_SCP: Final = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>[^/].*)")
_OWNED: Final = re.compile(r"/*(?P<owner>[A-Za-z0-9._-]+)/(?P<name>[A-Za-z0-9._-]+?)(?:\.git)?/*")


class ForgeName(StrEnum):
    """The forges that there are."""

    LOCAL = "local"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Hosted:
    """A repository on a host, as its URL names it."""

    host: str
    owner: str
    name: str


def open_forge(registry: Registry, chosen: ForgeName | None = None) -> Forge:
    """Open the forge of a registry."""
    repo = registry.repo
    url = origin_url(repo)
    hosted = read_url(url) if url else None
    name = chosen or _configured(repo) or (ForgeName.GITHUB if _is_github(hosted) else ForgeName.LOCAL)
    if name is ForgeName.LOCAL:
        is_clone = url is not None and repo.workdir is not None
        return LocalForge(repo, RemoteRefs(repo) if is_clone else OwnRefs(repo))
    if hosted is None:
        raise UsageError(
            "the registry's repository on GitHub is not known",
            where=f"remote.origin.url of {repo.git_dir}",
            got=url or "no such remote",
            expected="https://github.com/OWNER/NAME or git@github.com:OWNER/NAME",
            mend="run `git remote add origin <URL>`, or use --forge local",
        )
    # not everybody has the extra that it needs
    from gitreg.forges.github import open_github

    return open_github(registry, hosted)


def read_url(url: str) -> Hosted | None:
    """Read host, owner and name off a remote's URL; None where it is not of that shape."""
    parts = urlsplit(url)
    if parts.scheme in ("https", "http", "ssh", "git") and parts.hostname:
        host, path = parts.hostname, parts.path
    else:
        found = _SCP.fullmatch(url)
        if found is None or parts.scheme == "file":
            return None
        host, path = found["host"], found["path"]
    owned = _OWNED.fullmatch(path)
    return Hosted(host.lower(), owned["owner"], owned["name"]) if owned else None


def _is_github(hosted: Hosted | None) -> bool:
    own = urlsplit(os.environ.get("GITHUB_SERVER_URL", "")).hostname
    return hosted is not None and hosted.host in (GITHUB, own)


def _configured(repo: GitRepository) -> ForgeName | None:
    config = repo.handle.config
    if "gitreg.forge" not in config:
        return None
    said = str(config["gitreg.forge"])
    try:
        return ForgeName(said)
    except ValueError as error:
        raise UsageError(
            "the git config names a forge that there is not",
            where=str(repo.git_dir / "config"),
            got=f"gitreg.forge = {said!r}",
            expected=" or ".join(ForgeName),
            mend="run `git config gitreg.forge local`, or `git config --unset gitreg.forge`",
        ) from error
