"""Lists and searches: their parameters, and the page that answers them.

- Every collection is listed with the same parameters as `/api/v1/search`, which looks through all of them.
- A parameter without a value is the same as none; an unknown one is refused, since a typo would widen the search.
- A page is of the commit that the search engine has reached, which may be a moment behind the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticUseDefault

from gitreg.errors import NotFoundError, Rejected, UsageError
from gitreg.refs import Ref
from gitreg.repository.moments import EXPECTED as MOMENTS
from gitreg.repository.moments import read_moment
from gitreg_api.answers import OF_A_NAME, OF_ONE_COMMIT, Answer, answer_page, hold_of
from gitreg_api.paths import read_kind
from gitreg_api.source import as_of
from gitreg_indexer import Position, Reader
from gitreg_indexer.reader import LEXICAL
from gitreg_indexer.searching import MOST_FACETS, Asked, parsed_filter, run
from gitreg_indexer.semantic import MODES

MAX_LIMIT: Final = 1000
MAX_OFFSET: Final = 1_000_000
MAX_TEXT: Final = 1000
MAX_WHEN: Final = 200
MOST_CHANGES: Final = 100
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")

EXPECTED: Final = {
    "limit": f"a whole number from 1 to {MAX_LIMIT}",
    "offset": f"a whole number from 0 to {MAX_OFFSET}",
    "min_seq": "a whole number, the seq of a commit",
    "q": f"at most {MAX_TEXT} characters",
    "at": MOMENTS,
    "since": "a whole number, the seq of a commit; 0 for the beginning",
    "highlight": "true or false",
    "ref": "[kind:]namespace/name[@selector]",
}


def _given(value: Any) -> Any:
    """Take a parameter without a value as one that is not there."""
    if value == "" or value is None:
        raise PydanticUseDefault
    return value


def _each_given(value: Any) -> Any:
    return [item for item in value if item != ""] if isinstance(value, list) else value


def _each_listed(value: Any) -> Any:
    """Take `a,b` for the same as `a` and `b`."""
    if not isinstance(value, list):
        return value
    return [part.strip() for item in value for part in str(item).split(",") if part.strip()]


def _flag(value: Any) -> Any:
    given = _given(value)
    if isinstance(given, str):
        if given not in _FLAGS:
            raise ValueError("neither true nor false")
        return _FLAGS[given]
    return given


_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def _whole(value: Any) -> Any:
    given = _given(value)
    if isinstance(given, str) and not _WHOLE_NUMBER.fullmatch(given):
        raise ValueError("not a whole number")
    return given


_Text = Annotated[str | None, BeforeValidator(_given)]
_Words = Annotated[list[str], BeforeValidator(_each_given)]
_Names = Annotated[list[str], BeforeValidator(_each_listed)]
_Flag = Annotated[bool, BeforeValidator(_flag)]


_FILTER: Final = Field(
    None,
    description="What records must state, over any field of any kind: `=`, `!=`, `<`, `<=`, `>`, `>=`, `:` (has "
    "the word or the item, is in the range), `has(field)`, lists, `AND`, `OR`, `NOT`, parentheses. A fault is told "
    "with its line and column.",
    examples=[
        'provider = "anthropic" AND capabilities.contextLength > 8000',
        'version : "^2.1" AND NOT status = "retired"',
        'type IN ("completion", "embedding") AND name = "qwen*"',
    ],
)


class Waiting(BaseModel):
    """What everything takes that is answered from the index."""

    min_seq: Annotated[int | None, BeforeValidator(_whole)] = Field(
        None,
        ge=0,
        description="Wait until the index has reached this seq, so that a write that was acknowledged with it is "
        "seen; 503 with Retry-After when it takes longer than five seconds.",
        examples=[42],
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        return self.min_seq


class Asking(Waiting):
    """What every read of records takes."""

    at: _Text = Field(
        None,
        max_length=MAX_WHEN,
        description="Answer as of this moment: a seq, a commit (its whole id or the beginning), a tag or branch, a day "
        "(at its end, UTC) or an RFC 3339 time. The answer is byte for byte what an index of that commit gives. A seq "
        "that is not indexed yet is waited for like `min_seq`.",
        examples=["2026-06-30", "42", "v1.0", "2026-06-30T12:00:00Z"],
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        moment = read_moment(self.at) if self.at is not None else None
        return max(self.min_seq or 0, (moment.seq or 0) if moment and moment.is_seq else 0) or None


class PageAsking(Asking):
    """What every read of several things takes."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        20, ge=1, le=MAX_LIMIT, description="How many items to give at most."
    )
    offset: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=MAX_OFFSET, description="How many items to skip."
    )


