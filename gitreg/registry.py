"""The public face of a registry: make one, open it, put records in, and ask Git what it holds.

- Every write is one commit or nothing: checked against the state that it lands on, durable before it is answered,
  and retried on the new state when somebody else landed first.
- The same content twice is `unchanged`: no error, no commit.
- Reads here go through Git and are always current; services read from the index instead.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Literal

import pygit2

from gitreg.errors import (
    ConflictError,
    Finding,
    GitregError,
    NotFoundError,
    Rejected,
    RepositoryError,
    Severity,
    UsageError,
)
from gitreg.kinds import Manifest
from gitreg.kinds import Registry as RegistryManifest
from gitreg.manifests import (
    FieldChange,
    Reading,
    differences,
    edit_manifest,
    is_same,
    point_at,
    to_data,
)
from gitreg.refs import KINDS, Address, Ref, is_name
from gitreg.repository.git import Commit, Entry, GitRepository, Signature
from gitreg.repository.snapshot import REGISTRY_PATH, Memory, Overlay, Record, Snapshot
from gitreg.repository.worktree import follow
from gitreg.repository.writing import RefMoved, advance, write_commit
from gitreg.validation import Change, Circumstances, check

Status = Literal["registered", "updated", "unchanged"]
ATTEMPTS: Final = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that somebody wants to land: its bytes, where they came from, its path if it stands in the work tree."""

    raw: bytes
    origin: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of one draft."""

    ref: str
    id: str
    path: str
    status: Status

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {"ref": self.ref, "id": self.id, "path": self.path, "status": self.status}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a registration. `commit` and `seq` are those of the branch as the records now stand on it.

    `left` names work-tree files with uncommitted edits, which were not touched; `warnings` are findings that did not
    stand in the way.
    """

    commit: str | None
    seq: int | None
    records: tuple[Landed, ...]
    warnings: tuple[Finding, ...] = ()
    left: tuple[str, ...] = ()
    is_new: bool = True

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "commit": self.commit,
            "seq": self.seq,
            "records": [record.as_data() for record in self.records],
            "warnings": [finding.as_data() for finding in self.warnings],
            "left": list(self.left),
        }


