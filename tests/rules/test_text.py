"""What a file's text may be: canonical, without secrets, without what is not seen."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from gate_support import (
    BASE,
    Case,
    change_of,
    config,
    expect,
    found_by,
    judge,
    model,
    namespace,
    new_registry,
    path_of,
    rules_with,
)

from gitreg.kinds import KIND_TYPES
from gitreg.manifests import format_manifest, read_manifest, write_manifest
from gitreg.refs import addresses_at
from gitreg.repository.git import Entry
from gitreg.repository.snapshot import Snapshot
from gitreg.validation import Fault
from gitreg_validators.text import RULES

NEW = path_of("new")
DEMO = Path(__file__).parents[2] / "api" / "gitreg_api" / "demo_history"
DIGEST = sha256(b"something").hexdigest()
UUID = "3f2b8c1e-9d47-4a6f-b0e2-71c5d8a94e03"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return new_registry(tmp_path_factory.mktemp("text"), BASE).snapshot()


def noise(length: int, alphabet: str = "", of: str = "a") -> str:
    """Make text that looks random, always the same."""
    known = alphabet or "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    out = ""
    while len(out) < length:
        out += "".join(known[byte % len(known)] for byte in sha256(f"{of}{len(out)}".encode()).digest())
    return out[:length]


HEX = "0123456789abcdef"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def with_line(line: str) -> bytes:
    return model("new") + f"# {line}\n".encode()


# canonical form


def written(raw: bytes) -> bytes:
    manifest = read_manifest(raw).manifest
    assert manifest
    return write_manifest(manifest)


SCHEMA_LINE = written(model("new")).split(b"\n")[0] + b"\n"
SWAPPED = model("new").replace(b"  provider: openai\n  type: completion\n", b"  type: completion\n  provider: openai\n")
LAST = model("new").decode().rstrip("\n").split("\n")[-1]

CANONICAL = [
    Case("as it is written", {NEW: written(model("new"))}),
    Case("without the schema line", {NEW: model("new")}),
    Case("with comments", {NEW: b"# one\n" + model("new") + b"# two\n"}),
    Case("with the schema line and a comment", {NEW: SCHEMA_LINE + b"# one\n" + model("new")}),
    Case("not a manifest", {NEW: b"a: 1\n"}),
    Case("another order", {NEW: SWAPPED}, "got '  type: completion'; expected '  provider: openai'"),
    Case("another order, with a comment", {NEW: b"# one\n" + SWAPPED}, "got '  type: completion'; expected"),
    Case("another order below the schema line", {NEW: SCHEMA_LINE + SWAPPED}, "got '  type: completion'; expected"),
    Case("CR LF", {NEW: model("new").replace(b"\n", b"\r\n")}, "lines end with CR LF"),
    Case("no final newline", {NEW: model("new").rstrip(b"\n")}, "the text ends without a newline"),
    Case("a blank line at the end", {NEW: model("new") + b"\n"}, "got ''; expected the end of the text"),
    Case("quotes", {NEW: model("new").replace(b"openai", b"'openai'")}, "got \"  provider: 'openai'\"; expected"),
    Case("flow style", {NEW: model("new", tags=["a"]).replace(b"\n  - a", b" [a]")}, "got '  tags: [a]'"),
    Case(
        "a schema line of another kind",
        {NEW: SCHEMA_LINE.replace(b"model.schema", b"suite.schema") + model("new")},
        "got '# yaml-language-server",
    ),
    Case("it was so already", {path_of(): model(tags=["a"]).rstrip(b"\n")}, over={path_of(): model().rstrip(b"\n")}),
    Case("it is so now", {path_of(): model(tags=["a"]).rstrip(b"\n")}, "the text ends without a newline"),
]


@pytest.mark.parametrize("case", CANONICAL, ids=lambda case: case.name)
def test_a_manifest_is_written_canonically(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-002"))


def test_the_finding_points_at_the_line_that_differs_and_names_the_command(base: Snapshot) -> None:
    rules = rules_with(RULES, "GR-002")
    (found,) = found_by(base, {NEW: SWAPPED}, rules)
    assert (found.line, found.source) == (8, "  type: completion")
    assert found.mend == f"run `gitreg fmt {NEW}`"
    assert found.severity.value == "warning"
    (found,) = found_by(base, {NEW: SCHEMA_LINE + SWAPPED}, rules)
    assert (found.line, found.source) == (9, "  type: completion")
    (found,) = found_by(base, {NEW: model("new").replace(b"8\n", b"8\r\n").replace(b"\n", b"\r\n", 1)}, rules)
    assert found.line == 1
    (found,) = found_by(base, {NEW: model("new").rstrip(b"\n")}, rules)
    assert found.source == LAST
    (found,) = found_by(base, {NEW: model("new").replace(b"openai", b"'openai'") + b"\n"}, rules)
    assert found.line == 8


def test_long_lines_are_shortened(base: Snapshot) -> None:
    for length in (80, 81):
        line = "  description:  ".ljust(length, "x")
        raw = model("new", description="HERE").replace(b"  description: HERE", line.encode())
        (found,) = found_by(base, {NEW: raw}, rules_with(RULES, "GR-002"))
        shown = line if length == 80 else f"{line[:77]}..."
        assert found.says.startswith(f"got {shown!r}; expected '  description: x")


def test_what_fmt_writes_has_no_finding(base: Snapshot) -> None:
    rules = rules_with(RULES, "GR-002")
    for raw in (SWAPPED, b"# a\n\n\n" + SWAPPED + b"\n\n# b", SWAPPED.replace(b"\n", b"\r\n")):
        formatted, _ = format_manifest(raw)
        assert formatted
        assert found_by(base, {NEW: raw}, rules)
        assert not found_by(base, {NEW: formatted}, rules)


# secrets

SECRETS = {
    "an AWS access key id": "AKIA" + noise(16, UPPER),
    "a temporary AWS access key id": "ASIA" + noise(16, UPPER),
    "a GitHub token": "gho_" + noise(36),
    "a GitHub fine-grained token": "github_pat_" + noise(22) + "_" + noise(59),
    "a GitLab token": "glpat-" + noise(20),
    "an Anthropic API key": "sk-ant-api03-" + noise(93) + "AA",
    "an OpenRouter API key": "sk-or-v1-" + noise(64, HEX),
    "an OpenAI API key": "sk-proj-" + noise(48),
    "a Google API key": "AIza" + noise(35),
    "a Google OAuth client secret": "GOCSPX-" + noise(28),
    "a Google OAuth token": "ya29." + noise(40),
    "a Slack token": "xoxb-1234567890-" + noise(24),
    "a Slack app token": "xapp-1-A012-" + noise(30),
    "a Slack webhook": "https://hooks.slack.com/services/T0123/B0123/" + noise(24),
    "a Stripe key": "sk_live_" + noise(24),
    "a Stripe webhook secret": "whsec_" + noise(32),
    "a Hugging Face token": "hf_" + noise(34),
    "an npm token": "npm_" + noise(36),
    "a PyPI token": "pypi-AgEIcHlwaS5vcmc" + noise(60),
    "a JSON Web Token": ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, {"sub": "author"}, noise(20))
    ),
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "an age secret key": "AGE-SECRET-KEY-1" + noise(58, UPPER),
    "an Azure storage key": "AccountKey=" + noise(86) + "==",
    "an Azure shared access signature": "sig=" + noise(43) + "%3D",
    "a Groq API key": "gsk_" + noise(52),
    "an xAI API key": "xai-" + noise(80),
    "a Perplexity API key": "pplx-" + noise(48),
    "a Replicate token": "r8_" + noise(37),
    "an NVIDIA API key": "nvapi-" + noise(64),
    "a Databricks token": "dapi" + noise(32, HEX),
    "a DigitalOcean token": "dop_v1_" + noise(64, HEX),
    "a Docker Hub token": "dckr_pat_" + noise(27),
    "a SendGrid API key": "SG." + noise(22) + "." + noise(43),
    "a Vault token": "hvs." + noise(24),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_of_known_formats_are_found_once_and_not_printed(base: Snapshot, name: str) -> None:
    secret = SECRETS[name]
    (found,) = found_by(base, {NEW: with_line(f"was {secret} once")}, rules_with(RULES, "GR-062"))
    assert found.says.startswith(f"{name} stands here: ")
    assert secret not in found.says + found.mend or name == "a private key"
    assert f"({len(secret)} characters, fingerprint {sha256(secret.encode()).hexdigest()[:8]})" in found.says
    lines = with_line("").count(b"\n")
    assert (found.line, found.column) == (lines, len("# was ") + 1)
    assert found.path == NEW


@pytest.mark.parametrize("name", SECRETS)
def test_a_piece_of_a_secret_or_of_a_longer_word_is_none(base: Snapshot, name: str) -> None:
    secret = SECRETS[name]
    pieces = [secret[: len(secret) // 6]] if name != "an Azure shared access signature" else ["sig=abc"]
    pieces += [] if name in ("a private key", "a Slack webhook", "an Azure storage key") else [f"X{secret}"]
    for piece in pieces:
        assert not found_by(base, {NEW: with_line(piece)}, rules_with(RULES, "GR-062")), piece


PASSWORD = "x7Kq!2mZp9Lw"  # noqa: S105 - made up for these tests


def secret(name: str, line: str, says: str | None = "looks like a secret") -> Case:
    return Case(name, {NEW: with_line(line)}, says)


SAID = [
    secret(
        "a password", f"password: {PASSWORD}", "a value of 'password' that looks like a secret stands here: x7Kq... (12"
    ),
    secret("in quotes", f'"Password": "{PASSWORD}"', "a value of 'Password' that"),
    secret("assigned", f"dbPassword={PASSWORD}"),
    secret("assigned as in Go", f"secret := '{PASSWORD}'"),
    secret("an API key in hexadecimal digits", f"api_key: {DIGEST[:32]}", "a value of 'api_key'"),
    secret("a client secret that is a UUID", f"clientSecret: {UUID}", "a value of 'Secret'"),
    secret("an AWS secret key", f"aws_secret_access_key = {noise(40)}", "a value of 'access_key'"),
    secret("an account key", f"account-key: {noise(20)}", "a value of 'account-key'"),
    secret("a bearer's token", f"Authorization: Bearer {noise(32)}", "a value of 'Bearer'"),
    secret("a token", f"token: {noise(24)}", "a value of 'token'"),
    secret("credentials", f"credentials: {noise(24)}", "a value of 'credentials'"),
    secret("a passphrase", f"passphrase: {noise(24)}", "a value of 'passphrase'"),
    secret("a passwd", f"passwd: {noise(24)}", "a value of 'passwd'"),
    secret("a pwd", f"pwd: {noise(24)}", "a value of 'pwd'"),
    secret("ten characters", "secret: a1b2c3d4e5"),
    secret("nine characters", "secret: a1b2c3d4e", None),
    secret("eight different characters, twice", "secret: abcd1234abcd1234"),
    secret("seven different characters", "secret: abc1234abc1234abc1234", None),
    secret("letters only", "secret: qwertzuiopasdfg", None),
    secret("letters and marks", "secret: qwertz!uiop+asdfg", None),
    secret("digits and marks", "token: 1234567890+987!654", None),
    secret("digits only", "token: 12345678901234567890", None),
    secret("words with dashes", "secret: northwind-gateway-2024-key1", None),
    secret("a path", "secret: projects/123/secrets/openai/versions/4", None),
    secret("a word of seven", "secret: abcde12-abcde34", None),
    secret("a word of eight", "secret: abcdef12-ghijk34"),
    secret("a variable", "password: ${DB_PASSWORD_1}", None),
    secret("a variable of Windows", "password: %DB_PASS_1%abcdefg", None),
    secret("a blank to fill in", "apiKey: {{ api_key_1 }}", None),
    secret("a placeholder", "apiKey: your-api-key-goes-here-123", None),
    secret("xs", "apiKey: sk1-xxxxxxxxxxxxxxxx", None),
    secret("stars", "apiKey: abc123***xyz789", None),
    secret("an address", "token: https://login.acme.example/oauth2/v2.0/token1234", None),
    secret("a token's digest", f"token: sha256:{DIGEST}", None),
    secret("a digest under token", f"token: {DIGEST}", None),
    secret("a UUID under token", f"token: {UUID}", None),
    secret("a UUID under credential", f"credential: {UUID.upper()}", None),
    secret("a digest under a key of its own", f"digest: {DIGEST}", None),
    secret("a digest beside a key", f"secretSha256: {DIGEST}", None),
    secret("the longest answer", "maxOutputTokens: 32768", None),
    secret("a header's name", "headerName: X-Api-Key", None),
    secret("no value", "password:", None),
    secret("a password in a URL", f"postgres://app:{PASSWORD}@db.acme.example/app", "a password in a URL stands here"),
    secret("a short one", "postgres://app:hunter2@db.acme.example/app", "a password in a URL"),
    secret("the word for one", "postgres://app:Password@db.acme.example/app", None),
    secret("a variable in a URL", "postgres://app:$PGPASS@db.acme.example/app", None),
    secret("a port", "https://acme.example:8080/a@b", None),
    secret("a Hugging Face name", "hf_transformers_model_name", None),
    secret("a model's name", "sk-learn/gh_pages/hf_hub", None),
    Case("a secret in a value", {NEW: model("new", description=f"key {SECRETS['an npm token']}")}, "an npm token"),
    Case("a secret in an unreadable manifest", {NEW: f"a: [{SECRETS['an npm token']}".encode()}, "an npm token"),
    Case("a secret in a page", {"docs/a.md": SECRETS["an npm token"].encode()}, "an npm token"),
    Case("a secret among bytes", {"docs/a.bin": b"\xff\n" + SECRETS["an npm token"].encode()}, "an npm token"),
    Case(
        "a secret under its own key is found once",
        {NEW: with_line(f"apiKey: {SECRETS['an Anthropic API key']}")},
        "an Anthropic API key",
    ),
    Case(
        "it stood there already",
        {path_of(): model(tags=["a"]) + b"\n# token: " + noise(24).encode() + b"\n"},
        over={path_of(): model() + b"# token: " + noise(24).encode() + b"\n"},
    ),
    Case(
        "another one stands there now",
        {path_of(): model() + b"# token: " + noise(24, of="b").encode() + b"\n"},
        "a value of 'token'",
        over={path_of(): model() + b"# token: " + noise(24).encode() + b"\n"},
    ),
    Case(
        "it stands there once more",
        {path_of(): model() + b"# token: " + noise(24).encode() + b"\n# token: " + noise(24).encode() + b"\n"},
        "a value of 'token'",
        over={path_of(): model() + b"# token: " + noise(24).encode() + b"\n"},
    ),
    Case("taken away", {path_of(): None}, over={path_of(): with_line(SECRETS["an npm token"])}),
]


@pytest.mark.parametrize("case", SAID, ids=lambda case: case.name)
def test_no_file_holds_a_secret(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-062"))


def test_every_secret_is_found_and_each_once(base: Snapshot) -> None:
    one, other = SECRETS["an npm token"], SECRETS["a Hugging Face token"]
    text = f"token: {one}\n{other} {one}\npassword={PASSWORD},{PASSWORD}\n"
    found = found_by(base, {"docs/a.md": text.encode()}, rules_with(RULES, "GR-062"))
    assert [(finding.line, finding.column) for finding in found] == [(1, 8), (2, 1), (2, len(other) + 2), (3, 10)]


def test_short_secrets_show_no_more_than_a_third(base: Snapshot) -> None:
    (found,) = found_by(base, {"docs/a.md": b"a://b:secret123@c"}, rules_with(RULES, "GR-062"))
    assert "secr" not in found.says
    assert "sec... (9 characters" in found.says


@pytest.mark.parametrize(
    "line",
    [
        "a" * 60_000 + "://",
        "token: " + "abcdefgh" * 7_000,
        "token: " + "12345678" * 7_000,
        "bearer" + " " * 60_000,
        "bearer " * 9_000,
        "-----BEGIN " * 5_000,
        "eyJabcdefgh.x" * 5_000,
        "%a" * 30_000,
    ],
)
def test_no_line_takes_long(base: Snapshot, line: str) -> None:
    assert found_by(base, {"docs/a.md": line.encode()}, rules_with(RULES, "GR-062")) == []


def test_many_hidden_characters_do_not_take_long(base: Snapshot) -> None:
    rules = rules_with(RULES, "GR-064")
    found = [fault for rule in rules for fault in rule.check(change_of(base, {NEW: ("\u200b" * 10_000).encode()}))]
    assert len(found) == 10_000


def test_other_entries_are_not_read(base: Snapshot) -> None:
    raw = SECRETS["an npm token"].encode()
    oid = str(base.repo.handle.create_blob(raw))
    for rule in ("GR-062", "GR-064"):
        entries = {"docs/link": Entry("docs/link", oid, 0o120000)}
        assert not found_by(base, {}, rules_with(RULES, rule), entries)


def test_a_file_as_large_as_may_be_is_read_and_a_larger_one_is_not(base: Snapshot) -> None:
    raw = SECRETS["an npm token"].encode()
    rules = rules_with(RULES, "GR-062")
    assert found_by(base, {"docs/a.txt": raw + b" " * (65_536 - len(raw))}, rules)
    assert not found_by(base, {"docs/a.txt": raw + b" " * (65_537 - len(raw))}, rules)


# hidden text


def hidden(name: str, text: str, says: str | None) -> Case:
    return Case(name, {NEW: model("new") + text.encode()}, says)


def described(text: str) -> bytes:
    return model("new", description="HERE").replace(b"HERE", text.encode())


HIDDEN = [
    hidden("plain letters of any script", "# äöü 日本語 العربية 😀 ❤️\n", None),
    hidden("a zero-width space", "# a\u200bb\n", "the character U+200B (ZERO WIDTH SPACE) stands here"),
    hidden("an override", "# \u202e\n", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    hidden("an isolate", "# \u2066\n", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
    hidden("a byte order mark", "# \ufeff\n", "U+FEFF"),
    hidden("a soft hyphen", "# \u00ad\n", "U+00AD"),
    hidden("a tag", "# \U000e0041\n", "U+E0041"),
    hidden("one without a name", "# \U000e0002\n", "the character U+E0002 stands here"),
    Case("written as an escape", {NEW: described('"a\\u202Eb"')}, "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    Case("written as a long escape", {NEW: described('"a\\U0000202Eb"')}, "U+202E"),
    Case("written as a short escape", {NEW: described('"a\\xADb"')}, "U+00AD"),
    Case("written with other escapes beside it", {NEW: described('"\\t\\u00e4 \\u202E \\\\u202E"')}, "U+202E"),
    Case("an escape that is escaped", {NEW: described('"a\\\\u202Eb"')}),
    Case("an escape in single quotes", {NEW: described("'a\\u202Eb'")}),
    Case("an escape without quotes", {NEW: described("a\\u202Eb")}),
    Case("other escapes", {NEW: described('"a\\tb\\u00e4\\x41\\U0001F600"')}),
    Case("raw within double quotes", {NEW: described('"a\\t\u202eb"')}, "U+202E"),
    Case("an unreadable manifest", {NEW: "a: [\u202e".encode()}, "U+202E"),
    Case("a workflow", {".github/workflows/a.yml": "a: \u202e".encode()}, "U+202E"),
    Case("prose", {"docs/a.md": "\u0645\u06cc\u200c\u062e\u0648".encode()}),
    Case(
        "it stood there already",
        {path_of(): b"# now\n" + model() + "# a\u200bb\n".encode()},
        over={path_of(): model() + "# a\u200bb\n".encode()},
    ),
    Case(
        "another line has it now",
        {path_of(): model() + "# a\u200bb\n# c\u200bd\n".encode()},
        "in '# c<U+200B>d'",
        over={path_of(): model() + "# a\u200bb\n".encode()},
    ),
]


@pytest.mark.parametrize("case", HIDDEN, ids=lambda case: case.name)
def test_no_text_hides_anything(base: Snapshot, case: Case) -> None:
    expect(base, case, rules_with(RULES, "GR-064"))


def test_hidden_characters_are_told_in_order_with_their_places(base: Snapshot) -> None:
    raw = described('"a\\u202Eb\u200bc"') + "# \u2066\n".encode()
    line = raw.decode().split("\n").index('  description: "a\\u202Eb\u200bc"') + 1
    found = found_by(base, {NEW: raw}, rules_with(RULES, "GR-064"))
    assert sorted((finding.line, finding.column) for finding in found) == [
        (line, len('  description: "a') + 1),
        (line, len('  description: "a\\u202Eb') + 1),
        (raw.count(b"\n"), 3),
    ]
    assert all("<U+200B>c" in finding.says for finding in found[:2])


@pytest.mark.parametrize(
    "character", "\u034f\u061c\u115f\u1160\u17b4\u180e\u200f\u202a\u2060\u206f\u3164\uffa0\ufff9\U000e01ef"
)
def test_each_sort_of_hidden_character_is_known(base: Snapshot, character: str) -> None:
    assert found_by(base, {NEW: model("new") + f"# {character}\n".encode()}, rules_with(RULES, "GR-064"))


# what is fine everywhere


def demo_files() -> dict[str, bytes]:
    found = {}
    for path in DEMO.rglob("*.yaml"):
        parts = path.relative_to(DEMO).parts
        for n in range(len(parts)):
            if addresses_at("/".join(parts[n:])):
                found["/".join(parts[n:])] = path.read_bytes()
                break
    return found


def test_examples_and_demo_have_no_findings(base: Snapshot) -> None:
    examples = {}
    for kind in KIND_TYPES.values():
        manifest = read_manifest(kind.example.encode()).manifest
        assert manifest
        examples[manifest.address.path] = kind.example.encode()
    assert judge(base, Case("examples", examples), RULES) == []
    assert judge(base, Case("demo", demo_files()), RULES) == []


def test_faults_name_their_file(base: Snapshot) -> None:
    files = {
        NEW: with_line(PASSWORD),
        "namespaces/other.yaml": namespace("other"),
        path_of("c", folder="configs"): config("c"),
    }
    change = change_of(base, {**files, "docs/a.md": f"token={noise(20)}".encode()})
    faults = [fault for rule in RULES for fault in rule.check(change)]
    assert [(type(fault), fault.path) for fault in faults] == [(Fault, "docs/a.md")]