class HistoryAsking(PageAsking):
    """What the history of a record takes."""

    field: _Text = Field(
        None,
        max_length=MAX_WHEN,
        description="Only the commits that changed this field or what is below it, by its path or its short name.",
        examples=["spec.pricing", "status", "inputPrice"],
    )


class SimilarAsking(Asking):
    """What asking for similar records takes."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        10, ge=1, le=MAX_LIMIT, description="How many items to give at most."
    )
    filter: _Text = _FILTER


class ChangesAsking(Waiting):
    """What the feed of changes takes."""

    since: Annotated[int, BeforeValidator(_whole)] = Field(
        0,
        ge=0,
        description="Tell what came after this seq: `next` of the answer before, 0 for the beginning. One that is not "
        "indexed yet is waited for like `min_seq`.",
        examples=[42],
    )
    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        MOST_CHANGES,
        ge=1,
        le=MAX_LIMIT,
        description="How many commits to tell at most; fewer where they did more than some "
        "10,000 changes together. Of each that is told, all is told.",
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        return max(self.min_seq or 0, self.since) or None


class ListAsking(PageAsking):
    """What listing a collection takes; all filters must hold."""

    q: _Text = Field(
        None,
        max_length=MAX_TEXT,
        description="Full text over names, descriptions, tags and all other texts: words that must all be found, "
        '`"phrases"`, `-words` that must not, `prefix*`. An exact name, ref, id or external id comes first. Where '
        "nothing is found, near words are taken for misspelt ones, and `meant` says so.",
        examples=["summarizer", '"support chat" -legacy', "gpt*"],
    )
    filter: _Text = _FILTER
    namespace: _Text = Field(None, description="A namespace, with all below it.", examples=["acme/nlp"])
    provider: _Words = Field([], description="A provider; repeated, any of them.", examples=[["anthropic", "openai"]])
    type: _Words = Field([], description="A type; repeated, any of them.", examples=[["completion"]])
    tag: _Words = Field([], description="A tag; repeated, all of them.", examples=[["support"]])
    status: _Words = Field([], description="A lifecycle status; repeated, any of them.", examples=[["active"]])
    sort: _Text = Field(
        None,
        description="What to sort by: relevance, name, version, updatedAt, createdAt, contextLength, inputPrice or any "
        "field with one value, with '-' in front for the reverse; what does not state it comes last. Without it: "
        "relevance where there is `q`, else name.",
        examples=["-updatedAt", "spec.capabilities.maxOutputTokens"],
    )
    mode: Annotated[str, BeforeValidator(_given)] = Field(
        LEXICAL,
        description="How `q` is looked for: by its words (`lexical`), by nearness, which finds typos, other orders and "
        "parts of words (`semantic`), or both in one order (`hybrid`). The latter two take no `sort`.",
        json_schema_extra={"enum": list(MODES)},
        examples=["hybrid"],
    )
    facets: _Names = Field(
        [],
        description=f"Fields whose values are counted over all that is found, separated by commas or repeated; at most "
        f"{MOST_FACETS}.",
        examples=[["provider", "type", "tags"]],
    )
    highlight: _Flag = Field(
        False, description="Tell of each item where the words of `q` stand in it.", examples=[True]
    )
    cursor: _Text = Field(
        None,
        max_length=MAX_TEXT,
        description="The `cursor` of the page before: go on where it ended, as of the commit that the first page was "
        "of, whatever has landed since. The rest is asked as it was for that page; `limit`, `facets` and `highlight` "
        "may differ.",
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        return max(super().seq_needed() or 0, Asked(cursor=self.cursor).seq_needed() or 0) or None


class SearchAsking(ListAsking):
    """What searching all collections takes."""

    kind: _Text = Field(None, description="A kind, by its word, its name or its collection.", examples=["model"])


class HomeAsking(BaseModel):
    """What a link to the page may carry: the page's own script reads it."""

    q: _Text = None
    kind: _Text = None
    filter: _Text = None
    at: _Text = None


