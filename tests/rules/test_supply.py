"""Where things come from: digests, URLs, attestations."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from gate_support import (
    BASE,
    Case,
    config,
    dataset,
    expect,
    found_by,
    judge,
    model,
    new_registry,
    path_of,
    pipeline,
    registry_yaml,
    rules_with,
)

from gitreg.kinds import KIND_TYPES, Part
from gitreg.kinds._base import Url
from gitreg.manifests import read_manifest
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change
from gitreg_validators.supply import EMPTY, RULES, typed

NEW = path_of("new")
DATA = path_of("data", folder="datasets")
DIGEST = sha256(b"the data").hexdigest()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("supply"), BASE).snapshot()


def attested(*types: str, **more: Any) -> list[dict[str, Any]]:
    said = {"uri": "https://acme.example/statement.json", "digest": DIGEST, **more}
    return [{"type": each, "format": "slsa-v1", **said} for each in types]


def data(name: str = "data", size: int | None = 10, **more: Any) -> bytes:
    said: dict[str, Any] = {} if size is None else {"bytes": size}
    return dataset(name, digest=DIGEST, **said, **more)


OTHER = path_of("other", folder="datasets")

DIGESTS = [
    Case("of something", {NEW: model("new")}),
    Case("in upper case", {NEW: model("new", digest="AB" * 32)}, "expected text that matches", "spec.checksum.digest"),
    Case("too short", {NEW: model("new", digest="a" * 63)}, "expected text that matches", "spec.checksum.digest"),
    Case("an MD5", {NEW: model("new", digest=DIGEST[:32])}, "expected text that matches", "spec.checksum.digest"),
    Case(
        "of nothing", {NEW: model("new", digest=EMPTY)}, "the digest is that of an empty file", "spec.checksum.digest"
    ),
    Case("all zeros", {NEW: model("new", digest="0" * 64)}, "a placeholder: '0' over", "spec.checksum.digest"),
    Case("two digits", {NEW: model("new", digest="ab" * 32)}, "a placeholder: 'ab' over", "spec.checksum.digest"),
    Case(
        "ten digits", {NEW: model("new", digest=("0123456789" * 7)[:64])}, "'0123456789' over", "spec.checksum.digest"
    ),
    Case("sixteen", {NEW: model("new", digest="0123456789abcdef" * 4)}, "'0123456789abcdef'", "spec.checksum.digest"),
    Case("half of it twice", {NEW: model("new", digest=DIGEST[:32] * 2)}, DIGEST[:32], "spec.checksum.digest"),
    Case("a beginning again", {NEW: model("new", digest=(DIGEST[:33] * 2)[:64])}),
    Case("a dataset's", {DATA: dataset("data", digest="f" * 64)}, "a placeholder: 'f' over", "spec.checksum.digest"),
    Case(
        "an attestation's",
        {NEW: model("new", attestations=attested("sbom", "signature", digest="1" * 64)[1:])},
        "a placeholder: '1' over",
        "spec.attestations[0].digest",
    ),
    Case(
        "it was so already", {path_of(): model(digest="0" * 64, tags=["a"])}, over={path_of(): model(digest="0" * 64)}
    ),
]


@pytest.mark.parametrize("case", DIGESTS, ids=lambda case: case.name)
def test_a_digest_is_of_something(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-060"))


SIZES = [
    Case("the same size", {DATA: data()}, over={OTHER: data("other")}),
    Case("no size here", {DATA: data(size=None)}, over={OTHER: data("other")}),
    Case("no size there", {DATA: data()}, over={OTHER: data("other", None)}),
    Case("a model with the same digest", {DATA: data()}, over={NEW: model("new", digest=DIGEST)}),
    Case("another digest", {DATA: data()}, over={OTHER: dataset("other", bytes=11)}),
    Case(
        "another size",
        {DATA: data()},
        "dataset:acme/other@1.0.0 has the same digest and 11 bytes, and this has 10",
        "spec.bytes",
        over={OTHER: data("other", 11)},
    ),
    Case(
        "a size against none at all",
        {DATA: data(size=0)},
        "and 11 bytes, and this has 0",
        "spec.bytes",
        over={OTHER: data("other", 11)},
    ),
    Case(
        "none at all against a size",
        {DATA: data()},
        "and 0 bytes, and this has 10",
        "spec.bytes",
        over={OTHER: data("other", 0)},
    ),
    Case("a smaller one", {DATA: data()}, "and 9 bytes, and this has 10", "spec.bytes", over={OTHER: data("other", 9)}),
]


@pytest.mark.parametrize("case", SIZES, ids=lambda case: case.name)
def test_one_digest_is_of_one_size(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-060"))


# URLs


def endpoint(url: str, **more: Any) -> bytes:
    return model("new", endpoints=[{"type": "rest", "url": url, "authentication": {"type": "none", **more}}])


FIELD = "spec.endpoints[0].url"
ALIKE = "\u0430\u0440\u0440\u04cf\u0435-1"


def url(text: str, says: str | None = None, **gate: Any) -> Case:
    name = f"{text} {' '.join(f'{key}={value}' for key, value in gate.items())}"
    return Case(name, {NEW: endpoint(text)}, says, FIELD if says else None, said=gate)


URLS = [
    url("https://models.acme.example/v1?model=chat&version=2#top"),
    url("https://models.acme.example:8443/v1"),
    url("https://8.8.8.8/v1"),
    url("https://[2606:4700::1111]/v1"),
    url("https://1password.example/"),
    url("https://4.example/"),
    url("https://a.b.c.d.e.example/"),
    url("s3://acme-models/chat/"),
    url("gs://acme-models/chat/"),
    url("s3://20010101/a-bucket-of-digits"),
    url("https://xn--mnchen-3ya.example/"),
    url("https://localhost.example/"),
    url("https://internal.example/"),
    url("https://mylocalhost.example/"),
    url("https://172.15.0.1/"),
    url("ssh://git@git.acme.example/chat.git", "the scheme is 'ssh'; expected one of gs, https, s3"),
    url("http://models.acme.example/v1", "the scheme is 'http'; expected one of gs, https, s3"),
    url("http://models.acme.example/v1", "expected one of https", schemes=[]),
    url("http://models.acme.example/v1", schemes=["http"]),
    url("ssh://git@git.acme.example/chat.git", schemes=["ssh"]),
    url("git+ssh://git@git.acme.example/chat.git", schemes=["git+ssh"]),
    url("ssh://git:pass@git.acme.example/chat.git", "credentials stand before its host", schemes=["ssh"]),
    url("https://user:pass@acme.example/", "credentials stand before its host"),
    url("https://user@acme.example/", "credentials stand before its host"),
    url("https://@acme.example/", "credentials stand before its host"),
    url("https://acme.example/?token=abc", "its parameter 'token' holds a credential"),
    url("https://acme.example/?a=1&X-Amz-Signature=abc", "its parameter 'X-Amz-Signature' holds"),
    url("https://acme.example/?api_key=abc", "its parameter 'api_key' holds"),
    url("https://acme.example/#access_token=abc", "its parameter 'access_token' holds"),
    url("https://acme.example/?sig=abc", "its parameter 'sig' holds"),
    url("https://acme.example/?token="),
    url("https://acme.example/?tokens=4&monkey=1&keyword=a"),
    url("https://localhost/", "localhost leads back to whoever reads it"),
    url("https://LOCALHOST./", "localhost leads back"),
    url("https://api.localhost/", "api.localhost leads back"),
    url("https://db.lvh.me/", "db.lvh.me leads back"),
    url("https://127.0.0.1.nip.io/", "127.0.0.1.nip.io leads back"),
    url("https://127.0.0.1/", "127.0.0.1 is a loopback address"),
    url("https://127.1/", "127.1 is 127.0.0.1, a loopback address"),
    url("https://2130706433/", "2130706433 is 127.0.0.1, a loopback address"),
    url("https://0x7f000001/", "0x7f000001 is 127.0.0.1, a loopback"),
    url("https://0X7f.1/", "is 127.0.0.1, a loopback"),
    url("https://0177.0.0.1/", "0177.0.0.1 is 127.0.0.1, a loopback"),
    url("https://[::1]/", "::1 is a loopback address"),
    url("https://[::ffff:127.0.0.1]/", "is 127.0.0.1, a loopback"),
    url("https://[2002:7f00:1::]/", "is 127.0.0.1, a loopback"),
    url("https://[64:ff9b::7f00:1]/", "is 127.0.0.1, a loopback"),
    url("https://0/", "0 is 0.0.0.0, an unspecified address"),
    url("https://0x.0x.0x.0x/", "is 0.0.0.0, an unspecified"),
    url("https://169.254.1.1/", "169.254.1.1 is a link-local address"),
    url("https://[fe80::1]/", "fe80::1 is a link-local address"),
    url("https://224.0.0.1/", "224.0.0.1 is a multicast address"),
    url("https://169.254.169.254/latest", "169.254.169.254 gives a cloud machine its credentials"),
    url("https://168.63.129.16/", "168.63.129.16 gives a cloud machine its credentials"),
    url("https://[fd00:ec2::254]/", "fd00:ec2::254 gives a cloud machine"),
    url("https://metadata.google.internal/", "metadata.google.internal gives a cloud machine"),
    url("https://169.254.169.254/", "gives a cloud machine", hosts=["169.254.169.254"]),
    url("https://127.0.0.1/", "is a loopback address", hosts=["127.0.0.1"]),
    url("https://localhost/", "leads back", hosts=["localhost"]),
    url("https://10.0.0.8/", "10.0.0.8 is known in a private network only"),
    url("https://192.168.0.1/", "192.168.0.1 is known in a private network only"),
    url("https://172.16.0.1/", "172.16.0.1 is known in a private network only"),
    url("https://100.64.0.1/", "100.64.0.1 is known in a private network only"),
    url("https://167772168/", "167772168 is known in a private network only"),
    url("https://10.256.8/"),
    url("https://[fd00::1]/", "fd00::1 is known in a private network only"),
    url("https://models.internal/", "models.internal is known in a private network only"),
    url("https://printer.local/", "printer.local is known in a private network only"),
    url("https://10.0.0.8/", hosts=["10.0.0.8"]),
    url("https://models.internal/", hosts=["*.internal"]),
    url("https://models.internal/", hosts=["models.internal"]),
    url("https://a.acme.example/", hosts=["*.ACME.example."]),
    url("https://A.acme.example./", hosts=["a.acme.example"]),
    url(
        "https://acme.example/", "the host is 'acme.example'; expected one of *.acme.example", hosts=["*.acme.example"]
    ),
    url("https://notacme.example/", "expected one of acme.example", hosts=["acme.example"]),
    url("https://a.acme.example/", "expected one of acme.example", hosts=["acme.example"]),
    url("https://acme.example.evil.example/", "the host is", hosts=["*.acme.example", "acme.example"]),
    url("https://256.256.256.256/"),
    url("https://256.1.1.1/"),
    url("https://255.1.1.1/", "255.1.1.1 is known in a private network only"),
    url(f"https://xn--{ALIKE.encode('punycode').decode()}.example/", "is read as"),
    url("https://1.2.3.4.5/"),
    url("https://08.1.1.1/"),
    url("https://4294967296/"),
    url(f"https://{'9' * 1500}/"),
    url("https://b\u00fccher.example/", "'b\u00fccher.example' is not written in ASCII"),
    url("https://\uff11\uff12\uff17.0.0.1/", "is 127.0.0.1, a loopback"),
    url("https://xn--80ak6aa92e.example/", "xn--80ak6aa92e is read as '\u0430\u0440\u0440\u04cf\u0435'"),
    url("https://www.xn--pple-43d.example/", "xn--pple-43d is read as '\u0430pple'"),
    url("https://xn--e1afmkfd.example/"),
    url("https://xn--\u007f!!.example/"),
    url("https://xn--99999999999.example/"),
    url("https://acme.example\\@evil.example/", "readers differ"),
    url("https://acme%2eexample/", "readers differ"),
    url("https://[fe80::1%25eth0]/", "fe80::1%25eth0 is fe80::1, a link-local address"),
    url("https://:443/", "it has no host"),
    url("https://[::1/", "it cannot be read as a URL"),
    url("https://acme.example:99999/", "it cannot be read as a URL"),
    url("https://acme.example:port/", "it cannot be read as a URL"),
]


def judge_url(base: Snapshot, case: Case) -> list[Any]:
    gate = dict(case.said or {})
    put = {"spec__gate__allowedUrlSchemes": gate["schemes"]} if "schemes" in gate else {}
    put |= {"spec__gate__allowedHosts": gate["hosts"]} if "hosts" in gate else {}
    over = {"registry.yaml": registry_yaml(base, **put)} if put else None
    return judge(base, Case(case.name, case.files, over=over), rules_with(RULES, "GR-061"))


@pytest.mark.parametrize("case", URLS, ids=lambda case: case.name)
def test_a_url_leads_somewhere_safe(base: Snapshot, case: Case) -> None:
    assert read_manifest(case.files[NEW] or b"").manifest
    found = judge_url(base, case)
    if case.says is None:
        assert [finding.explain() for finding in found] == []
    else:
        matching = [finding for finding in found if case.says in finding.says]
        assert len(matching) == 1, [finding.explain() for finding in found]
        assert (matching[0].field, bool(matching[0].line)) == (FIELD, True)


def test_all_that_is_wrong_with_a_url_is_told_and_no_credential_is_printed(base: Snapshot) -> None:
    case = url("http://user:hunter2@10.0.0.8/?token=abc&sig=def#key=ghi", hosts=["acme.example"])
    found = judge_url(base, case)
    assert len(found) == 7
    assert not any(
        word in finding.says + finding.mend for finding in found for word in ("hunter2", "abc", "def", "ghi")
    )


def test_the_settings_are_those_of_the_base(base: Snapshot) -> None:
    files = {
        NEW: endpoint("http://acme.example/"),
        "registry.yaml": registry_yaml(base, spec__gate__allowedUrlSchemes=["http"]),
    }
    assert len(found_by(base, files, rules_with(RULES, "GR-061"))) == 1


BAD = "http://localhost/"
CODE = {"id": "a", "type": "transform", "language": "python"}
MODEL = {"id": "a", "type": "model", "model": "acme/chat@^1"}
CUSTOM = {"id": "a", "type": "custom", "handlerUri": "https://acme.example/"}


def stage(**node: Any) -> bytes:
    return pipeline(dag={"nodes": [node]})


def documented(*urls: str) -> bytes:
    lines = "".join(f"  - title: Page\n    url: {each}\n" for each in urls)
    return model("new").replace(b"spec:", f"  docs:\n{lines}spec:".encode())


CONFIG, PIPELINE = path_of("c", folder="configs"), path_of("p", folder="pipelines")

PLACES = [
    ("metadata.docs[1].url", NEW, documented("https://acme.example/", BAD)),
    ("spec.artifactUri", NEW, model("new", artifactUri=BAD)),
    ("spec.pricing.source", NEW, model("new", pricing={"currency": "USD", "source": BAD})),
    ("spec.release.migrationGuide", NEW, model("new", release={"migrationGuide": BAD})),
    ("spec.attestations[0].uri", NEW, model("new", attestations=attested("sbom", uri=BAD))),
    ("spec.endpoints[0].authentication.tokenEndpoint", NEW, endpoint("https://acme.example/", tokenEndpoint=BAD)),
    ("spec.uri", DATA, dataset("data", uri=BAD)),
    ("spec.dag.nodes[0].handlerUri", PIPELINE, stage(**{**CUSTOM, "handlerUri": BAD})),
    ("spec.dag.nodes[0].logic", PIPELINE, stage(**CODE, logic=f"{BAD}\n")),
]


@pytest.mark.parametrize(("field", "path", "raw"), PLACES)
def test_urls_are_found_wherever_a_field_is_one(base: Snapshot, field: str, path: str, raw: bytes) -> None:
    found = found_by(base, {path: raw}, rules_with(RULES, "GR-061"))
    assert [finding.field for finding in found] == [field] * 2, [finding.explain() for finding in found]


FREE = [
    ("spec.value.a.b[1]", CONFIG, config("c", value={"a": {"b": ["x", BAD]}, "n": 1})),
    ("spec.custom.acme.home", NEW, model("new", custom={"acme": {"home": BAD}})),
    ("spec.dag.nodes[0].configuration.u", PIPELINE, stage(**CUSTOM, configuration={"u": BAD})),
    ("spec.dag.nodes[0].parameters.u", PIPELINE, stage(**MODEL, parameters={"u": BAD})),
    ("spec.execution.environment.U", PIPELINE, pipeline(execution={"environment": {"U": BAD}})),
]


@pytest.mark.parametrize(("field", "path", "raw"), FREE)
def test_free_values_may_hold_urls_that_lead_outside(base: Snapshot, field: str, path: str, raw: bytes) -> None:
    rules = rules_with(RULES, "GR-061")
    (found,) = found_by(base, {path: raw}, rules)
    assert (found.field, found.says) == (field, "localhost leads back to whoever reads it")
    assert found_by(base, {path: raw.replace(b"localhost", b"acme.example")}, rules) == []


def test_a_free_value_may_be_as_long_as_it_likes(base: Snapshot) -> None:
    raw = config("c", value={"u": f"https://{'9' * 60_000}/"})
    assert found_by(base, {CONFIG: raw}, rules_with(RULES, "GR-061")) == []


def test_free_text_is_no_url(base: Snapshot) -> None:
    files = {
        path_of("c", folder="configs"): config("c", value={"t": f"see {BAD}", "u": f"{BAD} there", "v": "localhost"}),
        path_of("p", folder="pipelines"): stage(**CODE, logic=f"fetch('{BAD}')"),
    }
    assert found_by(base, files, rules_with(RULES, "GR-061")) == []


def test_a_landed_url_is_not_held_against_a_change_of_something_else(base: Snapshot) -> None:
    case = Case(
        "edit",
        {NEW: endpoint(BAD).replace(b"new\n", b"new\n", 1).replace(b"metadata:\n", b"metadata:\n  description: x\n")},
        over={NEW: endpoint(BAD)},
    )
    assert judge(base, case, rules_with(RULES, "GR-061")) == []


# attestations

ONE, TWO, THREE = (path_of("new", f"1.{n}.0") for n in range(3))


def version(n: int, *types: str) -> bytes:
    said: dict[str, Any] = {"attestations": attested(*types)} if types else {}
    return model("new", f"1.{n}.0", **said)


LOST = "spec.attestations"
ATTESTED = [
    Case("neither had any", {TWO: version(1)}, over={ONE: version(0)}),
    Case("both have provenance", {TWO: version(1, "provenance")}, over={ONE: version(0, "provenance")}),
    Case("another sort", {TWO: version(1, "signature")}, over={ONE: version(0, "provenance")}),
    Case("the first version", {ONE: version(0)}),
    Case("a lower version", {ONE: version(0)}, over={TWO: version(1, "provenance")}),
    Case("only a bill of materials before", {TWO: version(1)}, over={ONE: version(0, "sbom")}),
    Case("the one before had none", {THREE: version(2)}, over={ONE: version(0, "signature"), TWO: version(1)}),
    Case(
        "the one before cannot be read",
        {THREE: version(2)},
        "model:acme/new@1.0.0 has signature, and this version has neither",
        LOST,
        over={ONE: version(0, "signature"), TWO: b"a: 1\n"},
    ),
    Case(
        "provenance is gone", {TWO: version(1)}, "1.0.0 has provenance, and this", LOST, {ONE: version(0, "provenance")}
    ),
    Case(
        "a signature is gone", {TWO: version(1)}, "1.0.0 has signature, and this", LOST, {ONE: version(0, "signature")}
    ),
    Case(
        "both are gone, and a bill of materials is no substitute",
        {TWO: version(1, "sbom")},
        "has provenance and signature, and this version has neither",
        LOST,
        {ONE: version(0, "signature", "provenance", "sbom")},
    ),
    Case(
        "the highest before counts",
        {THREE: version(2)},
        "new@1.1.0 has",
        LOST,
        {ONE: version(0), TWO: version(1, "signature")},
    ),
    Case("with it in one change", {ONE: version(0, "signature"), TWO: version(1)}, "1.0.0 has signature", LOST),
    Case(
        "a dataset's",
        {path_of("d", "1.1.0", folder="datasets"): dataset("d", "1.1.0")},
        "dataset:acme/d@1.0.0 has signature",
        LOST,
        {path_of("d", folder="datasets"): dataset("d", attestations=attested("signature"))},
    ),
    Case("another kind", {path_of("new", folder="configs"): config("new")}, over={ONE: version(0, "signature")}),
]


@pytest.mark.parametrize("case", ATTESTED, ids=lambda case: case.name)
def test_attestations_are_kept(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-063"))


def test_an_attestation_can_be_found_somewhere() -> None:
    for said, wrong in (({}, True), ({"digest": DIGEST}, True), ({"uri": "https://acme.example/"}, False)):
        raw = model(attestations=[{"type": "sbom", "format": "spdx", **said}])
        assert [finding.field for finding in read_manifest(raw).findings] == ["spec.attestations[0].uri"] * wrong


# what is found by the type of its field


class Mirror(Part):
    """A part in a mapping."""

    place: Url | None = None
    name: str = "https://name.example/"


class Mirrors(Part):
    """Fields of every shape that a URL may have."""

    one: Url
    maybe: Url | None = None
    some: tuple[Url, ...] = ()
    named: dict[str, Url] = {}
    parts: dict[str, Mirror] = {}
    texts: dict[str, str] = {}
    text: str = "https://text.example/"


def test_a_type_is_found_in_every_shape() -> None:
    mirrors = Mirrors(
        one="https://a/",
        some=("https://b/", "https://c/"),
        named={"x": "https://d/"},
        parts={"y": Mirror(place="https://e/"), "z": Mirror()},
        texts={"t": "https://f/"},
    )
    assert dict(typed(mirrors, "url")) == {
        "one": "https://a/",
        "some[0]": "https://b/",
        "some[1]": "https://c/",
        "named.x": "https://d/",
        "parts.y.place": "https://e/",
    }
    assert dict(typed(mirrors, "sha256")) == {}


# what is fine everywhere


def test_examples_have_no_findings(base: Snapshot) -> None:
    examples = {}
    for kind in KIND_TYPES.values():
        example = read_manifest(kind.example.encode()).manifest
        assert example
        examples[example.address.path] = kind.example.encode()
    assert judge(base, Case("examples", examples), RULES) == []


def test_cost_follows_the_change(base: Snapshot) -> None:
    change = Change(base, base)
    assert [list(rule.check(change)) for rule in RULES] == [[]] * len(RULES)
