#!/usr/bin/env python
"""Draw the pictures of the docs: `tools/draw_pictures.py [CATALOGUE]`.

- `docs/pictures/demo-lineage.svg` is the lineage of the demo's classifier.
- `docs/pictures/litellm-families.svg` is drawn where litellm's catalogue is named: the Claude models of their maker and
  what other providers offer of each. The catalogue itself knows no lineage, so who offers what is read off its keys:
  regions, providers and revisions are taken away, and what is left is the same.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gitreg.importers.litellm.mapping import Wanted, map_row
from gitreg.manifests import manifest_from_data, write_manifest
from gitreg.pictures import Picture, svg
from gitreg.refs import Ref
from gitreg.registry import Draft, Registry
from gitreg_api.demonstrate import demo_registry
from gitreg_indexer.graph.drawing import no_link, picture_of
from gitreg_indexer.graph.lineage import Asked, Lineage, trace
from gitreg_indexer.index import Index
from gitreg_indexer.reader import Reader

PICTURES: Final = Path(__file__).parent.parent / "docs/pictures"
CLASSIFIER: Final = "northwind/support/ticket-classifier"
MAKER: Final = "anthropic"
_REGION: Final = re.compile(r"^(us|eu|apac|jp|au|global|us-gov)\.")
_REVISION: Final = re.compile(r"(-v\d+(:\d+)?|:\d+|-latest)$")


def demo_lineage(folder: Path) -> Picture:
    """Draw the lineage of the demo's classifier."""
    return _drawn(demo_registry(folder / "demo"), [CLASSIFIER])


def families(folder: Path, catalogue: Path) -> Picture:
    """Draw the models of a maker in litellm's catalogue, each with what others offer of it."""
    rows = [found for row in json.loads(catalogue.read_bytes()).items() if isinstance(found := map_row(*row), Wanted)]
    origins: dict[str, Wanted] = {}
    for row in rows:
        if row.data["spec"]["provider"] == MAKER and "fast/" not in row.key:
            origins.setdefault(family_of(row.key), row)
    offers = [row for row in rows if (origin := origins.get(family_of(row.key))) is not None and origin is not row]
    offered = {family_of(row.key) for row in offers}
    wanted = {family: row for family, row in origins.items() if family in offered}
    registry = Registry.init(folder / "families", name="families")
    drafts = [Draft(raw, "catalogue") for raw in _manifests(wanted, offers)]
    registry.register(drafts, bulk=True, approve=[])
    picture = _drawn(registry, [_ref(row) for row in wanted.values()])
    boxes = tuple(replace(box, is_root=box.id.startswith(f"model:{MAKER}/")) for box in picture.boxes)
    return Picture("Claude models, and what other providers offer of each", boxes, picture.arrows, NOTE)


NOTE: Final = "litellm's catalogue, imported; who offers what is read off the names"


def family_of(key: str) -> str:
    """Take away what providers and regions put around a model's name."""
    name = _REGION.sub("", key.rpartition("/")[2]).replace("@", "-")
    return _REVISION.sub("", name.removeprefix("anthropic.")).casefold()


def _ref(row: Wanted) -> str:
    metadata = row.data["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _manifests(origins: dict[str, Wanted], offers: list[Wanted]) -> Iterator[bytes]:
    namespaces = {row.data["metadata"]["namespace"] for row in (*origins.values(), *offers)}
    for name in sorted(namespaces):
        spec = {"owners": ["author@example.com"]}
        yield _written({"apiVersion": "gitreg/v1", "kind": "Namespace", "metadata": {"name": name}, "spec": spec})
    for row in origins.values():
        yield _written(row.data)
    for row in offers:
        parent = {"ref": f"{_ref(origins[family_of(row.key)])}@1.0.0", "method": "deployment"}
        yield _written({**row.data, "spec": {**row.data["spec"], "derivedFrom": [parent]}})


def _written(data: dict[str, Any]) -> bytes:
    reading = manifest_from_data(data)
    if reading.manifest is None:
        raise SystemExit(f"{data['metadata']}: {reading.findings}")
    return write_manifest(reading.manifest)


def _drawn(registry: Registry, refs: list[str]) -> Picture:
    """Draw the lineages of some records as one picture."""
    index = Index.open(registry)
    try:
        index.catch_up()
        return _picture(index.reader(), refs)
    finally:
        index.close()


def _picture(reader: Reader, refs: list[str]) -> Picture:
    with reader.graph() as graph:
        found = [trace(graph.state, graph.resolve(Ref.parse(ref)).ref, Asked()) for ref in refs]
        nodes = {node.ref: node for lineage in found for node in lineage.nodes}
        lines = {(line.source, line.edge.field, line.target): line for lineage in found for line in lineage.lines}
        whole = Lineage(found[0].root, 0, tuple(nodes.values()), tuple(lines.values()))
        return picture_of(whole, graph.position, no_link)


def main(arguments: list[str]) -> None:
    """Draw what can be drawn."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        (PICTURES / "demo-lineage.svg").write_text(svg(demo_lineage(Path(made))), encoding="utf-8")
        for catalogue in arguments:
            drawn = svg(families(Path(made), Path(catalogue)))
            (PICTURES / "litellm-families.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
