"""Impact against an oracle that walks every way there is, over the manifests as data; plans against what they do."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from effort import tries
from gate_support import aliases, config, dataset, model, path_of, pipeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from impact_support import Corner, World, suite

from gitreg.manifests import read_manifest, to_data
from gitreg.versions import Range, Version
from gitreg_indexer.graph.applying import drafts_of

laws = settings(max_examples=tries(25, 400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
rarer = settings(laws, max_examples=tries(50, 1000))
RANKS: Final = ("breaking", "unknown", "non-breaking")
NAMES: Final = ("a", "b", "c")
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0", "2.1.0-rc.1")
SELECTORS: Final = ("", "@1.0.0", "@1.1.0", "@2.0.0", "@^1", "@^1.1", "@~1.0", "@>=1.0.0", "@*", "@latest", "@stable")
STATUSES: Final = ("active", "active", "deprecated", "retired")

refs = st.tuples(st.sampled_from(NAMES), st.sampled_from(SELECTORS), st.booleans())
models = st.fixed_dictionaries(
    {
        "needs": st.lists(refs, max_size=2),
        "from": st.lists(refs, max_size=1),
        "status": st.sampled_from(STATUSES),
    }
)
worlds = st.fixed_dictionaries(
    {
        "models": st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from(VERSIONS)), models, min_size=3),
        "aliases": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERSIONS)),
        "suite": st.none() | refs,
        "stage": st.none() | refs,
        "settings": st.none() | st.sampled_from(NAMES),
    }
)
OWN: Final = ("1.0.0", "1.0.5", "1.1.0", "1.2.0", "2.0.0")
own_selectors = st.sampled_from(("", "@^1", "@~1.0", "@*", "@latest", "@stable", *(f"@{version}" for version in OWN)))
own_refs = st.tuples(st.just("b"), own_selectors, st.sampled_from((True, True, True, False)))
pins = st.tuples(st.just("b"), st.sampled_from(("@1.1.0", "@1.2.0", "@2.0.0")), st.just(True))
written = st.just(("dataset:d", "@1.0.0", True))


def named(name: str, versions: tuple[str, ...], needs: st.SearchStrategy[Any], least: int) -> st.SearchStrategy[Any]:
    about = st.fixed_dictionaries(
        {
            "needs": st.lists(needs, max_size=2),
            "from": st.lists(own_refs, max_size=int(name != "b")),
            "status": st.sampled_from(("active",) * 8 + ("deprecated", "retired")),
        }
    )
    return st.dictionaries(st.tuples(st.just(name), st.sampled_from(versions)), about, min_size=least)


families = st.fixed_dictionaries(
    {
        "b": named("b", OWN, pins | own_refs | written, 3),
        "a": named("a", OWN[2:], own_refs, 1),
        "c": named("c", OWN[2:], own_refs | st.tuples(st.just("a"), own_selectors, st.just(True)) | written, 0),
        "aliases": st.dictionaries(st.sampled_from(("a", "b")), st.sampled_from(OWN)),
        "writers": st.dictionaries(st.sampled_from(OWN[2:]), own_selectors, max_size=2),
    }
).map(lambda drawn: {**drawn, "models": {**drawn["b"], **drawn["a"], **drawn["c"]}})
"""Versions of one name that need one another, and what pipelines write that run on them."""


def files_of(drawn: Mapping[str, Any]) -> dict[str, bytes]:
    """Write what was drawn as manifests."""
    files: dict[str, bytes] = {}
    for (name, version), about in drawn["models"].items():
        needs = [{"ref": placed(to) + selector, "required": hard} for to, selector, hard in about["needs"]]
        made = [{"ref": f"acme/{to}{selector}", "method": "merge"} for to, selector, _ in about["from"]]
        spec: dict[str, Any] = {"dependencies": needs, "derivedFrom": made, "lifecycle": {"status": about["status"]}}
        files[path_of(name, version)] = model(name, version, **{key: value for key, value in spec.items() if value})
    for name, version in drawn["aliases"].items():
        files[f"models/acme/{name}/aliases.yaml"] = aliases(name, stable=version)
    for version, selector in drawn.get("writers", {}).items():
        node = {"id": "x", "type": "model", "model": f"acme/b{selector}"}
        spec = {"dag": {"nodes": [node]}, "writes": ["dataset:acme/d@1.0.0"]}
        files["datasets/acme/d/1.0.0.yaml"] = dataset("d")
        files[f"pipelines/acme/w/{version}.yaml"] = pipeline("w", version, **spec)
    if drawn.get("suite"):
        files |= suite("s", f"acme/{drawn['suite'][0]}{drawn['suite'][1]}")
    if drawn.get("stage"):
        node = {"id": "x", "type": "model", "model": f"acme/{drawn['stage'][0]}{drawn['stage'][1]}"}
        files["pipelines/acme/p/1.0.0.yaml"] = pipeline(dag={"nodes": [node]})
    if drawn.get("settings"):
        files["configs/acme/defaults/1.0.0.yaml"] = config(appliesTo=[f"acme/{drawn['settings']}"])
    return files


def placed(name: str) -> str:
    word, _, rest = name.rpartition(":")
    return f"{word}:acme/{rest}" if word else f"acme/{rest}"


def without_circles(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out references to names that do not come later, as the gate lets no circles through."""
    models = {
        (name, version): {
            **about,
            "needs": [ref for ref in about["needs"] if ref[0] > name],
            "from": [ref for ref in about["from"] if ref[0] > name],
        }
        for (name, version), about in drawn["models"].items()
    }
    return {**drawn, "models": models}


