"""A search as people ask it, over HTTP and on the command line: words, a filter by name, facets, a moment, a page.

- Names of fields are resolved here, custom ones by the MetadataSchema records that hold at the moment that is asked of.
- A page tells the cursor of the next one. The cursor names the commit that the first page was of, and the pages after
  it are of that commit too: whatever lands meanwhile, nothing comes twice and nothing is left out.
- A cursor is opaque, belongs to one query, and is refused where it is damaged or main was rewritten since.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

from gitreg.errors import NotFoundError, UsageError
from gitreg.refs import KINDS, NAMESPACE_PATTERN, is_namespace
from gitreg.repository.moments import read_moment
from gitreg_indexer.catalog import Position
from gitreg_indexer.conditions import WHOLE, Condition
from gitreg_indexer.engine import SORTS, Facet, Query
from gitreg_indexer.fields import NO_CUSTOM_FIELDS, CustomFields, columns, find, resolve
from gitreg_indexer.filters import parse_filter
from gitreg_indexer.highlights import highlights
from gitreg_indexer.reader import LEXICAL, Page, Reader
from gitreg_indexer.semantic import check_mode
from gitreg_indexer.texts import LONGEST, parse_text

MOST_FACETS: Final = 20
_ATTEMPTS: Final = 5
_LONGEST_CURSOR: Final = 400
_MOST: Final = 999_999_999
"""The largest seq, and the largest offset, of a cursor."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for. `facets`, `sort` and the filter name fields as people do.

    `at` is a moment of the past, the present unless it is given. With a `cursor`, the page goes on where the one before
    it ended; the rest must be asked as it was for that one, but for `limit`, `facets` and `highlight`.
    """

    text: str | None = None
    kind: str | None = None
    namespace: str | None = None
    provider: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    filter: str | None = None
    facets: tuple[str, ...] = ()
    sort: str | None = None
    at: str | None = None
    mode: str = LEXICAL
    limit: int = 20
    offset: int = 0
    cursor: str | None = None
    highlight: bool = False

    def __post_init__(self) -> None:
        """Refuse a namespace that there cannot be: nothing would be found in it."""
        if self.namespace is not None and not is_namespace(self.namespace):
            raise UsageError(
                f"{self.namespace!r} is not a namespace",
                got=self.namespace,
                expected=f"a namespace, {NAMESPACE_PATTERN}",
                mend="give it in lower case, like `acme` or `acme/nlp`, without a slash at its ends",
            )

    def seq_needed(self) -> int | None:
        """Tell which seq the index must have reached to answer; None where that cannot be told from the words."""
        if self.cursor is not None:
            return _read_cursor(self.cursor).position.seq
        moment = read_moment(self.at) if self.at is not None else None
        return moment.seq if moment is not None and moment.is_seq else None

    @property
    def is_of_now(self) -> bool:
        """Tell whether the present is asked of."""
        return self.cursor is None and self.at is None

    @property
    def is_of_one_commit(self) -> bool:
        """Tell whether the words name a commit for ever: its whole id, or a cursor, which has it."""
        return self.cursor is not None or (self.at is not None and read_moment(self.at).is_commit)

    def query(self, custom: CustomFields) -> Query:
        """Give what the index is asked; `UsageError` for a field, a value or a filter that cannot be."""
        self._check_text()
        self._check_mode()
        made = Query(
            text=self.text,
            kind=self.kind,
            namespace=self.namespace,
            provider=self.provider,
            type=self.type,
            status=self.status,
            tag=self.tag,
            where=parse_filter(self.filter, custom) if self.filter else None,
            sort=_sort_path(self.sort, custom),
        )
        return made.check()

    def _check_text(self) -> None:
        if self.text is not None and len(self.text) > LONGEST:
            raise UsageError(
                f"the text has {len(self.text)} characters, and at most {LONGEST} are searched for",
                got=len(self.text),
                expected=f"at most {LONGEST} characters",
                mend="search for the words that tell most",
            )

    def _check_mode(self) -> None:
        if check_mode(self.mode) == LEXICAL:
            return
        if not parse_text(self.text or "").plain:
            raise UsageError(
                f"mode {self.mode!r} looks for what is near to a text, and there is none",
                got=self.mode,
                mend=f"give a text, or search by words: mode {LEXICAL!r}",
            )
        if self.sort:
            raise UsageError(
                f"mode {self.mode!r} is an order itself, and cannot be sorted by {self.sort!r}",
                got=self.sort,
                mend=f"leave the sort out, or search by words: mode {LEXICAL!r}",
            )

    def digest(self, position: Position, offset: int) -> str:
        """Name what a cursor stands for: the order and the set of what is found, the commit, and the place in it."""
        told = [
            *(self.text, self.kind, self.namespace, self.filter, self.sort, self.mode),
            *(sorted(words) for words in (self.provider, self.type, self.status, self.tag)),
            *(position.seq, position.commit, offset),
        ]
        return blake2b(json.dumps(told).encode(), digest_size=9).hexdigest()

    @property
    def names_fields(self) -> bool:
        """Tell whether it names fields, which may be custom ones."""
        return bool(self.filter or self.facets or self.sort)


@dataclass(frozen=True, slots=True)
class Result:
    """One page. `facets` are by the names that were asked for, `highlights` by item; `cursor` is None at the end.

    `position` is what was asked of; the page is of an earlier one where the search engine has not come so far yet.
    """

    page: Page
    position: Position
    facets: tuple[tuple[str, Facet], ...] | None = None
    highlights: tuple[list[dict[str, Any]], ...] | None = None
    cursor: str | None = None

    def beside_items(self) -> dict[str, Any]:
        """Give what is told of the page beside its items, but for its commit and seq, as JSON data."""
        page = self.page
        data: dict[str, Any] = {"total": page.total, "limit": page.limit, "offset": page.offset}
        if self.facets is not None:
            data["facets"] = {name: _counts(facet) for name, facet in self.facets}
        if self.highlights is not None:
            refs = (fact.ref for fact in page.items)
            data["highlights"] = dict(zip(refs, self.highlights, strict=True))
        if page.meant:
            data["meant"] = [{"asked": asked, "taken": taken} for asked, taken in page.meant]
        return {**data, "cursor": self.cursor}


def run(reader: Reader, asked: Asked) -> Result:
    """Answer one page."""
    if asked.cursor is not None:
        position, offset = _continued(reader, asked)
    else:
        offset = asked.offset
        position = reader.position() if asked.at is None else reader.moment(asked.at)
    page, facets = _search(reader, asked, position, offset)
    shown = offset + len(page.items)
    return Result(
        page=page,
        position=position,
        facets=facets,
        highlights=_highlights(page, asked.text) if asked.highlight else None,
        cursor=_cursor(asked, page.position, shown) if page.items and shown < page.total else None,
    )


def parsed_filter(reader: Reader, text: str | None, position: Position) -> Condition | None:
    """Read a filter with the custom fields of a commit."""
    return parse_filter(text, reader.custom_fields(position)) if text else None


def field_of(reader: Reader, kind: str, name: str, *, at: int | None = None) -> str:
    """Give the canonical path of the field of a kind that goes by a name; `UsageError` where it has none such."""
    position = reader.position() if at is None else reader.moment(str(at))
    return path_of(kind, name, reader.custom_fields(position))


def path_of(kind: str, name: str, custom: CustomFields = NO_CUSTOM_FIELDS) -> str:
    """Give the canonical path of the field of a kind that goes by a name, as `field_of` does, without an index."""
    found = resolve(name, custom, kind)
    if kind not in found.kinds:
        raise UsageError(
            f"no {KINDS[kind].word} has a field {name!r}",
            got=name,
            expected=f"a field of a {KINDS[kind].word}",
            mend=f"`gitreg schema {KINDS[kind].word}` prints them; {found.path} belongs to {', '.join(found.kinds)}",
        )
    return found.path


def _search(
    reader: Reader, asked: Asked, position: Position, offset: int
) -> tuple[Page, tuple[tuple[str, Facet], ...] | None]:
    """Search with the fields as they are typed at the commit that is answered of."""
    for _ in range(_ATTEMPTS):
        custom = reader.custom_fields(position) if asked.names_fields else NO_CUSTOM_FIELDS
        paths = dict(_facet_paths(asked.facets, custom))
        page = reader.search(
            asked.query(custom),
            mode=asked.mode,
            offset=offset,
            limit=asked.limit,
            at=None if asked.is_of_now else position.seq,
            facets=tuple(dict.fromkeys(paths.values())),
        )
        if not asked.is_of_now or page.position == position or not asked.names_fields:
            break
        position = page.position  # something landed meanwhile, and may have typed the fields in another way
    if not asked.facets:
        return page, None
    counted = {facet.path: facet for facet in page.facets}
    return page, tuple((name, counted.get(path, Facet(path, ()))) for name, path in paths.items())


def _sort_path(sort: str | None, custom: CustomFields) -> str | None:
    """Give what to sort by as the index knows it; what nothing goes by is left for the query to refuse."""
    if not sort:
        return None
    sign, bare = ("-", sort[1:]) if sort.startswith("-") else ("", sort)
    if bare in SORTS or bare in columns():
        return sort
    known = find(bare, custom)
    return sort if known is None else f"{sign}{known.path}"


def _facet_paths(names: tuple[str, ...], custom: CustomFields) -> Iterator[tuple[str, str]]:
    if len(names) > MOST_FACETS:
        raise UsageError(
            f"{len(names)} facets are asked for at once",
            got=len(names),
            expected=f"at most {MOST_FACETS}",
            mend="ask for the others in another search",
        )
    for name in names:
        field = resolve(name, custom)
        if field.type in ("part", "map"):
            raise UsageError(
                f"{name!r} has fields of its own and no values to count",
                got=name,
                expected="a field with a value, like `provider`, `type` or `tags`",
                mend=f"name a field below it, as `{name}.<field>`; docs/query-language.md lists the fields",
            )
        if field.path in WHOLE:
            raise UsageError(
                f"{name!r} is another one in nearly every record, and cannot be counted",
                got=name,
                expected="a field whose values many records share",
                mend="count one like `kind`, `provider`, `status`, `owner` or `tags`; a filter finds by any field",
            )
        yield name, field.path


def _highlights(page: Page, text: str | None) -> tuple[list[dict[str, Any]], ...]:
    sought = parse_text(text or "")
    return tuple(highlights(fact.data(), sought, page.meant) for fact in page.items)


def _counts(facet: Facet) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in facet.counts]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where the next page begins: the commit that the first page was of, how many came before, and of what query."""

    position: Position
    offset: int
    digest: str


