"""Rules on where things come from: digests that pin something down, URLs that lead somewhere safe, attestations kept.

- URLs are found by the type of their field, at any depth of any kind, so that a new field is looked at too.
- Free values (settings, parameters, fields of one's own) may hold URLs: those are not asked for a scheme or a host that
  is allowed, but may not lead back to the machine that reads them, nor carry credentials.
- Nothing is resolved or fetched: a host is judged by how it is written.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, get_args, get_type_hints
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import BaseModel

from gitreg.errors import Severity
from gitreg.kinds import Config, Dataset, Manifest, Model, Pipeline
from gitreg.kinds._base import Sha256, Url
from gitreg.kinds.registry import GateSettings
from gitreg.refs import Address
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Change, Fault, Rule, Subject, each
from gitreg.versions import Version
from gitreg_validators.identity import read_faults

EMPTY: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of nothing."""
_LONGEST_PERIOD: Final = 32
_TYPES: Final[dict[str, Any]] = {"sha256": Sha256, "url": Url}


def check_digest_form(change: Change) -> Iterator[Fault]:
    """A digest is a SHA-256 of 64 lower-case hexadecimal digits."""
    return read_faults(change, "GR-060")


def check_placeholders(subject: Subject) -> Iterator[Fault]:
    """A digest is of something: no placeholder, and not the empty file's."""
    for field, digest in typed(subject.manifest, "sha256"):
        why = _fault_of_digest(digest)
        if why:
            yield Fault(f"the digest is {why}", "write the digest that `sha256sum FILE` prints of the real file", field)


def _fault_of_digest(digest: str) -> str | None:
    if digest == EMPTY:
        return "that of an empty file"
    for period in range(1, _LONGEST_PERIOD + 1):
        piece = digest[:period]
        if digest == (piece * len(digest))[: len(digest)]:
            return f"a placeholder: {piece!r} over and over"
    return None


def check_sizes(subject: Subject) -> Iterator[Fault]:
    """One digest is of one size, whoever states it."""
    manifest = subject.manifest
    size = manifest.spec.bytes if isinstance(manifest, Dataset) else None
    if not isinstance(manifest, Dataset) or size is None:
        return
    for path in subject.state.paths_with_digest(manifest.spec.checksum.digest):
        record = subject.state.record_at(path)
        other = record.manifest if record else None
        if isinstance(other, Dataset) and other.spec.bytes is not None and other.spec.bytes != size:
            yield Fault(
                f"{other.address.ref} has the same digest and {other.spec.bytes:,} bytes, and this has {size:,}",
                "digest and measure the file again: one of the two is of another file",
                field="spec.bytes",
            )


