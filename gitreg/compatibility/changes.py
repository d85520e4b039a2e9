"""What differs between two manifests of one kind, and what each difference means to those who use the record.

- Every field has a meaning: one of a table below, or else `compatible`. `version` itself is not compared.
- Breaking is what takes a promise back: an ability, a value, a place to ask, a schema that takes less or gives more,
  a range of dependencies that allows less, a policy or a type that demands more.
- What cannot be decided (one pattern against another, an alias, a policy's expression) is not breaking, and its
  words say so.
- A new dependency is compatible, as everywhere in semantic versioning: the record brings it along. A narrower range
  is not: who holds a version that only the old range allowed cannot follow.
- A licence and a rate limit are terms, not abilities: their change is compatible, and its words ask to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gitreg.compatibility._impacts import (
    Difference,
    Impact,
    Judgement,
    Judgements,
    Matched,
    breaking,
    ceiling,
    compatible,
    demand,
    demands,
    fixed,
    given,
    ladder,
    members,
    noted,
    promise,
    ranged,
    taken,
    walk,
    words,
)
from gitreg.errors import UsageError
from gitreg.kinds import Manifest, Pipeline
from gitreg.kinds.pipeline import Dag
from gitreg.manifests.difference import is_same
from gitreg.manifests.writer import to_data
from gitreg.refs import Ref

__all__ = ["Difference", "Impact", "compare"]


def compare(before: Manifest, after: Manifest) -> tuple[Difference, ...]:
    """Compare two manifests of one kind, usually two versions of one record; `UsageError` where the kinds differ."""
    if before.kind != after.kind:
        raise UsageError(
            f"a {before.kind} and a {after.kind} cannot be compared",
            got=after.kind,
            expected=before.kind,
            mend="name two records of one kind",
        )
    found = walk(before, after, {**_OF_ALL, **_BY_KIND.get(before.kind, {})})
    return tuple(difference for difference in (*found, *_of_ports(before, after)))


def _unseen(_path: str, _before: Any, _after: Any) -> Iterator[Difference]:
    """Judge what is no difference: the version, which any two versions differ in."""
    yield from ()


# Ports


def _of_ports(before: Manifest, after: Manifest) -> Iterator[Difference]:
    """Compare the ports that a pipeline shows outside: those that no edge within it connects."""
    if isinstance(before, Pipeline) and isinstance(after, Pipeline):
        for side, judgement, verb in (("inputs", taken, "takes"), ("outputs", given, "gives")):
            olds, news = _outer_ports(before.spec.dag, side), _outer_ports(after.spec.dag, side)
            for name in sorted(olds):
                yield from _of_port(name, olds[name], news.get(name, []), judgement, f"it no longer {verb} {name!r}")


_Port = tuple[str, Any]


def _of_port(name: str, olds: list[_Port], news: list[_Port], judgement: Judgement, says: str) -> Iterator[Difference]:
    """Compare the outer ports of one name; ports are known by name, so that a stage may be called otherwise."""
    if not news:
        yield breaking(olds[0][0], olds[0][1], None, says)
    elif len(olds) != len(news):
        yield compatible(news[0][0], len(olds), len(news), f"another number of outer ports are called {name!r}")
    else:
        for (_, old), (path, new) in zip(olds, news, strict=True):
            if not is_same(to_data(old), to_data(new)):
                yield from judgement(path, old, new)


def _outer_ports(dag: Dag, side: str) -> dict[str, list[_Port]]:
    """Find the ports of a side that no edge connects: by name, each with its path and schema."""
    ends = [edge.target if side == "inputs" else edge.source for edge in dag.edges]
    connected = {(end.node, end.port) for end in ends}
    found: dict[str, list[_Port]] = {}
    for n, node in enumerate(dag.nodes):
        for name, schema in getattr(node, side).items():
            if (node.id, name) not in connected:
                found.setdefault(name, []).append((f"spec.dag.nodes[{n}].{side}.{name}", schema))
    return found


# Policies


_STRICTER_WHEN_HIGHER: Final = ("at_least", "greater_than")
_STRICTER_WHEN_LOWER: Final = ("at_most", "less_than")


def _conditions(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Judge conditions of which all must hold: one more, or a closer one, is stricter."""
    olds, news = ([to_data(condition) for condition in side] for side in (before, after))
    gone = [one for one in olds if not any(is_same(one, other) for other in news)]
    for n, condition in enumerate(news):
        if any(is_same(condition, other) for other in olds):
            continue
        old = next((one for one in gone if _compares_alike(one, condition)), None)
        if old is None:
            yield breaking(f"{path}[{n}]", None, condition, "stricter: one more condition must hold")
        else:
            gone.remove(old)
            yield _closer(f"{path}[{n}]", old, condition)
    if gone:
        yield compatible(path, gone, None, "looser: fewer conditions must hold")
    elif len(olds) == len(news) and sorted(map(repr, olds)) == sorted(map(repr, news)):
        yield from words(path, before, after)
    elif all(any(is_same(one, other) for other in olds) for one in news):
        yield compatible(path, before, after, "a condition is repeated another number of times")


