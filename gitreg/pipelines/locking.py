"""A pipeline's lock: every record that it needs, at any depth, as one exact version with the digests of what it says.

- A lock is a value of one commit: the same commit gives the same bytes, whenever and wherever it is made.
- What is needed is what is used, depended on, read, or what something was made from. What is written comes of a run.
- Each reference is resolved for itself. Two that want one name may mean two versions of it; each says which stand
  `beside` it.
- What is needed must be there. What an optional reference leads to may be missing, and is told with no `means`.
- `frozen` is the digest of what may never change, `content` that of all that the record says, `blob` that of its file:
  which of them differ tells tampering from an edit of mutable fields, and that from an edit of comments. Where the
  file is the same and a digest is not, the lock was edited, or another version of gitreg read the file otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import Field, StringConstraints, ValidationError

from gitreg.errors import Exit, GitregError, NotFoundError, UsageError
from gitreg.kinds import Manifest, mutable_paths, status_of
from gitreg.kinds._base import Count, Line, Part, RefText
from gitreg.kinds.references import NEEDING, Reference, Relation, is_upstream, references_of
from gitreg.manifests import to_data, without
from gitreg.refs import KINDS, Ref
from gitreg.versions import Version

MOST_RECORDS: Final = 10_000
"""Records that one lock may name."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes that a lock's file may have."""
_EXACT_IN_JSON: Final = 2**53

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
GitId = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as it stands at a commit: what it says, and the Git id of its file's bytes."""

    manifest: Manifest
    blob: str


Resolve = Callable[[Ref], Standing]
"""Gives the record that a ref means at one commit; `NotFoundError` where it means none."""


class BadLockError(GitregError):
    """A file is no lock, or not one as it was written."""

    exit_code = Exit.FAULTS
    code = "bad-lock"


class Artifact(Part):
    """The digest that a record states of its artifact."""

    of: Line
    algorithm: Line
    digest: Line


class Pin(Part):
    """One record of a lock. `frozen` is null for kinds without versions: all of such a record may change."""

    ref: RefText
    kind: Line
    version: Line | None
    status: Line | None
    blob: GitId
    content: Digest
    frozen: Digest | None
    artifact: Artifact | None


class Wanted(Part):
    """One reference of a lock: who states it and where, what it wants, and the exact version that this means."""

    by: RefText
    field: Line
    relation: Relation
    wants: RefText
    required: bool
    means: RefText | None
    beside: tuple[RefText, ...]


class Lock(Part):
    """What a pipeline was resolved to as of a commit."""

    api_version: Literal["gitreg/v1"]
    lock: Literal[1]
    pipeline: RefText
    registry: Line
    commit: GitId
    seq: Count
    references: tuple[Wanted, ...]
    records: Annotated[tuple[Pin, ...], Field(min_length=1)]


def make_lock(pipeline: Standing, resolve: Resolve, *, registry: str, commit: str, seq: int) -> Lock:
    """Resolve all that a pipeline needs; `NotFoundError` names every needed reference that means nothing."""
    found, wanted = _followed(pipeline, resolve)
    lock = Lock(
        api_version="gitreg/v1",
        lock=1,
        pipeline=pipeline.manifest.address.ref,
        registry=registry,
        commit=commit,
        seq=seq,
        references=tuple(_with_neighbours(wanted, found)),
        records=tuple(pin_of(found[ref]) for ref in sorted(found)),
    )
    missing = [each for each in missing_of(lock) if each.required]
    if missing:
        told = "; ".join(f"{each.wants} ({each.by}, {each.field})" for each in missing[:10])
        raise NotFoundError(
            f"{lock.pipeline} cannot be locked: {len(missing)} of what it needs cannot be found",
            got=told + (f" and {len(missing) - 10} more" if len(missing) > 10 else ""),
            mend="register what is missing, or lock as of a commit that has it (`--at`)",
        )
    return lock


def _followed(pipeline: Standing, resolve: Resolve) -> tuple[dict[str, Standing], list[Wanted]]:
    """Go from a pipeline to all that it refers to, the nearest first."""
    found = {pipeline.manifest.address.ref: pipeline}
    wanted: list[Wanted] = []
    waiting = deque([pipeline])
    while waiting:
        here = waiting.popleft().manifest
        for reference in needs_of(here):
            target = _resolved(resolve, reference.ref)
            means = target.manifest.address.ref if target else None
            wanted.append(_wanted(here.address.ref, reference, means))
            if target and means and means not in found:
                found[means] = target
                waiting.append(target)
        if len(found) > MOST_RECORDS:
            raise UsageError(
                f"{pipeline.manifest.address.ref} needs more than {MOST_RECORDS:,} records",
                mend="lock the pipelines that it is made of one by one",
            )
    return found, wanted


def needs_of(manifest: Manifest) -> list[Reference]:
    """Give the references to what a record needs, what it reads among it, in the order of its fields."""
    return [each for each in references_of(manifest) if each.relation in NEEDING or _is_read(each)]


def _is_read(reference: Reference) -> bool:
    return reference.relation == "transforms" and is_upstream(reference.relation, reference.field)


