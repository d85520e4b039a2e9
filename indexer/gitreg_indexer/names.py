"""What is known of a name as a whole: its versions, its aliases, and what `latest` means.

- A name that nothing goes by is an error with the nearest one, never an empty list.
"""

from __future__ import annotations

from dataclasses import replace

from gitreg.errors import NotFoundError
from gitreg.refs import LATEST, Ref
from gitreg_indexer.catalog import Fact
from gitreg_indexer.reader import Reader


def versions_of(reader: Reader, ref: Ref, *, at: int | None = None) -> tuple[Fact, ...]:
    """List the versions of a name, highest first."""
    found = reader.versions(ref, at=at)
    if not found:
        reader.resolve(ref, at=at)
    return found


def versions_page_of(
    reader: Reader, ref: Ref, *, at: int | None = None, offset: int = 0, limit: int = 20
) -> tuple[tuple[Fact, ...], int]:
    """Give some of the versions of a name, highest first, and how many there are."""
    found, total = reader.versions_page(ref, at=at, offset=offset, limit=limit)
    if not total:
        reader.resolve(ref, at=at)
    return found, total


def aliases_of(reader: Reader, ref: Ref, *, at: int | None = None) -> tuple[dict[str, str], str | None]:
    """Give the aliases of a name, and the version that `latest` means, None where none is meant."""
    versions_page_of(reader, ref, at=at, limit=0)
    try:
        latest = reader.resolve(replace(ref, selector=LATEST), at=at).version
    except NotFoundError:
        latest = None
    return dict(sorted(reader.aliases(ref, at=at).items())), latest
