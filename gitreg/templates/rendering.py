"""A template with its blanks filled in, and what can be told of one whose blanks are still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitreg.kinds import PipelineTemplate
from gitreg.kinds.references import references_of
from gitreg.templates.composing import Composition, Fetch, compose, exact_ref
from gitreg.templates.faults import Fault
from gitreg.templates.filling import Filling, Looking
from gitreg.templates.parameters import RESERVED, declaration_faults, fill_parameters, reserved_fault


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of a template: a pipeline's spec as plain JSON data, or the faults that kept it from coming."""

    spec: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def render(template: PipelineTemplate, parameters: Mapping[str, Any], fetch: Fetch) -> Rendering:
    """Fill in a template's blanks; `fetch` gives the template that a ref means, or None.

    Its bounds: the templates that it is made of (`MOST_TEMPLATES`), the length of a text with expressions, the pieces
    of one, the characters of all parameters and of all that is filled in. A parameter's schema may hold a `pattern`,
    which is a regular expression of Python's and has no bound: who renders what others wrote, for others, does it
    in a process with a time limit, as the gate does (`gitreg.validation.apart`).
    """
    whole = compose(template, fetch)
    values, faults = fill_parameters(whole.parameters, parameters)
    if whole.faults or faults:
        return Rendering(None, (*whole.faults, *faults))
    filling = Filling(values)
    spec = filling.fill(whole.body, "spec.body")
    return Rendering(None, tuple(filling.faults)) if filling.faults else Rendering(spec)


def faults_of(template: PipelineTemplate) -> tuple[Fault, ...]:
    """Find what no parameters can mend in what a template itself says; names may come from what it is made of."""
    spec = template.spec
    looking = Looking(spec.parameters, is_alone=spec.extends is None and not spec.includes)
    looking.fill(spec.body, "spec.body")
    taken = (exact_ref(each.field, each.ref) for each in references_of(template) if each.relation == "depends_on")
    reserved = (reserved_fault(name) for name in spec.parameters if name in RESERVED)
    return (*(found for found in taken if isinstance(found, Fault)), *reserved, *looking.faults)


def standing_faults(template: PipelineTemplate, fetch: Fetch) -> tuple[Fault, ...]:
    """Find what no parameters can mend in a template with all that it is made of, its schemas and defaults included.

    What its own body says wrong is told with its place there; what is wrong in the body of what it is made of, or only
    together with that, with its place in the composed body.
    """
    whole = compose(template, fetch)
    found = [*faults_of(template), *whole.faults, *declaration_faults(whole.parameters)]
    if not whole.faults:
        known = {fault.says for fault in found}
        found.extend(fault for fault in _body_faults(whole) if fault.says not in known)
    return tuple(dict.fromkeys(found))


def _body_faults(whole: Composition) -> Iterator[Fault]:
    looking = Looking(whole.parameters, is_alone=True)
    looking.fill(whole.body, "spec.body")
    yield from looking.faults
