"""Which versions of its models each version of a pipeline goes together with.

- A cell has two readings: what the pipeline version's constraints admit, and the one version that each of them means.
- Each model's name is looked up once, however many pipeline versions refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitreg.kinds import Pipeline, status_of
from gitreg.kinds.references import references_of
from gitreg.refs import Ref
from gitreg.resolution import ENDED, choose
from gitreg.versions import Range, Version


@dataclass(frozen=True, slots=True)
class Named:
    """What stands under a name at a commit: its versions with their statuses, highest first, and its aliases."""

    statuses: Mapping[Version, str | None]
    aliases: Mapping[str, str] = field(default_factory=dict)


LookUp = Callable[[Ref], Named]


def matrix_data(pipelines: Sequence[Pipeline], look_up: LookUp, model: str | None = None) -> dict[str, Any]:
    """Give the matrix of a pipeline's versions as JSON data; of one model (`model:acme/chat`), where one is named."""
    wanted = {each.address.ref: _by_model(each) for each in pipelines}
    places = sorted({place for models in wanted.values() for place in models if model in (None, place)})
    return {
        "versions": [{"version": each.metadata.version, "status": status_of(each)} for each in pipelines],
        "models": [_model(place, pipelines, wanted, look_up(Ref.parse(place))) for place in places],
    }


def _by_model(pipeline: Pipeline) -> dict[str, dict[str, list[str]]]:
    """Give the models that a pipeline refers to: by name, then by constraint, the fields that state it."""
    found: dict[str, dict[str, list[str]]] = {}
    for reference in references_of(pipeline):
        if reference.ref.kind == "Model":
            found.setdefault(reference.ref.place, {}).setdefault(str(reference.ref), []).append(reference.field)
    return found


def _model(
    place: str, pipelines: Iterable[Pipeline], wanted: Mapping[str, Mapping[str, Any]], named: Named
) -> dict[str, Any]:
    rows = [
        {
            "version": pipeline.metadata.version,
            "references": [_cell(ref, fields, named) for ref, fields in wanted[pipeline.address.ref][place].items()],
        }
        for pipeline in pipelines
        if place in wanted[pipeline.address.ref]
    ]
    versions = [{"version": str(version), "status": status} for version, status in named.statuses.items()]
    return {"model": place, "versions": versions, "rows": rows}


def _cell(text: str, fields: Sequence[str], named: Named) -> dict[str, Any]:
    ref = Ref.parse(text)
    meant = choose(ref.selector, tuple(named.statuses), named.aliases, lambda each: named.statuses[each] in ENDED)
    return {
        "wants": text,
        "fields": list(fields),
        "means": str(meant) if meant else None,
        "admits": [str(version) for version in _admitted(ref, named, meant)],
    }


def _admitted(ref: Ref, named: Named, meant: Version | None) -> list[Version]:
    """Give every version that satisfies a reference; an alias admits what it names, no selector any version."""
    if isinstance(ref.selector, Range):
        return [version for version in named.statuses if ref.selector.allows(version)]
    if ref.selector is None:
        return list(named.statuses)
    return [meant] if meant else []
