"""A pipeline template with its blanks filled in: the same template and parameters give the same pipeline, always.

- A text that is one `{{ expression }}` becomes the expression's value, whatever JSON it is; in any other text,
  expressions become text, and must be scalars. Keys are never templates.
- Expressions are names, items and attributes of data, constants, and a few filters: no statements, calls, operators
  or loops. They are checked before they are compiled, so that none can burn time or memory.
- Parameters are data: what stands in them is never read as a template.
- `extends` lays a template's body over another's: mappings are merged, lists replaced, stages merged by id, edges
  added. `includes` takes in the stages of others. Parameters come along: one's own win over those of what is
  extended, and must agree with those of what is included.
- All faults are told, and with any there is no pipeline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateRuntimeError, nodes
from jinja2.filters import do_default
from jinja2.sandbox import SandboxedEnvironment
from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from gitreg.errors import UsageError
from gitreg.kinds import PipelineTemplate
from gitreg.kinds.template import Parameter
from gitreg.manifests.difference import is_same
from gitreg.refs import Ref

__all__ = ["Fault", "Fetch", "Rendering", "faults_of", "render"]

Fetch = Callable[[Ref], PipelineTemplate | None]

MOST_TEMPLATES: Final = 32
"""Templates that one may be made of, itself included."""
LONGEST_EXPRESSIVE_TEXT: Final = 8192
"""Characters of a text with expressions in it."""
MOST_CHARACTERS: Final = 262_144
"""Characters of a rendered pipeline, as JSON; also of all its parameters."""
_MOST_NODES: Final = 200
_MARKS: Final = ("{{", "{%", "{#")
_RESERVED: Final = frozenset({"self", "true", "false", "none"})
_ALLOWED: Final = (
    *(nodes.Const, nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Name, nodes.Output, nodes.TemplateData),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a template from being rendered: the field, what is wrong and how to mend it."""

    field: str
    says: str
    mend: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of a template: a pipeline's spec as plain JSON data, or the faults that kept it from coming."""

    spec: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def render(template: PipelineTemplate, parameters: Mapping[str, Any], fetch: Fetch) -> Rendering:
    """Fill in a template's blanks; `fetch` gives the template that a ref means, or None."""
    whole = _Composing(fetch).compose(template)
    values, faults = _filled(whole.parameters, parameters)
    if whole.faults or faults:
        return Rendering(None, (*whole.faults, *faults))
    filling = _Filling(values)
    spec = filling.fill(whole.body, "spec.body")
    return Rendering(None, tuple(filling.faults)) if filling.faults else Rendering(spec)


def faults_of(template: PipelineTemplate) -> tuple[Fault, ...]:
    """Find what no parameters can mend in what a template itself says; names may come from what it is made of."""
    spec = template.spec
    looking = _Looking(spec.parameters, is_alone=spec.extends is None and not spec.includes)
    looking.fill(spec.body, "spec.body")
    return (*(_reserved_fault(name) for name in spec.parameters if name in _RESERVED), *looking.faults)


# Composing


@dataclass(frozen=True, slots=True)
class _Whole:
    """A template with all that it extends and includes."""

    body: dict[str, Any]
    parameters: dict[str, Parameter]
    faults: tuple[Fault, ...] = ()


_EMPTY: Final = _Whole({}, {})


