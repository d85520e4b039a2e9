"""Lists and searches: their parameters, and the page that answers them.

- Every collection is listed with the same parameters as `/api/v1/search`, which looks through all of them.
- A page is of the commit that the search engine has reached, which may be a moment behind the catalog.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from gitreg.errors import NotFoundError, Rejected
from gitreg.refs import Ref
from gitreg_api.answers import OF_A_NAME, OF_ONE_COMMIT, Answer, answer_page, hold_of
from gitreg_api.parameters import (
    MAX_LIMIT,
    MAX_TEXT,
    MAX_WHEN,
    Asking,
    Flag,
    Names,
    PageAsking,
    Since,
    Text,
    Waiting,
    Whole,
    Word,
    Words,
)
from gitreg_api.paths import read_kind
from gitreg_api.source import as_of
from gitreg_indexer import Position, Reader
from gitreg_indexer.reader import LEXICAL
from gitreg_indexer.searching import MOST_FACETS, Asked, parsed_filter, run
from gitreg_indexer.semantic import MODES

MOST_CHANGES: Final = 100

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


class HistoryAsking(PageAsking):
    """What the history of a record takes."""

    field: Text = Field(
        None,
        max_length=MAX_WHEN,
        description="Only the commits that changed this field or what is below it, by its path or its short name.",
        examples=["spec.pricing", "status", "inputPrice"],
    )


class SimilarAsking(Asking):
    """What asking for similar records takes."""

    limit: Whole = Field(10, ge=1, le=MAX_LIMIT, description="How many items to give at most.")
    filter: Text = _FILTER


class ChangesAsking(Waiting):
    """What the feed of changes takes."""

    since: Since = Field(
        0,
        description="Tell what came after this commit: `nextCommit` of the answer before, a whole id; 0 for the "
        "beginning. A seq (`next`) may be another commit after main was rewritten. One that main has and the index has "
        "not yet is waited for like `min_seq`; one that main does not have (any more) is 410: begin anew, since 0.",
        examples=["427e4d0744210fa2ff1a2d9bf9bb8b0aa6fc2a9c", 42],
    )
    limit: Whole = Field(
        MOST_CHANGES,
        ge=1,
        le=MAX_LIMIT,
        description="How many commits to tell at most; fewer where they did more than some "
        "10,000 changes together. Of each that is told, all is told.",
    )


class ListAsking(PageAsking):
    """What listing a collection takes; all filters must hold."""

    q: Text = Field(
        None,
        max_length=MAX_TEXT,
        description="Full text over names, descriptions, tags and all other texts: words that must all be found, "
        '`"phrases"`, `-words` that must not, `prefix*`. An exact name, ref, id or external id comes first. Where '
        "nothing is found, near words are taken for misspelt ones, and `meant` says so.",
        examples=["summarizer", '"support chat" -legacy', "gpt*"],
    )
    filter: Text = _FILTER
    namespace: Text = Field(None, description="A namespace, with all below it.", examples=["acme/nlp"])
    provider: Words = Field([], description="A provider; repeated, any of them.", examples=[["anthropic", "openai"]])
    type: Words = Field([], description="A type; repeated, any of them.", examples=[["completion"]])
    tag: Words = Field([], description="A tag; repeated, all of them.", examples=[["support"]])
    status: Words = Field([], description="A lifecycle status; repeated, any of them.", examples=[["active"]])
    sort: Text = Field(
        None,
        description="What to sort by: relevance, name, version, updatedAt, createdAt, contextLength, inputPrice or any "
        "other sortable field (docs/query-language.md lists them), with '-' in front for the reverse; what does not "
        "state it comes last. Without it: "
        "relevance where there is `q`, else name.",
        examples=["-updatedAt", "spec.capabilities.maxOutputTokens"],
    )
    mode: Word = Field(
        LEXICAL,
        description="How `q` is looked for: by its words (`lexical`), by nearness, which finds typos, other orders and "
        "parts of words (`semantic`), or both in one order (`hybrid`). The latter two take no `sort`.",
        json_schema_extra={"enum": list(MODES)},
        examples=["hybrid"],
    )
    facets: Names = Field(
        [],
        description=f"Fields whose values are counted over all that is found, separated by commas or repeated; at most "
        f"{MOST_FACETS}.",
        examples=[["provider", "type", "tags"]],
    )
    highlight: Flag = Field(False, description="Tell of each item where the words of `q` stand in it.", examples=[True])
    cursor: Text = Field(
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

    kind: Text = Field(None, description="A kind, by its word, its name or its collection.", examples=["model"])


class HomeAsking(BaseModel):
    """What a link to the page may carry: the page's own script reads it."""

    q: Text = None
    kind: Text = None
    filter: Text = None
    at: Text = None


class ResolveAsking(Asking):
    """What resolving a ref takes."""

    ref: str = Field(
        description="The ref to resolve: `[kind:]namespace/name[@selector]`; a model where it names no kind.",
        max_length=512,
        examples=["acme/nlp/summarizer@production"],
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
