"""Impact: who is affected when one version of something breaks, is deprecated or is retired, and how gravely.

- A consumer is whatever refers to a version with a constraint that admits it, and whatever consumes a consumer.
  Settings are consumed by what they are made for, a pipeline by the datasets that it makes.
- Along a way the impact is that of its weakest link; of several ways the gravest counts, told by the shortest of these.
- What a target does to its consumers is the change that was asked about; what these do to theirs is that they break.
- The catalog is read one breadth at a time; no document is read, and nothing recurses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, Literal, NamedTuple, get_args

from gitreg.kinds.references import is_about_all
from gitreg.refs import LATEST
from gitreg.resolution import ENDED
from gitreg.versions import Version
from gitreg_indexer.facts import SEVERITIES
from gitreg_indexer.graph.asking import KIND_OF_WORD, Edge, edges_into, edges_out_of
from gitreg_indexer.graph.state import Standing, State, name_of, selector_of

Change = Literal["breaking", "deprecate", "retire"]
CHANGES: Final[tuple[Change, ...]] = get_args(Change)
Impact = Literal["breaking", "unknown", "non-breaking"]
IMPACTS: Final[tuple[Impact, ...]] = get_args(Impact)
"""The gravest first."""
MOST_TOLD: Final = 100
"""Records of a way that are told; of a longer one the middle is left out."""
RETIRED: Final = Standing("retired", None)


class Tie(NamedTuple):
    """A reference by which a change gets from a provider to a consumer, and what it does to the consumer alone."""

    provider: str
    consumer: str
    edge: Edge
    impact: Impact
    means: str | None
    """What the reference resolves to now."""
    moves_to: str | None = None
    """What the reference resolves to by itself once what it means now is retired."""

    @property
    def is_forward(self) -> bool:
        """Tell whether it is the provider that refers: settings to what they are for, a pipeline to what it writes."""
        return self.edge.source == self.provider


Ties = Mapping[str, Sequence[Tie]]
"""Ties by their provider."""


class Impacted(NamedTuple):
    """A record that is affected: how, by which way, and how grave it is when this record breaks."""

    ref: str
    impact: Impact
    severity: str
    distance: int
    """How many references the way has."""
    path: tuple[str, ...]
    """The refs from the target to it; of more than `MOST_TOLD` the middle is left out."""
    tie: Tie
    """The last link of the way."""
    status: str | None

    @property
    def kind(self) -> str:
        """Give its kind."""
        return KIND_OF_WORD[self.ref.partition(":")[0]]


def judge(change: Change, edge: Edge, provider: str, means: str | None, without: str | None) -> Impact:
    """Tell what the change of a provider does to the one end of a reference that needs the other.

    `means` is what the reference resolves to, `without` what it resolves to by itself once that is retired.
    """
    if change == "deprecate" or not edge.required or is_about(edge):
        return "non-breaking"
    if provider not in (means, without):
        return "unknown" if change == "breaking" else "non-breaking"
    return "non-breaking" if change == "retire" and without is not None else "breaking"


def is_about(edge: Edge) -> bool:
    """Tell whether a reference is about what it names, and does not run on it: a suite's, a policy link's selection."""
    return edge.relation == "validates" or (edge.relation != "configures" and is_about_all(edge.relation, edge.field))


def impacted_by(state: State, ties: Ties, target: str, depth: int | None = None) -> tuple[Impacted, ...]:
    """List who is affected, by ties that were read to that depth: gravest impact, then severity, distance and ref."""
    found = _gravest(ties, target, depth)
    state.read_names(map(name_of, found))
    impacted = [_impacted(ref, way, *(state.standing(ref) or _UNKNOWN)) for ref, way in found.items()]
    return tuple(sorted(impacted, key=_order))


_UNKNOWN: Final = Standing(None, None)


def severity_of(status: str | None, stated: str | None) -> str:
    """Tell how grave it is when a record breaks: as its labels state, else by whether it is in use."""
    return stated or ("medium" if status in ("active", None) else "low")


def _order(each: Impacted) -> tuple[int, int, int, str]:
    return IMPACTS.index(each.impact), SEVERITIES.index(each.severity), each.distance, each.ref


class _Way(NamedTuple):
    """How a record is reached: the impact along it, its length, its records and its last link."""

    impact: Impact
    distance: int
    path: tuple[str, ...]
    tie: Tie


def _impacted(ref: str, way: _Way, status: str | None, severity: str | None) -> Impacted:
    return Impacted(ref, way.impact, severity_of(status, severity), way.distance, way.path, way.tie, status)


def _gravest(ties: Ties, target: str, depth: int | None) -> dict[str, _Way]:
    """Find for each record the gravest impact that comes to it, and the shortest way by which that does."""
    found: dict[str, _Way] = {}
    there_are = {tie.impact for tied in ties.values() for tie in tied}
    for rank, impact in enumerate(IMPACTS):
        if impact in there_are:  # a way is as its weakest link, so without such a link there is no such way
            found.update(_shortest(ties, target, depth, impact, frozenset(IMPACTS[: rank + 1]), found))
    return found


def _shortest(
    ties: Ties, target: str, depth: int | None, impact: Impact, allowed: frozenset[str], known: Mapping[str, _Way]
) -> dict[str, _Way]:
    """Find the shortest ways over ties of some impacts to what is not known yet.

    Of equally short ones, those over the lesser refs.
    """
    found: dict[str, _Way] = {}
    seen, distance = {target}, 0
    breadth: list[tuple[str, tuple[str, ...]]] = [(target, (target,))]
    while breadth and (depth is None or distance < depth):
        distance += 1
        above = []
        for ref, path in breadth:
            for tie in ties.get(ref, ()):
                consumer = tie.consumer
                if tie.impact not in allowed or consumer in seen:
                    continue
                is_known, leads_on = consumer in known, consumer in ties
                if is_known and not leads_on:
                    continue
                seen.add(consumer)
                told = _lengthened(path, consumer)
                if not is_known:
                    found[consumer] = _Way(impact, distance, told, tie)
                if leads_on:
                    above.append((consumer, told))
        breadth = sorted(above)
    return found


def _lengthened(path: tuple[str, ...], ref: str) -> tuple[str, ...]:
    half = MOST_TOLD // 2
    return (*path, ref) if len(path) < MOST_TOLD else (*path[:half], *path[half + 1 :], ref)


def ties_from(state: State, target: str, change: Change, depth: int | None = None) -> Ties:
    """Follow a change to all whom it reaches, breadth by breadth; ties of a provider come by field."""
    found: dict[str, Sequence[Tie]] = {}
    breadth = [target]
    seen = {target}
    gone = target if change == "retire" else None
    while breadth and (depth is None or depth > 0):
        above: list[str] = []
        for provider, ties in _ties_of(state, breadth, change, gone).items():
            found[provider] = sorted(ties, key=_FIELD)
            for tie in ties:
                if tie.consumer not in seen:
                    seen.add(tie.consumer)
                    above.append(tie.consumer)
        breadth, change = above, "breaking" if change != "deprecate" else change
        depth = None if depth is None else depth - 1
    return found


_FIELD: Final = attrgetter("edge.field")


def _ties_of(state: State, providers: Sequence[str], change: Change, gone: str | None) -> dict[str, list[Tie]]:
    """Find the ties that lead on from some providers, with one look at the catalog for each direction.

    `gone` is what is retired, whatever the change does to these providers.
    """
    found: dict[str, list[Tie]] = defaultdict(list)
    for tie in state.counted(_ties_back(state, providers, change, gone)):
        found[tie.provider].append(tie)
    writers = [ref for ref in providers if ref.startswith(_WRITERS)]
    for tie in state.counted(_ties_forward(state, writers, change, gone)):
        found[tie.provider].append(tie)
    return found


_WRITERS: Final = ("config:", "pipeline:")
"""Whose references lead to what comes after them."""


class _Judged(NamedTuple):
    """What a reference does with one provider that it admits."""

    provider: str
    impact: Impact
    means: str | None
    moves_to: str | None


def _ties_back(state: State, providers: Sequence[str], change: Change, gone: str | None) -> Iterator[Tie]:
    """Give the ties of those that refer to providers. References that ask for the same are judged once."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for ref in providers:
        by_name[name_of(ref)].append(ref)
    edges = list(state.counted(edges_into(state.db, by_name, state.at, upstream=True)))
    state.read_names({edge.target for edge in edges})
    judged: dict[tuple[str, str, bool, bool], list[_Judged]] = {}
    for edge in edges:
        key = edge.target, edge.selector, edge.required, is_about(edge)
        if key not in judged:
            judged[key] = list(_judged(state, by_name[edge.target], edge, change, gone))
        for provider, impact, means, moves_to in judged[key]:
            if edge.source != provider:
                yield Tie(provider, edge.source, edge, impact, means, moves_to)