@dataclass(slots=True)
class _Composing:
    """The composing of one template; counts the templates, so that none can be made of too many."""

    fetch: Fetch
    count: int = 0

    def compose(self, template: PipelineTemplate, trail: tuple[str, ...] = ()) -> _Whole:
        """Put a template together with what it extends and includes."""
        self.count += 1
        trail = (*trail, template.address.ref)
        base = self._taken("spec.extends", template.spec.extends, trail) if template.spec.extends else _EMPTY
        whole = base
        for n, text in enumerate(template.spec.includes):
            whole = _included(f"spec.includes[{n}]", whole, self._taken(f"spec.includes[{n}]", text, trail))
        own = template.spec.parameters
        faults = [*whole.faults, *_disagreeing(whole.parameters, own, base.parameters)]
        return _Whole(_merged(whole.body, dict(template.spec.body), ()), {**whole.parameters, **own}, tuple(faults))

    def _taken(self, field: str, text: str, trail: tuple[str, ...]) -> _Whole:
        found = self._fetched(field, text, trail)
        if isinstance(found, Fault):
            return replace(_EMPTY, faults=(found,))
        whole = self.compose(found, trail)
        inner = (replace(fault, says=f"in {found.address.ref}: {fault.says}", field=field) for fault in whole.faults)
        return replace(whole, faults=tuple(inner))

    def _fetched(self, field: str, text: str, trail: tuple[str, ...]) -> PipelineTemplate | Fault:
        try:
            ref = Ref.parse(text, kind="PipelineTemplate")
        except UsageError as error:
            return Fault(field, error.says, error.mend)
        if ref.kind != "PipelineTemplate":
            return Fault(field, f"{text!r} is no template", "name one, like `template:acme/rag@1.0.0`")
        if self.count >= MOST_TEMPLATES:
            return Fault(field, f"it is made of more than {MOST_TEMPLATES} templates", "extend and include fewer")
        found = self.fetch(ref)
        if found is None:
            return Fault(field, f"there is no {ref}", "name a template and a version that are registered")
        if found.address.ref in trail:
            circle = " -> ".join([*trail[trail.index(found.address.ref) :], found.address.ref])
            return Fault(field, f"it leads back to itself: {circle}", "break the circle")
        return found


def _included(field: str, whole: _Whole, taken: _Whole) -> _Whole:
    """Take in the stages and the parameters of an included template."""
    faults = [*whole.faults, *taken.faults]
    faults += [replace(fault, field=field) for fault in _disagreeing(whole.parameters, taken.parameters, {})]
    olds = {node["id"]: node for node in _stages(whole.body) if _has_id(node)}
    for node in _stages(taken.body):
        if _has_id(node) and not is_same(olds.get(node["id"], node), node):
            faults.append(Fault(field, f"two stages are called {node['id']!r}", "call one of them otherwise"))
    dag = taken.body.get("dag")
    stages = {key: dag[key] for key in ("nodes", "edges") if key in dag} if isinstance(dag, dict) else {}
    body = _merged(whole.body, {"dag": stages}, ()) if stages else whole.body
    return _Whole(body, {**taken.parameters, **whole.parameters}, tuple(faults))


def _disagreeing(
    taken: Mapping[str, Parameter], own: Mapping[str, Parameter], overruled: Mapping[str, Parameter]
) -> Iterator[Fault]:
    """Find parameters of one name and different schemas, but for those that may be overruled."""
    for name in sorted(taken.keys() & own.keys() - overruled.keys()):
        if not is_same(taken[name].value_schema, own[name].value_schema):
            says = f"two parameters are called {name!r}, and their schemas differ"
            yield Fault(f"spec.parameters.{name}", says, "call one of them otherwise, or give them one schema")


def _stages(body: Mapping[str, Any]) -> list[Any]:
    dag = body.get("dag")
    found = dag.get("nodes") if isinstance(dag, dict) else None
    return found if isinstance(found, list) else []


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
            return [*under, *(edge for n, edge in enumerate(over) if not _is_in(edge, [*under, *over[:n]]))]
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


def _is_in(value: Any, values: list[Any]) -> bool:
    return any(is_same(value, other) for other in values)


# Parameters


