"""Whatever has landed, and whatever is done to it: the gate fails, and says that it is about what has landed.

- Histories are real commits of a bare repository; attacks are commits on top of them, made past every other tool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from effort import tries
from gate_support import (
    AUTHOR,
    BASE,
    aliases,
    around,
    commit,
    config,
    dataset,
    model,
    new_registry,
    path_of,
    write_entries,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitreg.refs import addresses_at
from gitreg.registry import Registry
from gitreg.repository.git import PLAIN
from gitreg.repository.snapshot import Snapshot
from gitreg.repository.writing import write_commit
from gitreg.validation import Report, Rule
from gitreg_validators.gate import Gate
from gitreg_validators.immutability import RULES

EXECUTABLE, SYMLINK, SUBMODULE = 0o100755, 0o120000, 0o160000
KEEPING: Final = {"GR-011", "GR-014", "GR-018"}
OTHER_DIGEST: Final = "ab" * 32

Entries = dict[str, tuple[int, bytes] | None]
Attack = Callable[[str, bytes], Entries]


def frozen_field(path: str, raw: bytes) -> Entries:
    old = b"digest: " + raw.partition(b"digest: ")[2][:64] if b"digest: " in raw else b"value:"
    new = b"digest: " + OTHER_DIGEST.encode() if b"digest: " in raw else b"valueSchema: true\n  value:"
    return {path: (PLAIN, raw.replace(old, new))}


def added_field(path: str, raw: bytes) -> Entries:
    return {path: (PLAIN, raw.replace(b"spec:\n", b"spec:\n  release: {changelog: Better.}\n"))}


def other_kind(path: str, _: bytes) -> Entries:
    return {path: (PLAIN, BASE["access/tester.yaml"])}


def unreadable(path: str, _: bytes) -> Entries:
    return {path: (PLAIN, b"a: [")}


def renamed(path: str, raw: bytes) -> Entries:
    return {path: None, moved(path): (PLAIN, raw)}


def renamed_and_said_so(path: str, raw: bytes) -> Entries:
    return {path: None, moved(path): (PLAIN, raw.replace(b"version: ", b"version: 9"))}


def moved(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/9{name}"


def deleted(path: str, _: bytes) -> Entries:
    return {path: None}


def case_only(path: str, raw: bytes) -> Entries:
    folder, _, name = path.rpartition("/")
    return {path: None, f"{folder[:-1]}{folder[-1].upper()}/{name}": (PLAIN, raw)}


def symlink(path: str, _: bytes) -> Entries:
    return {path: (SYMLINK, b"../other/1.0.0.yaml")}


def submodule(path: str, _: bytes) -> Entries:
    return {path: (SUBMODULE, b"1" * 40)}


def executable(path: str, raw: bytes) -> Entries:
    return {path: (EXECUTABLE, raw)}


def folder(path: str, raw: bytes) -> Entries:
    return {path: None, f"{path}/{path.rpartition('/')[2]}": (PLAIN, raw)}


def second_file(path: str, raw: bytes) -> Entries:
    return {path.removesuffix(".yaml") + ".yml": (PLAIN, raw)}


def second_file_elsewhere(_: str, raw: bytes) -> Entries:
    return {"docs/copy.yaml": (PLAIN, raw + b"# another text\n")}


def second_file_of_another_case(path: str, raw: bytes) -> Entries:
    return {path.removesuffix("yaml") + "YAML": (PLAIN, raw)}


ATTACKS: Final[tuple[Attack, ...]] = (
    *(frozen_field, added_field, other_kind, unreadable, renamed, renamed_and_said_so, deleted, case_only),
    *(symlink, submodule, executable, folder, second_file, second_file_elsewhere, second_file_of_another_case),
)
VERSIONS: Final = ("1.0.0", "1.0.1", "1.1.0", "2.0.0-rc.1", "2.0.0")
MAKERS: Final[dict[str, Callable[..., bytes]]] = {"models": model, "datasets": dataset, "configs": config}


def versions_in(state: Snapshot) -> Iterator[str]:
    for address in state.addresses():
        if address.version is not None:
            yield address.path


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return new_registry(tmp_path_factory.mktemp("laws"), BASE)


@pytest.fixture(scope="module")
def gate(registry: Registry) -> Gate:
    return Gate(registry.repo)


def judged(gate: Gate, base: str | None, head: str) -> Report:
    assert base
    return gate.validate(base, head, around=around())


def kept(report: Report) -> bool:
    return report.outcome == "fail" and bool(KEEPING & {finding.rule for finding in report.findings})


def merged(state: Snapshot, head: str) -> str:
    """Bring a commit in by a merge whose other side did something harmless."""
    harmless: dict[str, bytes | None] = {path_of("harmless"): model("harmless")}
    side = write_commit(
        state.repo, parent=state.commit, changes=harmless, author=AUTHOR, committer=AUTHOR, message="side"
    )
    entries: Entries = {path_of("harmless"): (PLAIN, model("harmless"))}
    return write_entries(Snapshot(state.repo, head, state.memory), entries, [side, head])


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, bytes | None]]:
    """Make commits that each add or describe versions, and move aliases."""
    landed: dict[str, tuple[str, str, str]] = {}
    made: list[dict[str, bytes | None]] = []
    for _ in range(draw(st.integers(1, 4))):
        files: dict[str, bytes | None] = {}
        for _ in range(draw(st.integers(1, 3))):
            of, name = draw(st.sampled_from(sorted(MAKERS))), draw(st.sampled_from("xyz"))
            version = draw(st.sampled_from(VERSIONS))
            path = path_of(name, version, folder=of)
            described: dict[str, Any] = {"description": "Described."} if path in landed else {}
            files[path] = MAKERS[of](name, version, **described)
            landed[path] = (of, name, version)
        models = [(name, version) for of, name, version in landed.values() if of == "models"]
        if models:
            name, version = draw(st.sampled_from(models))
            files[f"models/acme/{name}/aliases.yaml"] = aliases(name, candidate=version)
        made.append(files)
    return made


@settings(
    max_examples=tries(30, 200),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(histories(), st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=2), st.booleans(), st.data())
def test_no_attack_on_what_has_landed_passes(
    registry: Registry,
    gate: Gate,
    history: list[dict[str, bytes | None]],
    attacks: list[Attack],
    by_merge: bool,
    data: st.DataObject,
) -> None:
    tip = registry.snapshot().commit
    for files in history:
        tip = write_commit(registry.repo, parent=tip, changes=files, author=AUTHOR, committer=AUTHOR, message="lands")
    state = Snapshot(registry.repo, tip, registry.snapshot().memory)
    head = tip
    assert head
    chosen = data.draw(
        st.lists(st.sampled_from(sorted(versions_in(state))), min_size=len(attacks), max_size=len(attacks), unique=True)
    )
    for attack, path in zip(attacks, chosen, strict=True):
        at = Snapshot(registry.repo, head, state.memory)
        found = at.read(path)
        assert found
        head = write_entries(at, attack(path, found[1]))
    head = merged(state, head) if by_merge else head
    report = judged(gate, tip, head)
    assert kept(report), [finding.explain() for finding in report.findings]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("by_merge", [False, True], ids=["by-commit", "by-merge"])
def test_every_attack_is_found_on_every_landed_version(
    registry: Registry, gate: Gate, attack: Attack, by_merge: bool
) -> None:
    state = registry.snapshot()
    for path in sorted(versions_in(state)):
        found = state.read(path)
        assert found
        head = write_entries(state, attack(path, found[1]))
        report = judged(gate, state.commit, merged(state, head) if by_merge else head)
        assert kept(report), [attack.__name__, path, *(finding.explain() for finding in report.findings)]


@pytest.mark.parametrize("path", ["models/acme/chat/aliases.yaml", "access/tester.yaml", "namespaces/acme.yaml"])
@pytest.mark.parametrize("attack", [other_kind, unreadable, deleted, symlink, submodule, executable])
def test_records_without_versions_stay_too(registry: Registry, gate: Gate, path: str, attack: Attack) -> None:
    state = registry.snapshot()
    found = state.read(path)
    assert found
    if path == "access/tester.yaml" and attack is other_kind:
        return
    assert kept(judged(gate, state.commit, write_entries(state, attack(path, found[1]))))


def test_an_attack_made_before_main_moved_on_is_found(tmp_path: Path) -> None:
    registry = new_registry(tmp_path, BASE)
    fork = registry.snapshot()
    head = write_entries(fork, frozen_field(path_of(), BASE[path_of()]))
    main = commit(registry, {path_of("meanwhile"): model("meanwhile")})
    assert kept(judged(Gate(registry.repo), main.commit, head))


def test_what_is_put_over_another_one_is_found(registry: Registry, gate: Gate) -> None:
    state = registry.snapshot()
    head = write_entries(state, {path_of(version="1.1.0"): (PLAIN, BASE[path_of()])})
    assert kept(judged(gate, state.commit, head))


@pytest.mark.parametrize(
    ("count", "rules"), [(500, None), (tries(2_000, 10_000), RULES)], ids=["every-rule", "the-rules-on-this"]
)
def test_one_change_among_thousands_of_files_is_found(
    registry: Registry, gate: Gate, count: int, rules: tuple[Rule, ...] | None
) -> None:
    state = registry.snapshot()
    digest, plain = sha256(b"acme/m@1.0.0").hexdigest().encode(), model("m")
    entries: Entries = {
        path_of(f"m{n}"): (PLAIN, plain.replace(b"name: m", b"name: m%d" % n).replace(digest, b"%064x" % (n + 1)))
        for n in range(count)
    }
    head = write_entries(state, {**entries, **frozen_field(path_of(), BASE[path_of()])})
    assert state.commit
    report = gate.validate(state.commit, head, around=around(), rules=rules)
    assert report.records == count + 1
    assert kept(report)
    assert {finding.path for finding in report.findings if finding.rule in KEEPING} == {path_of()}


@pytest.mark.parametrize("between", [0, 12])
@pytest.mark.parametrize("is_same", [True, False])
def test_a_removed_version_comes_back_only_as_it_was(tmp_path: Path, between: int, is_same: bool) -> None:
    registry = new_registry(tmp_path, {**BASE, path_of("gone"): model("gone")})
    commit(registry, {path_of("gone"): None})
    for n in range(between):
        commit(registry, {path_of(f"n{n}"): model(f"n{n}")})
    state = registry.snapshot()
    again = model("gone") if is_same else model("gone", license="mit")
    report = judged(Gate(registry.repo), state.commit, write_entries(state, {path_of("gone"): (PLAIN, again)}))
    assert ("GR-014" in {finding.rule for finding in report.findings}) is not is_same
    assert report.outcome == ("pass" if is_same else "fail"), [finding.explain() for finding in report.findings]


def test_nothing_is_found_in_a_change_that_attacks_nothing(registry: Registry, gate: Gate) -> None:
    state = registry.snapshot()
    entries: Entries = {path_of(): (PLAIN, model(description="Described.")), path_of("n"): (PLAIN, model("n"))}
    report = judged(gate, state.commit, write_entries(state, entries))
    assert not KEEPING & {finding.rule for finding in report.findings}
    assert all(addresses_at(path) for path in entries)
