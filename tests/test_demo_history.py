"""The demo organisation's history is a registry's history: every commit is valid where it is applied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gitreg.kinds import Aliases, Dataset, Manifest, Model, Pipeline, PipelineTemplate, RoleBinding, mutable_paths
from gitreg.kinds.references import references_of
from gitreg.manifests import read_manifest, to_data, without, write_manifest
from gitreg.refs import Ref
from gitreg.resolution import choose
from gitreg.versions import Version
from gitreg_api.demo import Step, steps

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("experimental", "active", "deprecated", "retired")


@dataclass
class State:
    """What has landed so far: manifests by path."""

    records: dict[str, Manifest] = field(default_factory=dict)

    def apply(self, step: Step) -> None:
        self.records |= _read(step)

    def versions_of(self, ref: Ref) -> dict[Version, Manifest]:
        """Give the landed versions of a name, highest first."""
        folder = ref.address("0.0.0").folder
        found = [
            (Version.parse(record.address.version), record)
            for record in self.records.values()
            if record.address.version and record.address.folder == folder
        ]
        return dict(sorted(found, key=lambda pair: pair[0], reverse=True))

    def resolve(self, ref: Ref) -> Manifest | None:
        """Find what a ref means here."""
        if not ref.address("0.0.0").folder or ref.kind in ("Namespace", "PolicyLink"):
            return self.records.get(ref.address().path)
        versions = self.versions_of(ref)
        aliases = self.records.get(f"{ref.address('0.0.0').folder}/aliases.yaml")
        names = aliases.spec.aliases if isinstance(aliases, Aliases) else {}
        chosen = choose(ref.selector, list(versions), names, lambda v: _status(versions[v]) == "retired")
        return versions[chosen] if chosen else None


def _read(step: Step) -> dict[str, Manifest]:
    read = {path: read_manifest(raw, path=path).manifest for path, raw in step.files.items()}
    return {path: manifest for path, manifest in read.items() if manifest is not None}


def _status(manifest: Manifest) -> str | None:
    return getattr(getattr(manifest.spec, "lifecycle", None), "status", None)


@pytest.fixture(scope="module")
def history() -> list[Step]:
    return list(steps())


@pytest.fixture
def walk(history: list[Step]) -> Iterator[tuple[Step, State]]:
    """Each step with the state before it."""

    def walking() -> Iterator[tuple[Step, State]]:
        state = State()
        for file in (ROOT / "registry_repo_template/access").iterdir():
            role = read_manifest(file.read_bytes()).manifest
            assert role is not None
            state.records[f"access/{file.name}"] = role
        for step in history:
            yield step, state
            state.apply(step)

    return walking()


@pytest.fixture(scope="module")
def landed(history: list[Step]) -> State:
    state = State()
    for step in history:
        state.apply(step)
    return state


def test_every_file_reads_stands_at_its_path_and_is_canonical(history: list[Step]) -> None:
    for step in history:
        for path, raw in step.files.items():
            reading = read_manifest(raw, path=path)
            assert reading.manifest is not None, [finding.explain() for finding in reading.findings]
            assert reading.manifest.address.path == path
            assert write_manifest(reading.manifest) == raw, path


def test_every_step_changes_something(walk: Iterator[tuple[Step, State]]) -> None:
    for step, before in walk:
        assert step.files, step.message
        same = [path for path, manifest in _read(step).items() if before.records.get(path) == manifest]
        assert same == [], step.message


def test_no_frozen_field_of_a_landed_version_ever_changes(walk: Iterator[tuple[Step, State]]) -> None:
    for step, before in walk:
        for path, manifest in _read(step).items():
            if manifest.is_versioned and path in before.records:
                frozen = [without(to_data(m), mutable_paths(m.kind)) for m in (before.records[path], manifest)]
                assert frozen[0] == frozen[1], f"{step.message}: {path}"


def test_every_reference_means_something_when_it_lands(walk: Iterator[tuple[Step, State]]) -> None:
    for step, state in walk:
        after = State(state.records | _read(step))
        for path, manifest in _read(step).items():
            for reference in references_of(manifest):
                assert after.resolve(reference.ref), f"{path}: {reference.field}: {reference.ref}"


def test_nothing_new_stands_on_what_is_deprecated_or_retired(walk: Iterator[tuple[Step, State]]) -> None:
    for step, state in walk:
        after = State(state.records | _read(step))
        for path in _read(step).keys() - state.records.keys():
            for reference in references_of(after.records[path]):
                meant = after.resolve(reference.ref)
                assert meant is None or _status(meant) in (None, "active"), f"{path}: {reference.ref}"


def test_every_record_lands_in_a_namespace_that_is_there(walk: Iterator[tuple[Step, State]]) -> None:
    for step, state in walk:
        after = state.records | _read(step)
        for path, manifest in _read(step).items():
            namespace = manifest.address.namespace
            parents = {namespace, namespace.rpartition("/")[0]} - {""}
            assert {f"namespaces/{parent}.yaml" for parent in parents} <= after.keys(), path


def test_every_alias_names_a_live_version(walk: Iterator[tuple[Step, State]]) -> None:
    for step, state in walk:
        after = state.records | _read(step)
        for path, manifest in after.items():
            if isinstance(manifest, Aliases):
                folder = path.removesuffix("/aliases.yaml")
                for alias, version in manifest.spec.aliases.items():
                    assert f"{folder}/{version}.yaml" in after, f"{path}: {alias}"


def test_lifecycles_only_go_forward_and_the_deprecated_name_a_successor(
    walk: Iterator[tuple[Step, State]],
) -> None:
    for step, before in walk:
        for path, manifest in _read(step).items():
            status, earlier = _status(manifest), before.records.get(path)
            if earlier is not None and status is not None:
                assert ORDER.index(_status(earlier) or "active") <= ORDER.index(status), path
            if status == "deprecated":
                lifecycle: Any = manifest.spec
                assert lifecycle.lifecycle.successor, path
                assert lifecycle.lifecycle.retirement_date > lifecycle.lifecycle.deprecation_date


def test_a_new_version_names_the_one_before_it(walk: Iterator[tuple[Step, State]]) -> None:
    for step, before in walk:
        for path, manifest in _read(step).items():
            previous = getattr(getattr(manifest.spec, "release", None), "previous_version", None)
            if previous:
                assert f"{manifest.address.folder}/{previous}.yaml" in before.records, path


def test_a_breaking_release_is_a_major_one_with_notes_and_a_guide(landed: State) -> None:
    breaking = [
        record
        for record in landed.records.values()
        if getattr(getattr(record.spec, "release", None), "breaking_changes", False)
    ]
    assert any(isinstance(record, Model) for record in breaking)
    for record in breaking:
        release: Any = record.spec
        assert release.release.changelog
        assert release.release.migration_guide
        assert re.fullmatch(r"[1-9]\d*\.0\.0", record.address.version or "")


def test_every_binding_names_a_role_of_the_template(walk: Iterator[tuple[Step, State]]) -> None:
    for step, before in walk:
        for path, manifest in _read(step).items():
            if isinstance(manifest, RoleBinding):
                assert f"access/{manifest.spec.role}.yaml" in before.records, path


def test_every_author_owns_what_is_changed(walk: Iterator[tuple[Step, State]]) -> None:
    for step, state in walk:
        after = state.records | _read(step)
        address = step.author.partition("<")[2].rstrip(">")
        for manifest in _read(step).values():
            if manifest.address.namespace:
                assert address in _owners(after, manifest.address.namespace), f"{step.message}: {address}"


def _owners(records: dict[str, Manifest], namespace: str) -> set[str]:
    owners: set[str] = set()
    while namespace:
        spec: Any = records[f"namespaces/{namespace}.yaml"].spec
        owners |= set(spec.owners)
        namespace = namespace.rpartition("/")[0]
    return owners


def test_a_pipeline_from_a_template_is_what_the_template_renders(landed: State) -> None:
    made = [r for r in landed.records.values() if isinstance(r, Pipeline) and r.spec.template]
    assert made
    for pipeline in made:
        assert pipeline.spec.template is not None
        template = landed.resolve(Ref.parse(pipeline.spec.template.ref, kind="PipelineTemplate"))
        assert isinstance(template, PipelineTemplate)
        defaults = {name: blank.default for name, blank in template.spec.parameters.items()}
        rendered = _rendered(template.spec.body, defaults | pipeline.spec.template.parameters)
        assert {key: to_data(pipeline.spec)[key] for key in rendered} == rendered


def _rendered(body: Any, values: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {key: _rendered(value, values) for key, value in body.items()}
    if isinstance(body, list):
        return [_rendered(value, values) for value in body]
    blank = re.fullmatch(r"\{\{ (\w+) \}\}", body) if isinstance(body, str) else None
    return values[blank[1]] if blank else body


def test_every_edge_joins_ports_that_are_there_and_speak_the_same(landed: State) -> None:
    for pipeline in (record for record in landed.records.values() if isinstance(record, Pipeline)):
        nodes = {node.id: node for node in pipeline.spec.dag.nodes}
        for edge in pipeline.spec.dag.edges:
            given = nodes[edge.source.node].outputs[edge.source.port]
            assert given == nodes[edge.target.node].inputs[edge.target.port], f"{pipeline.address.ref}: {edge}"


def test_custom_fields_keep_the_metadata_schema(landed: State) -> None:
    schema: Any = landed.records["metadata-schemas/northwind/accounting/1.0.0.yaml"].spec
    validator = Draft202012Validator(schema.value_schema)
    custom = [
        record.spec.custom["northwind"]
        for record in landed.records.values()
        if isinstance(record, Model | Dataset | Pipeline) and record.spec.custom
    ]
    assert len(custom) > 5
    assert [error.message for value in custom for error in validator.iter_errors(value)] == []


def test_every_checksum_is_the_digest_of_what_it_says() -> None:
    assert list(run_path(str(ROOT / "tools/check_demo_digests.py"))["wrong_digests"]()) == []


def test_dates_ascend_and_carry_a_zone(history: list[Step]) -> None:
    assert all(step.when.tzinfo is not None for step in history)
    assert all(earlier.when < later.when for earlier, later in pairwise(history))
    assert (history[-1].when - history[0].when).days > 400


def test_every_message_has_a_short_first_line(history: list[Step]) -> None:
    for step in history:
        subject, _, rest = step.message.partition("\n")
        assert 0 < len(subject) <= 90, subject
        assert not rest or rest.startswith("\n"), step.message


def test_the_organisation_is_large_enough_to_look_around_in(history: list[Step], landed: State) -> None:
    models = {r.address.folder: r.address.namespace for r in landed.records.values() if isinstance(r, Model)}
    pipelines = {r.address.folder for r in landed.records.values() if isinstance(r, Pipeline)}
    assert len(history) >= 30
    assert len({step.author for step in history}) >= 4
    assert len(models) >= 20
    assert len(set(models.values())) >= 3
    assert len(pipelines) >= 2


def test_there_is_a_lineage_from_a_base_model_to_what_is_served(landed: State) -> None:
    chain = ["northwind/support/ticket-classifier-live@2.0.0"]
    while True:
        model = landed.resolve(Ref.parse(chain[-1]))
        assert isinstance(model, Model)
        if not model.spec.derived_from:
            break
        chain.append(model.spec.derived_from[0].ref)
    assert [Ref.parse(text).name for text in chain] == [
        "ticket-classifier-live",
        "ticket-classifier-int8",
        "ticket-classifier",
        "mistral-7b-instruct-v0.3",
    ]


def test_prices_endpoints_and_aliases_have_a_history(history: list[Step]) -> None:
    prices: list[Any] = []
    production: list[str] = []
    for step in history:
        for path, raw in step.files.items():
            if "/ticket-classifier-live/" in path:
                prices.append(yaml.safe_load(raw)["spec"]["pricing"]["perMillionTokens"]["input"])
            if path == "models/northwind/support/ticket-classifier/aliases.yaml":
                production.append(yaml.safe_load(raw)["spec"]["aliases"].get("production", ""))
    assert len(set(prices)) >= 3
    assert list(dict.fromkeys(production)) == ["", "1.0.0", "1.1.0", "2.0.0"]
