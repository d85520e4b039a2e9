"""Whatever is written, in whatever order, reads back as a plain dict of paths would."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.errors import UsageError
from gitreg.repository import writing
from gitreg.repository.git import GitRepository, Signature
from gitreg.repository.writing import write_commit

WHO = Signature("Example Author", "author@example.com", datetime(2025, 1, 1, tzinfo=UTC))

# few names, some that sort apart as file and as folder: clashes and deep folders must be common
paths = st.lists(st.sampled_from(["a", "a.", "a-b", "b", "a0", "ü"]), min_size=1, max_size=3).map("/".join)
changes = st.dictionaries(paths, st.none() | st.binary(max_size=3), max_size=5)

Files = dict[str, bytes]


def apply(files: Files, wanted: dict[str, bytes | None]) -> Files | None:
    """Do to a dict what a commit does to a tree; None when the change cannot be."""
    removed = {path for path, content in wanted.items() if content is None}
    for path in removed:
        if any(other.startswith(f"{path}/") for other in files) and not any(
            other.startswith(f"{path}/") for other in wanted
        ):
            return None
    kept = {path: content for path, content in files.items() if path not in removed}
    after = {**kept, **{path: content for path, content in wanted.items() if content is not None}}
    if any(other.startswith(f"{path}/") for path in after for other in after):
        return None
    return after


def read(repo: GitRepository, oid: str) -> Files:
    return {entry.path: repo.read_blob(entry.oid) for entry in repo.walk(oid)}


@settings(max_examples=60, deadline=None)
@given(st.lists(changes, min_size=1, max_size=5), st.booleans())
def test_commits_behave_as_a_dict_of_paths(steps: list[dict[str, bytes | None]], packed: bool) -> None:
    lane = mock.patch.object(writing, "PACK_ABOVE", 0 if packed else 10**9)
    with lane, tempfile.TemporaryDirectory() as folder:
        repo = GitRepository.create(Path(folder) / "r", bare=True)
        tip: str | None = None
        files: Files = {}
        for step in steps:
            wanted = apply(files, step)
            try:
                new = write_commit(repo, parent=tip, changes=step, author=WHO, committer=WHO, message="step")
            except UsageError:
                assert wanted is None
                continue
            assert wanted is not None
            assert read(repo, new) == wanted
            changed = {change.path for change in repo.diff(tip, new)}
            assert changed == {p for p in files.keys() | wanted.keys() if files.get(p) != wanted.get(p)}
            assert all(
                (entry := repo.entry(new, path)) is not None and repo.read_blob(entry.oid) == content
                for path, content in wanted.items()
            )
            tip, files = new, wanted
