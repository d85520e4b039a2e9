"""Make large registries for benchmarks: many namespaces, names and versions, by `git fast-import`.

- Models are spread over flat namespaces; each name has some versions, depends on a dataset of its namespace and derives
  from another model now and then, so that there is a graph to walk.
- The same size gives the same repository, whatever the machine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from gitreg.repository.git import GitRepository

REGISTRY = b"""\
apiVersion: gitreg/v1
kind: Registry
metadata:
  name: benchmark
spec:
  uid: 5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10
"""
WHO = b"Example Author <author@example.com> 1735689600 +0000"


@dataclass(frozen=True)
class Size:
    """How many of what: entries = namespaces x names x versions."""

    namespaces: int
    names: int
    versions: int

    @property
    def entries(self) -> int:
        """Count the versions of all models."""
        return self.namespaces * self.names * self.versions


SIZES = {
    10_000: Size(25, 100, 4),
    100_000: Size(100, 250, 4),
    1_000_000: Size(500, 500, 4),
}


def space(number: int) -> str:
    """Name a namespace."""
    return f"team-{number:04}"


def model_name(number: int) -> str:
    """Name a model."""
    return f"assistant-{number:05}"


def model(namespace: str, name: str, version: str, *, derived: str | None = None, extra: str = "") -> bytes:
    """Make one version of a model, of about 1.1 KB like real ones."""
    digest = sha256(f"{namespace}/{name}@{version}".encode()).hexdigest()
    parent = f"  derivedFrom:\n  - ref: {derived}\n    method: fine-tuning\n" if derived else ""
    return f"""\
apiVersion: gitreg/v1
kind: Model
metadata:
  namespace: {namespace}
  name: {name}
  version: {version}
  description: Answers questions of the customers of {namespace} about orders, deliveries and invoices.
  tags:
  - support
  - answers
  owner: {namespace}@example.com
spec:
  provider: huggingface
  type: completion
  category:
  - general
  checksum:
    of: artifact
    digest: {digest}
  artifactUri: https://models.example.com/{namespace}/{name}/{version}/model.safetensors
  license: apache-2.0
  capabilities:
    contextLength: 32768
    maxOutputTokens: 2048
    supportsStreaming: true
    languages:
    - en
    - de
    modalities:
    - text
{parent}  dependencies:
  - ref: dataset:{namespace}/corpus@^1.0
    purpose: training data
  lifecycle:
    status: active
  pricing:
    currency: USD
    effectiveDate: '2026-01-01'
    perMillionTokens:
      input: 0.2
      output: 0.8
{extra}""".encode()


def dataset(namespace: str) -> bytes:
    """Make the dataset that the models of a namespace were trained on."""
    digest = sha256(f"{namespace}/corpus".encode()).hexdigest()
    return (
        f"apiVersion: gitreg/v1\nkind: Dataset\nmetadata:\n  namespace: {namespace}\n  name: corpus\n  version: 1.0.0\n"
        f"spec:\n  format: jsonl\n  checksum:\n    of: artifact\n    digest: {digest}\n"
    ).encode()


def namespace_record(namespace: str) -> bytes:
    """Make the record that says who owns a namespace."""
    return (
        f"apiVersion: gitreg/v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n"
        f"spec:\n  owners:\n  - author@example.com\n"
    ).encode()


def files(size: Size) -> Iterator[tuple[str, bytes]]:
    """Give every file of a registry of some size."""
    yield "registry.yaml", REGISTRY
    for n in range(size.namespaces):
        where = space(n)
        yield f"namespaces/{where}.yaml", namespace_record(where)
        yield f"datasets/{where}/corpus/1.0.0.yaml", dataset(where)
        for m in range(size.names):
            name = model_name(m)
            parent = f"{where}/{model_name(m - 1)}@1.0.0" if m % 3 else None
            for v in range(size.versions):
                version = f"1.{v}.0"
                yield f"models/{where}/{name}/{version}.yaml", model(where, name, version, derived=parent)


def generate(where: Path, size: Size) -> GitRepository:
    """Make the registry as a bare repository, in one commit, packed."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(where)], check=True)
    command = ["git", "-C", str(where), "fast-import", "--quiet", "--depth=0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        _stream(process.stdin, size)
        process.stdin.close()
        if process.wait() != 0:
            raise RuntimeError("git fast-import failed")
    return GitRepository.open(where)


def _stream(sink: IO[bytes], size: Size) -> None:
    sink.write(b"commit refs/heads/main\ncommitter %s\ndata 6\ncreate\n" % WHO)
    sink.writelines(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(raw), raw) for path, raw in files(size))
