"""What the tests of pipelines share: pipelines made of a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from gitreg.kinds import Pipeline
from gitreg.manifests import manifest_from_data

TEXT: Final[dict[str, Any]] = {"type": "string"}
NUMBER: Final[dict[str, Any]] = {"type": "number"}


def stage(
    name: str, takes: Mapping[str, Any] | None = None, gives: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """Make a stage with its ports; without another type it calls a model."""
    ports = {key: dict(value) for key, value in (("inputs", takes), ("outputs", gives)) if value is not None}
    if "type" not in more:
        more = {"type": "model", "model": "acme/chat@^1", **more}
    return {"id": name, **ports, **more}


def edge(way: str, **more: Any) -> Any:
    """Make an edge of `a.out>b.in`."""
    ends = [dict(zip(("node", "port"), end.split("."), strict=True)) for end in way.split(">")]
    return {"from": ends[0], "to": ends[1], **more}


def pipeline_data(stages: list[Any], *edges: Any, name: str = "p", version: str = "1.0.0", **spec: Any) -> Any:
    """Give a pipeline as plain data; its input and output may be anything unless stated."""
    data = {
        "apiVersion": "gitreg/v1",
        "kind": "Pipeline",
        "metadata": {"namespace": "acme", "name": name, "version": version},
        "spec": {
            "dag": {"nodes": stages, "edges": [edge(each) if isinstance(each, str) else each for each in edges]},
            "inputSchema": True,
            "outputSchema": True,
            **spec,
        },
    }
    return json.loads(json.dumps(data))  # nothing is shared, so YAML has no anchors


def pipeline(stages: list[Any], *edges: Any, **spec: Any) -> Pipeline:
    """Make a pipeline."""
    reading = manifest_from_data(pipeline_data(stages, *edges, **spec))
    assert isinstance(reading.manifest, Pipeline), reading.findings
    return reading.manifest
