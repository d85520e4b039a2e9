"""The index as commands open it: brought up to main's tip as far as that can be done now."""

from __future__ import annotations

from pathlib import Path

from gitreg.cli.options import progress, remark
from gitreg.errors import ConflictError, GitregError
from gitreg.registry import Registry
from gitreg.repository.git import HistoryRewritten
from gitreg_indexer.catalog import ForeignIndexError, IndexFormatError
from gitreg_indexer.index import Index, Reader


def open_current(registry: Registry, folder: Path | None, *, quiet: bool, catalog: str | None = None) -> Index:
    """Open a registry's index, brought up to main's tip as far as that can be done now."""
    index = Index.open(registry, folder, catalog=catalog)
    if index.is_behind():
        try:
            with progress("indexing", total=index.pending(), silent=quiet) as step:
                index.catch_up(progress=step)
        except ConflictError as error:
            remark(f"answering from {index.catalog.position().commit[:12] or 'an empty index'}: {error.says}")
        except HistoryRewritten as error:
            remark(f"answering from the last good state: {error.says}; {error.mend}")
    return index


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
