"""What the tests of forges share: a registry with a few records, and changes to it that are put forward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from gitreg.forges import Forge, Opening, Proposal, Queue
from gitreg.forges.local import LocalForge
from gitreg.forges.refs import OwnRefs
from gitreg.manifests import dump_yaml
from gitreg.registry import Registry
from gitreg.repository.git import Signature
from gitreg.repository.worktree import follow
from gitreg.repository.writing import advance, write_commit

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AUTHOR = Signature("Example Author", "author@example.com", WHEN)
OWNER = Signature("Example Owner", "owner@example.com", WHEN)

Files = Mapping[str, "bytes | None"]


def manifest(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bytes:
    return dump_yaml({"apiVersion": "gitreg/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(spec)}).encode()


def model(name: str = "chat", version: str = "1.0.0", space: str = "acme", **spec: Any) -> bytes:
    digest = spec.pop("digest", sha256(f"{space}/{name}@{version}".encode()).hexdigest())
    checksum = {"of": "artifact", "digest": digest}
    metadata = {"namespace": space, "name": name, "version": version}
    return manifest("Model", metadata, {"provider": "openai", "type": "completion", "checksum": checksum, **spec})


def namespace(name: str, **spec: Any) -> bytes:
    return manifest("Namespace", {"name": name}, {"owners": [AUTHOR.email, OWNER.email, "@author", "@owner"], **spec})


def aliases(name: str = "chat", **names: str) -> bytes:
    return manifest("Aliases", {"namespace": "acme", "name": name}, {"of": "Model", "aliases": names})


def path_of(name: str = "chat", version: str = "1.0.0", space: str = "acme") -> str:
    return f"models/{space}/{name}/{version}.yaml"


BASE: Files = {
    "namespaces/acme.yaml": namespace("acme"),
    "namespaces/beta.yaml": namespace("beta"),
    path_of(): model(),
    path_of(version="1.0.1"): model(version="1.0.1"),
    path_of(version="1.1.0"): model(version="1.1.0"),
    path_of("draft"): model("draft"),
    path_of("other", space="beta"): model("other", space="beta"),
    "models/acme/chat/aliases.yaml": aliases(stable="1.0.0"),
}


def founded(folder: Path, *, bare: bool = True, files: Files = BASE) -> Registry:
    """Make a registry that holds some records."""
    registry = Registry.init(folder, name="test", author=AUTHOR, bare=bare)
    landed(registry, files)
    return registry


def landed(registry: Registry, files: Files, message: str = "Land") -> str:
    """Put files on main, past every gate."""
    old = registry.repo.tip()
    new = write_commit(registry.repo, parent=old, changes=files, author=AUTHOR, committer=AUTHOR, message=message)
    advance(registry.repo, new=new, old=old, message=message)
    follow(registry.repo, old=old, new=new)
    return new


def forge_of(registry: Registry) -> LocalForge:
    return LocalForge(registry.repo, OwnRefs(registry.repo))


def put_forward(registry: Registry, forge: Forge, files: Files, title: str = "A change") -> Proposal:
    """Open a proposal of files on main's tip, whatever the gate says of it."""
    base = forge.tip()
    commit = write_commit(registry.repo, parent=base, changes=files, author=AUTHOR, committer=AUTHOR, message=title)
    return forge.propose(Opening(title, "", base, commit, AUTHOR))


def queue_of(registry: Registry, **words: Any) -> Queue:
    return Queue(registry, forge_of(registry), **words)


def content(registry: Registry, path: str) -> bytes | None:
    """Read a file of main."""
    found = registry.snapshot().read(path)
    return found[1] if found else None
