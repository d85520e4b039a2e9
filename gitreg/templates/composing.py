"""A template put together with all that it extends and includes.

- `extends` lays a template's body over another's: mappings are merged, lists replaced, stages merged by id, edges
  added. `includes` takes in the stages of others.
- Both name exact versions, so that what one version gives never changes.
- Parameters come along, each with the template that declares it: one's own win over those of what is extended, and
  must agree with those of what is included.
- One is made of a bounded number of templates, and of none that leads back to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from gitreg.kinds import PipelineTemplate
from gitreg.kinds.template import Parameter
from gitreg.manifests.difference import is_same, sameness
from gitreg.refs import Ref
from gitreg.templates.faults import Fault
from gitreg.versions import Version

Fetch = Callable[[Ref], PipelineTemplate | None]
"""Gives the template that a ref means, or None."""
Way = Literal["own", "extended", "included"]
"""How something came into a template."""

MOST_TEMPLATES: Final = 32
"""Templates that one may be made of, itself included."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter: what is declared, by which template, and how that one came in."""

    parameter: Parameter
    source: str
    way: Way = "own"


@dataclass(frozen=True, slots=True)
class Taken:
    """A template that was taken in: by which one and how."""

    by: str
    way: Way
    ref: str


@dataclass(frozen=True, slots=True)
class Composition:
    """A template with all that it extends and includes.

    `taken` has those in the order in which they were come upon; `sources` has for each stage the templates that say
    something of it, each before those that are laid over it.
    """

    body: dict[str, Any]
    declared: dict[str, Declared]
    taken: tuple[Taken, ...] = ()
    faults: tuple[Fault, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name, wherever they come from."""
        return {name: declared.parameter for name, declared in self.declared.items()}

    @property
    def stages(self) -> list[Any]:
        """The stages of the body, as far as it has any."""
        return _stages(self.body)


_EMPTY: Final = Composition({}, {})


def compose(template: PipelineTemplate, fetch: Fetch) -> Composition:
    """Put a template together with what it extends and includes."""
    return _Composing(fetch).compose(template)


@dataclass(slots=True)
class _Composing:
    """The composing of one template; counts the templates, so that none can be made of too many."""

    fetch: Fetch
    count: int = 0

    def compose(self, template: PipelineTemplate, trail: tuple[str, ...] = ()) -> Composition:
        """Put a template together with what it extends and includes."""
        self.count += 1
        spec, ref = template.spec, template.address.ref
        trail = (*trail, ref)
        base = self._taken("spec.extends", "extended", spec.extends, trail) if spec.extends else _EMPTY
        whole = base
        for n, text in enumerate(spec.includes):
            place = f"spec.includes[{n}]"
            whole = _included(place, whole, self._taken(place, "included", text, trail))
        own = {name: Declared(parameter, ref) for name, parameter in spec.parameters.items()}
        return Composition(
            _merged(whole.body, dict(spec.body), ()),
            {**whole.declared, **own},
            whole.taken,
            (*whole.faults, *_disagreeing(whole.declared, own, base.declared)),
            {**whole.sources, **{each: (*whole.sources.get(each, ()), ref) for each in _by_id(spec.body)}},
        )

    def _taken(self, place: str, way: Way, text: str, trail: tuple[str, ...]) -> Composition:
        found = self._fetched(place, text, trail)
        if isinstance(found, Fault):
            return replace(_EMPTY, faults=(found,))
        ref = found.address.ref
        whole = self.compose(found, trail)
        inner = (replace(fault, says=f"in {ref}: {fault.says}", field=place) for fault in whole.faults)
        return replace(
            whole,
            declared={name: replace(declared, way=way) for name, declared in whole.declared.items()},
            taken=(Taken(trail[-1], way, ref), *whole.taken),
            faults=tuple(inner),
        )

    def _fetched(self, place: str, text: str, trail: tuple[str, ...]) -> PipelineTemplate | Fault:
        ref = exact_ref(place, Ref.parse(text, kind="PipelineTemplate"))
        if isinstance(ref, Fault):
            return ref
        if self.count >= MOST_TEMPLATES:
            return Fault(place, f"it is made of more than {MOST_TEMPLATES} templates", "extend and include fewer")
        found = self.fetch(ref)
        if found is None:
            return Fault(place, f"there is no {ref}", "name a template and a version that are registered")
        if found.address.ref in trail:
            circle = " -> ".join([*trail[trail.index(found.address.ref) :], found.address.ref])
            return Fault(place, f"it leads back to itself: {circle}", "break the circle")
        return found


def exact_ref(place: str, ref: Ref) -> Ref | Fault:
    """Give what a template says that it extends or includes, if it is an exact version of a template."""
    if ref.kind != "PipelineTemplate":
        return Fault(place, f"{ref} is no template", "name one, like `template:acme/rag@1.0.0`")
    if not isinstance(ref.selector, Version):
        says = f"{ref} is not an exact version of a template, so what it gives may change"
        return Fault(place, says, f"name an exact version; `gitreg resolve {ref}` tells which it means now")
    return ref


def _included(place: str, whole: Composition, taken: Composition) -> Composition:
    """Take in the stages and the parameters of an included template."""
    faults = [*whole.faults, *taken.faults]
    faults += [replace(fault, field=place) for fault in _disagreeing(whole.declared, taken.declared, {})]
    faults += _clashing(place, whole, taken)
    dag = taken.body.get("dag")
    stages = {key: dag[key] for key in ("nodes", "edges") if key in dag} if isinstance(dag, dict) else {}
    body = _merged(whole.body, {"dag": stages}, ()) if stages else whole.body
    declared = {**taken.declared, **whole.declared}
    return Composition(body, declared, (*whole.taken, *taken.taken), tuple(faults), {**taken.sources, **whole.sources})


def _clashing(place: str, whole: Composition, taken: Composition) -> Iterator[Fault]:
    """Find stages of one id that differ, as those of one template do that was changed on one way only."""
    olds = _by_id(whole.body)
    for node in _stages(taken.body):
        if not _has_id(node) or is_same(olds.get(node["id"], node), node):
            continue
        each = node["id"]
        one, other = (" and ".join(side.sources[each]) for side in (whole, taken))
        mend = f"call one of them otherwise, or let both be the same; one is from {one}, the other from {other}"
        yield Fault(place, f"two stages are called {each!r}", mend)


def _disagreeing(
    taken: Mapping[str, Declared], own: Mapping[str, Declared], overruled: Mapping[str, Declared]
) -> Iterator[Fault]:
    """Find parameters of one name and different schemas, but for those that may be overruled."""
    for name in sorted(taken.keys() & own.keys() - overruled.keys()):
        if not is_same(taken[name].parameter.value_schema, own[name].parameter.value_schema):
            says = f"two parameters are called {name!r}, and their schemas differ"
            yield Fault(f"spec.parameters.{name}", says, "call one of them otherwise, or give them one schema")


def _stages(body: Mapping[str, Any]) -> list[Any]:
    dag = body.get("dag")
    found = dag.get("nodes") if isinstance(dag, dict) else None
    return found if isinstance(found, list) else []


def _by_id(body: Mapping[str, Any]) -> dict[str, Any]:
    return {node["id"]: node for node in _stages(body) if _has_id(node)}


def _has_id(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("id"), str)


def _merged(under: Any, over: Any, path: tuple[str, ...]) -> Any:
    """Lay one body over another."""
    if isinstance(under, dict) and isinstance(over, dict):
        added = {
            key: _merged(under[key], value, (*path, key)) if key in under else value for key, value in over.items()
        }
        return {**under, **added}
    if isinstance(under, list) and isinstance(over, list):
        if path == ("dag", "nodes"):
            return _merged_stages(under, over)
        if path == ("dag", "edges"):
            return _merged_edges(under, over)
    return over


def _merged_stages(under: list[Any], over: list[Any]) -> list[Any]:
    """Merge stages by id: those that were there keep their place, new ones follow."""
    found = list(under)
    places = {node["id"]: n for n, node in enumerate(found) if _has_id(node)}
    for node in over:
        if _has_id(node) and node["id"] in places:
            found[places[node["id"]]] = _merged(found[places[node["id"]]], node, ())
        else:
            found.append(node)
    return found


def _merged_edges(under: list[Any], over: list[Any]) -> list[Any]:
    """Add the edges that are not there yet, each once."""
    found, known = list(under), set(map(sameness, under))
    for edge in over:
        key = sameness(edge)
        if key not in known:
            known.add(key)
            found.append(edge)
    return found
