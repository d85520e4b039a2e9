"""What the tests of the gate share: a small registry, files put over it, and what the rules say of them.

- A case has a name, files by path (None removes one), and what has to be found: the field, a piece of the words.
- `base` is one registry for all tests of a module; nothing that a test does changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import FileMode

from gitreg.errors import Finding
from gitreg.manifests import dump_yaml, edit_manifest, read_manifest
from gitreg.registry import Registry
from gitreg.repository.git import Entry, Signature
from gitreg.repository.snapshot import Footprint, Overlay, Snapshot
from gitreg.repository.writing import advance, write_commit
from gitreg.validation import Change, Circumstances, Rule, check

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TODAY = date(2026, 6, 1)
AUTHOR = Signature("Example Author", "author@example.com", WHEN)
OWNER = "author@example.com"

Files = Mapping[str, "bytes | None"]


def manifest(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bytes:
    return dump_yaml({"apiVersion": "gitreg/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(spec)}).encode()


def versioned(kind: str, name: str, version: str = "1.0.0", namespace: str = "acme", **spec: Any) -> bytes:
    """Make one version of something; `description`, `tags`, `labels` and `owner` go into the metadata."""
    metadata: dict[str, Any] = {"namespace": namespace, "name": name, "version": version}
    metadata |= {key: spec.pop(key) for key in ("description", "tags", "labels", "owner") if key in spec}
    return manifest(kind, metadata, spec)


def model(name: str = "chat", version: str = "1.0.0", namespace: str = "acme", **spec: Any) -> bytes:
    digest = spec.pop("digest", sha256(f"{namespace}/{name}@{version}".encode()).hexdigest())
    checksum = {"of": "artifact", "digest": digest}
    put = {"provider": "openai", "type": "completion", "checksum": checksum, **spec}
    return versioned("Model", name, version, namespace, **put)


def dataset(name: str = "tickets", version: str = "1.0.0", namespace: str = "acme", **spec: Any) -> bytes:
    digest = spec.pop("digest", sha256(f"dataset:{namespace}/{name}@{version}".encode()).hexdigest())
    return versioned(
        "Dataset",
        name,
        version,
        namespace,
        **{"format": "jsonl", "checksum": {"of": "artifact", "digest": digest}, **spec},
    )


def config(name: str = "defaults", version: str = "1.0.0", **spec: Any) -> bytes:
    return versioned("Config", name, version, **{"value": {}, **spec})


def pipeline(name: str = "p", version: str = "1.0.0", namespace: str = "acme", **spec: Any) -> bytes:
    node = {"id": "a", "type": "model", "model": "acme/chat@^1"}
    return versioned(
        "Pipeline",
        name,
        version,
        namespace,
        **{"dag": {"nodes": [node]}, "inputSchema": True, "outputSchema": True, **spec},
    )


def namespace(name: str, *owners: str, **spec: Any) -> bytes:
    return manifest("Namespace", {"name": name}, {"owners": list(owners) or [OWNER], **spec})


def aliases(name: str = "chat", namespace: str = "acme", of: str = "Model", **names: str) -> bytes:
    return manifest("Aliases", {"namespace": namespace, "name": name}, {"of": of, "aliases": names})


def path_of(name: str = "chat", version: str = "1.0.0", namespace: str = "acme", folder: str = "models") -> str:
    return f"{folder}/{namespace}/{name}/{version}.yaml"


BASE: Mapping[str, bytes] = {
    "namespaces/acme.yaml": namespace("acme"),
    path_of(): model(),
    path_of(version="1.1.0"): model(version="1.1.0", license="mit"),
    "models/acme/chat/aliases.yaml": aliases(stable="1.0.0"),
    "configs/acme/defaults/1.0.0.yaml": config(value={"on": True, "n": 1}),
    "access/tester.yaml": manifest("Role", {"name": "tester"}, {"permissions": ["registry:read"]}),
}


def new_registry(folder: Path, files: Files = BASE) -> Registry:
    """Make a registry in an empty folder, with some files landed past the gate."""
    registry = Registry.init(folder / "registry", name="acme", author=AUTHOR, bare=True)
    commit(registry, files)
    return registry


def commit(registry: Registry, files: Files, message: str = "change") -> Snapshot:
    """Land files past the gate."""
    old = registry.repo.tip()
    new = write_commit(registry.repo, parent=old, changes=files, author=AUTHOR, committer=AUTHOR, message=message)
    advance(registry.repo, new=new, old=old, message=message)
    return registry.snapshot()


def write_entries(
    base: Snapshot, entries: Mapping[str, tuple[int, bytes] | None], parents: Iterable[str] | None = None
) -> str:
    """Commit files of any mode on top of a state, and give the commit; no branch is moved."""
    handle = base.repo.handle
    index = pygit2.Index()
    if base.tree:
        index.read_tree(handle[base.tree].peel(pygit2.Tree))
    for path, entry in entries.items():
        if entry is None:
            index.remove(path)
        else:
            mode, raw = entry
            oid = pygit2.Oid(hex=raw.decode()) if mode == FileMode.COMMIT else handle.create_blob(raw)
            index.add(pygit2.IndexEntry(path, oid, FileMode(mode)))
    who = pygit2.Signature(AUTHOR.name, AUTHOR.email, int(WHEN.timestamp()))
    above = [pygit2.Oid(hex=oid) for oid in (parents or ([base.commit] if base.commit else []))]
    return str(handle.create_commit(None, who, who, "entries", index.write_tree(handle), above))


def around(**said: Any) -> Circumstances:
    """Give the circumstances of a test: a fixed day, an author who owns `acme`."""
    return Circumstances(**{"today": TODAY, "author": OWNER, **said})


def change_of(base: Snapshot, files: Files, entries: Mapping[str, Entry | None] | None = None, **said: Any) -> Change:
    """Put files over a state."""
    fresh = Snapshot(base.repo, base.commit, base.memory, Footprint())
    return Change(fresh, Overlay(fresh, files, entries), around(**said))


def found_by(
    base: Snapshot,
    files: Files,
    rules: Iterable[Rule] | None = None,
    entries: Mapping[str, Entry | None] | None = None,
    **said: Any,
) -> list[Finding]:
    """Give what the rules, or some of them, find in files put over a state."""
    return check(change_of(base, files, entries, **said), rules)


def registry_yaml(base: Snapshot, **put: Any) -> bytes:
    """Give the base's own settings with fields changed: `spec__gate__noticeDays=30`."""
    found = base.read("registry.yaml")
    assert found
    edited, reading = edit_manifest(found[1], put={key.replace("__", "."): value for key, value in put.items()})
    assert edited, reading.findings
    return edited


