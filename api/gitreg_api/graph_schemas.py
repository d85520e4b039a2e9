"""The schemas of answers about the graph and about pipelines; those of lineage and impact in the words of spec 5.4."""

from __future__ import annotations

from typing import Final, get_args

from gitreg.pipelines.flows import Verdict
from gitreg_api.shapes import COUNT, POSITION, STRING, Schema, list_of, object_of, or_null, to
from gitreg_indexer.facts import SEVERITIES
from gitreg_indexer.graph.impact import CHANGES, IMPACTS
from gitreg_indexer.graph.lineage import DIRECTIONS, RELATIONS
from gitreg_indexer.graph.state import READINGS

_BOOLEAN: Final[Schema] = {"type": "boolean"}
_REFS: Final[Schema] = list_of(STRING)
_RELATION: Final[Schema] = {"enum": list(RELATIONS)}
_VERDICT: Final[Schema] = {"enum": list(get_args(Verdict)), "description": "Whether it is proved to fit, or not to."}
_MOMENT: Final[Schema] = {**or_null("string"), "format": "date-time"}


def graph_schemas() -> dict[str, Schema]:
    """Give the schemas by their names."""
    return {**_lineage(), **_others(), "ImpactAnalysis": _impact(), **_pipelines()}


def _lineage() -> dict[str, Schema]:
    about_node = {"kind": STRING, "status": or_null("string"), "distance": {"type": "integer"}, "isMissing": _BOOLEAN}
    about_edge = {
        "field": STRING,
        "constraint": {**STRING, "description": "The reference as it is written."},
        "resolvesTo": or_null("string"),
        "required": _BOOLEAN,
        "upstream": STRING,
    }
    node = {
        **dict.fromkeys(("id", "type", "name"), STRING),
        "version": or_null("string"),
        "metadata": object_of(about_node),
        **dict.fromkeys(("validFrom", "validTo"), _MOMENT),
    }
    edge = {
        **dict.fromkeys(("id", "fromNode", "toNode"), STRING),
        "relationshipType": _RELATION,
        "metadata": object_of(about_edge),
        **dict.fromkeys(("createdAt", "deletedAt"), _MOMENT),
    }
    about = {
        "rootNode": STRING,
        "direction": {"enum": list(DIRECTIONS)},
        "reading": {"enum": list(READINGS)},
        **dict.fromkeys(("depth", "nodeCount", "edgeCount"), COUNT),
        "isCut": {**_BOOLEAN, "description": "Whether there is more than is given."},
        "generatedAt": _MOMENT,
        **POSITION,
    }
    graph = {"nodes": list_of(to("LineageNode")), "edges": list_of(to("LineageEdge")), "metadata": object_of(about)}
    return {
        "LineageNode": object_of(node, says="A record; `distance` counts references from the root, below 0 upstream."),
        "LineageEdge": object_of(edge, says="A reference: `fromNode relationshipType toNode`."),
        "LineageGraph": object_of(graph, says="A part of the graph around a record, the nearest first."),
    }


def _others() -> dict[str, Schema]:
    reference = {
        **dict.fromkeys(("ref", "field"), STRING),
        "relation": _RELATION,
        "constraint": STRING,
        "required": _BOOLEAN,
        "since": {"type": "integer", "minimum": 1},
    }
    moved = {**reference, "before": or_null("string"), "after": or_null("string")}
    ways = {
        "from": STRING,
        "to": STRING,
        "direction": {"enum": ["down", "up", None], "description": "Null where no way leads from one to the other."},
        "paths": list_of(_REFS),
        "edges": list_of(to("LineageEdge")),
        "isCut": _BOOLEAN,
        **POSITION,
    }
    loose = {
        "orphans": list_of(object_of({"ref": STRING, "kind": STRING, "status": or_null("string")})),
        "dangling": list_of(object_of(reference)),
        "cursor": {**or_null("string"), "description": "What asks for more, as of the same commit; null at the end."},
        **POSITION,
    }
    came = list_of(object_of(reference))
    moment = object_of({**POSITION, "root": {**or_null("string"), "description": "Whose lineage is compared."}})
    ways_of_coming = ("added", "removed", "entered", "left")
    difference = {
        "from": moment,
        "to": moment,
        "records": object_of(dict.fromkeys(ways_of_coming, _REFS)),
        "references": object_of({**dict.fromkeys(ways_of_coming, came), "moved": list_of(object_of(moved))}),
    }
    circle = {"from": STRING, "to": STRING, "closesCircle": _BOOLEAN, "circle": _REFS, **POSITION}
    return {
        "Ways": object_of(ways, says="The ways from one record to another, the shortest first."),
        "LooseEnds": object_of(loose, says="Records that nothing comes after, and references that lead nowhere."),
        "GraphDifference": object_of(difference, says="What differs in the graph between two moments."),
        "CircleCheck": object_of(circle, says="Whether a reference would close a circle, and which."),
    }


