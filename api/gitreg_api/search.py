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

from gitreg.errors import UsageError
from gitreg.refs import NAMESPACE_PATTERN, is_namespace
from gitreg_api.answers import Answer, answer_page
from gitreg_api.paths import read_kind
from gitreg_indexer import Query, Reader

MAX_LIMIT: Final = 1000
MAX_OFFSET: Final = 1_000_000
MAX_TEXT: Final = 1000
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")

EXPECTED: Final = {
    "limit": f"a whole number from 1 to {MAX_LIMIT}",
    "offset": f"a whole number from 0 to {MAX_OFFSET}",
    "min_seq": "a whole number, the seq of a commit",
    "q": f"at most {MAX_TEXT} characters",
    "ref": "[kind:]namespace/name[@selector]",
}


def _given(value: Any) -> Any:
    """Take a parameter without a value as one that is not there."""
    if value == "" or value is None:
        raise PydanticUseDefault
    return value


def _each_given(value: Any) -> Any:
    return [item for item in value if item != ""] if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    given = _given(value)
    if isinstance(given, str) and not _WHOLE_NUMBER.fullmatch(given):
        raise ValueError("not a whole number")
    return given


_Text = Annotated[str | None, BeforeValidator(_given)]
_Words = Annotated[list[str], BeforeValidator(_each_given)]


class Asking(BaseModel):
    """What every read takes."""

    min_seq: Annotated[int | None, BeforeValidator(_whole)] = Field(
        None,
        ge=0,
        description="Wait until the index has reached this seq, so that a write that was acknowledged with it is "
        "seen; 503 with Retry-After when it takes longer than five seconds.",
        examples=[42],
    )


class PageAsking(Asking):
    """What every read of several things takes."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        20, ge=1, le=MAX_LIMIT, description="How many items to give at most."
    )
    offset: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=MAX_OFFSET, description="How many items to skip."
    )


class ListAsking(PageAsking):
    """What listing a collection takes; all filters must hold."""

    q: _Text = Field(
        None,
        max_length=MAX_TEXT,
        description="Full text over names, descriptions, tags and all other texts; an exact name, ref, id or "
        "external id comes first.",
        examples=["summarizer"],
    )
    namespace: _Text = Field(None, description="A namespace, with all below it.", examples=["acme/nlp"])
    provider: _Words = Field([], description="A provider; repeated, any of them.", examples=[["anthropic", "openai"]])
    type: _Words = Field([], description="A type; repeated, any of them.", examples=[["completion"]])
    tag: _Words = Field([], description="A tag; repeated, all of them.", examples=[["support"]])
    status: _Words = Field([], description="A lifecycle status; repeated, any of them.", examples=[["active"]])
    sort: _Text = Field(
        None,
        description="What to sort by: relevance, name, version, updatedAt, createdAt, contextLength or "
        "inputPrice, with '-' in front for the reverse. Without it: relevance where there is `q`, else name.",
        examples=["-updatedAt"],
    )


class SearchAsking(ListAsking):
    """What searching all collections takes."""

    kind: _Text = Field(None, description="A kind, by its word, its name or its collection.", examples=["model"])


class HomeAsking(BaseModel):
    """What a link to the page may carry: the page's own script reads it."""

    q: _Text = None
    kind: _Text = None


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


def query_of(asking: ListAsking, kind: str | None) -> Query:
    """Turn the parameters into what the index is asked; `UsageError` for a namespace or sort that cannot be."""
    if asking.namespace is not None and not is_namespace(asking.namespace):
        raise UsageError(
            f"{asking.namespace!r} is not a namespace",
            got=asking.namespace,
            expected=f"a namespace, {NAMESPACE_PATTERN}",
            mend="give it in lower case, like `acme` or `acme/nlp`, without a slash at its ends",
        )
    if kind is None and isinstance(asking, SearchAsking) and asking.kind is not None:
        kind = read_kind(asking.kind)
    query = Query(
        text=asking.q,
        kind=kind,
        namespace=asking.namespace,
        provider=tuple(asking.provider),
        type=tuple(asking.type),
        status=tuple(asking.status),
        tag=tuple(asking.tag),
        sort=asking.sort,
    )
    return query.check()


def answer_search(reader: Reader, query: Query, *, limit: int, offset: int) -> tuple[Answer, int]:
    """Answer a list or a search, and tell the seq that the answer is of."""
    page = reader.search(query, offset=offset, limit=limit)
    docs = (fact.doc for fact in page.items)
    answer = answer_page(docs, page.position, total=page.total, limit=limit, offset=offset)
    return answer, page.position.seq
