"""An address, its path, its ref and its id are four spellings of one thing; a bad ref says how to mend it."""

from __future__ import annotations

import string

import pytest
from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.errors import UsageError
from gitreg.kinds import KIND_TYPES
from gitreg.refs import (
    KINDS,
    VERSIONED_KINDS,
    Address,
    Ref,
    Shape,
    addresses_at,
    is_alias,
    is_name,
    is_namespace,
    is_range,
    is_version,
    kind_named,
)
from gitreg.versions import Range, Version

UID = "5d1f0c52-9a0e-4b2e-8f43-2c7b1e6a9d10"

ADDRESSES = [
    pytest.param(Address("Registry", "", "registry"), "registry.yaml", "registry", id="registry"),
    pytest.param(
        Address("Namespace", "acme/nlp", "acme/nlp"), "namespaces/acme/nlp.yaml", "namespace:acme/nlp", id="namespace"
    ),
    pytest.param(
        Address("Model", "acme/nlp", "chat", "1.0.0"),
        "models/acme/nlp/chat/1.0.0.yaml",
        "model:acme/nlp/chat@1.0.0",
        id="model",
    ),
    pytest.param(
        Address("Dataset", "acme", "tickets", "1.0.0-rc.1"),
        "datasets/acme/tickets/1.0.0-rc.1.yaml",
        "dataset:acme/tickets@1.0.0-rc.1",
        id="dataset-prerelease",
    ),
    pytest.param(
        Address("Config", "a/b/c", "d", "0.0.1"), "configs/a/b/c/d/0.0.1.yaml", "config:a/b/c/d@0.0.1", id="config-deep"
    ),
    pytest.param(
        Address("Pipeline", "acme", "digest", "2.0.0"),
        "pipelines/acme/digest/2.0.0.yaml",
        "pipeline:acme/digest@2.0.0",
        id="pipeline",
    ),
    pytest.param(
        Address("PipelineTemplate", "acme", "rag", "1.0.0"),
        "templates/acme/rag/1.0.0.yaml",
        "template:acme/rag@1.0.0",
        id="template",
    ),
    pytest.param(
        Address("TestSuite", "acme", "accept", "1.0.0"),
        "suites/acme/accept/1.0.0.yaml",
        "suite:acme/accept@1.0.0",
        id="suite",
    ),
    pytest.param(
        Address("Policy", "acme", "pii", "1.0.0"), "policies/acme/pii/1.0.0.yaml", "policy:acme/pii@1.0.0", id="policy"
    ),
    pytest.param(
        Address("PolicyLink", "acme", "prod"), "policy-links/acme/prod.yaml", "policy-link:acme/prod", id="policy-link"
    ),
    pytest.param(
        Address("MetadataSchema", "acme", "money", "1.0.0"),
        "metadata-schemas/acme/money/1.0.0.yaml",
        "metadata-schema:acme/money@1.0.0",
        id="metadata-schema",
    ),
    pytest.param(
        Address("Aliases", "acme", "chat", of="Model"),
        "models/acme/chat/aliases.yaml",
        "aliases:model/acme/chat",
        id="aliases-of-a-model",
    ),
    pytest.param(
        Address("Aliases", "acme/nlp", "digest", of="Pipeline"),
        "pipelines/acme/nlp/digest/aliases.yaml",
        "aliases:pipeline/acme/nlp/digest",
        id="aliases-of-a-pipeline",
    ),
    pytest.param(Address("Role", "", "reader"), "access/reader.yaml", "role:reader", id="role"),
    pytest.param(Address("RoleBinding", "", "team"), "access/team.yaml", "role-binding:team", id="role-binding"),
    pytest.param(Address("Waiver", "", "mirror"), "waivers/mirror.yaml", "waiver:mirror", id="waiver"),
]


@pytest.mark.parametrize(("address", "path", "ref"), ADDRESSES)
def test_an_address_has_one_path_and_one_ref_and_both_lead_back(address: Address, path: str, ref: str) -> None:
    assert address.path == path
    assert address.ref == ref
    assert address in addresses_at(path)
    parsed = Ref.parse(ref)
    assert parsed.address(address.version) == address
    assert str(parsed) == ref
    assert parsed.place == ref.partition("@")[0]