def _compares_alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (one["field"], one["operator"]) == (other["field"], other["operator"])


def _closer(path: str, old: dict[str, Any], new: dict[str, Any]) -> Difference:
    """Tell of a condition whose value changed."""
    is_looser = _is_looser(old["operator"], old.get("value"), new.get("value"))
    if is_looser is None:
        return compatible(path, old, new, "whether the condition is stricter could not be decided")
    return compatible(path, old, new, "looser") if is_looser else breaking(path, old, new, "stricter")


def _is_looser(operator: str, old: Any, new: Any) -> bool | None:
    """Tell whether a condition lets through all that it let through; None where that is not decided."""
    if operator in (*_STRICTER_WHEN_HIGHER, *_STRICTER_WHEN_LOWER):
        if not _is_number(old) or not _is_number(new):
            return None
        return bool(new < old if operator in _STRICTER_WHEN_HIGHER else new > old)
    if operator in ("in", "not_in"):
        if not isinstance(old, list) or not isinstance(new, list):
            return None
        few, many = (old, new) if operator == "in" else (new, old)
        return all(any(is_same(item, other) for other in many) for item in few)
    return None if operator in ("matches_regex", "exists", "absent") else False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# Settings


def _settings(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    """Judge settings that consumers read: a key that is gone breaks them, and so does another type of value."""
    for name in sorted({*before, *after}):
        inner = f"{path}.{name}"
        if name not in after:
            yield breaking(inner, before[name], None, "the setting is gone")
        elif name not in before:
            yield compatible(inner, None, after[name], "the setting is new")
        elif not is_same(before[name], after[name]):
            yield from _setting(inner, before[name], after[name])


def _setting(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _settings(path, before, after)
    elif _json_type(before) == _json_type(after):
        yield compatible(path, before, after, "the setting has another value")
    else:
        yield breaking(path, before, after, f"it was {_json_type(before)} and is {_json_type(after)}")


def _json_type(value: Any) -> str:
    names = {bool: "true or false", dict: "a mapping", list: "a list", str: "text", type(None): "null"}
    return names.get(type(value), "a number")


# Parameters


def _parameters(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    """Judge a template's blanks: none may go, be added without a default, or take less."""
    for name in sorted({*before, *after}):
        inner, old, new = f"{path}.{name}", before.get(name), after.get(name)
        if new is None:
            yield breaking(inner, old, None, "the parameter is gone")
        elif old is None and new.default is None:
            yield breaking(inner, None, new, "a new parameter without a default must be given")
        elif old is None:
            yield compatible(inner, None, new, "the parameter is new, and has a default")
        elif not is_same(to_data(old), to_data(new)):
            yield from walk(old, new, _OF_PARAMETERS, inner)


def _default(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if after is None:
        yield breaking(path, before, after, "without a default it must be given")
    else:
        yield compatible(path, before, after, "it need not be given" if before is None else "another default")


_OF_PARAMETERS: Final[Judgements] = {"schema": taken, "default": _default, "description": words}


# The tables: the meaning of each field that is not merely compatible, by path


def _dependency_key(dependency: Any) -> str:
    return Ref.parse(dependency.ref).place


def _endpoint_key(endpoint: Any) -> tuple[str, str, str]:
    return endpoint.type, endpoint.url, endpoint.region or ""


_DEPENDENCIES: Final = Matched(
    _dependency_key,
    "dependency",
    {
        "ref": ranged,
        "required": noted("whether it can do without changed: the registry still finds it"),
        "purpose": words,
    },
)
_ENDPOINTS: Final = Matched(
    _endpoint_key,
    "endpoint",
    {
        "authentication.type": fixed,
        "authentication.headerName": fixed,
        "authentication.tokenEndpoint": fixed,
        "authentication.scopes": demands,
        "rateLimit": noted("the rate limit changed: it is a term, read it"),
    },
    gone=Impact.BREAKING,
)
_NODES: Final = Matched(lambda node: node.id, "stage", {"description": words})
_LICENSE: Final = noted("the licence changed from {before!r} to {after!r}: read it before moving")

_OF_ALL: Final[Judgements] = {
    "metadata.version": _unseen,
    "metadata.description": words,
    "metadata.docs": words,
    "metadata.tags": words,
    "metadata.labels": words,
    "metadata.owner": words,
    "spec.release": words,
    "spec.lifecycle.reason": words,
    "spec.dependencies": _DEPENDENCIES,
}
_BY_KIND: Final[dict[str, Judgements]] = {
    "Model": {
        "spec.provider": fixed,
        "spec.type": fixed,
        "spec.license": _LICENSE,
        "spec.capabilities.contextLength": ceiling,
        "spec.capabilities.maxOutputTokens": ceiling,
        "spec.capabilities.supportsFunctions": promise,
        "spec.capabilities.supportsVision": promise,
        "spec.capabilities.supportsStreaming": promise,
        "spec.capabilities.supportsBatching": promise,
        "spec.capabilities.languages": members,
        "spec.capabilities.modalities": members,
        "spec.capabilities.inputModalities": members,
        "spec.capabilities.outputModalities": members,
        "spec.capabilities.embeddingDimensions": fixed,
        "spec.capabilities.features": members,
        "spec.inputSchema": taken,
        "spec.outputSchema": given,
        "spec.endpoints": _ENDPOINTS,
    },
    "Dataset": {
        "spec.format": fixed,
        "spec.languages": members,
        "spec.splits": _settings,
        "spec.recordSchema": given,
        "spec.license": _LICENSE,
    },
    "Config": {
        "spec.appliesTo": members,
        "spec.value": _settings,
        "spec.valueSchema": given,
        "spec.template": fixed,
    },
    "Pipeline": {
        "spec.dag.nodes": _NODES,
        "spec.inputSchema": taken,
        "spec.outputSchema": given,
    },
    "PipelineTemplate": {"spec.parameters": _parameters},
    "TestSuite": {
        "spec.cases": Matched(lambda case: case.id, "case", {"name": words, "category": words, "tags": words}),
    },
    "Policy": {
        "spec.title": words,
        "spec.message": words,
        "spec.remediation": words,
        "spec.references": words,
        "spec.appliesTo": demands,
        "spec.enforcement": ladder("report", "warn", "block"),
        "spec.rule.allOf": _conditions,
        "spec.rule.expression": noted("whether the rule is stricter could not be decided"),
        "spec.rule.query": noted("whether the rule is stricter could not be decided"),
        "spec.rule.source": noted("whether the rule is stricter could not be decided"),
    },
    "MetadataSchema": {
        "spec.schema": taken,
        "spec.appliesTo": demands,
        "spec.required": demand("every record must have the fields now"),
        "spec.indexedFields": Matched(
            lambda indexed: indexed.path,
            "indexed field",
            {"unique": demand("no two names may have the same value now")},
            gone=Impact.BREAKING,
        ),
        "spec.validationRules": Matched(
            lambda rule: (rule.type, rule.path),
            "check",
            {"message": words, "config": noted("whether the check is stricter could not be decided")},
            come=Impact.BREAKING,
        ),
    },
    "Namespace": {"spec.displayName": words},
    "Registry": {"spec.homepage": words},
    "Waiver": {"spec.reason": words},
}
