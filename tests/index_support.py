"""What the tests of the index share: registries made by hand, commits of any files, and all that an index says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pygit2
import sqlalchemy as sa

from gitreg.manifests import dump_yaml
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.git import PLAIN, GitRepository, Signature
from gitreg.repository.writing import advance
from gitreg_indexer import SORTS, Index, Page, Query, Reader
from gitreg_indexer.tables import edges, facts, quarantine

UID: Final = "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10"
OTHER_UID: Final = "00000000-9a0e-4b2e-8f43-2c7b1e6a9d10"
EXECUTABLE: Final = 0o100755
SYMLINK: Final = 0o120000
DIGEST: Final = "3f5a1c7d9e2b4860a1f3c5d7e9b2846050f1e3d5c7b9a8642013579bdf02468a"
_START: Final = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class File:
    """A file of any mode."""

    content: bytes
    mode: int = PLAIN


Files = Mapping[str, File | bytes | None]


def registry_yaml(uid: str = UID, description: str = "A registry.") -> bytes:
    return manifest("Registry", {"name": "example", "description": description}, {"uid": uid})


def manifest(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bytes:
    data = {"apiVersion": "gitreg/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(spec)}
    return dump_yaml(data).encode()


def model(
    name: str = "a",
    version: str = "1.0.0",
    *,
    namespace: str = "acme",
    spec: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, bytes]:
    """Give a model as a file at its path; `more` goes into the metadata."""
    checksum = {"of": "artifact", "algorithm": "sha256", "digest": DIGEST}
    stated = {"provider": "openai", "type": "completion", "checksum": checksum, **(spec or {})}
    raw = manifest("Model", {"namespace": namespace, "name": name, "version": version, **more}, stated)
    return {f"models/{namespace}/{name}/{version}.yaml": raw}


def dataset(name: str = "a", version: str = "1.0.0", *, namespace: str = "acme", **more: Any) -> dict[str, bytes]:
    checksum = {"of": "artifact", "algorithm": "sha256", "digest": DIGEST}
    metadata = {"namespace": namespace, "name": name, "version": version, **more}
    raw = manifest("Dataset", metadata, {"format": "jsonl", "checksum": checksum})
    return {f"datasets/{namespace}/{name}/{version}.yaml": raw}


def aliases(name: str = "a", *, namespace: str = "acme", of: str = "Model", **named: str) -> dict[str, bytes]:
    folder = {"Model": "models", "Dataset": "datasets"}[of]
    raw = manifest("Aliases", {"namespace": namespace, "name": name}, {"of": of, "aliases": named})
    return {f"{folder}/{namespace}/{name}/aliases.yaml": raw}


def commit(repo: GitRepository, files: Files, message: str = "change") -> str:
    """Commit files of any mode to the tip; None removes. Files and folders take each other's places."""
    tip = repo.tip()
    seq = repo.seq(tip) + 1 if tip else 1
    tree = pygit2.Index()
    if tip:
        tree.read_tree(repo.handle[repo.commit(tip).tree])  # type: ignore[arg-type]  # a tree, as its id says
    for path, wanted in files.items():
        _put(repo, tree, path, File(wanted) if isinstance(wanted, bytes) else wanted)
    who = Signature(f"Author {seq % 3}", f"author{seq % 3}@example.com", _START + timedelta(minutes=7 * seq))
    sign = pygit2.Signature(who.name, who.email, int(who.when.timestamp()), 0)
    parents = [pygit2.Oid(hex=tip)] if tip else []
    new = str(repo.handle.create_commit(None, sign, sign, message, tree.write_tree(repo.handle), parents))
    advance(repo, new=new, old=tip, message=message)
    return new


def _put(repo: GitRepository, tree: pygit2.Index, path: str, wanted: File | None) -> None:
    folders = path.split("/")
    above = {"/".join(folders[:length]) for length in range(1, len(folders)) if wanted}
    for known in [entry.path for entry in tree]:
        if known == path or known in above or known.startswith(f"{path}/"):
            tree.remove(known)
    if wanted is not None:
        oid = repo.handle.create_blob(wanted.content)
        tree.add(pygit2.IndexEntry(path, oid, wanted.mode))  # type: ignore[arg-type]  # a mode is a number