def _resolved(resolve: Resolve, ref: Ref) -> Standing | None:
    try:
        return resolve(ref)
    except NotFoundError:
        return None


def _wanted(by: str, reference: Reference, means: str | None) -> Wanted:
    return Wanted(
        by=by,
        field=reference.field,
        relation=reference.relation,
        wants=str(reference.ref),
        required=reference.required,
        means=means,
        beside=(),
    )


def _with_neighbours(wanted: Iterable[Wanted], found: Iterable[str]) -> Iterable[Wanted]:
    """Tell of each reference which other versions of what it means are in the lock too."""
    versions: dict[str, list[str]] = {}
    for ref in sorted(found):
        versions.setdefault(ref.partition("@")[0], []).append(ref)
    for each in wanted:
        known = versions[each.means.partition("@")[0]] if each.means else []
        yield each.model_copy(update={"beside": tuple(ref for ref in known if ref != each.means)})


def missing_of(lock: Lock) -> list[Wanted]:
    """Give the references that mean nothing, of records that the pipeline cannot do without."""
    by: dict[str, list[Wanted]] = {}
    for each in lock.references:
        by.setdefault(each.by, []).append(each)
    needed, waiting = {lock.pipeline}, [lock.pipeline]
    missing = []
    while waiting:
        for each in by.get(waiting.pop(), ()):
            if each.means is None:
                missing.append(each)
            elif each.required and each.means not in needed:
                needed.add(each.means)
                waiting.append(each.means)
    return missing


def pin_of(standing: Standing) -> Pin:
    """Pin a record as it stands."""
    manifest = standing.manifest
    data = to_data(manifest)
    address = manifest.address
    is_versioned = KINDS[manifest.kind].is_versioned
    return Pin(
        ref=address.ref,
        kind=manifest.kind,
        version=address.version,
        status=status_of(manifest),
        blob=standing.blob,
        content=digest_of(data),
        frozen=digest_of(without(data, mutable_paths(manifest.kind))) if is_versioned else None,
        artifact=_artifact(manifest),
    )


def _artifact(manifest: Manifest) -> Artifact | None:
    checksum: Any = getattr(manifest.spec, "checksum", None)
    return Artifact(of=checksum.of, algorithm=checksum.algorithm, digest=checksum.digest) if checksum else None


def digest_of(data: Any) -> str:
    """Digest plain data as JSON: keys sorted, no blanks, whole numbers without a fraction."""
    return f"sha256:{sha256(orjson.dumps(_canonical(data), option=orjson.OPT_SORT_KEYS)).hexdigest()}"


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_IN_JSON
    return int(value) if is_whole else value


# The file


def lock_data(lock: Lock) -> dict[str, Any]:
    """Give a lock as JSON data."""
    return lock.model_dump(mode="json", by_alias=True)


def write_lock(lock: Lock) -> bytes:
    """Write a lock as a file: JSON, which is YAML too."""
    return orjson.dumps(lock_data(lock), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_lock(raw: bytes, where: str) -> Lock:
    """Read a lock's file; `BadLockError` says all that is wrong with it."""
    try:
        data = orjson.loads(raw)
        is_lock = isinstance(data, dict) and "lock" in data
        if not is_lock:
            raise _bad(where, "it is JSON, and no lock")
        lock = Lock.model_validate_json(raw, by_alias=True, by_name=False)
    except orjson.JSONDecodeError as error:
        raise _bad(where, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValidationError as error:
        raise _bad(where, "; ".join(_told(error.errors()[:10]))) from error
    _refuse_inexact(lock, where)
    return lock


def _told(errors: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for error in errors:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
        yield f"{place.lstrip('.') or 'the whole'}: {error['msg']}"


def _refuse_inexact(lock: Lock, where: str) -> None:
    refs = [lock.pipeline, *(pin.ref for pin in lock.records)]
    refs += [ref for each in lock.references for ref in (each.by, each.means, *each.beside) if ref]
    inexact = next((ref for ref in refs if not is_exact(ref)), None)
    if inexact is not None:
        raise _bad(where, f"{inexact!r} is no exact version")
    if Ref.parse(lock.pipeline).kind != "Pipeline":
        raise _bad(where, f"{lock.pipeline!r} is no pipeline")
    if len({pin.ref for pin in lock.records}) < len(lock.records):
        raise _bad(where, "a record is named twice")


def is_exact(text: str) -> bool:
    """Tell whether a text is the ref of one record, as gitreg writes it: of kinds that have versions with one."""
    ref = Ref.parse(text)
    if not KINDS[ref.kind].is_versioned:
        return text == ref.address().ref
    return isinstance(ref.selector, Version) and text == ref.address(str(ref.selector)).ref


def _bad(where: str, got: str) -> BadLockError:
    return BadLockError(
        "this is no lock that gitreg wrote",
        where=where,
        got=got,
        expected="the file that `gitreg pipeline lock REF --output FILE` wrote, as it was written",
        mend="lock again, or take the file back from where it was kept",
    )
