"""What is asked of pipelines: their graph, their lock, their matrix; each answer is of one commit and names it.

- `dag_of` and `matrix_of` ask the index; `at` is a seq, the present without it. `indexed` is it for all others.
- Where no index can be kept the same is asked of Git: a `State` is whichever of the two there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gitreg.errors import Finding, GitregError, NotFoundError, Rejected, Severity, UsageError
from gitreg.kinds import Manifest, Pipeline, status_of
from gitreg.kinds.pipeline import ModelNode
from gitreg.manifests import manifest_from_data
from gitreg.pipelines import dag_data
from gitreg.pipelines.flows import nodes_of
from gitreg.pipelines.lock_check import RULE, LockCheck, check_lock
from gitreg.pipelines.locking import Lock, Standing, make_lock
from gitreg.pipelines.matrix import Named, matrix_data
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.moments import no_such_moment
from gitreg.repository.snapshot import nearest
from gitreg.versions import Version
from gitreg_indexer.catalog import Fact, Position
from gitreg_indexer.moments import NoHistoryError
from gitreg_indexer.names import versions_of
from gitreg_indexer.reader import Reader

_REGISTRY: Final = Ref("Registry", "", "registry")


class State(Protocol):
    """A registry as of one commit."""

    @property
    def position(self) -> Position:
        """Tell which commit it is."""

    def uid(self) -> str:
        """Tell which registry it is."""

    def resolve(self, ref: Ref) -> Standing:
        """Give the record that a ref means; `NotFoundError` where it means none, `Rejected` where it is unreadable."""

    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit; None where it cannot be told, `NotFoundError` where main never had it."""

    def versions(self, ref: Ref) -> list[Manifest]:
        """Give the versions of a name that can be read, highest first; `NotFoundError` where there are none."""

    def named(self, ref: Ref) -> Named:
        """Tell what stands under a name; nothing may."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """The state of a commit as the index holds it."""

    reader: Reader
    position: Position
    _read: dict[str, Standing] = field(default_factory=dict)

    def uid(self) -> str:
        """Tell which registry it is."""
        return str(self.reader.resolve(_REGISTRY, at=self.position.seq).data()["spec"]["uid"])

    def resolve(self, ref: Ref) -> Standing:
        """Give the record that a ref means."""
        fact = self.reader.resolve(ref, at=self.position.seq)
        if fact.ref not in self._read:
            self._read[fact.ref] = standing_of(fact)
        return self._read[fact.ref]

    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit; None where the index holds no past so far back."""
        try:
            return self.reader.moment(commit).seq
        except NoHistoryError:
            return None
        except UsageError as error:
            raise no_such_moment(commit) from error

    def versions(self, ref: Ref) -> list[Manifest]:
        """Give the versions of a name, highest first."""
        return [standing_of(fact).manifest for fact in versions_of(self.reader, ref, at=self.position.seq)]

    def named(self, ref: Ref) -> Named:
        """Tell what stands under a name."""
        facts = self.reader.versions(ref, at=self.position.seq)
        statuses = {Version.parse(fact.version): fact.status for fact in facts}
        return Named(statuses, self.reader.aliases(ref, at=self.position.seq))


@dataclass(frozen=True, slots=True)
class InGit:
    """The state of a commit as Git holds it."""

    registry: Registry
    position: Position

    def uid(self) -> str:
        """Tell which registry it is."""
        return self.registry.uid

    def resolve(self, ref: Ref) -> Standing:
        """Give the record that a ref means."""
        record = self.registry.get(str(ref), at=self.position.commit or None)
        return Standing(record.manifest, record.blob)

    def seq_of(self, commit: str) -> int | None:
        """Tell main's position at a commit."""
        repo = self.registry.repo
        tip = repo.tip()
        passed = enumerate(repo.first_parents_back(tip)) if tip else ()
        back = next((n for n, oid in passed if oid == commit), None)
        if tip is None or back is None:
            raise no_such_moment(commit)
        return repo.seq(tip) - back

    def versions(self, ref: Ref) -> list[Manifest]:
        """Give the versions of a name, highest first."""
        snapshot = self.registry.snapshot(self.position.commit or None)
        known = snapshot.versions(ref.kind, ref.namespace, ref.name)
        if not known:
            snapshot.resolve(ref)
        records = [snapshot.record(ref.address(str(version))) for version in known]
        return [record.manifest for record in records if record]

    def named(self, ref: Ref) -> Named:
        """Tell what stands under a name."""
        snapshot = self.registry.snapshot(self.position.commit or None)
        statuses: dict[Version, str | None] = {}
        for version in snapshot.versions(ref.kind, ref.namespace, ref.name):
            record = snapshot.record(ref.address(str(version)))
            if record:
                statuses[version] = status_of(record.manifest)
        return Named(statuses, snapshot.aliases(ref.kind, ref.namespace, ref.name))


def standing_of(fact: Fact) -> Standing:
    """Read the record of a fact as a manifest."""
    data = {key: value for key, value in fact.data().items() if key != "registry"}
    manifest = manifest_from_data(data).manifest
    if manifest is None:
        raise GitregError(
            f"the index holds {fact.ref} in another form than this version of gitreg reads",
            where=fact.path,
            mend="make the index anew: `gitreg index --rebuild`",
        )
    return Standing(manifest, fact.blob)


