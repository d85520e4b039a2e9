"""What stands in a registry at one commit, as manifests: from the index, or through Git where no index can be kept.

- All that is asked of one of these is of one commit, whatever lands meanwhile.
- A template is read once, however often it is asked for; any other manifest each time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gitreg.errors import NotFoundError, Rejected
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate
from gitreg.manifests import manifest_from_data
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.templates import template_ref
from gitreg.versions import Version
from gitreg_indexer import through_git
from gitreg_indexer.catalog import Position
from gitreg_indexer.conditions import Any as AnyOf
from gitreg_indexer.conditions import Condition, Has, StartsWith
from gitreg_indexer.engine import Query
from gitreg_indexer.reader import Reader
from gitreg_indexer.reading import not_ready, reader_or_none

_FIELD: Final = "spec.template.ref"
_WORDS: Final = ("", "template:", "templates:", "pipelinetemplate:")
"""How a ref may begin that names a template, in lower case."""
_LONGEST: Final = 100
"""Characters of a name that are asked for; whoever asks looks at the whole."""
_AT_ONCE: Final = 500


class Standing(ABC):
    """What stands at one commit."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self._templates: dict[Ref, PipelineTemplate | None] = {}

    @abstractmethod
    def manifest(self, ref: Ref) -> Manifest:
        """Give the manifest that a ref means; `NotFoundError` for none, `Rejected` for one that cannot be read."""

    @abstractmethod
    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first; none where there is no such name."""

    @abstractmethod
    def instances(self, of: Ref | None = None) -> Iterator[Pipeline]:
        """Go through the pipelines that name a template, by name, each name's newest version first.

        With `of` those that name other templates may be left out.
        """

    def template(self, ref: Ref) -> PipelineTemplate | None:
        """Give the template that a ref means; None where there is none that can be read."""
        if ref not in self._templates:
            self._templates[ref] = self._read_template(ref)
        return self._templates[ref]

    def _read_template(self, ref: Ref) -> PipelineTemplate | None:
        try:
            found = self.manifest(ref)
        except (NotFoundError, Rejected):
            return None
        return found if isinstance(found, PipelineTemplate) else None

    def instances_of(self, name: Ref, version: Version | None = None) -> Iterator[Pipeline]:
        """Go through the pipelines that name a template of this name, and of this version where one is asked."""
        for pipeline in self.instances(name):
            ref = template_ref(pipeline)
            if ref is not None and ref.place == name.place and version in (None, ref.selector):
                yield pipeline


class IndexedStanding(Standing):
    """What stands as the index has it."""

    def __init__(self, reader: Reader, position: Position) -> None:
        super().__init__(position)
        self._reader = reader

    def manifest(self, ref: Ref) -> Manifest:
        """Give the manifest that a ref means."""
        return _manifest_of(self._reader.resolve(ref, at=self.position.seq).data())

    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first."""
        facts = self._reader.versions(name, at=self.position.seq)
        return tuple(Version.parse(fact.version) for fact in facts)

    def instances(self, of: Ref | None = None) -> Iterator[Pipeline]:
        """Go through the pipelines that name a template."""
        for data in self._documents(Query(kind="Pipeline", where=_naming(of), sort="name")):
            found = _manifest_of(data)
            if isinstance(found, Pipeline) and found.spec.template is not None:
                yield found

    def _documents(self, query: Query) -> Iterator[dict[str, Any]]:
        """Search for them; where the search engine has not come so far yet, look at every pipeline."""
        seq, offset = self.position.seq, 0
        while True:
            page = self._reader.search(query, offset=offset, limit=_AT_ONCE, at=seq)
            if page.position.seq != seq:
                if offset:
                    raise not_ready()
                yield from self._reader.manifests("Pipeline", at=seq)
                return
            yield from (fact.data() for fact in page.items)
            offset += len(page.items)
            if not page.items or offset >= page.total:
                return


class GitStanding(Standing):
    """What stands as Git has it; slower."""

    def __init__(self, registry: Registry, position: Position) -> None:
        super().__init__(position)
        self._registry = registry
        self._commit = position.commit or None

    def manifest(self, ref: Ref) -> Manifest:
        """Give the manifest that a ref means."""
        return self._registry.get(str(ref), at=self._commit).manifest

    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first."""
        return self._registry.snapshot(self._commit).versions(name.kind, name.namespace, name.name)

    def instances(self, of: Ref | None = None) -> Iterator[Pipeline]:  # noqa: ARG002 - every pipeline is looked at
        """Go through the pipelines that name a template."""
        snapshot = self._registry.snapshot(self._commit)
        records = (snapshot.record(address) for address in snapshot.addresses("Pipeline"))
        made = [
            record.manifest
            for record in records
            if record and isinstance(record.manifest, Pipeline) and record.manifest.spec.template is not None
        ]
        made.sort(key=lambda each: Version.parse(each.metadata.version), reverse=True)
        yield from sorted(made, key=lambda each: (each.metadata.namespace, each.metadata.name))


def open_standing(
    registry: Registry, when: str | None, folder: Path | None, *, quiet: bool, catalog: str | None = None
) -> Standing:
    """See what stands now, or stood at a moment: from the index, brought up to main's tip, else through Git."""
    reader = reader_or_none(registry, folder, quiet=quiet, catalog=catalog)
    if reader is None:
        return GitStanding(registry, through_git.position(registry, when))
    return IndexedStanding(reader, reader.position() if when is None else reader.moment(when))


def _naming(of: Ref | None) -> Condition:
    if of is None:
        return Has(_FIELD)
    name = f"{of.namespace}/{of.name}@"[:_LONGEST]
    return AnyOf(tuple(StartsWith(_FIELD, f"{word}{name}") for word in _WORDS))


def _manifest_of(data: dict[str, Any]) -> Manifest:
    """Read a stored document, which was made from a manifest."""
    ref = data.pop("registry")["ref"]
    reading = manifest_from_data(data)
    if reading.manifest is None:
        findings = [finding.at(ref=ref) for finding in reading.findings]
        mend = "run `gitreg index verify --repair`"
        raise Rejected(f"what the index says of {ref} cannot be read", findings, mend=mend)
    return reading.manifest