def _filled(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Check what is given against what is declared, and fill in the defaults."""
    faults = [_unknown_fault(name, declared) for name in sorted(given.keys() - declared.keys(), key=str)]
    if not _is_small(list(given.values()), MOST_CHARACTERS):
        says = f"the parameters are longer than {MOST_CHARACTERS} characters, or not JSON"
        return {}, [*faults, Fault("parameters", says, "give shorter ones")]
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        values[name] = given.get(name, parameter.default)
        faults.extend(_faults_of(name, parameter, given))
    return values, faults


def _unknown_fault(name: str, declared: Mapping[str, Parameter]) -> Fault:
    near = get_close_matches(str(name), declared, n=1)
    known = ", ".join(declared) or "none"
    mend = f"did you mean {near[0]!r}?" if near else f"give only what the template declares: {known}"
    return Fault(f"parameters.{name}", f"the template has no parameter {name!r}", mend)


def _faults_of(name: str, parameter: Parameter, given: Mapping[str, Any]) -> Iterator[Fault]:
    if name in _RESERVED:
        yield _reserved_fault(name)
    elif name not in given and parameter.default is None:
        yield Fault(f"parameters.{name}", f"the parameter {name!r} is missing", f"give a value for {name!r}")
    else:
        where = f"parameters.{name}" if name in given else f"spec.parameters.{name}.default"
        yield from _schema_faults(where, name, parameter.value_schema, given.get(name, parameter.default))


def _reserved_fault(name: str) -> Fault:
    return Fault(
        f"spec.parameters.{name}", f"{name!r} cannot be the name of a parameter", "call the parameter otherwise"
    )


def _schema_faults(where: str, name: str, schema: Any, value: Any) -> Iterator[Fault]:
    """Validate a value; nothing is fetched for its schema."""
    mend = "mend the parameter's schema"
    try:
        Draft202012Validator.check_schema(schema)
        errors = sorted(Draft202012Validator(schema, registry=Registry()).iter_errors(value), key=lambda e: e.json_path)
    except SchemaError as error:
        yield Fault(f"spec.parameters.{name}.schema", f"it is no JSON Schema: {error.message[:200]}", mend)
    except (RecursionError, Unresolvable, re.error) as error:
        says = f"it cannot be applied: {type(error).__name__}: {str(error)[:200]}"
        yield Fault(f"spec.parameters.{name}.schema", says, mend)
    else:
        for fault in errors:
            inner = fault.json_path.removeprefix("$")
            yield Fault(f"{where}{inner}", fault.message[:200], "give a value that keeps the parameter's schema")


# Filling in


class _Environment(SandboxedEnvironment):
    """A sandbox in which `.` and `[]` lead to items of data alone, never to attributes of Python's objects."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Go to an item of a mapping or a list."""
        is_key = isinstance(obj, dict) and isinstance(argument, str) and argument in obj
        is_index = isinstance(obj, list) and type(argument) is int and 0 <= argument < len(obj)
        return obj[argument] if is_key or is_index else self.undefined(obj=obj, name=argument)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Go to an item of a mapping."""
        return self.getitem(obj, attribute)


def _checked_text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise TemplateRuntimeError(f"a text is expected, not {_json_text(value)[:60]}")


def _lower(value: Any) -> str:
    return _checked_text(value).lower()


def _upper(value: Any) -> str:
    return _checked_text(value).upper()


def _string(value: Any) -> str:
    """Give a scalar as text, as it stands in JSON."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return _json_text(value)
    str(value)  # an undefined value says here what it is
    raise TemplateRuntimeError("a mapping or a list cannot stand within a text: use `tojson`, or let it stand alone")


def _int(value: Any) -> int:
    if isinstance(value, (int, float)) or (isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value)):
        return int(value)
    raise TemplateRuntimeError(f"an integer is expected, not {_json_text(value)[:60]}")


def _json_text(value: Any) -> str:
    if isinstance(value, StrictUndefined):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=_string)
    made.globals.clear()
    made.tests.clear()
    made.filters.clear()
    made.filters.update(default=do_default, int=_int, lower=_lower, string=_string, tojson=_json_text, upper=_upper)
    return made


_ENVIRONMENT: Final = _environment()


@dataclass(slots=True)
class _Filling:
    """The filling in of one body: the values, what may still be written, and the faults so far."""

    values: Mapping[str, Any]
    left: int = MOST_CHARACTERS
    faults: list[Fault] = field(default_factory=list)

    def fill(self, value: Any, path: str) -> Any:
        """Fill in a piece of the body."""
        if isinstance(value, dict):
            self._check_keys(value, path)
            return {key: self.fill(item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, f"{path}[{n}]") for n, item in enumerate(value)]
        if isinstance(value, str) and any(mark in value for mark in _MARKS):
            return self._fill_text(value, path)
        return value

    def _check_keys(self, value: dict[str, Any], path: str) -> None:
        for key in value:
            if any(mark in key for mark in _MARKS):
                self.faults.append(Fault(path, f"the key {key!r} is a template", "put expressions into values only"))

    def _fill_text(self, text: str, path: str) -> Any:
        if self.left < 0:
            return None
        try:
            tree = _checked_tree(text, self.values)
            value = _plain(_value_of(text, tree, self.values))
        except TemplateError as error:
            self.faults.append(_text_fault(path, error))
            return None
        self.left -= _size(value, self.left)
        if self.left < 0:
            says = f"what is filled in is longer than {MOST_CHARACTERS} characters"
            self.faults.append(Fault(path, says, "give shorter parameters, or fill them in less often"))
        return value