def indexed(reader: Reader, at: int | None = None) -> Indexed:
    """Give the state of a seq, or the present, as one commit."""
    return Indexed(reader, reader.position() if at is None else reader.moment(str(at)))


def dag_of(reader: Reader, ref: Ref, at: int | None = None) -> dict[str, Any]:
    """Give the graph of a pipeline: stages, flows, order, critical path, resources, verdict."""
    return dag_in(indexed(reader, at), ref)


def matrix_of(reader: Reader, ref: Ref, at: int | None = None, *, model: str | None = None) -> dict[str, Any]:
    """Tell which versions of its models each version of a pipeline admits, and which it means."""
    return matrix_in(indexed(reader, at), ref, model)


def dag_in(state: State, ref: Ref) -> dict[str, Any]:
    """Give the graph of a pipeline as of a state."""
    pipeline = pipeline_in(state, ref)
    models = [node for node in nodes_of(pipeline.spec.dag).values() if isinstance(node, ModelNode)]
    means = {node.id: _meant(state, Ref.parse(node.model)) for node in models}
    return {**dag_data(pipeline, means), **_of(state)}


def lock_in(state: State, ref: Ref) -> Lock:
    """Make the lock of a pipeline as of a state; `NotFoundError` where something that it needs cannot be found."""
    pipeline_in(state, ref)
    position = state.position
    return make_lock(state.resolve(ref), state.resolve, registry=state.uid(), commit=position.commit, seq=position.seq)


def checked_in(state: State, ref: Ref, lock: Lock) -> LockCheck:
    """Check a lock of a pipeline against a state."""
    position = state.position
    found = check_lock(lock, state.resolve, registry=state.uid(), commit=position.commit, seq=position.seq)
    more = [*_origin_findings(state, lock), *_moved_findings(_meant(state, ref), ref, lock)]
    return LockCheck((*found.findings, *more), found.drifts)


def _origin_findings(state: State, lock: Lock) -> Iterator[Finding]:
    """Find a lock that names a commit and a seq which do not belong together on main."""
    if lock.registry != state.uid():
        return
    try:
        seq = state.seq_of(lock.commit)
    except NotFoundError:
        says = f"main never had the commit {lock.commit}"
        mend = "fetch main if the commit has just landed; or lock again"
        yield Finding(RULE, "origin", says, mend, ref=lock.pipeline)
        return
    if seq not in (None, lock.seq):
        says = f"the commit {lock.commit[:12]} is seq {seq}, and the lock says {lock.seq}: it was edited by hand"
        yield Finding(
            RULE, "origin", says, "take the lock back from where it was kept, or lock again", ref=lock.pipeline
        )


def _moved_findings(meant: str | None, ref: Ref, lock: Lock) -> Iterator[Finding]:
    if meant not in (None, lock.pipeline):
        says = f"{ref} means {meant} by now, and the lock is of {lock.pipeline}"
        yield Finding(RULE, "moved", says, "lock again to follow it", Severity.WARNING, ref=lock.pipeline)


def check_data(state: State, lock: Lock, found: LockCheck) -> dict[str, Any]:
    """Give what became of a lock as JSON data."""
    return {
        "pipeline": lock.pipeline,
        "holds": found.holds,
        "findings": [finding.as_data() for finding in found.findings],
        "drifts": [drift.as_data() for drift in found.drifts],
        "locked": {"commit": lock.commit, "seq": lock.seq},
        **_of(state),
    }


def matrix_in(state: State, ref: Ref, model: str | None = None) -> dict[str, Any]:
    """Give the matrix of a pipeline's versions as of a state; `model` names one of its models."""
    place = None if model is None else _named_model(model)
    pipelines = [each for each in state.versions(ref) if isinstance(each, Pipeline)]
    data = matrix_data(pipelines, state.named, place)
    if place is not None and not data["models"]:
        raise _not_its_model(ref, place, matrix_data(pipelines, _nothing)["models"])
    return {"pipeline": ref.place, **data, **_of(state)}


def _named_model(text: str) -> str:
    ref = Ref.parse(text)
    if ref.selector is not None:
        raise UsageError(
            f"a matrix is about all versions of a model, and {text!r} selects among them",
            got=text,
            expected=ref.place,
            mend="cut it from '@' on",
        )
    return ref.place


def _nothing(_ref: Ref) -> Named:
    return Named({})


def _not_its_model(ref: Ref, place: str, models: list[Mapping[str, Any]]) -> NotFoundError:
    known = [each["model"] for each in models]
    near = nearest(place, known)
    return NotFoundError(
        f"no version of {ref.place} refers to {place}",
        got=place,
        expected=", ".join(known) or "none: its versions refer to no models",
        mend=f"did you mean {near}?" if near else "leave the model out to see all of them",
    )


def pipeline_in(state: State, ref: Ref) -> Pipeline:
    """Give the pipeline that a ref means."""
    manifest = state.resolve(ref).manifest
    if not isinstance(manifest, Pipeline):
        raise NotFoundError(f"{ref} is no pipeline", got=manifest.kind, mend="name a pipeline")
    return manifest


def _meant(state: State, ref: Ref) -> str | None:
    try:
        return state.resolve(ref).manifest.address.ref
    except (NotFoundError, Rejected):
        return None


def _of(state: State) -> dict[str, Any]:
    return {"commit": state.position.commit, "seq": state.position.seq}