def rules_with(rules: Iterable[Rule], code: str) -> list[Rule]:
    """Give the rules of a code."""
    return [rule for rule in rules if rule.code == code]


@dataclass(frozen=True)
class Case:
    """Files put over the base, and what the gate has to say of them. `says` None: nothing."""

    name: str
    files: Files
    says: str | None = None
    field: str | None = None
    over: Files | None = None
    """Files that have landed before, on top of BASE."""
    said: Mapping[str, Any] | None = None
    """Circumstances other than those of `around`."""
    severity: str | None = None


def unreadable(cases: Iterable[Case]) -> list[str]:
    """Name the cases whose own files are not manifests: nothing can be found in them by mistake."""
    return [case.name for case in cases if any(raw and read_manifest(raw).findings for raw in case.files.values())]


def judge(base: Snapshot, case: Case, rules: Iterable[Rule]) -> list[Finding]:
    """Judge a case by some rules; `over` is landed on a branch of its own that nobody sees."""
    state = base
    if case.over:
        oid = write_commit(
            base.repo, parent=base.commit, changes=case.over, author=AUTHOR, committer=AUTHOR, message="before"
        )
        state = Snapshot(base.repo, oid, base.memory)
    return found_by(state, case.files, rules, **(case.said or {}))


def expect(base: Snapshot, case: Case, rules: Iterable[Rule]) -> None:
    """Assert that a case is found as it says, exactly once, or not at all."""
    found = judge(base, case, rules)
    if case.says is None:
        assert [finding.explain() for finding in found] == []
        return
    matching = [finding for finding in found if case.says in finding.says]
    assert len(matching) == 1, [finding.explain() for finding in found]
    (finding,) = matching
    assert finding.field == case.field
    assert finding.mend
    if case.severity is not None:
        assert finding.severity.value == case.severity
    if case.field is not None:
        assert finding.line
        assert finding.source