class ResolveAsking(Asking):
    """What resolving a ref takes."""

    ref: str = Field(
        description="The ref to resolve: `[kind:]namespace/name[@selector]`; a model where it names no kind.",
        max_length=512,
        examples=["acme/nlp/summarizer@production"],
    )


@dataclass(frozen=True, slots=True)
class Only:
    """Refuses parameters that a route does not take, and ones given twice that it takes once."""

    known: tuple[str, ...]
    repeatable: frozenset[str]

    async def __call__(self, request: Request) -> None:
        """Look at the names of a request's parameters."""
        check_names([name for name, _ in request.query_params.multi_items()], self.known, self.repeatable)


def only(asking: type[BaseModel] | None = None) -> Only:
    """Take the parameters of a model, and no others."""
    fields = asking.model_fields if asking else {}
    repeatable = frozenset(name for name, field in fields.items() if field.annotation == list[str])
    return Only(tuple(fields), repeatable)


def check_names(names: list[str], known: Collection[str], repeatable: Collection[str]) -> None:
    """Refuse parameter names that are unknown or given too often, with the nearest known one."""
    for name in names:
        if name not in known:
            near = get_close_matches(name.casefold(), known, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            takes = f"this path takes {', '.join(known)}" if known else "this path takes none"
            raise UsageError(
                f"there is no parameter `{name}`",
                got=name,
                expected=", ".join(known) or None,
                mend=f"{hint}{takes}",
            )
        if name not in repeatable and names.count(name) > 1:
            raise UsageError(
                f"the parameter `{name}` is given {names.count(name)} times, and one is meant",
                got=name,
                mend=f"give it once; {', '.join(sorted(repeatable)) or 'none here'} may be repeated",
            )


def asked_of(asking: ListAsking, kind: str | None) -> Asked:
    """Turn the parameters into what is asked; `UsageError` for a namespace or a kind that cannot be."""
    if kind is None and isinstance(asking, SearchAsking) and asking.kind is not None:
        kind = read_kind(asking.kind)
    return Asked(
        text=asking.q,
        kind=kind,
        namespace=asking.namespace,
        provider=tuple(asking.provider),
        type=tuple(asking.type),
        status=tuple(asking.status),
        tag=tuple(asking.tag),
        filter=asking.filter,
        facets=tuple(asking.facets),
        sort=asking.sort,
        at=asking.at,
        mode=asking.mode,
        limit=asking.limit,
        offset=asking.offset,
        cursor=asking.cursor,
        highlight=asking.highlight,
    )


def answer_search(reader: Reader, asked: Asked) -> tuple[Answer, Position, Position]:
    """Answer a list or a search; tell what the answer is of, and what it should be of."""
    result = run(reader, asked)
    hold = OF_ONE_COMMIT if asked.is_of_one_commit else hold_of(asked.at)
    if asked.mode != LEXICAL and not asked.is_of_now:
        hold = OF_A_NAME  # another embedder may find other things near
    docs = (fact.doc for fact in result.page.items)
    answer = answer_page(docs, result.beside_items(), result.page.position, hold)
    return answer, result.page.position, result.position


def answer_similar(reader: Reader, ref: Ref, asking: SimilarAsking) -> tuple[Answer, Position, Position]:
    """Answer with the records most like one; tell what the answer is of, and what it should be of."""
    moment = reader.position() if asking.at is None else reader.moment(asking.at)
    where = parsed_filter(reader, asking.filter, moment)
    at = None if asking.at is None else moment.seq
    try:
        found, position = reader.similar(ref, where=where, limit=asking.limit, at=at)
    except (NotFoundError, Rejected) as error:
        raise as_of(error, moment) from error
    beside = {"scores": {fact.ref: score for fact, score in found}}
    docs = (fact.doc for fact, _ in found)
    hold = hold_of(None) if asking.at is None else OF_A_NAME
    return answer_page(docs, beside, position, hold), position, moment