Deed = Literal["added", "changed", "removed", "quarantined"]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What one commit did to one record; `quarantined` where the file cannot be read since, which changes no field."""

    seq: int
    commit: Commit
    change: Deed
    fields: tuple[FieldChange, ...]

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "seq": self.seq,
            "commit": self.commit.oid,
            "time": timestamp(self.commit.committer.when),
            "author": str(self.commit.author),
            "message": self.commit.message.rstrip("\n"),
            "change": self.change,
            "fields": [change.as_data() for change in self.fields],
        }


@dataclass(frozen=True)
class _Plan:
    """Drafts read, addressed and compared with one state of the branch."""

    files: Mapping[str, bytes]
    landed: tuple[Landed, ...]
    warnings: tuple[Finding, ...] = field(default=())
    approved: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()


def timestamp(when: datetime) -> str:
    """Write a time as every answer does: RFC 3339, UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Registry:
    """A registry repo."""

    def __init__(self, repo: GitRepository) -> None:
        self.repo = repo
        self._memory = Memory(repo)

    @classmethod
    def init(
        cls,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        author: Signature | None = None,
        when: datetime | None = None,
        bare: bool = False,
        uid: uuid.UUID | None = None,
    ) -> Registry:
        """Make a registry in a new or empty folder: what the template holds, with a name and a uid of its own."""
        where = Path(path)
        chosen = name or _name_from(where)
        if not is_name(chosen):
            raise UsageError(
                f"{chosen!r} cannot be a registry's name",
                got=chosen,
                expected="lower-case letters, digits, '.', '_' and '-', at most 64",
                mend="give one with --name",
            )
        files = _template_files(chosen, uid or uuid.uuid4())
        was_there = where.exists()
        registry = cls(GitRepository.create(where, bare=bare))
        try:
            registry._found(files, registry.signature(author, when), f"Found the registry {chosen}")
        except BaseException:
            _clear(where, keep=was_there)
            raise
        return registry

    def _found(self, files: Mapping[str, bytes], who: Signature, message: str) -> None:
        commit = write_commit(self.repo, parent=None, changes=files, author=who, committer=who, message=message)
        advance(self.repo, new=commit, old=None, message="gitreg init")
        follow(self.repo, old=None, new=commit)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Registry:
        """Open the registry at a path, or the one that the path lies in; `RepositoryError` where there is none."""
        repo = GitRepository.open(path)
        registry = cls(repo)
        snapshot = registry.snapshot()
        if snapshot.settings is None:
            raise _not_a_registry(snapshot)
        return registry

    @property
    def settings(self) -> RegistryManifest:
        """The registry's own record, as it stands now."""
        found = self.snapshot().settings
        if found is None:
            raise _not_a_registry(self.snapshot())
        return found

    @property
    def uid(self) -> str:
        """The registry's UUID, from which every id is derived."""
        return str(self.settings.spec.uid)

    def snapshot(self, at: str | None = None) -> Snapshot:
        """See the registry as of a commit, or as it stands now."""
        commit = self.repo.tip() if at is None else self.repo.resolve(at)
        return Snapshot(self.repo, commit, self._memory)

    # Writing

    def register(
        self,
        drafts: Sequence[Draft],
        *,
        author: Signature | None = None,
        message: str | None = None,
        when: datetime | None = None,
        approve: Collection[str] = (),
        approvers: Collection[str] = (),
        bulk: bool = False,
        onto: str | None = None,
    ) -> Receipt:
        """Land drafts as one commit, all or none; `Rejected` carries every finding that stands in the way.

        `approve` names rules whose demand for a human decision the caller has decided, `approvers` who agreed beside
        the author; the commit's message says so.
        `bulk` marks a change that is meant to touch many namespaces, like an import.
        `onto` is for drafts that were made from what a commit holds: `RefMoved` where the branch stands elsewhere.
        """
        if not drafts:
            raise UsageError("there is nothing to register", mend="name at least one file")
        who = self.signature(author, when)
        around = Circumstances(_day(who), str(who), tuple(approvers), tuple(approve), is_bulk=bulk)
        readings = self._read_drafts(drafts)

        def plan_on(base: Snapshot) -> _Plan:
            if onto is not None and base.commit != onto:
                raise RefMoved(
                    "the branch moved while the change was being made",
                    where=self.repo.branch,
                    got=base.commit,
                    expected=onto,
                    mend="make it again from what stands there now",
                )
            return self._plan(base, drafts, readings, around)

        return self._land_on_tip(plan_on, who, message)

    def update(
        self,
        ref: str,
        *,
        put: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        author: Signature | None = None,
        message: str | None = None,
        when: datetime | None = None,
        approve: Collection[str] = (),
        approvers: Collection[str] = (),
    ) -> Receipt:
        """Change fields of a landed record in place, keeping its comments; frozen fields are refused by the gate."""
        who = self.signature(author, when)
        around = Circumstances(_day(who), str(who), tuple(approvers), tuple(approve))
        address = self.resolve(ref)
        gone = tuple(remove)

        def plan_on(base: Snapshot) -> _Plan:
            record = base.record(address)
            if record is None:
                raise NotFoundError(f"{address.ref} is gone", got=ref, mend="`gitreg history` says who removed it")
            edited, reading = edit_manifest(record.raw, put=put or {}, remove=gone, path=address.path)
            if edited is None:
                mend = "mend the values, and try again"
                raise Rejected(f"{address.ref} was not updated", reading.findings, mend=mend)
            _refuse_renaming(address, reading)
            return self._plan(base, (Draft(edited, address.path),), (reading,), around)

        return self._land_on_tip(plan_on, who, message)

    def _land_on_tip(self, plan_on: Callable[[Snapshot], _Plan], who: Signature, message: str | None) -> Receipt:
        """Land what is planned on main's tip; where somebody else lands first, plan it anew on theirs."""
        for _ in range(ATTEMPTS):
            base = self.snapshot()
            plan = plan_on(base)
            if not plan.files:
                seq = self.repo.seq(base.commit) if base.commit else None
                return Receipt(base.commit, seq, plan.landed, plan.warnings, is_new=False)
            with suppress(RefMoved):
                return self._land(base, plan, who, _message(message, plan))
        raise ConflictError(
            f"the branch moved {ATTEMPTS} times while this was being landed",
            where=self.repo.branch,
            mend="try again; many writers at once want the bulk lane",
        )

    def _read_drafts(self, drafts: Sequence[Draft]) -> tuple[Reading, ...]:
        """Read every draft, or refuse them with all that is wrong with any of them."""
        readings = tuple(self._memory.read(str(pygit2.hash(draft.raw)), draft.raw) for draft in drafts)
        findings: list[Finding] = []
        seen: dict[str, str] = {}
        for draft, reading in zip(drafts, readings, strict=True):
            findings.extend(finding.at(path=draft.origin) for finding in reading.findings)
            if reading.manifest is not None:
                findings.extend(_misplaced(draft, reading.manifest, seen))
        if findings:
            raise _rejected(findings, len(drafts))
        return readings

    def _plan(
        self, base: Snapshot, drafts: Sequence[Draft], readings: Sequence[Reading], around: Circumstances
    ) -> _Plan:
        """Decide, against one state of the branch, what would be written and whether it may be."""
        approve = around.approved
        files, landed = self._compare(base, drafts, readings)
        origins = {record.path: draft.origin for record, draft in zip(landed, drafts, strict=True)}
        checked = check(Change(base, Overlay(base, files), around)) if files else []
        findings = [finding.at(path=origins.get(finding.path or "")) for finding in checked if not finding.waived]
        blocking = [f for f in findings if f.severity is not Severity.WARNING and f.rule not in approve]
        errors = [f for f in findings if f.severity is Severity.ERROR]
        if blocking or errors:
            raise _rejected([*errors, *(f for f in blocking if f not in errors)], len(drafts))
        warnings = tuple(f for f in findings if f.severity is Severity.WARNING)
        met = {f.rule for f in findings if f.severity is Severity.REVIEW}
        return _Plan(files, landed, warnings, tuple(sorted(met & set(approve))), around.approvers)

    def drafted(self, drafts: Sequence[Draft], at: str) -> tuple[Mapping[str, bytes], tuple[Landed, ...]]:
        """Compare drafts with the state at a commit: the files that they would write, and what each would be.

        Nothing is written, and the gate is not asked; `Rejected` where one cannot be read.
        """
        return self._compare(self.snapshot(at), drafts, self._read_drafts(drafts))

    def _compare(
        self, base: Snapshot, drafts: Sequence[Draft], readings: Sequence[Reading]
    ) -> tuple[dict[str, bytes], tuple[Landed, ...]]:
        settings = base.settings
        if settings is None:
            raise _not_a_registry(base)
        uid = str(settings.spec.uid)
        files: dict[str, bytes] = {}
        landed: list[Landed] = []
        for draft, reading in zip(drafts, readings, strict=True):
            manifest = reading.manifest
            assert manifest is not None, "drafts with faults were refused before"  # noqa: S101 - a promise of _read_drafts
            address = manifest.address
            status = _status(base, address, manifest)
            if status != "unchanged":
                files[address.path] = draft.raw
            landed.append(Landed(address.ref, address.id(uid), address.path, status))
        return files, tuple(landed)

    def _land(self, base: Snapshot, plan: _Plan, who: Signature, message: str) -> Receipt:
        commit = write_commit(
            self.repo, parent=base.commit, changes=plan.files, author=who, committer=who, message=message
        )
        advance(self.repo, new=commit, old=base.commit, message=f"gitreg: {message.splitlines()[0]}")
        left = follow(self.repo, old=base.commit, new=commit)
        return Receipt(commit, self.repo.seq(commit), plan.landed, plan.warnings, tuple(left))

    def signature(self, author: Signature | None, when: datetime | None = None) -> Signature:
        """Give who a commit is by: the author that is named, else Git's user; `UsageError` where nobody is known."""
        who = author or self.repo.identity()
        if who is None:
            raise UsageError(
                "the author of the commit is not known",
                mend='give --author "Name <email>", or run `git config --global user.name` and `user.email`',
            )
        moment = when or (author.when if author else datetime.now(UTC))
        return Signature(who.name, who.email, moment).check()

    # Reading, through Git

    def resolve(self, ref: str, *, at: str | None = None) -> Address:
        """Find the one record that a ref means now, or meant at a commit."""
        return self.snapshot(at).resolve(Ref.parse(ref))

    def get(self, ref: str, *, at: str | None = None) -> Record:
        """Give the record that a ref means."""
        snapshot = self.snapshot(at)
        address = snapshot.resolve(Ref.parse(ref))
        record = snapshot.record(address)
        if record is None:
            reading = snapshot.reading(address.path)
            raise Rejected(
                f"{address.ref} stands in the registry but cannot be read",
                [finding.at(path=address.path, ref=address.ref) for finding in (reading.findings if reading else ())],
                mend="mend the file by a pull request",
            )
        return record

    def list(self, kind: str | None = None, namespace: str | None = None) -> Iterator[Address]:
        """List the records by path: of one kind, of a namespace with all below it."""
        return self.snapshot().addresses(kind, namespace)

    def history(self, ref: str, *, at: str | None = None) -> tuple[HistoryEntry, ...]:
        """Tell which commits touched a record, newest first, and which fields each changed; those up to a commit."""
        until = self.snapshot(at).commit
        address = self._address_ever(ref, until)
        return self._history_of(address, until) if until else ()

    def _history_of(self, address: Address, until: str) -> tuple[HistoryEntry, ...]:
        told: list[HistoryEntry] = []
        stood: Any = {}
        for commit, change in reversed(list(self.repo.path_history(address.path, until))):
            old, new = (None if entry is None or entry.is_tree else entry for entry in (change.old, change.new))
            if old is None and new is None:
                continue
            now = {} if new is None else self._data_of(address.path, new)
            word: Deed = "removed" if new is None else "added" if old is None else "changed"
            fields = () if now is None else tuple(differences(stood, now))
            told.append(HistoryEntry(self.repo.seq(commit.oid), commit, "quarantined" if now is None else word, fields))
            stood = stood if now is None else now
        return tuple(reversed(told))

    def describe(self, record: Record, *, at: str | None = None) -> dict[str, Any]:
        """Give a record as answers carry it: the manifest, and what Git knows of it under `registry`."""
        until = self.snapshot(at).commit
        touched = [commit for commit, _ in self.repo.path_history(record.address.path, until)] if until else []
        return answer(record.address, record.manifest, record.blob, self.uid, self._provenance(touched))

    def _provenance(self, touched: Sequence[Commit]) -> Provenance:
        first, last = touched[-1], touched[0]
        return Provenance(
            commit=last.oid,
            seq=self.repo.seq(last.oid),
            created_at=timestamp(first.committer.when),
            updated_at=timestamp(last.committer.when),
            registered_by=str(first.author),
        )

    def _data_of(self, path: str, entry: Entry) -> Any:
        """Give the manifest that a file is at a path; None where it cannot be read as the record that belongs there."""
        if not entry.is_plain:
            return None
        record = self._memory.record(path, entry.oid, partial(self.repo.read_blob, entry.oid))
        return None if record is None else to_data(record.manifest)

    def _address_ever(self, ref: str, until: str | None) -> Address:
        """Find what a ref means at a commit, or what an exact one meant before it was removed."""
        parsed = Ref.parse(ref)
        try:
            return self.snapshot(until).resolve(parsed)
        except NotFoundError:
            version = parsed.selector
            address = parsed.address(str(version) if version is not None else None)
            exact = version is None or not KINDS[parsed.kind].is_versioned or not isinstance(version, str)
            if exact and until and next(self.repo.path_history(address.path, until), None):
                return address
            raise


