"""What the tests of the graph over HTTP share: a small registry of records that refer to each other."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from api_support import START, UID, commit, manifest, namespace
from index_support import commit as land
from pipeline_support import TEXT, pipeline_data, stage

from gitreg.manifests import dump_yaml
from gitreg.registry import Registry
from gitreg.repository.git import Signature

TUNED: Final = "/api/v1/lineage/acme/tuned"
TRIAGE: Final = "/api/v1/pipelines/acme/triage"
WAYS: Final = "/api/v1/graph/path?from=dataset:acme/clean&to=acme/tuned"
IMPACT: Final = "/api/v1/impact/acme/base@1.1.0"
DIFF: Final = "/api/v1/graph/diff?from=4"
LAST: Final = 8
"""The seq of the last commit."""


def at(path: str, moment: object) -> str:
    return f"{path}{'&' if '?' in path else '?'}at={moment}"


def _checksum(said: str) -> dict[str, str]:
    return {"of": "artifact", "digest": blake2b(said.encode(), digest_size=32).hexdigest()}


def model(name: str, version: str, *, derived: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> bytes:
    spec: dict[str, Any] = {"provider": "openai", "type": "completion", "checksum": _checksum(f"{name} {version}")}
    if derived:
        spec["derivedFrom"] = [{"ref": ref} for ref in derived]
    if needs:
        spec["dependencies"] = [{"ref": ref} for ref in needs]
    return manifest("Model", {"namespace": "acme", "name": name, "version": version}, spec)


def dataset(name: str, version: str, *sources: str) -> bytes:
    spec: dict[str, Any] = {"format": "jsonl", "checksum": _checksum(f"{name} {version}")}
    if sources:
        spec["sources"] = [{"ref": ref} for ref in sources]
    return manifest("Dataset", {"namespace": "acme", "name": name, "version": version}, spec)


def pipeline(name: str, version: str, wanted: str) -> bytes:
    one = stage("sort", {"text": TEXT}, {"label": TEXT}, model=wanted)
    data = pipeline_data([one], name=name, version=version, inputSchema=TEXT, outputSchema=TEXT)
    return dump_yaml(data).encode()


def graph_registry(folder: Path) -> Registry:
    """Give a registry of eight commits: data, models derived from each other, a pipeline; at the end a loose end."""
    shutil.copytree(_made_once(), folder)
    return Registry.open(folder)


@cache
def _made_once() -> Path:
    above = Path(mkdtemp(prefix="gitreg-api-graph-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    author = Signature.parse("Example Author <author@example.com>", when=START)
    registry = Registry.init(above / "registry", name="example", author=author, when=START, uid=UID)
    data = dataset("raw", "1.0.0"), dataset("clean", "1.0.0", "dataset:acme/raw@^1")
    commit(registry, 1, namespace("acme"), *data, model("base", "1.0.0"))
    commit(registry, 2, model("tuned", "1.0.0", derived=("acme/base@^1",), needs=("dataset:acme/clean@^1",)))
    commit(registry, 3, pipeline("triage", "1.0.0", "acme/tuned@^1"))
    commit(registry, 4, model("base", "1.1.0"))
    commit(registry, 5, model("tuned", "2.0.0", derived=("acme/base@1.1.0",), needs=("dataset:acme/clean@^1",)))
    commit(registry, 6, pipeline("triage", "2.0.0", "acme/tuned@^2"), pipeline("dag", "1.0.0", "acme/tuned@^1"))
    land(registry.repo, {"datasets/acme/raw/1.0.0.yaml": None}, "Take the raw data away")
    return above / "registry"
