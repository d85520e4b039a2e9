"""A template's parameters: what is given against what is declared, with the defaults filled in.

- Every fault is told: what is missing, what is not declared, what does not keep its schema.
- Schemas are JSON Schema 2020-12. Nothing is fetched for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from gitreg.kinds.template import Parameter
from gitreg.templates.faults import Fault

MOST_CHARACTERS: Final = 262_144
"""Characters of a rendered pipeline, as JSON; also of all its parameters."""
RESERVED: Final = frozenset({"self", "true", "false", "none"})
"""Names that expressions read as something else."""
_NOTHING: Final = object()


def fill_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Check what is given against what is declared, and fill in the defaults."""
    faults = [_unknown_fault(name, declared) for name in sorted(given.keys() - declared.keys(), key=str)]
    unfit = list(_unfit_faults(given))
    if unfit:
        return {}, [*faults, *unfit]
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        values[name] = given.get(name, parameter.default)
        faults.extend(_parameter_faults(name, parameter, given))
    return values, faults


def _unknown_fault(name: str, declared: Mapping[str, Parameter]) -> Fault:
    near = get_close_matches(str(name), declared, n=1)
    known = ", ".join(declared) or "none"
    mend = f"did you mean {near[0]!r}?" if near else f"give only what the template declares: {known}"
    return Fault(f"parameters.{name}", f"the template has no parameter {name!r}", mend)


def _unfit_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Find values that are not JSON; where all are, whether they are too long together."""
    lengths = {name: _json_length(value) for name, value in given.items()}
    for name, length in lengths.items():
        if length is None:
            yield _not_json_fault(str(name), given[name])
    if None not in lengths.values() and sum(length or 0 for length in lengths.values()) > MOST_CHARACTERS:
        says = f"the parameters are longer than {MOST_CHARACTERS} characters"
        yield Fault("parameters", says, "give shorter ones")


def _json_length(value: Any, *, is_finite: bool = True) -> int | None:
    """Count the characters of a value as JSON; None for one that is none, or nests too deep, maybe in a circle."""
    try:
        return len(json.dumps(value, allow_nan=not is_finite))
    except (TypeError, ValueError, RecursionError):
        return None


def _not_json_fault(name: str, value: Any) -> Fault:
    if _json_length(value, is_finite=False) is not None:
        says = f"the parameter {name!r} holds a number that is not JSON: it is not finite, or too large"
        return Fault(f"parameters.{name}", says, "give a number like 1.5e300, or a text")
    says = f"the parameter {name!r} is not JSON, or nests too deep"
    return Fault(
        f"parameters.{name}", says, "give texts, finite numbers, true, false, null, lists and mappings of them"
    )


def _parameter_faults(name: str, parameter: Parameter, given: Mapping[str, Any]) -> Iterator[Fault]:
    if name in RESERVED:
        yield reserved_fault(name)
    elif name not in given and parameter.default is None:
        yield Fault(f"parameters.{name}", f"the parameter {name!r} is missing", f"give a value for {name!r}")
    else:
        where = f"parameters.{name}" if name in given else f"spec.parameters.{name}.default"
        yield from _schema_faults(where, name, parameter.value_schema, given.get(name, parameter.default))


def reserved_fault(name: str) -> Fault:
    """Say that an expression could not name this parameter."""
    return Fault(
        f"spec.parameters.{name}", f"{name!r} cannot be the name of a parameter", "call the parameter otherwise"
    )


def declaration_faults(declared: Mapping[str, Parameter]) -> Iterator[Fault]:
    """Find what is wrong with what is declared, whatever may be given."""
    for name, parameter in declared.items():
        if name in RESERVED:
            yield reserved_fault(name)
        elif parameter.default is None:
            yield from _schema_faults("", name, parameter.value_schema, _NOTHING)
        else:
            where = f"spec.parameters.{name}.default"
            yield from _schema_faults(where, name, parameter.value_schema, parameter.default)


def _schema_faults(where: str, name: str, schema: Any, value: Any) -> Iterator[Fault]:
    """Validate a value, or with `_NOTHING` the schema alone; nothing is fetched for it."""
    mend = "mend the parameter's schema"
    try:
        Draft202012Validator.check_schema(schema)
        checking = () if value is _NOTHING else Draft202012Validator(schema, registry=Registry()).iter_errors(value)
        errors = sorted(checking, key=lambda error: error.json_path)
    except SchemaError as error:
        yield Fault(f"spec.parameters.{name}.schema", f"it is no JSON Schema: {error.message[:200]}", mend)
    except (RecursionError, Unresolvable, re.error) as error:
        says = f"it cannot be applied: {type(error).__name__}: {str(error)[:200]}"
        yield Fault(f"spec.parameters.{name}.schema", says, mend)
    else:
        for fault in errors:
            inner = fault.json_path.removeprefix("$")
            yield Fault(f"{where}{inner}", fault.message[:200], "give a value that keeps the parameter's schema")
