"""The commands that ask for one record: `get` and `resolve`.

- Where the present is asked of and the index stands at main's tip, a look at it answers; the rest of the index is
  loaded only where that is not enough.
- What is published elsewhere (`--from`) is read without Git and without an index; neither is loaded then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_text, remark
from gitreg.errors import UsageError
from gitreg.refs import Ref
from gitreg_indexer.options import AtOption, FromOption, IndexOption, RefArgument


def get(
    ref: RefArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    source: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one record: the newest version, or the one that the selector means, now or at a moment of the past.

    \b
    Examples:
      gitreg get acme/nlp/summarizer@^1.2
      gitreg get acme/nlp/summarizer@production --at 2026-06-30
      gitreg get acme/nlp/summarizer@production --from https://registry.example.com
    """
    data, _, _ = _ask(ref, at, repo, folder, source, quiet=as_json)
    if as_json:
        print_json(data)
    else:
        print_text(_as_yaml(data))


def resolve(
    ref: RefArgument,
    at: AtOption = None,
    repo: RepoOption = None,
    folder: IndexOption = None,
    source: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which version a selector means now, or meant at a moment of the past.

    \b
    Examples:
      gitreg resolve acme/nlp/summarizer@production
      gitreg resolve acme/nlp/summarizer@production --at 2026-06-30T12:00:00Z
    """
    data, commit, seq = _ask(ref, at, repo, folder, source, quiet=as_json)
    if as_json:
        print_json({**resolution(data), "commit": commit, "seq": seq})
    else:
        print_text(data["registry"]["ref"])


def _ask(
    ref: str, when: str | None, repo: Path | None, folder: Path | None, source: str | None, *, quiet: bool
) -> tuple[dict[str, Any], str, int]:
    """Give the record that a ref means, and the commit and seq that the answer is of."""
    asked = Ref.parse(ref)
    if source is not None:
        return _ask_published(asked, source, when, folder)
    from gitreg.repository.git import GitRepository
    from gitreg_indexer.glance import glance

    if folder is None and when is None:
        found = glance(GitRepository.open((repo or Path()).absolute()), asked)
        if found is not None:
            return orjson.loads(found.doc), found.commit, found.seq
    from gitreg_indexer import through_git
    from gitreg_indexer.reading import reader_or_none

    registry = open_registry(repo)
    reader = reader_or_none(registry, folder, quiet=quiet)
    if reader is None:
        position = through_git.position(registry, when)
        return through_git.record(registry, asked, position), position.commit, position.seq
    position = reader.position() if when is None else reader.moment(when)
    fact = reader.resolve(asked, at=None if when is None else position.seq)
    return fact.data(), position.commit, position.seq


def _ask_published(asked: Ref, source: str, when: str | None, folder: Path | None) -> tuple[dict[str, Any], str, int]:
    if folder is not None:
        raise UsageError("--from and --index exclude each other", mend="leave one of them out")
    if when is not None:
        raise UsageError(
            "--from and --at exclude each other: what is published is the present",
            got=f"--at {when}",
            mend="leave --at out, or ask the registry itself",
        )
    from gitreg_indexer.published.reader import Published

    published = Published.at(source, tell=remark)
    try:
        found = published.ask(asked)
    finally:
        published.close()
    return orjson.loads(found.doc), found.commit, found.seq


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