@dataclass(frozen=True)
class Oracle:
    """Impact as the page tells it, with no thought of speed."""

    manifests: Mapping[str, dict[str, Any]]

    def versions(self, name: str) -> list[Version]:
        found = (ref.partition("@") for ref in self.manifests)
        return sorted((Version.parse(text) for known, _, text in found if known == name and text), reverse=True)

    def is_ended(self, ref: str, gone: str) -> bool:
        return ref == gone or self.manifests[ref]["spec"].get("lifecycle", {}).get("status") == "retired"

    def admits(self, name: str, selector: str, gone: str = "") -> list[str]:
        """List what satisfies a selector; an alias is satisfied by what it means."""
        if selector in ("latest", "stable"):
            return [ref for ref in [self.means(name, selector, gone)] if ref]
        allowed = Range.parse(selector) if selector and selector[0] in "^~>*" else None
        return [
            f"{name}@{version}"
            for version in self.versions(name)
            if not selector or str(version) == selector or (allowed and allowed.allows(version))
        ]

    def means(self, name: str, selector: str, gone: str = "") -> str | None:
        """Tell what a selector means, with one version taken for retired."""
        known = [f"{name}@{version}" for version in self.versions(name)]
        releases = [ref for ref in known if "-" not in ref and not self.is_ended(ref, gone)]
        if selector == "latest":
            return next(iter(releases), None)
        if selector == "stable":
            held = self.manifests.get(f"aliases:{name.replace(':', '/', 1)}", {"spec": {"aliases": {}}})
            wanted = f"{name}@{held['spec']['aliases'].get('stable')}"
            return wanted if wanted in known else None
        if not selector:
            return next(iter([*releases, *known]), None)
        admitted = self.admits(name, selector)
        alive = [ref for ref in admitted if not self.is_ended(ref, gone)]
        return next(iter([*(alive if selector[0] in "^~>*" else []), *admitted]), None)

    def judged(self, change: str, held: tuple[str, str, str, bool], provider: str, gone: str) -> str | None:
        """Judge the reference (relation, name, selector, required) of a consumer; None where it admits not.

        `gone` is what is retired, by this change or by that from which it comes.
        """
        relation, name, selector, hard = held
        means = then = self.means(name, selector)
        if means == gone:
            other = self.means(name, selector, gone)
            then = means if other is None or self.is_ended(other, gone) else other
        if provider not in (*self.admits(name, selector), then):
            return None
        if change == "deprecate" or not hard or relation == "validates":
            return "non-breaking"
        if change == "breaking":
            return "breaking" if then == provider else "unknown"
        return "breaking" if means == then == provider else "non-breaking"

    def steps(self, change: str, provider: str, gone: str) -> Iterator[tuple[str, str]]:
        """Give each consumer of a provider with what happens to it."""
        for ref, data in self.manifests.items():
            if ref != provider:
                for held in held_by(data):
                    impact = self.judged(change, held, provider, gone)
                    yield from [(ref, impact)] if impact else []
        if provider.startswith("config:"):
            for text in self.manifests[provider]["spec"].get("appliesTo", ()):
                for ref in self.admits(f"model:{text}", ""):
                    yield ref, "non-breaking" if change == "deprecate" else "breaking"
        if provider.startswith("pipeline:"):
            for ref in self.manifests[provider]["spec"].get("writes", ()):
                yield ref, "non-breaking" if change == "deprecate" else "breaking"

    def impacts(self, change: str, target: str) -> dict[str, tuple[int, int]]:
        """Walk every way that comes to no record twice; give rank and distance of the best for each record."""
        found: dict[str, tuple[int, int]] = {}
        gone = target if change == "retire" else ""

        def walk(ref: str, rank: int, way: tuple[str, ...]) -> None:
            here = change if ref == target or change == "deprecate" else "breaking"
            for consumer, impact in self.steps(here, ref, gone):
                if consumer not in way:
                    told = max(rank, RANKS.index(impact)), len(way)
                    found[consumer] = min(found.get(consumer, told), told)
                    walk(consumer, told[0], (*way, consumer))

        walk(target, 0, (target,))
        return found