def _impact() -> Schema:
    severity: Schema = {"enum": list(SEVERITIES)}
    impacted = {
        **dict.fromkeys(("ref", "kind"), STRING),
        "distance": {"type": "integer", "minimum": 1},
        "impact": {"enum": list(IMPACTS)},
        "severity": severity,
        "path": _REFS,
        "relation": _RELATION,
        **dict.fromkeys(("field", "constraint"), STRING),
        **dict.fromkeys(("resolvesTo", "movesTo"), or_null("string")),
    }
    counts = {"type": "object", "additionalProperties": COUNT}
    radius = dict.fromkeys(("records", "direct", "names", "namespaces", "kinds", "depth"), COUNT)
    summary = {
        **dict.fromkeys(("total", "breaking", "unknown", "nonBreaking", "critical"), COUNT),
        **dict.fromkeys(("byKind", "bySeverity"), counts),
        "blastRadius": object_of(radius),
        "depth": COUNT,
        "actions": {**_REFS, "description": "What to do, in this order."},
    }
    step = {
        **dict.fromkeys(("ref", "field", "constraint", "action"), STRING),
        **dict.fromkeys(("to", "satisfiedBy", "newVersion"), or_null("string")),
        "why": STRING,
    }
    said = {
        "target": STRING,
        "change": {"enum": list(CHANGES)},
        **POSITION,
        "impacted": {**list_of(object_of(impacted)), "description": "The gravest first."},
        "summary": {**object_of(summary), "description": "Of all, listed or not."},
        "isCut": {**_BOOLEAN, "description": "Whether more are affected than are listed."},
        "to": {**or_null("string"), "description": "Of a plan: what consumers move to."},
        "plan": {**list_of(object_of(step)), "description": "What to edit, providers first; with `plan` only."},
    }
    return object_of(said, optional=("to", "plan"), says="Who is affected by a change of a record.")


def _pipelines() -> dict[str, Schema]:
    anything: Schema = {}
    why = or_null("string")
    stage = {
        **dict.fromkeys(("id", "type"), STRING),
        **dict.fromkeys(("description", "model", "means"), or_null("string")),
        **dict.fromkeys(("inputs", "outputs", "resources"), anything),
        "timeout": or_null("integer"),
        "retry": or_null("object"),
        "worstTime": {**or_null("integer"), "description": "Milliseconds, with every retry."},
    }
    flow = {"from": anything, "to": anything, "transform": anything, "verdict": _VERDICT, "why": why}
    end = {"node": STRING, **dict.fromkeys(("port", "readsAs"), or_null("string")), "verdict": _VERDICT, "why": why}
    path = {
        "by": {"enum": ["time", "stages"]},
        "stages": _REFS,
        "milliseconds": or_null("integer"),
        "unstated": _REFS,
        "timeout": or_null("integer"),
    }
    dag = {
        "ref": STRING,
        "verdict": _VERDICT,
        "why": _REFS,
        "stages": list_of(object_of(stage)),
        "flows": list_of(object_of(flow)),
        **dict.fromkeys(("inputs", "outputs"), list_of(object_of(end))),
        "order": {**list_of(_REFS), "description": "Stages that may run side by side, in turn."},
        "stuck": _REFS,
        "criticalPath": object_of(path),
        "resources": {"type": "object"},
        **POSITION,
    }
    return {"PipelineDag": object_of(dag), "PipelineLock": _lock(), "PipelineMatrix": _matrix()}


def _lock() -> Schema:
    reference = {
        **dict.fromkeys(("by", "field"), STRING),
        "relation": _RELATION,
        "wants": STRING,
        "required": _BOOLEAN,
        "means": or_null("string"),
        "beside": _REFS,
    }
    pin = {
        **dict.fromkeys(("ref", "kind"), STRING),
        **dict.fromkeys(("version", "status"), or_null("string")),
        **dict.fromkeys(("blob", "content"), STRING),
        "frozen": {**or_null("string"), "description": "The digest of what may never change."},
        "artifact": or_null("object"),
    }
    lock = {
        "apiVersion": STRING,
        "lock": {"const": 1},
        **dict.fromkeys(("pipeline", "registry"), STRING),
        **POSITION,
        "references": list_of(object_of(reference)),
        "records": list_of(object_of(pin)),
    }
    return object_of(lock, says="The file that `gitreg pipeline lock` writes, byte for byte.")


def _matrix() -> Schema:
    version = object_of({"version": STRING, "status": or_null("string")})
    cell = {"wants": STRING, "fields": _REFS, "means": or_null("string"), "admits": _REFS}
    row = object_of({"version": STRING, "references": list_of(object_of(cell))})
    model = object_of({"model": STRING, "versions": list_of(version), "rows": list_of(row)})
    return object_of({"pipeline": STRING, "versions": list_of(version), "models": list_of(model), **POSITION})
