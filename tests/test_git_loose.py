"""A loose object is read whole or named as damaged, whichever of its bits is flipped and wherever it is cut off."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from hashlib import sha1
from pathlib import Path
from typing import Final

import pytest
from conftest import Committing
from pygit2.enums import ObjectType

from gitreg.errors import RepositoryError
from gitreg.repository.git import GitRepository
from gitreg.repository.loose import LooseObjects

TEXT: Final = b"kind: Model\nmetadata:\n  name: summarizer\n" * 4


def put(repo: GitRepository, raw: bytes, kind: bytes = b"blob", size: int | None = None) -> Path:
    """Write a loose object under the name of what it should be, with a header of any size."""
    oid = sha1(b"%s %d\0%s" % (kind, len(raw), raw), usedforsecurity=False).hexdigest()
    file = repo.git_dir / "objects" / oid[:2] / oid[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(b"%s %d\0%s" % (kind, len(raw) if size is None else size, raw)))
    return file


def oid_of(file: Path) -> str:
    return file.parent.name + file.name


def refusal(repo: GitRepository, oid: str, raw: bytes) -> RepositoryError | None:
    """Read an object, and give the error; what is read all the same is what was written."""
    try:
        found = repo.read_blob(oid)
    except RepositoryError as error:
        return error
    assert found == raw
    return None


def test_a_loose_object_reads_as_it_is(repo: GitRepository, commit_to: Committing) -> None:
    commit = commit_to(repo, {"a.yaml": TEXT})
    entry = repo.entry(commit, "a.yaml")
    assert entry is not None
    loose = LooseObjects(repo.git_dir / "objects")
    assert loose.read(entry.oid) == (ObjectType.BLOB, TEXT)
    assert loose.header(entry.oid) == (ObjectType.BLOB, len(TEXT))
    assert loose.read("0" * 40) is None
    assert loose.header("0" * 40) is None
    assert (repo.read_blob(entry.oid), repo.blob_size(entry.oid)) == (TEXT, len(TEXT))


def test_the_size_of_a_large_file_is_told_without_reading_it(repo: GitRepository) -> None:
    raw = random.Random(1).randbytes(4_000_000)  # noqa: S311 - cannot be packed smaller
    oid = oid_of(put(repo, raw))
    repo.blob_size(oid)
    tracemalloc.start()
    try:
        assert repo.blob_size(oid) == len(raw)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("raw", [b"", b"x", TEXT, bytes(range(256)) * 40], ids=["empty", "a byte", "a text", "long"])
def test_a_flipped_bit_is_told_or_changes_nothing(repo: GitRepository, raw: bytes) -> None:
    file = put(repo, raw)
    whole = file.read_bytes()
    silent = []
    for at in range(0, len(whole), max(1, len(whole) // 200)):
        for bit in range(8):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            error = refusal(repo, oid_of(file), raw)
            if error is None:
                silent.append(at)
            else:
                assert oid_of(file) in str(error.where)
                assert "git fsck" in error.mend
    assert set(silent) <= {len(whole) - 5}  # the byte that the compressed data ends in, and does not fill


def test_what_is_cut_off_or_goes_on_is_told(repo: GitRepository) -> None:
    file = put(repo, TEXT)
    whole = file.read_bytes()
    for harmed in (*(whole[:length] for length in range(len(whole))), whole + b"x", bytes(len(whole))):
        file.write_bytes(harmed)
        with pytest.raises(RepositoryError):
            repo.read_blob(oid_of(file))


@pytest.mark.parametrize("size", [0, 1, len(TEXT) - 1, len(TEXT) + 1, 10**12])
def test_a_header_that_says_another_size_is_told(repo: GitRepository, size: int) -> None:
    file = put(repo, TEXT, size=size)
    with pytest.raises(RepositoryError, match="cannot be read"):
        repo.read_blob(oid_of(file))


def test_the_bytes_of_another_object_are_told(repo: GitRepository) -> None:
    one, other = put(repo, b"one"), put(repo, b"other")
    one.write_bytes(other.read_bytes())
    with pytest.raises(RepositoryError) as caught:
        repo.read_blob(oid_of(one))
    assert oid_of(other) in str(caught.value.got)


def test_an_object_of_no_kind_is_told(repo: GitRepository) -> None:
    file = put(repo, TEXT, kind=b"blub")
    for read in (repo.read_blob, repo.blob_size):
        with pytest.raises(RepositoryError, match="cannot be read"):
            read(oid_of(file))
