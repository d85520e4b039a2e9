"""Locks of pipelines: what is in them, that they are of one commit, and what is told of one that holds no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from effort import tries
from gate_support import aliases, config, dataset, manifest, model, pipeline, versioned
from hypothesis import given, settings
from hypothesis import strategies as st
from index_support import UID, commit, found

from gitreg.errors import NotFoundError, Rejected, UsageError
from gitreg.kinds import Manifest, Pipeline
from gitreg.pipelines.lock_check import is_admitted
from gitreg.pipelines.locking import BadLockError, Lock, Standing, digest_of, read_lock, write_lock
from gitreg.pipelines.matrix import Named
from gitreg.refs import Ref
from gitreg.registry import Registry
from gitreg.repository.snapshot import Overlay, Snapshot
from gitreg.versions import Version
from gitreg_indexer.catalog import Position
from gitreg_indexer.index import Index
from gitreg_indexer.pipelines import check_data, checked_in, indexed, lock_in
from gitreg_indexer.registry_at import GitAt, RegistryAt

Files = Mapping[str, "bytes | None"]
REF = Ref.parse("pipeline:acme/p")


def stage(name: str, ref: str) -> Any:
    return {"id": name, "type": "model", "model": ref}


def uses(*refs: str, **spec: Any) -> bytes:
    return pipeline(dag={"nodes": [stage(f"s{n}", ref) for n, ref in enumerate(refs)]}, **spec)


def base(version: str, **spec: Any) -> dict[str, bytes]:
    return {f"models/acme/base/{version}.yaml": model("base", version, **spec)}


def chat(version: str, **spec: Any) -> dict[str, bytes]:
    return {f"models/acme/chat/{version}.yaml": model("chat", version, **spec)}


P = "pipelines/acme/p/1.0.0.yaml"
FROM_BASE = {"derivedFrom": [{"ref": "acme/base@^1", "method": "fine-tuning"}]}
WORLD: dict[str, bytes] = {
    **base("1.0.0"),
    **chat("1.0.0", **FROM_BASE),
    **chat("1.1.0", **FROM_BASE),
    "datasets/acme/tickets/1.0.0.yaml": dataset(),
    "configs/acme/defaults/1.0.0.yaml": config(),
    "models/acme/chat/aliases.yaml": aliases(stable="1.0.0"),
    P: uses(
        "acme/chat@^1",
        "acme/chat@stable",
        dependencies=[
            {"ref": "dataset:acme/tickets@1.0.0"},
            {"ref": "config:acme/defaults"},
            {"ref": "dataset:acme/gone@^1", "required": False},
        ],
    ),
}


def made(folder: Path, *commits: Files) -> Registry:
    registry = found(folder / "registry.git")
    for files in commits:
        commit(registry.repo, files)
    return registry


class Over(RegistryAt):
    """Files put over a registry, as a registry of their own."""

    def __init__(self, head: Snapshot, position: Position) -> None:
        super().__init__(position)
        self.head = head

    def uid(self) -> str:
        return UID

    def record(self, ref: Ref) -> Standing:
        address = self.head.resolve(ref)
        record = self.head.record(address)
        if record is None:
            raise Rejected(f"{address.ref} cannot be read", [], mend="mend it")
        return Standing(record.manifest, record.blob)

    def seq_of(self, commit: str) -> int | None:
        if commit != self.position.commit:
            raise NotFoundError("main had no such commit", mend="fetch it")
        return self.position.seq

    def versions(self, name: Ref) -> tuple[Version, ...]:
        raise NotImplementedError

    def manifests(self, name: Ref) -> list[Manifest]:
        raise NotImplementedError

    def named(self, name: Ref) -> Named:
        raise NotImplementedError

    def instances(self, of: Ref | None = None) -> Iterator[Pipeline]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return made(tmp_path_factory.mktemp("empty")).snapshot()


@pytest.fixture
def world(empty: Snapshot) -> Callable[..., Over]:
    """Give the world with files put over it; `world({...}, without=True)` has nothing but these."""

    def over(files: Files = MappingProxyType({}), *, without: bool = False) -> Over:
        return Over(Overlay(empty, files if without else {**WORLD, **files}), Position(2, "0" * 40))

    return over


World = Callable[..., Over]


def in_index(registry: Registry) -> RegistryAt:
    index = Index.open(registry)
    index.catch_up()
    return indexed(index.reader())


def in_git(registry: Registry) -> RegistryAt:
    tip = registry.repo.tip()
    assert tip
    return GitAt(registry, Position(registry.repo.seq(tip), tip))


def test_a_lock_names_all_that_is_needed_at_any_depth(tmp_path: Path) -> None:
    registry = made(tmp_path, WORLD)
    lock = lock_in(in_index(registry), REF)
    assert lock_in(in_git(registry), REF) == lock
    assert [(each.by.split(":")[1], each.wants, each.means) for each in lock.references] == [
        ("acme/p@1.0.0", "model:acme/chat@^1", "model:acme/chat@1.1.0"),
        ("acme/p@1.0.0", "model:acme/chat@stable", "model:acme/chat@1.0.0"),
        ("acme/p@1.0.0", "dataset:acme/tickets@1.0.0", "dataset:acme/tickets@1.0.0"),
        ("acme/p@1.0.0", "config:acme/defaults", "config:acme/defaults@1.0.0"),
        ("acme/p@1.0.0", "dataset:acme/gone@^1", None),
        ("acme/chat@1.1.0", "model:acme/base@^1", "model:acme/base@1.0.0"),
        ("acme/chat@1.0.0", "model:acme/base@^1", "model:acme/base@1.0.0"),
    ]
    assert [each.beside for each in lock.references[:3]] == [("model:acme/chat@1.0.0",), ("model:acme/chat@1.1.0",), ()]
    assert (lock.registry, lock.commit, lock.seq) == (UID, registry.repo.tip(), 2)
    pin = next(pin for pin in lock.records if pin.ref == "model:acme/base@1.0.0")
    assert (pin.kind, pin.version, pin.status) == ("Model", "1.0.0", "active")
    entry = registry.snapshot().entry("models/acme/base/1.0.0.yaml")
    assert entry is not None
    assert pin.blob == entry.oid
    assert pin.artifact is not None
    assert len(pin.artifact.digest) == 64
    assert [pin.ref for pin in lock.records] == sorted(pin.ref for pin in lock.records)
    assert next(pin for pin in lock.records if pin.kind == "Config").artifact is None


def raw(version: str, **spec: Any) -> dict[str, bytes]:
    return {f"datasets/acme/raw/{version}.yaml": dataset("raw", version, **spec)}


DUMPED = {"sources": [{"ref": "dataset:acme/dump@^1"}]}
READING: dict[str, bytes] = {
    **chat("1.0.0"),
    "datasets/acme/dump/1.0.0.yaml": dataset("dump"),
    **raw("1.0.0", **DUMPED),
    "datasets/acme/out/1.0.0.yaml": dataset("out"),
    P: uses("acme/chat@^1", reads=["acme/raw@^1"], writes=["acme/out@1.0.0"]),
}


def test_what_is_read_is_locked_with_what_it_was_made_from_and_what_is_written_is_not(world: World) -> None:
    lock = lock_in(world(READING, without=True), REF)
    assert [(each.field, each.relation, each.wants, each.means) for each in lock.references] == [
        ("spec.dag.nodes[0].model", "uses", "model:acme/chat@^1", "model:acme/chat@1.0.0"),
        ("spec.reads[0]", "transforms", "dataset:acme/raw@^1", "dataset:acme/raw@1.0.0"),
        ("spec.sources[0].ref", "derived_from", "dataset:acme/dump@^1", "dataset:acme/dump@1.0.0"),
    ]
    assert [pin.ref.split(":")[1] for pin in lock.records if pin.artifact and pin.kind == "Dataset"] == [
        "acme/dump@1.0.0",
        "acme/raw@1.0.0",
    ]
    assert read_lock(write_lock(lock), "it") == lock
    unread = {**READING, "datasets/acme/raw/1.0.0.yaml": None}
    with pytest.raises(NotFoundError, match="1 of what it needs"):
        lock_in(world(unread, without=True), REF)


@pytest.mark.parametrize(
    ("change", "holds", "findings", "drifts"),
    [
        pytest.param(
            raw("1.1.0"),
            True,
            [],
            [("dataset:acme/raw@1.0.0", "dataset:acme/raw@1.1.0"), ("dataset:acme/dump@1.0.0", None)],
            id="a newer version",
        ),
        pytest.param(
            raw("1.0.0", digest="0" * 64, **DUMPED), False, [("content", "acme/raw@1.0.0")], [], id="other data"
        ),
        pytest.param(
            {"datasets/acme/out/1.0.0.yaml": dataset("out", records=5)}, True, [], [], id="what is written is another"
        ),
    ],
)
def test_that_what_is_read_has_moved_is_told(
    world: World, change: Files, holds: bool, findings: Any, drifts: Any
) -> None:
    lock = lock_in(world(READING, without=True), REF)
    assert told(world({**READING, **change}, without=True), lock) == (holds, findings, drifts)


def test_a_lock_that_leaves_out_what_is_read_can_be_read_and_does_not_hold(world: World) -> None:
    """As one does that was written before what is read was locked."""
    state = world(READING, without=True)

    def leave_out(data: Any) -> None:
        data["references"] = data["references"][:1]
        data["records"] = [pin for pin in data["records"] if pin["kind"] != "Dataset"]

    found = told(state, damaged(lock_in(state, REF), leave_out))
    fresh = [(None, "dataset:acme/raw@1.0.0"), (None, "dataset:acme/dump@1.0.0")]
    assert found == (False, [("left-out", "acme/p@1.0.0")], fresh)


def test_what_is_needed_and_missing_is_named(world: World) -> None:
    files = {**WORLD, P: uses("acme/chat@^1", "acme/nobody@^3", dependencies=[{"ref": "config:acme/defaults@9.0.0"}])}
    with pytest.raises(NotFoundError) as error:
        lock_in(world(files), REF)
    assert "2 of what it needs" in error.value.says
    assert "acme/nobody@^3" in str(error.value.got)
    assert "config:acme/defaults@9.0.0" in str(error.value.got)


def test_what_only_an_optional_record_needs_may_be_missing(world: World) -> None:
    lost = chat("1.0.0", derivedFrom=[{"ref": "acme/lost@^1", "method": "fine-tuning"}])
    spec: dict[str, Any] = {"dag": {"nodes": [{"id": "a", "type": "custom", "handlerUri": "https://a.example/h"}]}}
    optional = pipeline(**spec, dependencies=[{"ref": "acme/chat", "required": False}])
    lock = lock_in(world({**lost, P: optional}, without=True), REF)
    assert [each.means for each in lock.references] == ["model:acme/chat@1.0.0", None]
    required = pipeline(**spec, dependencies=[{"ref": "acme/chat"}])
    with pytest.raises(NotFoundError, match="1 of what it needs"):
        lock_in(world({**lost, P: required}, without=True), REF)


def test_records_that_refer_to_each_other_are_locked_once(world: World) -> None:
    round_ = base("1.0.0", derivedFrom=[{"ref": "acme/chat@^1", "method": "distillation"}])
    files = {**round_, **chat("1.0.0", **FROM_BASE), P: uses("acme/chat@^1")}
    lock = lock_in(world(files, without=True), REF)
    assert [pin.ref for pin in lock.records] == ["model:acme/base@1.0.0", "model:acme/chat@1.0.0", REF.place + "@1.0.0"]
    assert len(lock.references) == 3


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("pipeline:acme/nobody", id="no such name"),
        pytest.param("pipeline:acme/p@2.0.0", id="no such version"),
        pytest.param("model:acme/chat@1.0.0", id="no pipeline"),
    ],
)
def test_only_a_pipeline_can_be_locked(world: World, text: str) -> None:
    with pytest.raises(NotFoundError):
        lock_in(world(), Ref.parse(text))


# as of a moment


STEPS: list[Files] = [
    chat("1.2.0", **FROM_BASE),
    base("1.1.0"),
    {"models/acme/chat/aliases.yaml": aliases(stable="1.1.0")},
    chat("1.1.0", **FROM_BASE, lifecycle={"status": "retired"}),
    {"datasets/acme/tickets/1.0.0.yaml": dataset(description="Tickets.")},
    {P: uses("acme/chat@~1.0")},
]


@settings(max_examples=tries(3, 60), deadline=None, derandomize=True, database=None)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=5))
def test_a_lock_of_the_past_is_the_lock_that_was_made_then(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Files]
) -> None:
    registry = made(tmp_path_factory.mktemp("past"), WORLD)
    locks = []
    index = Index.open(registry)
    for files in [{}, *steps]:
        commit(registry.repo, files)
        index.catch_up()
        state = indexed(index.reader())
        lock = lock_in(state, REF)
        locks.append(lock)
        found = checked_in(state, REF, read_lock(write_lock(lock), "the lock"))
        assert (found.holds, found.drifts) == (True, ())
    for lock in locks:
        then = index.reader().moment(lock.commit)
        assert lock_in(indexed(index.reader(), then.seq), REF) == lock
    index.close()


# checking


def told(state: RegistryAt, lock: Lock) -> tuple[bool, list[tuple[str, str]], list[tuple[str | None, str | None]]]:
    data = check_data(state, lock, checked_in(state, REF, lock))
    findings = [(each["slug"], each["ref"].split(":")[1]) for each in data["findings"]]
    return data["holds"], findings, [(each["locked"], each["fresh"]) for each in data["drifts"]]


CHAT = ("acme/chat@1.0.0", "acme/chat@1.1.0")
COMMENTED = b"# a comment\n" + WORLD["models/acme/chat/1.1.0.yaml"]
CHANGES = [
    pytest.param({}, True, [], 0, id="nothing"),
    pytest.param(chat("2.0.0"), True, [], 0, id="a version that is not wanted"),
    pytest.param(chat("1.2.0"), True, [], 2, id="a newer version"),
    pytest.param(
        chat("1.1.0", **FROM_BASE, lifecycle={"status": "deprecated"}),
        True,
        [("edited", CHAT[1]), ("deprecated", CHAT[1])],
        0,
        id="deprecated since",
    ),
    pytest.param(
        chat("1.1.0", **FROM_BASE, lifecycle={"status": "retired"}),
        False,
        [("edited", CHAT[1]), ("ended", CHAT[1])],
        2,
        id="retired since",
    ),
    pytest.param(chat("1.1.0", **FROM_BASE, description="New."), True, [("edited", CHAT[1])], 0, id="a mutable field"),
    pytest.param({"models/acme/chat/1.1.0.yaml": COMMENTED}, True, [("rewritten", CHAT[1])], 0, id="a comment"),
    pytest.param(chat("1.1.0", **FROM_BASE, license="mit"), False, [("content", CHAT[1])], 0, id="a frozen field"),
    pytest.param(chat("1.1.0", **FROM_BASE, digest="0" * 64), False, [("content", CHAT[1])], 0, id="another artifact"),
    pytest.param({"models/acme/chat/1.1.0.yaml": None}, False, [("gone", CHAT[1])], 2, id="a record gone"),
    pytest.param({"models/acme/chat/1.1.0.yaml": b"?"}, False, [("gone", CHAT[1])], 0, id="a record unreadable"),
    pytest.param({P: b"?"}, False, [("gone", "acme/p@1.0.0")], 0, id="the pipeline unreadable"),
    pytest.param(
        {"models/acme/chat/aliases.yaml": aliases(stable="1.1.0")},
        False,
        [("not-allowed", "acme/p@1.0.0")],
        2,
        id="an alias moved",
    ),
    pytest.param(
        {"models/acme/chat/aliases.yaml": aliases(other="1.1.0")},
        False,
        [("not-allowed", "acme/p@1.0.0")],
        0,
        id="an alias gone",
    ),
    pytest.param(
        {"datasets/acme/gone/1.0.0.yaml": dataset("gone")}, True, [], 1, id="what was optional and missing is there"
    ),
    pytest.param(
        {"pipelines/acme/p/1.0.1.yaml": pipeline(version="1.0.1")},
        True,
        [("moved", "acme/p@1.0.0")],
        0,
        id="a newer version of the pipeline",
    ),
]


@pytest.mark.parametrize(("change", "holds", "findings", "drifts"), CHANGES)
def test_a_lock_is_held_against_what_stands_there_now(
    world: World, change: Files, holds: bool, findings: Any, drifts: int
) -> None:
    found = told(world(change), lock_in(world(), REF))
    assert found[:2] == (holds, findings)
    assert len(found[2]) == drifts, found[2]


def test_what_had_ended_when_it_was_locked_is_a_warning(world: World) -> None:
    files = {**chat("1.1.0", lifecycle={"status": "retired"}), P: uses("acme/chat@1.1.0")}
    state = world(files)
    lock = lock_in(state, REF)
    assert told(state, lock) == (True, [("ended", CHAT[1])], [])


def damaged(lock: Lock, change: Callable[[Any], Any]) -> Lock:
    data = json.loads(write_lock(lock))
    change(data)
    return read_lock(json.dumps(data).encode(), "a lock")


def repin(data: Any, **fields: Any) -> None:
    next(pin for pin in data["records"] if pin["ref"] == "model:acme/base@1.0.0").update(fields)


def test_what_differs_tells_who_may_have_changed_it(world: World) -> None:
    state = world()
    lock = lock_in(state, REF)
    of_lock = checked_in(state, REF, damaged(lock, lambda data: repin(data, frozen=DIGEST))).findings
    assert [each.slug for each in of_lock] == ["content"]
    assert "written by another version of gitreg, or edited by hand" in of_lock[0].says
    of_file = checked_in(world(base("1.0.0", license="mit")), REF, lock).findings
    assert [each.slug for each in of_file] == ["content"]
    assert "what may never change is another, here or in the lock" in of_file[0].says


def edits(**fields: Any) -> Callable[[Any], Any]:
    return lambda data: data.update(fields)


DIGEST = f"sha256:{'0' * 64}"


def in_reference(n: int, slugs: str, name: str, **fields: Any) -> Any:
    """Make a case of fields of a reference that were edited."""
    return pytest.param(lambda data: data["references"][n].update(fields), set(slugs.split()), id=name)


DAMAGES: list[Any] = [
    pytest.param(lambda data: repin(data, frozen=DIGEST), {"content"}, id="a digest of what is frozen"),
    pytest.param(lambda data: repin(data, content=DIGEST), {"content"}, id="a digest of the content"),
    pytest.param(lambda data: repin(data, blob="0" * 40), {"rewritten"}, id="a blob"),
    pytest.param(lambda data: repin(data, kind="Dataset"), {"content"}, id="a kind"),
    pytest.param(lambda data: repin(data, version="1.0.1"), {"content"}, id="a version"),
    pytest.param(lambda data: repin(data, status="retired"), {"content"}, id="a status"),
    pytest.param(lambda data: repin(data, status="retired", blob="0" * 40), {"content"}, id="a status and a blob"),
    pytest.param(lambda data: repin(data, artifact=None), {"content"}, id="an artifact"),
    in_reference(0, "not-allowed left-out unasked", "another constraint", wants="acme/chat@^2"),
    in_reference(0, "not-allowed unasked", "another name", means="model:acme/base@1.0.0"),
    in_reference(2, "left-out unasked", "a version that is not there", means="dataset:acme/tickets@2.0.0"),
    in_reference(0, "left-out unasked", "a needed one with nothing", means=None),
    in_reference(0, "left-out unasked", "a needed one made optional", required=False),
    in_reference(0, "left-out unasked", "another field", field="spec.x"),
    pytest.param(lambda data: data["references"].pop(), {"left-out"}, id="a reference taken out"),
    pytest.param(lambda data: data["records"].pop(0), {"left-out"}, id="a record taken out"),
    pytest.param(lambda data: data["records"].pop(), {"left-out"}, id="the pipeline taken out"),
    pytest.param(lambda data: data.update(seq=3), {"origin"}, id="another seq"),
    pytest.param(lambda data: data.update(commit="1" * 40), {"origin"}, id="another commit"),
    pytest.param(lambda data: data.update(registry="other"), {"other-registry"}, id="another registry"),
]


@pytest.mark.parametrize(("change", "slugs"), DAMAGES)
def test_a_lock_that_was_edited_is_found_out(world: World, change: Callable[[Any], Any], slugs: set[str]) -> None:
    state = world()
    lock = lock_in(state, REF)
    holds, findings, _ = told(state, damaged(lock, change))
    assert {slug for slug, _ in findings} == slugs
    assert holds == (slugs == {"rewritten"})


@pytest.mark.parametrize(
    "wants", [pytest.param(f"model:acme/chat{which}", id=which or "any") for which in ("", "@stable", "@^1", "@1.0.0")]
)
@pytest.mark.parametrize("means", ["model:acme/chat", "model:acme/chat@stable", "model:acme/chat@^1"])
def test_what_is_no_version_is_never_what_is_wanted(world: World, wants: str, means: str) -> None:
    stated = lock_in(world(), REF).references[0].model_copy(update={"wants": wants, "means": means})
    assert not is_admitted(stated, world().record)


@pytest.mark.parametrize("state_of", [in_index, in_git])
def test_a_lock_is_of_a_commit_that_main_had_at_its_seq(
    tmp_path: Path, state_of: Callable[[Registry], RegistryAt]
) -> None:
    registry = made(tmp_path, WORLD)
    lock = lock_in(state_of(registry), REF)
    first = registry.repo.commit(lock.commit).parents[0]
    commit(registry.repo, chat("0.9.0"))
    later = state_of(registry)
    assert told(later, lock)[:2] == (True, [])
    changes: list[dict[str, Any]] = [{"seq": 3}, {"seq": 2**53 - 1}, {"commit": first}, {"commit": "1" * 40}]
    for change in changes:
        found = told(later, damaged(lock, edits(**change)))
        assert found[:2] == (False, [("origin", "acme/p@1.0.0")]), change


# the file


@pytest.mark.parametrize(
    ("change", "got"),
    [
        pytest.param(lambda data: data.update(lock=2), "lock", id="another format"),
        pytest.param(lambda data: data.update(more=1), "more", id="a key too many"),
        pytest.param(lambda data: data.pop("seq"), "seq", id="a key too few"),
        pytest.param(lambda data: data.update(seq="2"), "seq", id="a number as text"),
        pytest.param(lambda data: data["records"][0].update(content="sha256:x"), "records[0].content", id="a digest"),
        pytest.param(lambda data: data["records"][0].update(blob="x"), "records[0].blob", id="a blob"),
        pytest.param(lambda data: data["records"][0].update(ref="acme/chat@^1"), "no exact version", id="a range"),
        pytest.param(lambda data: data["records"][0].update(ref="model:acme/chat"), "no exact", id="no version"),
        pytest.param(lambda data: data["references"][0].update(by="acme"), "references[0].by", id="no ref"),
        pytest.param(lambda data: data["references"][0].update(means="acme/chat@stable"), "no exact", id="an alias"),
        pytest.param(
            lambda data: repin(data, ref="model:acme/base@production"), "no exact version", id="a pinned alias"
        ),
        pytest.param(lambda data: repin(data, ref="model:acme/base@latest"), "no exact version", id="the latest"),
        pytest.param(lambda data: repin(data, ref="model:acme/base@^1"), "no exact version", id="a pinned range"),
        pytest.param(
            lambda data: data["references"][0].update(means="model:acme/chat@stable"), "no exact", id="an alias meant"
        ),
        pytest.param(lambda data: data.update(pipeline="pipeline:acme/p@live"), "no exact", id="an alias locked"),
        pytest.param(lambda data: data.update(pipeline="model:acme/base@1.0.0"), "no pipeline", id="a locked model"),
        pytest.param(lambda data: data["records"].append(data["records"][0]), "twice", id="a record twice"),
        pytest.param(lambda data: data["records"].clear(), "records", id="no records"),
    ],
)
def test_a_damaged_file_is_no_lock(world: World, change: Callable[[Any], Any], got: str) -> None:
    lock = lock_in(world(), REF)
    with pytest.raises(BadLockError) as error:
        damaged(lock, change)
    assert got in str(error.value.got)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"{", id="half of it"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="an empty mapping"),
        pytest.param(b'{"lock": 1}', id="a header alone"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b'{"lock": 1, "seq": 1e999}', id="a number without end"),
        pytest.param(b"lock: 1\n", id="YAML"),
        pytest.param(manifest("Model", {}, {}), id="a manifest"),
    ],
)
def test_what_is_no_lock_is_told(raw: bytes) -> None:
    with pytest.raises(BadLockError) as error:
        read_lock(raw, "some file")
    assert (error.value.where, error.value.exit_code) == ("some file", 1)


def test_a_lock_reads_as_it_was_written(world: World) -> None:
    lock = lock_in(world(), REF)
    assert read_lock(write_lock(lock), "it") == lock


def test_a_digest_does_not_depend_on_how_a_value_is_written() -> None:
    assert digest_of({"b": [1.0, {"d": 0}], "a": None}) == digest_of({"a": None, "b": [1, {"d": 0.0}]})
    assert digest_of([True]) != digest_of([1])
    assert digest_of([1e300]) != digest_of([1e301])


def test_a_record_of_a_kind_without_versions_can_be_locked(world: World) -> None:
    files = {
        "namespaces/acme.yaml": manifest("Namespace", {"name": "acme"}, {"owners": ["a@example.com"]}),
        **chat("1.0.0"),
        P: uses("acme/chat", dependencies=[{"ref": "namespace:acme"}]),
    }
    lock = lock_in(world(files, without=True), REF)
    assert [pin.frozen for pin in lock.records if pin.ref == "namespace:acme"] == [None]
    owned = {"namespaces/acme.yaml": manifest("Namespace", {"name": "acme"}, {"owners": ["b@example.com"]})}
    assert told(world({**files, **owned}, without=True), lock)[:2] == (True, [("edited", "acme")])


def test_the_template_is_locked_too(world: World) -> None:
    body = {"dag": {"nodes": [stage("s0", "acme/chat")]}, "inputSchema": True, "outputSchema": True}
    template = versioned("PipelineTemplate", "t", body=body, extends="template:acme/u@1.0.0")
    files = {
        **chat("1.0.0"),
        "templates/acme/t/1.0.0.yaml": template,
        "templates/acme/u/1.0.0.yaml": versioned("PipelineTemplate", "u", body=body),
        P: uses("acme/chat", template={"ref": "template:acme/t@1.0.0", "parameters": {}}),
    }
    lock = lock_in(world(files, without=True), REF)
    assert [each.means for each in lock.references] == [
        "model:acme/chat@1.0.0",
        "template:acme/t@1.0.0",
        "template:acme/u@1.0.0",
    ]


def test_a_moment_that_main_never_had_is_told(tmp_path: Path) -> None:
    registry = made(tmp_path, WORLD)
    index = Index.open(registry)
    index.catch_up()
    with pytest.raises((NotFoundError, UsageError)):
        lock_in(indexed(index.reader(), 99), REF)
    with pytest.raises(NotFoundError):
        lock_in(indexed(index.reader(), 1), REF)
    index.close()