def test_the_table_above_names_every_kind() -> None:
    assert {case.values[0].kind for case in ADDRESSES} == set(KINDS) == set(KIND_TYPES)  # type: ignore[union-attr]


def test_the_folder_of_a_version_holds_every_version() -> None:
    assert Address("Model", "acme", "chat", "1.0.0").folder == "models/acme/chat"
    assert Address("Aliases", "acme", "chat", of="Model").folder == "models/acme/chat"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(
            Address("Model", "acme/nlp", "summarizer", "1.2.0"), "b7199180-09db-5d47-be3e-3eeb3d9527e8", id="version"
        ),
        pytest.param(Address("Registry", "", "registry"), "fb9399b7-d254-5bbe-afb8-3790ca6af7b6", id="registry"),
    ],
)
def test_an_id_is_a_uuid5_that_never_changes(address: Address, expected: str) -> None:
    assert address.id(UID) == expected


def test_an_id_depends_on_the_registry() -> None:
    address = Address("Model", "acme", "chat", "1.0.0")
    assert address.id(UID) != address.id("00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="empty"),
        pytest.param("registry.yml", id="other-ending"),
        pytest.param("README.md", id="readme"),
        pytest.param("models/acme/chat/1.0.0.yml", id="yml"),
        pytest.param("models/acme/chat/1.0.yaml", id="not-a-version"),
        pytest.param("models/acme/chat/1.0.0+build.yaml", id="build-metadata"),
        pytest.param("models/acme/chat/v1.0.0.yaml", id="v"),
        pytest.param("models/chat/1.0.0.yaml", id="no-namespace"),
        pytest.param("models/a/b/c/d/chat/1.0.0.yaml", id="four-deep"),
        pytest.param("models/Acme/chat/1.0.0.yaml", id="upper-case"),
        pytest.param("models/acme/chat.yaml", id="no-version"),
        pytest.param("models/acme/chat/latest.yaml", id="alias"),
        pytest.param("other/acme/chat/1.0.0.yaml", id="unknown-folder"),
        pytest.param("models/acme//chat/1.0.0.yaml", id="empty-part"),
        pytest.param("models/acme/../chat/1.0.0.yaml", id="dots"),
        pytest.param("namespaces/a/b/c/d.yaml", id="namespace-four-deep"),
        pytest.param("access/team/reader.yaml", id="role-in-a-folder"),
        pytest.param("waivers/Mirror.yaml", id="waiver-upper-case"),
        pytest.param("policy-links/prod.yaml", id="policy-link-without-namespace"),
        pytest.param("models/acme/chat/1.0.0.yaml\n", id="newline"),
        pytest.param(".gitreg/schemas/v1/model.schema.json", id="schema"),
        pytest.param("examples/model.yaml", id="example"),
    ],
)
def test_no_record_may_stand_at_another_path(path: str) -> None:
    assert addresses_at(path) == ()


def test_a_role_or_a_binding_may_stand_under_access() -> None:
    assert addresses_at("access/x.yaml") == (Address("Role", "", "x"), Address("RoleBinding", "", "x"))


