"""The importer on the real catalogue, where it lies beside the repository."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gitreg.importers.litellm import (
    Catalogue,
    ImportReport,
    Skipped,
    Wanted,
    import_catalogue,
    map_row,
    read_catalogue,
)
from gitreg.kinds import WELL_KNOWN_PROVIDERS
from gitreg.manifests import manifest_from_data, read_manifest, write_manifest
from gitreg.registry import Registry
from gitreg.repository.git import Signature

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "litellm" / "model_prices_and_context_window.json"
AUTHOR = Signature("Ada", "ada@example.com", datetime(2031, 1, 1, tzinfo=UTC))

SUFFIX = re.compile(r"-x[0-9a-f]{6}\Z")

pytestmark = pytest.mark.skipif(not REAL.exists(), reason="the catalogue is not beside the repository")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(REAL.read_bytes())


@pytest.fixture(scope="module")
def mapped(catalogue: Catalogue) -> list[Wanted | Skipped]:
    return [map_row(key, value, as_of=catalogue.as_of) for key, value in catalogue.entries.items()]


@pytest.fixture(scope="module")
def wanted(mapped: list[Wanted | Skipped]) -> list[Wanted]:
    return [each for each in mapped if isinstance(each, Wanted)]


@pytest.fixture(scope="module")
def laws() -> ModuleType:
    path = ROOT / "tests" / "property" / "test_import_litellm_laws.py"
    found = importlib.util.spec_from_file_location("import_litellm_laws", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_every_row_with_a_mode_is_wanted_and_the_rest_is_skipped_with_a_reason(
    catalogue: Catalogue, mapped: list[Wanted | Skipped]
) -> None:
    skipped = [each for each in mapped if isinstance(each, Skipped)]
    assert len(catalogue.entries) == len(mapped) == 2985
    assert len(skipped) == 11
    assert Counter(each.reason.partition(":")[0] for each in skipped) == {
        "not a model": 3,
        "a price class, not a model": 8,
    }


def test_addresses_are_unique_and_few_names_need_a_suffix(wanted: list[Wanted]) -> None:
    places = [(each.data["metadata"]["namespace"], each.data["metadata"]["name"]) for each in wanted]
    assert len(set(places)) == len(places) == 2974
    suffixed = [each for each in wanted if SUFFIX.search(each.data["metadata"]["name"])]
    assert len(suffixed) == 346
    assert sum(each.key != each.key.lower() for each in suffixed) == 300


def test_every_provider_is_well_known(wanted: list[Wanted]) -> None:
    assert {each.data["spec"]["provider"] for each in wanted} <= set(WELL_KNOWN_PROVIDERS)


def test_every_manifest_reads_back_as_it_was_written(wanted: list[Wanted]) -> None:
    for each in wanted:
        made = manifest_from_data(each.data)
        assert made.manifest is not None, (each.key, made.findings)
        assert read_manifest(write_manifest(made.manifest)).manifest == made.manifest


def test_every_key_of_every_row_is_accounted_for(catalogue: Catalogue, wanted: list[Wanted], laws: ModuleType) -> None:
    for each in wanted:
        laws.assert_nothing_is_lost(catalogue.entries[each.key], each)


def test_the_faults_of_the_source_are_said(mapped: list[Wanted | Skipped]) -> None:
    said = Counter(warning.partition("`")[2].partition("`")[0] for each in mapped for warning in each.warnings)
    assert said == {
        "max_input_tokens": 17,
        "max_output_tokens": 22,
        "max_tokens": 22,
        "source": 5,
        "supported_output_modalities": 8,
    }


def run(registry: Registry, entries: dict[str, Any]) -> ImportReport:
    return import_catalogue(registry, json.dumps(entries).encode(), author=AUTHOR, origin="prices.json")


def test_the_import_adds_up_repeats_as_nothing_and_follows_an_edited_file(tmp_path: Path, catalogue: Catalogue) -> None:
    registry = Registry.init(tmp_path / "r", name="x", author=AUTHOR)
    first = run(registry, catalogue.entries)
    assert (first.registered, first.updated, first.unchanged, len(first.skipped)) == (2974, 0, 0, 11)
    second = run(registry, catalogue.entries)
    assert (second.registered, second.updated, second.unchanged, second.commit) == (0, 0, 2974, None)
    edited = dict(reversed(json.loads(json.dumps(catalogue.entries)).items()))
    edited["gpt-4o"]["max_input_tokens"] = 200_000
    edited["gpt-4o-mini"]["input_cost_per_token"] = 1e-07
    edited["new-model"] = {"litellm_provider": "openai", "mode": "chat"}
    del edited["o1"]
    third = run(registry, edited)
    assert (third.registered, third.updated, third.unchanged) == (2, 1, 2971)
    assert third.read == third.registered + third.updated + third.unchanged + len(third.skipped)
    assert third.gone == (("o1", "model:openai/o1@1.0.0"),)
    assert registry.resolve("openai/gpt-4o").version == "1.1.0"
    assert registry.resolve("openai/gpt-4o-mini").version == "1.0.0"
