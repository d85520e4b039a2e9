"""The commands that ask for one record: `get` and `resolve`.

- Where the index stands at main's tip, a look at it answers; the rest of the index is loaded only where that is not
  enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_text
from gitreg.refs import Ref
from gitreg.repository.git import GitRepository
from gitreg_indexer.glance import glance
from gitreg_indexer.options import CatalogOption, IndexOption, RefArgument


def get(
    ref: RefArgument,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one record: the newest version, or the one that the selector means.

    \b
    Example:
      gitreg get acme/nlp/summarizer@^1.2
    """
    data, _, _ = _ask(ref, repo, folder, catalog, quiet=as_json)
    if as_json:
        print_json(data)
    else:
        print_text(_as_yaml(data))


def resolve(
    ref: RefArgument,
    repo: RepoOption = None,
    folder: IndexOption = None,
    catalog: CatalogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which version a selector means now.

    \b
    Example:
      gitreg resolve acme/nlp/summarizer@production
    """
    data, commit, seq = _ask(ref, repo, folder, catalog, quiet=as_json)
    if as_json:
        print_json({**resolution(data), "commit": commit, "seq": seq})
    else:
        print_text(data["registry"]["ref"])


def _ask(
    ref: str, repo: Path | None, folder: Path | None, catalog: str | None, *, quiet: bool
) -> tuple[dict[str, Any], str, int]:
    """Give the record that a ref means, and the commit and seq that the answer is of."""
    asked = Ref.parse(ref)
    if folder is None and catalog is None:
        found = glance(GitRepository.open((repo or Path()).absolute()), asked)
        if found is not None:
            return orjson.loads(found.doc), found.commit, found.seq
    from gitreg_indexer.reading import reader_or_none

    registry = open_registry(repo)
    reader = reader_or_none(registry, folder, quiet=quiet, catalog=catalog)
    if reader is not None:
        position = reader.position()
        return reader.resolve(asked).data(), position.commit, position.seq
    data = registry.describe(registry.get(ref))
    tip = registry.repo.tip() or ""
    return data, tip, registry.repo.seq(tip)


def resolution(data: dict[str, Any]) -> dict[str, Any]:
    """Give what a ref means as JSON data, as the API's `/resolve` does."""
    metadata, known = data["metadata"], data["registry"]
    return {
        "ref": known["ref"],
        "kind": data["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "version": metadata.get("version"),
        "status": data["spec"].get("lifecycle", {}).get("status", "active" if "version" in metadata else None),
        "id": known["id"],
        "path": known["path"],
        "blob": known["blob"],
    }


def _as_yaml(data: dict[str, Any]) -> str:
    text: str = yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.rstrip("\n")