# Refs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("acme/chat", Ref("Model", "acme", "chat"), id="model-without-a-word"),
        pytest.param("acme/nlp/eu/chat", Ref("Model", "acme/nlp/eu", "chat"), id="three-deep"),
        pytest.param("model:acme/chat", Ref("Model", "acme", "chat"), id="word"),
        pytest.param("Model:acme/chat", Ref("Model", "acme", "chat"), id="kind-name"),
        pytest.param("models:acme/chat", Ref("Model", "acme", "chat"), id="folder-name"),
        pytest.param("TestSuite:acme/chat", Ref("TestSuite", "acme", "chat"), id="camel-case-kind"),
        pytest.param("acme/chat@2.1.0", Ref("Model", "acme", "chat", Version.parse("2.1.0")), id="version"),
        pytest.param(
            "acme/chat@2.1.0-rc.1", Ref("Model", "acme", "chat", Version.parse("2.1.0-rc.1")), id="prerelease"
        ),
        pytest.param("acme/chat@^2", Ref("Model", "acme", "chat", Range.parse("^2")), id="caret"),
        pytest.param("acme/chat@2", Ref("Model", "acme", "chat", Range.parse("2")), id="major"),
        pytest.param("acme/chat@*", Ref("Model", "acme", "chat", Range.parse("*")), id="star"),
        pytest.param("acme/chat@x", Ref("Model", "acme", "chat", Range.parse("x")), id="x-is-a-range"),
        pytest.param(
            "acme/chat@>=2.0.0 <3.0.0", Ref("Model", "acme", "chat", Range.parse(">=2.0.0 <3.0.0")), id="interval"
        ),
        pytest.param("acme/chat@production", Ref("Model", "acme", "chat", "production"), id="alias"),
        pytest.param("acme/chat@latest", Ref("Model", "acme", "chat", "latest"), id="latest"),
        pytest.param("pipeline:a/b@1.0.0", Ref("Pipeline", "a", "b", Version.parse("1.0.0")), id="pipeline"),
        pytest.param("namespace:acme/nlp", Ref("Namespace", "acme/nlp", "acme/nlp"), id="namespace"),
        pytest.param("role:reader", Ref("Role", "", "reader"), id="role"),
        pytest.param("registry", Ref("Registry", "", "registry"), id="registry"),
        pytest.param("registry:", Ref("Registry", "", "registry"), id="registry-with-colon"),
        pytest.param("aliases:model/acme/chat", Ref("Aliases", "acme", "chat", of="Model"), id="aliases"),
    ],
)
def test_a_ref_is_read(text: str, expected: Ref) -> None:
    assert Ref.parse(text) == expected


def test_a_ref_without_a_kind_means_the_kind_that_is_asked_for() -> None:
    assert Ref.parse("acme/pii", kind="Policy").kind == "Policy"
    assert Ref.parse("model:acme/pii", kind="Policy").kind == "Model"