@dataclass(slots=True)
class _Looking(_Filling):
    """The same way through a body, with nothing filled in: `values` has the names, all of them if it is alone."""

    is_alone: bool = True

    def _fill_text(self, text: str, path: str) -> Any:
        try:
            _checked_tree(text, self.values if self.is_alone else None)
        except TemplateError as error:
            self.faults.append(_text_fault(path, error))


def _text_fault(path: str, error: TemplateError) -> Fault:
    filters = ", ".join(sorted(_ENVIRONMENT.filters))
    mend = f"use only {{{{ names }}}} of parameters, their items, and the filters {filters}"
    return Fault(path, (error.message or "it cannot be filled in")[:300], mend)


def _checked_tree(text: str, values: Mapping[str, Any] | None) -> nodes.Template:
    """Parse a text and refuse all that is not plain filling in; without values any name will do."""
    if len(text) > LONGEST_EXPRESSIVE_TEXT:
        raise TemplateRuntimeError(f"a text with expressions has at most {LONGEST_EXPRESSIVE_TEXT} characters")
    try:
        tree = _ENVIRONMENT.parse(text)
    except RecursionError:
        raise TemplateRuntimeError("it is nested too deep") from None
    waiting: list[nodes.Node] = list(tree.body)
    for count in range(_MOST_NODES + 1):
        if not waiting:
            return tree
        node = waiting.pop()
        if count == _MOST_NODES:
            break
        _check_node(node, values)
        waiting.extend(node.iter_child_nodes())
    raise TemplateRuntimeError(f"a text holds at most {_MOST_NODES} pieces of expressions")


def _check_node(node: nodes.Node, values: Mapping[str, Any] | None) -> None:
    if not isinstance(node, _ALLOWED):
        raise TemplateRuntimeError(f"{type(node).__name__.casefold()!r} is not allowed in a template")
    if isinstance(node, nodes.Name) and values is not None and node.name not in values:
        near = get_close_matches(node.name, values, n=1)
        raise TemplateRuntimeError(
            f"there is no parameter {node.name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise TemplateRuntimeError(f"the attribute {node.attr!r} is not allowed in a template")
    if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        raise TemplateRuntimeError(f"the filter {node.name!r} is not allowed in a template")
    if isinstance(node, nodes.Filter) and (node.kwargs or node.dyn_args or node.dyn_kwargs):
        raise TemplateRuntimeError(f"the filter {node.name!r} takes plain arguments only")


def _value_of(text: str, tree: nodes.Template, values: Mapping[str, Any]) -> Any:
    """Give the value of a text that is one expression, or else the text that it becomes."""
    try:
        if _is_one_expression(text, tree):
            inside = text[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")
            value = _ENVIRONMENT.compile_expression(inside, undefined_to_none=False)(**values)
            return _string(value) if isinstance(value, StrictUndefined) else value
        return _ENVIRONMENT.from_string(text).render(**values)
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateRuntimeError(str(error)[:200]) from error


def _is_one_expression(text: str, tree: nodes.Template) -> bool:
    if not (text.startswith("{{") and text.endswith("}}")) or len(tree.body) != 1:
        return False
    pieces = tree.body[0].nodes if isinstance(tree.body[0], nodes.Output) else []
    return len(pieces) == 1 and not isinstance(pieces[0], nodes.TemplateData)


def _plain(value: Any) -> Any:
    """Copy plain JSON data, so that no two pipelines share any."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _checked_text(value)


def _size(value: Any, enough: int) -> int:
    """Count the characters of a value as JSON, roughly; stop where it is more than enough."""
    count, waiting = 0, [value]
    while waiting and count <= enough:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
            count += sum(len(str(key)) + 4 for key in item) + 2
        elif isinstance(item, list):
            waiting.extend(item)
            count += 2 + len(item)
        else:
            count += len(item) + 2 if isinstance(item, str) else 8
    return count


def _is_small(value: Any, most: int) -> bool:
    """Tell whether a value is JSON that is not too long and nests like JSON, not like a circle."""
    try:
        return len(json.dumps(value, allow_nan=False)) <= most
    except (TypeError, ValueError, RecursionError):
        return False
