"""The index as commands open it: brought up to main's tip as far as that can be done now."""

from __future__ import annotations

from pathlib import Path

from gitreg.cli.options import progress, remark
from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg_indexer.catalog import BrokenIndexError, ForeignIndexError, IndexFormatError
from gitreg_indexer.index import Index, Reader


class NotReadyError(GitregError):
    """There is nothing to answer from yet; trying again helps."""

    code = "not-ready"


def open_current(registry: Registry, folder: Path | None, *, quiet: bool, catalog: str | None = None) -> Index:
    """Open a registry's index, brought up to main's tip as far as that can be done now.

    What is in the way (another process that writes, a full disk) is remarked where the index has a state to answer
    from; where it has none, `NotReadyError` or the fault itself is raised: not indexed is not the same as not there.
    """
    index = Index.open(registry, folder, catalog=catalog)
    if not index.is_behind():
        return index
    try:
        with progress("indexing", total=index.pending(), silent=quiet) as step:
            index.catch_up(progress=step)
    except (BrokenIndexError, ForeignIndexError, IndexFormatError):
        index.close()
        raise
    except GitregError as error:
        position = index.catalog.position()
        if position.seq == 0:
            index.close()
            if isinstance(error, ConflictError):
                raise not_ready(error) from error
            raise
        if isinstance(error, ConflictError):
            remark(f"answering from {position.commit[:12]}: {error.says}")
        else:
            remark(f"answering from the last good state: {error.says}; {error.mend}")
    return index


def not_ready(error: GitregError | None = None) -> NotReadyError:
    """Say that there is nothing to answer from yet, and what is in the way where it is known."""
    return NotReadyError(
        "nothing has been indexed yet" if error is None else f"nothing has been indexed yet, and {error.says}",
        where=error.where if error else None,
        mend="try again in a moment; `gitreg index status` tells how far it is",
    )


def fill_vectors(index: Index, *, quiet: bool) -> None:
    """Bring the vectors of semantic search up to the index, as far as that can be done now."""
    from gitreg_indexer.nearness import catch_up  # few need it

    try:
        with progress("embedding", silent=quiet) as step:
            catch_up(index, progress=step)
    except ConflictError:
        pass
    except GitregError as error:
        remark(f"semantic search is not up to date: {error.says}; {error.mend}")


def reader_or_none(
    registry: Registry, folder: Path | None, *, quiet: bool, catalog: str | None = None
) -> Reader | None:
    """Give a reader of the current index; None, with a note, where no index can be kept and none was named."""
    try:
        return open_current(registry, folder, quiet=quiet, catalog=catalog).reader()
    except (ForeignIndexError, IndexFormatError):
        raise
    except GitregError as error:
        if folder is not None or catalog is not None:
            raise
        remark(f"reading through Git, which is slower: {error.says}" + (f" ({error.got})" if error.got else ""))
        return None