@pytest.mark.parametrize(
    ("text", "says", "mend"),
    [
        pytest.param("", "'' is not a namespace", "acme/summarizer@^2", id="empty"),
        pytest.param("chat", "'' is not a namespace", "acme/summarizer@^2", id="no-namespace"),
        pytest.param("Acme/chat", "'Acme' is not a namespace", "acme/summarizer@^2", id="upper-case-namespace"),
        pytest.param("acme/Chat", "'Chat' is not a name", "lower case", id="upper-case-name"),
        pytest.param("acme/", "'' is not a name", "lower case", id="empty-name"),
        pytest.param("/chat", "'' is not a namespace", "acme/summarizer@^2", id="leading-slash"),
        pytest.param("a/b/c/d/chat", "'a/b/c/d' is not a namespace", "acme/summarizer@^2", id="four-deep"),
        pytest.param("acme/chat\n", r"'chat\n' is not a name", "lower case", id="newline"),
        pytest.param("acme/chat@", "'' is neither a version", "it is empty", id="empty-selector"),
        pytest.param("acme/chat@ ", "' ' is neither a version", "it is empty", id="blank-selector"),
        pytest.param("acme/chat@1.0.0.0", "'1.0.0.0' is neither a version", "after '@'", id="four-numbers"),
        pytest.param("acme/chat@Prod", "'Prod' is neither a version", "after '@'", id="upper-case-alias"),
        pytest.param("acme/chat@a@b", "'a@b' is neither a version", "after '@'", id="two-ats"),
        pytest.param("modle:acme/chat", "there is no kind 'modle'", "did you mean 'model'?", id="misspelt-kind"),
        pytest.param("zzzzz:acme/chat", "there is no kind 'zzzzz'", "gitreg schema --list", id="unknown-kind"),
        pytest.param("role:acme/reader", "'acme/reader' is not a name", "lower case", id="role-in-a-namespace"),
        pytest.param("role:reader@1.0.0", "'reader@1.0.0' is not a name", "lower case", id="role-with-a-version"),
        pytest.param("namespace:acme@1", "'acme@1' is not a namespace", "acme/", id="namespace-with-a-version"),
        pytest.param("policy-link:acme/x@1.0.0", "'x@1.0.0' is not a name", "lower case", id="link-with-a-version"),
        pytest.param("registry:acme/chat", "nothing follows its name", "write `registry`", id="registry-and-more"),
        pytest.param("aliases:modle/acme/chat", "there is no kind 'modle'", "did you mean", id="aliases-of-no-kind"),
        pytest.param(
            "aliases:role/acme/chat", "has no versions", "aliases:model", id="aliases-of-what-has-no-versions"
        ),
    ],
)
def test_a_bad_ref_is_refused_with_its_mend(text: str, says: str, mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        Ref.parse(text)
    assert says in caught.value.says
    assert mend in caught.value.mend


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_answers_to_its_name_its_word_and_its_folder(kind: str) -> None:
    place = KINDS[kind]
    for word in (kind, kind.upper(), place.word):
        assert kind_named(word) == place
    if place.is_versioned:
        assert kind_named(place.folder) == place


@pytest.mark.parametrize(
    ("text", "name", "namespace", "version", "range_", "alias"),
    [
        pytest.param("a", True, True, False, False, True, id="letter"),
        pytest.param("x", True, True, False, True, False, id="x"),
        pytest.param("1", True, True, False, True, False, id="digit"),
        pytest.param("a/b", False, True, False, False, False, id="path"),
        pytest.param("1.0.0", True, True, True, True, False, id="version"),
        pytest.param("1.0.0+b", False, False, False, True, False, id="build"),
        pytest.param("v1", True, True, False, True, False, id="v1"),
        pytest.param("-a", False, False, False, False, False, id="leading-dash"),
        pytest.param("a.", False, False, False, False, False, id="trailing-dot"),
        pytest.param("a" * 64, True, True, False, False, False, id="longest-name"),
        pytest.param("a" * 63, True, True, False, False, True, id="longest-alias"),
        pytest.param("a" * 65, False, False, False, False, False, id="too-long"),
        pytest.param("ä", False, False, False, False, False, id="not-ascii"),
        pytest.param("a\n", False, False, False, False, False, id="newline"),
    ],
)
def test_each_grammar_takes_what_it_should(
    text: str, name: bool, namespace: bool, version: bool, range_: bool, alias: bool
) -> None:
    got = (is_name(text), is_namespace(text), is_version(text), is_range(text), is_alias(text))
    assert got == (name, namespace, version, range_, alias)


# Laws

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True, alphabet=string.printable)
NAMESPACES = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
NUMBERS = st.integers(0, 10**6).map(str)
VERSIONS = st.builds("{}.{}.{}{}".format, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "-rc.1", "-a-b", "-0.x"]))


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    place = draw(st.sampled_from(list(KINDS.values())))
    namespace, name = draw(NAMESPACES), draw(NAMES)
    match place.shape:
        case Shape.SINGLE:
            return Address(place.kind, "", "registry")
        case Shape.FLAT:
            return Address(place.kind, "", name)
        case Shape.NAMESPACE:
            return Address(place.kind, namespace, namespace)
        case Shape.NAME:
            return Address(place.kind, namespace, name)
        case Shape.ALIASES:
            return Address(place.kind, namespace, name, of=draw(st.sampled_from(VERSIONED_KINDS)))
        case Shape.VERSION:
            return Address(place.kind, namespace, name, draw(VERSIONS))


@settings(max_examples=tries(100, 900), deadline=None, derandomize=True, database=None)
@given(addresses())
def test_every_address_is_found_again_by_path_and_by_ref(address: Address) -> None:
    assert address in addresses_at(address.path)
    assert Ref.parse(address.ref).address(address.version) == address
    assert str(Ref.parse(address.ref)) == address.ref


@settings(max_examples=tries(100, 900), deadline=None, derandomize=True, database=None)
@given(st.one_of(st.text(max_size=30), st.text("abx:/@^~*.019-<>= ", max_size=30)))
def test_any_text_is_a_ref_or_is_refused_with_a_mend(text: str) -> None:
    ref, mend = None, ""
    try:
        ref = Ref.parse(text)
    except UsageError as error:
        mend = error.mend
    assert mend if ref is None else Ref.parse(str(ref)) == ref


@settings(max_examples=tries(100, 600), deadline=None, derandomize=True, database=None)
@given(st.text("abmodels/registry.yaml01-", max_size=40))
def test_any_path_that_names_a_record_is_the_path_of_that_record(path: str) -> None:
    assert all(address.path == path for address in addresses_at(path))