@dataclass(frozen=True, slots=True)
class Provenance:
    """What Git knows of a record: the commit that last touched it, its first and last time, who registered it."""

    commit: str
    seq: int
    created_at: str
    updated_at: str
    registered_by: str


def answer(address: Address, manifest: Manifest, blob: str, uid: str, known: Provenance) -> dict[str, Any]:
    """Make the answer that every interface gives for a record."""
    return {
        **to_data(manifest),
        "registry": {
            "id": address.id(uid),
            "ref": address.ref,
            "path": address.path,
            "blob": blob,
            "commit": known.commit,
            "seq": known.seq,
            "createdAt": known.created_at,
            "updatedAt": known.updated_at,
            "registeredBy": known.registered_by,
        },
    }


def _day(who: Signature) -> date:
    return who.when.astimezone(UTC).date()


def _refuse_renaming(address: Address, reading: Reading) -> None:
    if reading.manifest is not None and reading.manifest.address != address:
        raise UsageError(
            f"an update cannot change who a record is: {address.ref} would become {reading.manifest.address.ref}",
            got=reading.manifest.address.ref,
            expected=address.ref,
            mend="register it as a record of its own: `gitreg get` prints what to begin with",
        )


def _misplaced(draft: Draft, manifest: Manifest, seen: dict[str, str]) -> Iterator[Finding]:
    address = manifest.address
    if draft.path is not None and draft.path != address.path:
        misplaced = Finding(
            "GR-004",
            "path-identity",
            f"the file stands at {draft.path}, and says that it is {address.ref}",
            f"move it to {address.path}, or correct its kind, namespace, name or version",
            path=draft.origin,
            ref=address.ref,
            field="metadata.name",
        )
        yield point_at(misplaced, draft.raw)
    if address.path in seen:
        yield Finding(
            "GR-004",
            "path-identity",
            f"{address.ref} is given twice: here and in {seen[address.path]}",
            "keep one of the two",
            path=draft.origin,
            ref=address.ref,
        )
    seen[address.path] = draft.origin