def held_by(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Give what a manifest says of models: relation, name, selector, whether it is required."""
    spec = data["spec"]
    for need in spec.get("dependencies", ()):
        yield "depends_on", *split(need["ref"]), need.get("required", True)
    for made in spec.get("derivedFrom", ()):
        yield "derived_from", *split(made["ref"]), True
    for node in spec.get("dag", {}).get("nodes", ()):
        yield "uses", *split(node["model"]), True
    if "target" in spec:
        yield "validates", *split(spec["target"]), True


def split(text: str) -> tuple[str, str]:
    name, _, selector = text.partition("@")
    return name if ":" in name else f"model:{name}", selector


def oracle_of(files: Mapping[str, bytes]) -> Oracle:
    readings = [read_manifest(raw).manifest for raw in files.values()]
    return Oracle({each.address.ref: to_data(each) for each in readings if each})


@cache
def world() -> World:
    above = Path(mkdtemp(prefix="gitreg-impact-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    return World(above)


@laws
@given(worlds | families, st.data())
def test_impact_is_what_walking_every_way_gives(drawn: Mapping[str, Any], data: st.DataObject) -> None:
    files = files_of(drawn)
    here, oracle = world().corner(files), oracle_of(files)
    told = [ref for ref in oracle.manifests if not ref.startswith("aliases:")]
    for target in data.draw(st.lists(st.sampled_from(sorted(told)), min_size=1, max_size=3, unique=True)):
        for change in ("breaking", "retire", "deprecate"):
            if change == "retire" and target.startswith("pipeline:acme/w"):
                continue  # another version may write what it wrote
            found = here.told(target, change=change)["impacted"]
            assert {each["ref"]: (RANKS.index(each["impact"]), each["distance"]) for each in found} == oracle.impacts(
                change, target
            )
            assert all(each["path"][0] == target and each["path"][-1] == each["ref"] for each in found)
            assert all(len(each["path"]) == each["distance"] + 1 for each in found)


def target_of(drawn: Mapping[str, Any], data: st.DataObject) -> str:
    return data.draw(st.sampled_from(sorted(f"model:acme/{name}@{version}" for name, version in drawn["models"])))


@rarer
@given(worlds.map(without_circles) | families, st.data())
def test_what_a_plan_makes_does_not_break_any_more(drawn: Mapping[str, Any], data: st.DataObject) -> None:
    here = world().corner(files_of(drawn))
    target, change = target_of(drawn, data), data.draw(st.sampled_from(("breaking", "retire")))
    to = data.draw(st.sampled_from([None, *places_for(here, target, change, drawn)]))
    before = here.told(target, change=change, plan=True, to=to)
    left = {target, *broken_in(before)}
    assert [step for step in before["plan"] if step["to"] in left or step["satisfiedBy"] in left - {step["ref"]}] == []
    assert [step for step in before["plan"] if step["action"] == "edit" and not is_due(step, left)] == []
    made = carried_out(here, target, change, to)
    assert made == {f"{s['ref'].partition('@')[0]}@{s['newVersion']}" for s in before["plan"] if s["newVersion"]}
    after = here.told(target, change=change, plan=True, to=to)
    assert broken_in(after).isdisjoint(made | satisfied_in(before))
    assert [step for step in after["plan"] if step["action"] == "edit"] == []


def places_for(here: Corner, target: str, change: str, drawn: Mapping[str, Any]) -> list[str]:
    """List the versions that can be named with `--to`."""
    left = {target, *broken_in(here.told(target, change=change))}
    alive = [(name, version) for (name, version), about in drawn["models"].items() if about["status"] != "retired"]
    refs = (f"model:acme/{name}@{version}" for name, version in sorted(alive))
    return [ref for ref in refs if ref not in left and ref.partition("@")[0] == target.partition("@")[0]]


def broken_in(told: Mapping[str, Any]) -> set[str]:
    return {each["ref"] for each in told["impacted"] if each["impact"] == "breaking"}


def is_due(step: Mapping[str, Any], left: set[str]) -> bool:
    """Tell whether an edit is of what breaks, or of an alias."""
    return step["ref"] in left or step["ref"].startswith("aliases:")


def satisfied_in(told: Mapping[str, Any]) -> set[str]:
    """Give who is said to be satisfied as it is, in all that it refers to, once the plan is carried out."""
    open_ = {step["ref"] for step in told["plan"] if step["action"] != "none" or step["satisfiedBy"] is None}
    return {step["ref"] for step in told["plan"]} - open_


@rarer
@given(families, st.data())
def test_a_retirement_does_what_was_told_before(drawn: Mapping[str, Any], data: st.DataObject) -> None:
    """Nobody is harmed more than was told; where its other versions are alive, all are just as much, by as short a way.

    Where a range is left with what has ended, and `latest` with nothing, it was told to break, though it no longer
    resolves to the version then.
    """
    here, target = world().corner(files_of(drawn)), target_of({"models": drawn["b"]}, data)
    before = harm_of(here, target)
    name, _, version = target.removeprefix("model:acme/").partition("@")
    models = {**drawn["models"], (name, version): {**drawn["models"][name, version], "status": "retired"}}
    here.land(files_of({**drawn, "models": models}))
    after = harm_of(here, target)
    assert all(ref in before and before[ref][0] <= rank for ref, (rank, _) in after.items())
    others = {
        each: about["status"] for each, about in drawn["models"].items() if each[0] == name and each[1] != version
    }
    if "retired" not in others.values() and any("-" not in other for _, other in others):
        assert after == before


def harm_of(here: Corner, target: str) -> dict[str, tuple[int, int]]:
    """Give who breaks, or may, when a version is retired: how, and at what distance."""
    found = [each for each in here.told(target, change="retire")["impacted"] if each["impact"] != "non-breaking"]
    return {each["ref"]: (RANKS.index(each["impact"]), each["distance"]) for each in found}


def carried_out(here: Corner, target: str, change: str, to: str | None) -> set[str]:
    """Land what a plan says, and give the refs of the versions that are new."""
    found = here.analyse(target, change=change, plan=True, to=to)
    registry = here.world.registry
    drafts = drafts_of(registry.snapshot(), found)
    here.land({draft.origin: draft.raw for draft in drafts})
    made = (read_manifest(draft.raw).manifest for draft in drafts)
    return {each.address.ref.replace(here.name, "acme") for each in made if each and each.address.version}
