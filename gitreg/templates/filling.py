"""A body's blanks filled in: values for expressions, and nothing else.

- A text that is one `{{ expression }}` becomes the expression's value, whatever JSON it is; in any other text,
  expressions become text, and must be scalars. Keys are never templates.
- Expressions are names, items and attributes of data, constants, and a few filters: no statements, calls, operators
  or loops. They are checked before they are compiled, so that none can burn time or memory: a text with expressions has
  at most `LONGEST_EXPRESSIVE_TEXT` characters and `_MOST_NODES` pieces, and all that is filled in `MOST_CHARACTERS`.
- Parameters are data: what stands in them is never read as a template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateRuntimeError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.filters import do_default
from jinja2.sandbox import SandboxedEnvironment

from gitreg.templates.faults import Fault
from gitreg.templates.parameters import MOST_CHARACTERS

LONGEST_EXPRESSIVE_TEXT: Final = 8192
"""Characters of a text with expressions in it."""
_MOST_NODES: Final = 200
_EXACT_IN_JSON: Final = 2**53
_MOST_ARGUMENTS: Final = {"default": 2}
"""Arguments that a filter takes beside its value; others take none."""
_MARKS: Final = ("{{", "{%", "{#")
# Each is a blank to Jinja and no end of a line.
_BLANKS: Final = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029\u2000\u2001\u2002"
_ALLOWED: Final = (
    *(nodes.Const, nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Name, nodes.Output, nodes.TemplateData),
)


class _Environment(SandboxedEnvironment):
    """A sandbox in which `.` and `[]` lead to items of data alone, never to attributes of Python's objects."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Go to an item of a mapping or a list; what is undefined already stays so, and says itself what it is."""
        if isinstance(obj, Undefined):
            return obj
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
class Filling:
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
class Looking(Filling):
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
    stand_in = _stand_in(text)
    try:
        tree = _ENVIRONMENT.parse(text.replace("\r", stand_in))
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
        _put_back(node, stand_in)
        waiting.extend(node.iter_child_nodes())
    raise TemplateRuntimeError(f"a text holds at most {_MOST_NODES} pieces of expressions")


def _stand_in(text: str) -> str:
    """Give a blank that is not in a text, to stand for carriage returns: Jinja makes line feeds of these."""
    found = next((blank for blank in _BLANKS if blank not in text), None)
    if found is None:
        raise TemplateRuntimeError("a text with expressions holds every kind of blank that there is")
    return found


def _put_back(node: nodes.Node, stand_in: str) -> None:
    """Put carriage returns back where a stand-in is text."""
    if isinstance(node, nodes.TemplateData):
        node.data = node.data.replace(stand_in, "\r")
    elif isinstance(node, nodes.Const) and isinstance(node.value, str):
        node.value = node.value.replace(stand_in, "\r")


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
    if isinstance(node, nodes.Filter):
        _check_filter(node)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in _ENVIRONMENT.filters:
        raise TemplateRuntimeError(f"the filter {node.name!r} is not allowed in a template")
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise TemplateRuntimeError(f"the filter {node.name!r} takes plain arguments only")
    most = _MOST_ARGUMENTS.get(node.name, 0)
    if len(node.args) > most:
        taken = f"at most {most}" if most else "no"
        raise TemplateRuntimeError(f"the filter {node.name!r} takes {taken} arguments, not {len(node.args)}")


def _value_of(text: str, tree: nodes.Template, values: Mapping[str, Any]) -> Any:
    """Give the value of a text that is one expression, or else the text that it becomes."""
    expression = _only_expression(text, tree)
    try:
        if expression is None:
            return _ENVIRONMENT.from_string(tree).render(**values)
        named = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
        compiled = _ENVIRONMENT.from_string(nodes.Template([named], lineno=1))
        value = TemplateExpression(compiled, undefined_to_none=False)(**values)
        return _string(value) if isinstance(value, StrictUndefined) else value
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateRuntimeError(str(error)[:200]) from error


def _only_expression(text: str, tree: nodes.Template) -> nodes.Expr | None:
    """Give the expression that a text is, with nothing beside it, not even a comment."""
    if not (text.startswith("{{") and text.endswith("}}")) or len(tree.body) != 1:
        return None
    pieces = tree.body[0].nodes if isinstance(tree.body[0], nodes.Output) else []
    return None if len(pieces) != 1 or isinstance(pieces[0], nodes.TemplateData) else pieces[0]


def _plain(value: Any) -> Any:
    """Copy plain JSON data, so that no two pipelines share any; a whole number stands without a fraction."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_IN_JSON:
        return int(value)  # JSON Schema calls 1e3 an integer, and a pipeline's fields do not
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