def _rejected(findings: Sequence[Finding], count: int) -> Rejected:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    reviews = len(findings) - errors
    parts = [f"{errors} error{'s' * (errors != 1)}"] if errors else []
    parts += [f"{reviews} finding{'s' * (reviews != 1)} for a human to decide"] if reviews else []
    mend = "mend them, and register again" if errors else "have somebody decide, then add --approve RULE"
    files = f"{count} file{'s' * (count != 1)}"
    return Rejected(f"nothing was registered ({files}): {' and '.join(parts)}", findings, mend=mend)


def _status(base: Snapshot, address: Address, manifest: Manifest) -> Status:
    if base.entry(address.path) is None:
        return "registered"
    record = base.record(address)
    is_known = record is not None and is_same(to_data(record.manifest), to_data(manifest))
    return "unchanged" if is_known else "updated"


def _message(message: str | None, plan: _Plan) -> str:
    changed = [record for record in plan.landed if record.status != "unchanged"]
    if message is None:
        first = changed[0]
        verb = "Register" if first.status == "registered" else "Update"
        message = f"{verb} {first.ref}"
        if len(changed) > 1:
            listed = [f"- {record.status} {record.ref}" for record in changed[:50]]
            listed += [f"- and {len(changed) - 50} more"] if len(changed) > 50 else []
            message += f" and {len(changed) - 1} more\n\n" + "\n".join(listed)
    if not message.strip():
        raise UsageError("the message is empty", mend="say in a line what is registered and why")
    trailers = "".join(f"\nGitreg-Approved: {rule}" for rule in plan.approved)
    trailers += "".join(f"\nGitreg-Approver: {who}" for who in plan.approvers)
    return message.rstrip("\n") + (f"\n{trailers}" if trailers else "") + "\n"


