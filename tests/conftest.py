"""Every test runs with a home of its own: no git setting of the machine reaches it, by git or by libgit2."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, settings
from postgres_server import ADDRESS
from postgres_support import close_all, on_postgres
from pygit2.enums import ConfigLevel, Option

from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import advance, write_commit

settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")  # a slow machine makes nothing wrong
AUTHOR = Signature("Example Author", "author@example.com", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))

pytest_plugins = ["postgres_fixtures"]
Committing = Callable[..., str]
_OURS = ("GITREG_CATALOG", "PGUSER", "PGPASSWORD")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses `each_catalog` on SQLite, and on PostgreSQL where there is one and nothing speaks against it."""
    if "each_catalog" in metafunc.fixturenames:
        own = metafunc.definition.get_closest_marker("own_catalog")
        shared = [] if own or ADDRESS not in os.environ else ["postgresql"]
        metafunc.parametrize("each_catalog", ["sqlite", *shared], indirect=True, scope="module")


def pytest_runtest_teardown() -> None:
    """Let go of the connections of a test."""
    close_all()


@pytest.fixture(scope="module")
def each_catalog(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have all indexes keep their catalog in files, or in PostgreSQL."""
    with on_postgres() if request.param == "postgresql" else nullcontext():
        yield request.param


@pytest.fixture(scope="session", autouse=True)
def _isolated_git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    empty = home / "empty.gitconfig"
    empty.touch()
    levels = (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL)
    before = {level: pygit2.option(Option.GET_SEARCH_PATH, level) for level in levels}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", *_OURS):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", str(empty))
        for level in levels:
            pygit2.option(Option.SET_SEARCH_PATH, level, str(home / "nothing"))
        yield
    for level, path in before.items():
        pygit2.option(Option.SET_SEARCH_PATH, level, path)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    """An empty bare repository."""
    return GitRepository.create(tmp_path / "registry.git", bare=True)


@pytest.fixture
def commit_to() -> Committing:
    """Commit to the tip of a repository: `commit_to(repo, {"a.yaml": b"..."})` gives the new commit."""

    def commit(repo: GitRepository, changes: dict[str, bytes | None], message: str = "change") -> str:
        old = repo.tip()
        new = write_commit(repo, parent=old, changes=changes, author=AUTHOR, committer=AUTHOR, message=message)
        advance(repo, new=new, old=old, message=message)
        return new

    return commit
