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
from gitreg_indexer.options import IndexOption, RefArgument


def get(
    ref: RefArgument,
    repo: RepoOption = None,
    folder: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one record: the newest version, or the one that the selector means.

    \b
    Example:
      gitreg get acme/nlp/summarizer@^1.2
    """
    data = _ask(ref, repo, folder, quiet=as_json)
    if as_json:
        print_json(data)
    else:
        print_text(_as_yaml(data))


def resolve(
    ref: RefArgument,
    repo: RepoOption = None,
    folder: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which version a selector means now.

    \b
    Example:
      gitreg resolve acme/nlp/summarizer@production
    """
    data = _ask(ref, repo, folder, quiet=as_json)
    if as_json:
        print_json(resolution(ref, data))
    else:
        print_text(data["registry"]["ref"])


def _ask(ref: str, repo: Path | None, folder: Path | None, *, quiet: bool) -> dict[str, Any]:
    asked = Ref.parse(ref)
    if folder is None:
        found = glance(GitRepository.open((repo or Path()).absolute()), asked)
        if found is not None:
            data: dict[str, Any] = orjson.loads(found)
            return data
    from gitreg_indexer.reading import reader_or_none

    registry = open_registry(repo)
    reader = reader_or_none(registry, folder, quiet=quiet)
    return reader.resolve(asked).data() if reader else registry.describe(registry.get(ref))


def resolution(asked: str, data: dict[str, Any]) -> dict[str, Any]:
    """Give what a ref means as JSON data."""
    metadata, known = data["metadata"], data["registry"]
    return {
        "asked": asked,
        "ref": known["ref"],
        "id": known["id"],
        "kind": data["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "version": metadata.get("version"),
        "path": known["path"],
        "commit": known["commit"],
        "seq": known["seq"],
    }


def _as_yaml(data: dict[str, Any]) -> str:
    text: str = yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.rstrip("\n")