def _not_a_registry(snapshot: Snapshot) -> RepositoryError:
    reading = snapshot.reading(REGISTRY_PATH) if snapshot.commit else None
    got, mend = f"a Git repository without {REGISTRY_PATH}", "run `gitreg init` in a new folder"
    if reading and reading.findings:
        got, mend = reading.findings[0].says, f"mend {REGISTRY_PATH} on that branch"
    return RepositoryError(
        "this repository is not a registry",
        where=f"{snapshot.repo.workdir or snapshot.repo.git_dir} ({snapshot.repo.branch})",
        got=got if snapshot.commit else "a Git repository without commits",
        expected=f"{REGISTRY_PATH} on its main branch",
        mend=f"{mend}, or name the right one with --repo",
    )


def _clear(where: Path, *, keep: bool) -> None:
    """Take back what a failed `init` made; the folder was new or empty before."""
    for item in where.iterdir() if keep else ():
        shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)
    if not keep:
        shutil.rmtree(where, ignore_errors=True)


def _name_from(where: Path) -> str:
    stem = re.sub(r"[^a-z0-9._-]", "-", where.resolve().name.lower())
    return stem.removesuffix(".git").strip("._-")[:64] or "registry"


def template_folder() -> Traversable:
    """Find what `gitreg init` lays down: package data in a wheel, a folder beside the package in a checkout."""
    packaged = resources.files("gitreg") / "registry_repo_template"
    if packaged.is_dir():
        return packaged
    beside = Path(__file__).resolve().parent.parent / "registry_repo_template"
    if beside.is_dir():
        return beside
    raise GitregError("the template of a registry repo is not installed", mend="install llm-gitreg again")


def _template_files(name: str, uid: uuid.UUID) -> dict[str, bytes]:
    files = dict(_files_under(template_folder(), ""))
    raw, _ = edit_manifest(files[REGISTRY_PATH], put={"metadata.name": name, "spec.uid": str(uid)})
    if raw is None:
        raise GitregError("the template's registry.yaml cannot be read", mend="install llm-gitreg again")
    return {**files, REGISTRY_PATH: raw}


def _files_under(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        path = f"{prefix}{item.name}"
        if item.is_dir():
            yield from _files_under(item, f"{path}/")
        elif item.name not in (".gitkeep", ".DS_Store") and not item.name.endswith(".pyc"):
            yield path, item.read_bytes()


__all__ = [
    "Draft",
    "HistoryEntry",
    "Landed",
    "Provenance",
    "Receipt",
    "Registry",
    "answer",
    "template_folder",
    "timestamp",
]