def found(where: Path, *, uid: str = UID, bare: bool = True) -> Registry:
    """Make a registry with nothing but its own record."""
    repo = GitRepository.create(where, bare=bare)
    commit(repo, {"registry.yaml": registry_yaml(uid)}, "Found the registry")
    return Registry(repo)


def rewritten(registry: Registry, *, back: int = 2) -> tuple[str, str]:
    """Rewrite main: some commits go, another one comes; gives where it was and where it is."""
    repo = registry.repo
    before = repo.tip() or ""
    advance(repo, new=repo.resolve(f"main~{back}"), old=before, message="rewrite")
    return before, commit(repo, model("other"), "Put another in their place")


def indexed(where: Path, *commits: Files) -> tuple[Registry, Index]:
    """Make a registry with some commits, and its index."""
    registry = found(where / "registry.git")
    for files in commits:
        commit(registry.repo, files)
    index = Index.open(registry)
    index.catch_up()
    return registry, index


def cold(registry: Registry, folder: Path) -> Index:
    """Make a new index of a registry as it stands."""
    index = Index.open(registry, folder)
    index.catch_up()
    return index


def refs(page: Page) -> list[str]:
    return [fact.ref for fact in page.items]


def searched(index: Index, text: str | None = None, **more: Any) -> list[str]:
    """Give the refs that a search finds."""
    return refs(index.reader().search(Query(text=text, **more), limit=1000))


QUERIES: Final = (
    Query(),
    Query(text="support"),
    Query(text="support nlp"),
    Query(text="acme/a"),
    Query(text="model:acme/a@1.0.0"),
    Query(text="A"),
    Query(text="support", namespace="acme", status=("active", "deprecated")),
    Query(namespace="acme"),
    Query(namespace="acme-x"),
    Query(kind="Model", provider=("openai", "mistral")),
    Query(type=("completion",), tag=("chat",)),
    Query(tag=("chat", "support")),
    Query(status=("retired",)),
    *(Query(sort=f"{sign}{name}") for name in SORTS for sign in ("", "-")),
    *(Query(text="support", sort=f"{sign}{name}") for name in SORTS for sign in ("", "-")),
)


def rows(index: Index) -> tuple[list[Any], list[Any]]:
    """Give all that the catalog holds of facts and quarantine, but for the ids of rows."""
    known = [column for column in facts.c if column.name != "id"]
    bad = [column for column in quarantine.c if column.name != "id"]
    with index.catalog.reading() as db:
        return (
            sorted(tuple(row) for row in db.execute(sa.select(*known))),
            sorted(tuple(row) for row in db.execute(sa.select(*bad))),
        )


def edge_rows(index: Index) -> list[Any]:
    """Give all edges that the catalog holds, but for the ids of rows."""
    with index.catalog.reading() as db:
        return sorted(tuple(row) for row in db.execute(sa.select(*(c for c in edges.c if c.name != "id"))))


def docs(page: Page) -> tuple[list[bytes], int, str, int]:
    """Give what a page says, but for the ids of rows and when its facts end."""
    return [fact.doc for fact in page.items], page.total, page.position.commit, page.position.seq


def answers(reader: Reader, *, at: int | None = None) -> list[Any]:
    """Ask the fixed queries, and for one of them page by page."""
    asked = [docs(reader.search(query, limit=100, at=at)) for query in QUERIES]
    paged = [docs(reader.search(Query(sort="-updatedAt"), offset=n, limit=3, at=at)) for n in range(0, 9, 3)]
    return [*asked, *paged]


def said(index: Index) -> tuple[Any, ...]:
    """Give everything an index says, in a form that can be compared with another's."""
    reader = index.reader()
    return rows(index), edge_rows(index), answers(reader), reader.position(), reader.quarantine(), reader.counts()


def without_end(facts_found: Iterable[Any]) -> list[tuple[str, bytes, str]]:
    """Give facts without the row's id and the end, which a later commit may set."""
    return [(fact.ref, fact.doc, fact.etag) for fact in facts_found]


def of(text: str) -> Ref:
    return Ref.parse(text)


def json_of(doc: bytes) -> Any:
    return orjson.loads(doc)