def _judged(state: State, providers: Iterable[str], edge: Edge, change: Change, gone: str | None) -> Iterator[_Judged]:
    means = state.meant(edge)
    moves_to = without(state, edge, gone) if means == gone else None
    admitted = frozenset((*state.admitted(edge), moves_to))
    for provider in providers:
        if provider in admitted:
            yield _Judged(provider, judge(change, edge, provider, means, moves_to), means, moves_to)


def without(state: State, edge: Edge, gone: str | None) -> str | None:
    """Give what a reference to a version would resolve to by itself if that were retired; None where it holds on."""
    selector = selector_of(edge.selector)
    if gone is None or isinstance(selector, Version) or (isinstance(selector, str) and selector != LATEST):
        return None
    own = gone[len(edge.target) + 1 :]
    versions = {
        version: RETIRED if str(version) == own else known for version, known in state.versions(edge.target).items()
    }
    chosen = state.choose(edge.target, selector, versions)
    return None if chosen is None or versions[chosen].status in ENDED else f"{edge.target}@{chosen}"


def _ties_forward(state: State, providers: Sequence[str], change: Change, gone: str | None) -> Iterator[Tie]:
    """Give the ties to what settings are made for and pipelines write."""
    edges = [edge for edge in _references_on(state, providers) if edge.relation != "replaces"]
    state.read_names({edge.target for edge in edges})
    for edge in edges:
        is_all, meant = is_about_all(edge.relation, edge.field), state.meant(edge)
        then = without(state, edge, gone) if meant == gone and not is_all else None
        for consumer in dict.fromkeys((*state.admitted(edge), *([then] if then else ()))):
            if consumer != edge.source:
                means = consumer if is_all else meant
                moves_to = stand_in(state, edge, consumer) if change == "retire" and means == consumer else then
                impact = judge(change, edge, consumer, means, moves_to)
                yield Tie(edge.source, consumer, edge, impact, means, moves_to)


def _references_on(state: State, refs: Sequence[str]) -> Iterable[Edge]:
    return state.counted(edges_out_of(state.db, refs, state.at, upstream=False))


def stand_in(state: State, edge: Edge, consumer: str) -> str | None:
    """Find the newest version of who refers that is alive and refers to a record in the same relation, beside it."""
    name = name_of(edge.source)
    for version, known in state.versions(name).items():
        other = f"{name}@{version}"
        if other != edge.source and known.status not in ENDED and is_linked(state, other, edge.relation, consumer):
            return other
    return None


def is_linked(state: State, source: str, relation: str, consumer: str) -> bool:
    """Tell whether a record refers forward to another in a relation."""
    return any(
        edge.relation == relation and consumer in state.admitted(edge) for edge in _references_on(state, [source])
    )
