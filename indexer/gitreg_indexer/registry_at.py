"""A registry at one commit, as manifests: from the index, or through Git where no index can be kept.

- All that is asked of one of these is of one commit, whatever lands meanwhile.
- A record that a ref means is read once, however often it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gitreg.errors import NotFoundError, Rejected, UsageError
from gitreg.kinds import Manifest, Pipeline, PipelineTemplate, status_of
from gitreg.manifests import manifest_from_data
from gitreg.pipelines.locking import Standing
from gitreg.pipelines.matrix import Named
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.moments import no_such_moment
from gitreg.repository.snapshot import Record
from gitreg.templates import template_ref
from gitreg.versions import Version
from gitreg_indexer import through_git
from gitreg_indexer.catalog import Position
from gitreg_indexer.conditions import Any as AnyOf
from gitreg_indexer.conditions import Condition, Has, StartsWith
from gitreg_indexer.engine import Query
from gitreg_indexer.moments import NoHistoryError
from gitreg_indexer.names import versions_of
from gitreg_indexer.reader import Reader
from gitreg_indexer.reading import not_ready, reader_or_none

_REGISTRY: Final = Ref("Registry", "", "registry")
_FIELD: Final = "spec.template.ref"
_WORDS: Final = ("", "template:", "templates:", "pipelinetemplate:")
"""How a ref may begin that names a template, in lower case."""
_LONGEST: Final = 100
"""Characters of a name that are asked for; whoever asks looks at the whole."""
_AT_ONCE: Final = 500


class RegistryAt(ABC):
    """A registry at one commit, which `position` names."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self._records: dict[str, Standing] = {}
        self._templates: dict[Ref, PipelineTemplate | None] = {}

    @abstractmethod
    def uid(self) -> str:
        """Tell which registry it is."""

    @abstractmethod
    def record(self, ref: Ref) -> Standing:
        """Give the record that a ref means; `NotFoundError` for none, `Rejected` for one that cannot be read."""

    @abstractmethod
    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first; none where there is no such name."""

    @abstractmethod
    def manifests(self, name: Ref) -> list[Manifest]:
        """Give the versions of a name that can be read, highest first; `NotFoundError` where there is no such name."""

    @abstractmethod
    def named(self, name: Ref) -> Named:
        """Tell what stands under a name; nothing may."""

    @abstractmethod
    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit; None where it cannot be told, `NotFoundError` where main never had it."""

    @abstractmethod
    def instances(self, of: Ref | None = None) -> Iterator[Pipeline]:
        """Go through the pipelines that name a template, by name, each name's newest version first.

        With `of` those that name other templates may be left out.
        """

    def manifest(self, ref: Ref) -> Manifest:
        """Give the manifest that a ref means, as `record` does."""
        return self.record(ref).manifest

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


class IndexedAt(RegistryAt):
    """A registry as the index has it."""

    def __init__(self, reader: Reader, position: Position) -> None:
        super().__init__(position)
        self._reader = reader

    def uid(self) -> str:
        """Tell which registry it is."""
        return str(self._reader.resolve(_REGISTRY, at=self.position.seq).data()["spec"]["uid"])

    def record(self, ref: Ref) -> Standing:
        """Give the record that a ref means."""
        fact = self._reader.resolve(ref, at=self.position.seq)
        if fact.ref not in self._records:
            self._records[fact.ref] = Standing(_manifest_of(fact.data()), fact.blob)
        return self._records[fact.ref]

    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first."""
        facts = self._reader.versions(name, at=self.position.seq)
        return tuple(Version.parse(fact.version) for fact in facts)

    def manifests(self, name: Ref) -> list[Manifest]:
        """Give the versions of a name, highest first."""
        return [_manifest_of(fact.data()) for fact in versions_of(self._reader, name, at=self.position.seq)]

    def named(self, name: Ref) -> Named:
        """Tell what stands under a name."""
        facts = self._reader.versions(name, at=self.position.seq)
        statuses = {Version.parse(fact.version): fact.status for fact in facts}
        return Named(statuses, self._reader.aliases(name, at=self.position.seq))

    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit; None where the index holds no past so far back."""
        try:
            return self._reader.moment(commit).seq
        except NoHistoryError:
            return None
        except UsageError as error:
            raise no_such_moment(commit) from error

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


class GitAt(RegistryAt):
    """A registry as Git has it; slower."""

    def __init__(self, registry: Registry, position: Position) -> None:
        super().__init__(position)
        self._registry = registry
        self._commit = position.commit or None

    def uid(self) -> str:
        """Tell which registry it is."""
        return self._registry.uid

    def record(self, ref: Ref) -> Standing:
        """Give the record that a ref means."""
        key = str(ref)
        if key not in self._records:
            found = self._registry.get(key, at=self._commit)
            self._records[key] = Standing(found.manifest, found.blob)
        return self._records[key]

    def versions(self, name: Ref) -> tuple[Version, ...]:
        """List the versions of a name, highest first."""
        return self._registry.snapshot(self._commit).versions(name.kind, name.namespace, name.name)

    def manifests(self, name: Ref) -> list[Manifest]:
        """Give the versions of a name, highest first."""
        if not self.versions(name):
            self._registry.snapshot(self._commit).resolve(name)
        return [record.manifest for _, record in self._records_of(name)]

    def named(self, name: Ref) -> Named:
        """Tell what stands under a name."""
        statuses = {version: status_of(record.manifest) for version, record in self._records_of(name)}
        aliases = self._registry.snapshot(self._commit).aliases(name.kind, name.namespace, name.name)
        return Named(statuses, aliases)

    def _records_of(self, name: Ref) -> Iterator[tuple[Version, Record]]:
        snapshot = self._registry.snapshot(self._commit)
        for version in self.versions(name):
            record = snapshot.record(name.address(str(version)))
            if record:
                yield version, record

    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit."""
        repo = self._registry.repo
        tip = repo.tip()
        passed = enumerate(repo.first_parents_back(tip)) if tip else ()
        back = next((n for n, oid in passed if oid == commit), None)
        if tip is None or back is None:
            raise no_such_moment(commit)
        return repo.seq(tip) - back

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


def open_at(
    registry: Registry, when: str | None, folder: Path | None, *, quiet: bool, catalog: str | None = None
) -> RegistryAt:
    """See a registry now or at a moment: from the index, brought up to main's tip, else through Git."""
    reader = reader_or_none(registry, folder, quiet=quiet, catalog=catalog)
    if reader is None:
        return GitAt(registry, through_git.position(registry, when))
    return IndexedAt(reader, reader.position() if when is None else reader.moment(when))


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
