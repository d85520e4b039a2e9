"""What is asked of pipelines: their graph, their lock, their matrix; each answer is of one commit and names it.

- `dag_of` and `matrix_of` ask the index; `at` is a seq, the present without it. `indexed` is it for all others.
- The rest asks a `RegistryAt`: of the index, or of Git where no index can be kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitreg.errors import Finding, NotFoundError, Rejected, Severity, UsageError
from gitreg.kinds import Pipeline
from gitreg.kinds.pipeline import ModelNode
from gitreg.pipelines import dag_data
from gitreg.pipelines.flows import nodes_of
from gitreg.pipelines.lock_check import RULE, LockCheck, check_lock
from gitreg.pipelines.locking import Lock, make_lock
from gitreg.pipelines.matrix import Named, matrix_data
from gitreg.refs import Ref
from gitreg.repository.snapshot import nearest
from gitreg_indexer.reader import Reader
from gitreg_indexer.registry_at import IndexedAt, RegistryAt


def indexed(reader: Reader, at: int | None = None) -> RegistryAt:
    """Give the registry at a seq, or the present, as one commit."""
    return IndexedAt(reader, reader.position() if at is None else reader.moment(str(at)))


def dag_of(reader: Reader, ref: Ref, at: int | None = None) -> dict[str, Any]:
    """Give the graph of a pipeline: stages, flows, order, critical path, resources, verdict."""
    return dag_in(indexed(reader, at), ref)


def matrix_of(reader: Reader, ref: Ref, at: int | None = None, *, model: str | None = None) -> dict[str, Any]:
    """Tell which versions of its models each version of a pipeline admits, and which it means."""
    return matrix_in(indexed(reader, at), ref, model)


def dag_in(state: RegistryAt, ref: Ref) -> dict[str, Any]:
    """Give the graph of a pipeline as of a state."""
    pipeline = pipeline_in(state, ref)
    models = [node for node in nodes_of(pipeline.spec.dag).values() if isinstance(node, ModelNode)]
    means = {node.id: _meant(state, Ref.parse(node.model)) for node in models}
    return {**dag_data(pipeline, means), **_of(state)}


def lock_in(state: RegistryAt, ref: Ref) -> Lock:
    """Make the lock of a pipeline as of a state; `NotFoundError` where something that it needs cannot be found."""
    pipeline_in(state, ref)
    position = state.position
    return make_lock(state.record(ref), state.record, registry=state.uid(), commit=position.commit, seq=position.seq)


def checked_in(state: RegistryAt, ref: Ref, lock: Lock) -> LockCheck:
    """Check a lock of a pipeline against a state."""
    position = state.position
    found = check_lock(lock, state.record, registry=state.uid(), commit=position.commit, seq=position.seq)
    more = [*_origin_findings(state, lock), *_moved_findings(_meant(state, ref), ref, lock)]
    return LockCheck((*found.findings, *more), found.drifts)


def _origin_findings(state: RegistryAt, lock: Lock) -> Iterator[Finding]:
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


def check_data(state: RegistryAt, lock: Lock, found: LockCheck) -> dict[str, Any]:
    """Give what became of a lock as JSON data."""
    return {
        "pipeline": lock.pipeline,
        "holds": found.holds,
        "findings": [finding.as_data() for finding in found.findings],
        "drifts": [drift.as_data() for drift in found.drifts],
        "locked": {"commit": lock.commit, "seq": lock.seq},
        **_of(state),
    }


def matrix_in(state: RegistryAt, ref: Ref, model: str | None = None) -> dict[str, Any]:
    """Give the matrix of a pipeline's versions as of a state; `model` names one of its models."""
    place = None if model is None else _named_model(model)
    pipelines = [each for each in state.manifests(ref) if isinstance(each, Pipeline)]
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


def pipeline_in(state: RegistryAt, ref: Ref) -> Pipeline:
    """Give the pipeline that a ref means."""
    manifest = state.record(ref).manifest
    if not isinstance(manifest, Pipeline):
        raise NotFoundError(f"{ref} is no pipeline", got=manifest.kind, mend="name a pipeline")
    return manifest


def _meant(state: RegistryAt, ref: Ref) -> str | None:
    try:
        return state.record(ref).manifest.address.ref
    except (NotFoundError, Rejected):
        return None


def _of(state: RegistryAt) -> dict[str, Any]:
    return {"commit": state.position.commit, "seq": state.position.seq}
