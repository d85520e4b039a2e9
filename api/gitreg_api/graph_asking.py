"""What the routes of the graph take.

- Each limit is what one request may cost: records of a lineage, ways between two records, items of a page.
- Words (directions, relations, kinds, readings) are read where they are used, and what was meant by a wrong one is
  named there.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from gitreg.pictures import DRAWINGS
from gitreg.repository.moments import read_moment
from gitreg_api.parameters import (
    MAX_TEXT,
    MAX_WHEN,
    Asking,
    Flag,
    GivenWhen,
    Names,
    Text,
    Waiting,
    When,
    Word,
    between,
)
from gitreg_api.paths import read_kind
from gitreg_indexer.graph.answers import asked_of, seq_of_cursor
from gitreg_indexer.graph.impact import CHANGES
from gitreg_indexer.graph.lineage import DIRECTIONS, FOLLOWED, MOST_NODES, RELATIONS, Asked
from gitreg_indexer.graph.state import READINGS

MOST_DEPTH: Final = MOST_NODES
MOST_WAYS: Final = 100
MOST_LOOSE: Final = 1000
USUAL_NODES: Final = 1000
MAX_REF: Final = 512
PICTURES: Final = ("json", *DRAWINGS)
TEXTUAL: Final = (*PICTURES, "text")

_Depth = Annotated[int | None, between(1, MOST_DEPTH)]
_RELATION: Final[list[str]] = Field(
    [],
    description=f"Follow only these relations, separated by commas: {', '.join(RELATIONS)}. Unless given, all but "
    f"`{next(each for each in RELATIONS if each not in FOLLOWED)}`.",
    examples=[["derived_from", "depends_on"]],
)
_KIND: Final[list[str]] = Field(
    [], description="Enter only records of these kinds, separated by commas.", examples=[["model"]]
)
_READING: Final = Field(
    "resolved",
    description="What a range means: `resolved`, its best version, or `admitted`, every version that satisfies it.",
    json_schema_extra={"enum": list(READINGS)},
)
_DEPTH: Final = Field(
    None, ge=1, le=MOST_DEPTH, description="How many references away at most; all without it.", examples=[3]
)
_FORMAT_SAID: Final = "The form of the answer: data, a picture (Mermaid, Graphviz DOT, SVG)"


class LineageAsking(Asking):
    """What lineage takes."""

    direction: Word = Field(
        "both",
        description="`up` is what the record comes from, `down` is what comes from it.",
        json_schema_extra={"enum": list(DIRECTIONS)},
    )
    depth: _Depth = _DEPTH
    relation: Names = _RELATION
    kind: Names = _KIND
    reading: Word = _READING
    limit: Annotated[int, between(1, MOST_NODES)] = Field(
        USUAL_NODES,
        ge=1,
        le=MOST_NODES,
        description="How many records to give at most; of a picture at most 2000. `isCut` tells that there are more.",
    )
    format: Word = Field("json", description=f"{_FORMAT_SAID}, or text.", json_schema_extra={"enum": list(TEXTUAL)})

    def asked(self) -> Asked:
        """Tell how lineage is to be followed."""
        return asked_of(
            direction=self.direction,
            depth=self.depth,
            relations=self.relation,
            kinds=kinds_of(self.kind),
            reading=self.reading,
            limit=self.limit,
        )


class PathAsking(Asking):
    """What the ways between two records take."""

    from_: str = Field(
        alias="from",
        max_length=MAX_REF,
        description="Where the ways begin, as `[kind:]namespace/name[@selector]`.",
        examples=["dataset:acme/tickets-raw"],
    )
    to: str = Field(max_length=MAX_REF, description="Where they end, as a ref too.", examples=["acme/nlp/summarizer"])
    all: Flag = Field(False, description="Give all ways, the shortest first, and not only one.", examples=[True])
    limit: Annotated[int, between(1, MOST_WAYS)] = Field(
        MOST_WAYS, ge=1, le=MOST_WAYS, description="How many ways to give at most."
    )
    relation: Names = _RELATION
    kind: Names = _KIND
    reading: Word = _READING
    format: Word = Field("json", description=f"{_FORMAT_SAID}, or text.", json_schema_extra={"enum": list(TEXTUAL)})

    def asked(self) -> Asked:
        """Tell along what ways may lead."""
        return asked_of(relations=self.relation, kinds=kinds_of(self.kind), reading=self.reading)


class OrphansAsking(Asking):
    """What the search for what hangs loose takes."""

    kind: Names = Field(
        [],
        description="Look among records of these kinds, separated by commas; among those that are there to be used "
        "without it.",
        examples=[["dataset"]],
    )
    relation: Names = _RELATION
    limit: Annotated[int, between(1, MOST_LOOSE)] = Field(
        100, ge=1, le=MOST_LOOSE, description="How many items to give at most; there may be fewer and more to come."
    )
    cursor: Text = Field(
        None,
        max_length=MAX_TEXT,
        description="The `cursor` of the answer before: go on where it ended, as of the same commit. The rest is asked "
        "as it was for that answer; `limit` may differ.",
    )

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        begun = seq_of_cursor(self.cursor) if self.cursor is not None else 0
        return max(super().seq_needed() or 0, begun) or None


class DiffAsking(Waiting):
    """What the difference between two moments takes."""

    from_: GivenWhen = Field(
        alias="from",
        min_length=1,
        max_length=MAX_WHEN,
        description="The first moment, as `at` takes it.",
        examples=["v1.0"],
    )
    to: When = Field(None, max_length=MAX_WHEN, description="The second moment; now without it.", examples=["42"])
    ref: Text = Field(
        None,
        max_length=MAX_REF,
        description="Compare only the lineage of this record.",
        examples=["acme/nlp/summarizer"],
    )
    relation: Names = _RELATION

    def seq_needed(self) -> int | None:
        """Tell how far the index must have come to answer."""
        moments = [read_moment(each) for each in (self.from_, self.to) if each is not None]
        seqs = [each.seq or 0 for each in moments if each.is_seq]
        return max([self.min_seq or 0, *seqs]) or None


class CheckAsking(Asking):
    """What the question whether a reference would close a circle takes."""

    from_: str = Field(
        alias="from",
        max_length=MAX_REF,
        description="The record that is to refer; with an exact version it need not stand yet.",
        examples=["acme/nlp/summarizer@1.3.0"],
    )
    to: str = Field(
        max_length=MAX_REF, description="What it is to need, as a ref with a range.", examples=["acme/nlp/base@^2"]
    )


class ImpactAsking(Asking):
    """What the impact of a change takes."""

    change: Word = Field(
        "breaking", description="What is to be done with the record.", json_schema_extra={"enum": list(CHANGES)}
    )
    to: Text = Field(
        None,
        max_length=MAX_REF,
        description="What consumers are to move to: a version, or another record's ref.",
        examples=["2.0.0"],
    )
    depth: _Depth = _DEPTH
    plan: Flag = Field(False, description="Plan how the consumers move on.", examples=[True])


class FormAsking(Asking):
    """What the graph of a pipeline takes."""

    format: Word = Field("json", description=f"{_FORMAT_SAID}.", json_schema_extra={"enum": list(PICTURES)})


class MatrixAsking(Asking):
    """What the matrix of a pipeline takes."""

    model: Text = Field(None, max_length=MAX_REF, description="Only this model.", examples=["acme/nlp/summarizer"])


def kinds_of(words: list[str]) -> list[str]:
    """Read kinds by their names, words or collections."""
    return [read_kind(word) for word in words]