def typed(part: BaseModel, wanted: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Find the texts whose fields have a type, at any depth, by field."""
    for name, alias, is_wanted in _fields(type(part), wanted):
        value = getattr(part, name)
        if isinstance(value, (BaseModel, tuple, dict, str)):
            yield from _typed_in(value, wanted, f"{prefix}{alias}", is_wanted=is_wanted)


def _typed_in(value: Any, wanted: str, field: str, *, is_wanted: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from typed(value, wanted, f"{field}.")
    elif isinstance(value, str):
        if is_wanted:
            yield field, value
    elif isinstance(value, tuple):
        for n, item in enumerate(value):
            yield from _typed_in(item, wanted, f"{field}[{n}]", is_wanted=is_wanted)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _typed_in(item, wanted, f"{field}.{key}", is_wanted=is_wanted)


@cache
def _fields(part: type[BaseModel], wanted: str) -> tuple[tuple[str, str, bool], ...]:
    """Give the fields of a part, as named in Python and in files, and whether they are of a type."""
    hints = get_type_hints(part, include_extras=True)
    known = part.model_fields.items()
    return tuple((name, field.alias or name, _speaks_of(hints[name], _TYPES[wanted])) for name, field in known)


def _speaks_of(hint: Any, wanted: Any) -> bool:
    return bool(hint == wanted) or any(_speaks_of(inner, wanted) for inner in get_args(hint))


_WHOLE_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#][^\s]*")
_METADATA: Final = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
_METADATA_ADDRESSES: Final = frozenset({"169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"})
_LOOPBACK: Final = ("localhost", "localhost.localdomain", "ip6-localhost", "lvh.me", "localtest.me")
_EMBEDDING: Final = (".nip.io", ".sslip.io", ".xip.io")
"""Domains whose names resolve to the address that is written in them."""
_PRIVATE: Final = (".internal", ".local", ".localdomain", ".home.arpa", ".lan", ".intranet", ".corp", ".home")
_BUCKETS: Final = frozenset({"s3", "gs", "az", "hf"})
"""Schemes in which what stands where the host would is no host."""
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{0,64}|[0-9]{1,64}")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SECRET_KEYS: Final = re.compile(
    r"(?:.*[_-])?(?:token|api[_-]?key|apikey|key|secret|password|passwd|pwd|credentials?|sig|signature|sas|jwt)",
    re.IGNORECASE,
)
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "GEORGIAN")
_LIKE_LATIN: Final = frozenset("авсԁеһіјкӏмнопрԛгѕтухѵѡԝгьαβγεηικνορτυχω")
"""Letters of other scripts that are read as Latin ones."""


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with a URL, and how to mend it."""

    says: str
    mend: str


def check_urls(subject: Subject) -> Iterator[Fault]:
    """A URL is https or of an allowed scheme, without credentials, and leads to a host that everybody may call."""
    gate = subject.change.gate
    for field, url in [*typed(subject.manifest, "url"), *_code_urls(subject.manifest)]:
        for wrong in _faults_of_url(url, gate, is_free=False):
            yield Fault(wrong.says, wrong.mend, field)
    for field, url in _free_urls(subject.manifest):
        for wrong in _faults_of_url(url, gate, is_free=True):
            yield Fault(wrong.says, wrong.mend, field)


def _code_urls(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Find the stages whose code is a URL to it."""
    for n, node in enumerate(manifest.spec.dag.nodes if isinstance(manifest, Pipeline) else ()):
        logic = getattr(node, "logic", "").strip()
        if _WHOLE_URL.fullmatch(logic):
            yield f"spec.dag.nodes[{n}].logic", logic


def _free_urls(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Find the URLs among values that have no type: settings, parameters, environments, fields of one's own."""
    spec: Any = manifest.spec
    yield from _urls_in(getattr(spec, "custom", {}), "spec.custom")
    if isinstance(manifest, Config):
        yield from _urls_in(manifest.spec.value, "spec.value")
    if isinstance(manifest, Pipeline):
        yield from _urls_in(manifest.spec.execution.environment, "spec.execution.environment")
        for n, node in enumerate(manifest.spec.dag.nodes):
            for key in ("parameters", "configuration"):
                yield from _urls_in(getattr(node, key, {}), f"spec.dag.nodes[{n}].{key}")


def _urls_in(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if _WHOLE_URL.fullmatch(value):
            yield field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _urls_in(item, f"{field}.{key}")
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _urls_in(item, f"{field}[{n}]")


def _faults_of_policy(scheme: str, host: str, gate: GateSettings) -> Iterator[_Wrong]:
    """Find what the registry's settings do not allow: the scheme, the host."""
    if scheme not in ("https", *gate.allowed_url_schemes):
        allowed = ", ".join(sorted({"https", *gate.allowed_url_schemes}))
        mend = "serve it over https, or have `spec.gate.allowedUrlSchemes` in registry.yaml name the scheme"
        yield _Wrong(f"the scheme is {scheme!r}; expected one of {allowed}", mend)
    if gate.allowed_hosts and not _is_allowed(host, gate.allowed_hosts):
        allowed = ", ".join(gate.allowed_hosts)
        mend = "use one of these hosts, or have `spec.gate.allowedHosts` in registry.yaml name this one"
        yield _Wrong(f"the host is {host!r}; expected one of {allowed}", mend)


def _faults_of_url(url: str, gate: GateSettings, *, is_free: bool) -> Iterator[_Wrong]:
    """Find what is wrong with a URL wherever it stands: it is broken, gives something away, or leads to the inside."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        yield _Wrong(f"it cannot be read as a URL: {error}", "write it like https://host.example/path")
        return
    host = (parts.hostname or "").rstrip(".")
    if not is_free:
        yield from _faults_of_policy(parts.scheme, host, gate)
    if "\\" in url or "%" in host or not host:
        says = "it has no host" if not host else "its host is written so that readers differ about what it is"
        yield _Wrong(says, "write it like https://host.example/path, without '\\', and without '%' in the host")
    yield from _credentials_in(parts)
    inside = None if parts.scheme in _BUCKETS else _why_inside(host, gate.allowed_hosts) or _why_alike(host)
    if inside:
        yield _Wrong(inside, "name a host that everybody who reads the registry reaches by this name, in ASCII")


def _is_allowed(host: str, allowed: Sequence[str]) -> bool:
    """Tell whether a host is listed: itself, or by `*.` and a domain that it lies below."""
    listed = [pattern.lower().rstrip(".") for pattern in allowed]
    return any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in listed)


def _credentials_in(parts: SplitResult) -> Iterator[_Wrong]:
    mend = "take it out; whoever calls the URL adds its own, and what was pushed has to be revoked"
    who, at, _ = parts.netloc.rpartition("@")
    if at and not (parts.scheme.endswith("ssh") and ":" not in who):
        yield _Wrong("credentials stand before its host", mend)
    for text in (parts.query, parts.fragment):
        for key, value in parse_qsl(text):
            if value and _SECRET_KEYS.fullmatch(key):
                yield _Wrong(f"its parameter {key!r} holds a credential", mend)


def _why_inside(host: str, allowed: Sequence[str]) -> str | None:
    """Say why a host leads to the reader's own machine or network; a private one may be allowed by its name."""
    name = unicodedata.normalize("NFKC", host).lower()
    address = _address_of(name)
    if name in _METADATA or str(address) in _METADATA_ADDRESSES:
        return f"{host} gives a cloud machine its credentials"
    if name in _LOOPBACK or name.endswith((".localhost", *(f".{local}" for local in _LOOPBACK), *_EMBEDDING)):
        return f"{host} leads back to whoever reads it"
    if address is not None:
        why = _why_not_reached(address)
        if why:
            return f"{host} is {_told(host, address)}{why} address"
    is_private = name.endswith(_PRIVATE) or (address is not None and not address.is_global)
    if is_private and not _is_allowed(name, allowed):
        return f"{host} is known in a private network only, and `spec.gate.allowedHosts` does not name it"
    return None


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _told(host: str, address: _Address) -> str:
    return "" if host == str(address) else f"{address}, "


def _why_not_reached(address: _Address) -> str | None:
    for why, holds in (
        ("a loopback", address.is_loopback),
        ("a link-local", address.is_link_local),
        ("an unspecified", address.is_unspecified),
        ("a multicast", address.is_multicast),
    ):
        if holds:
            return why
    return None


def _address_of(host: str) -> _Address | None:
    """Read a host as an address in any spelling that resolvers take: dotted, short, decimal, octal, hexadecimal."""
    if ":" in host:
        return _read_v6(host)
    pieces = host.split(".")
    if len(pieces) > 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return None
    *heads, last = [_number(piece) for piece in pieces]
    room = 256 ** (4 - len(heads))
    if last >= room or any(head > 255 for head in heads):
        return None
    return ipaddress.IPv4Address(sum(head << (24 - 8 * n) for n, head in enumerate(heads)) + last)


def _read_v6(host: str) -> _Address | None:
    """Read an IPv6 address; where it stands for an IPv4 one, give that."""
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _number(piece: str) -> int:
    if piece[:2].lower() == "0x":
        return int(piece[2:] or "0", 16)
    is_octal = piece.startswith("0") and not set(piece) & {"8", "9"}
    return int(piece, 8) if is_octal else int(piece)


def _why_alike(host: str) -> str | None:
    """Say why a host may be taken for another one: letters outside ASCII, or such letters behind `xn--`."""
    if not host.isascii():
        return f"{host!r} is not written in ASCII, and may be taken for another host"
    for label in host.split("."):
        shown = _decoded(label) if label.startswith("xn--") else None
        if shown is not None and _is_alike(shown):
            return f"{label} is read as {shown!r}, whose letters are taken for others"
    return None


def _decoded(label: str) -> str | None:
    try:
        return label[4:].encode().decode("punycode")
    except UnicodeError:
        return None


def _is_alike(label: str) -> bool:
    """Tell whether a label mixes scripts, or is all of letters that look like Latin ones."""
    letters = [character for character in label if character.isalpha()]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters} & set(_SCRIPTS)
    return len(scripts) > 1 or (bool(letters) and _LIKE_LATIN.issuperset(letters))


def check_attested(subject: Subject) -> Iterator[Fault]:
    """A version is signed or has its provenance stated where the one before it is or has."""
    if not isinstance(subject.manifest, (Model, Dataset)) or _attested(subject.manifest):
        return
    before = _version_before(subject.state, subject.manifest.address)
    had = _attested(before)
    if before is not None and had:
        yield Fault(
            f"{before.address.ref} has {' and '.join(had)}, and this version has neither a signature nor provenance",
            "attest the artifact as before, and name the statement under spec.attestations",
            field="spec.attestations",
        )


def _attested(manifest: Manifest | None) -> list[str]:
    """Give which of signature and provenance a manifest names."""
    stated = getattr(manifest.spec, "attestations", ()) if manifest else ()
    return sorted({attestation.type for attestation in stated} & {"provenance", "signature"})


def _version_before(state: Snapshot, address: Address) -> Manifest | None:
    """Give the highest lower version of the same name that can be read."""
    own = Version.parse(address.version or "0.0.0")
    for version in state.versions(address.kind, address.namespace, address.name):
        record = state.record(replace(address, version=str(version))) if version < own else None
        if record is not None:
            return record.manifest
    return None


RULES: Final = (
    Rule("GR-060", "checksum-strength", Severity.ERROR, check_digest_form),
    Rule("GR-060", "checksum-strength", Severity.ERROR, each(check_placeholders)),
    Rule("GR-060", "checksum-strength", Severity.ERROR, each(check_sizes)),
    Rule("GR-061", "url-policy", Severity.ERROR, each(check_urls)),
    Rule("GR-063", "attestation-no-regress", Severity.ERROR, each(check_attested)),
)