def _cursor(asked: Asked, position: Position, offset: int) -> str:
    told = [position.seq, position.commit, offset, asked.digest(position, offset)]
    return urlsafe_b64encode(orjson.dumps(told)).rstrip(b"=").decode()


def _read_cursor(text: str) -> _Cursor:
    try:
        raw = text.encode("ascii") if len(text) <= _LONGEST_CURSOR else b""
        match orjson.loads(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))):
            case [int(seq), str(commit), int(offset), str(digest)] if 0 < seq <= _MOST and 0 <= offset <= _MOST:
                return _Cursor(Position(seq, commit), offset, digest)
    except (ValueError, binascii.Error):
        pass
    raise UsageError(
        "this is not a cursor, or not a whole one",
        got=text[:_LONGEST_CURSOR],
        expected="the `cursor` of the page before, as it was given",
        mend="copy it whole, or ask for the first page again without it",
    )


def _continued(reader: Reader, asked: Asked) -> tuple[Position, int]:
    """Find where a cursor goes on; `UsageError` where it is of another query, or of a past that is no more."""
    cursor = _read_cursor(asked.cursor or "")
    if asked.digest(cursor.position, cursor.offset) != cursor.digest:
        raise UsageError(
            "the cursor is of another query, or was changed",
            got=asked.cursor,
            expected="the same text, filters and sort as for the page that gave it",
            mend="ask as for the page before, or begin again without the cursor",
        )
    if asked.offset:
        raise UsageError(
            "a cursor and an offset are given, and both say where the page begins",
            got=f"offset {asked.offset}",
            mend="leave one of them out",
        )
    seq = cursor.position.seq
    try:
        here = reader.moment(str(seq))
    except NotFoundError:
        here = None
    if here != cursor.position:
        raise UsageError(
            f"main was rewritten since the cursor was given: seq {seq} is another commit now",
            got=cursor.position.commit[:12],
            expected=here.commit[:12] if here else None,
            mend="ask for the first page again without the cursor",
        )
    _refuse_other_moment(reader, asked.at, cursor.position)
    return cursor.position, cursor.offset


def _refuse_other_moment(reader: Reader, at: str | None, position: Position) -> None:
    """Refuse a moment beside a cursor that is not the cursor's; names that may move on (`main`, today) are let pass."""
    moment = read_moment(at) if at is not None else None
    if at is None or moment is None or not (moment.is_seq or moment.is_commit):
        return
    if reader.moment(at) != position:
        raise UsageError(
            f"the cursor is of seq {position.seq}, and {at!r} is another moment",
            got=at,
            expected=f"{position.seq}, or nothing",
            mend="leave the moment out: a cursor has its own; or begin again without the cursor",
        )
