"""Rules on a file's text, whatever it says: that it is canonical, that it holds no secret and hides nothing.

- They look at raw text, comments included, and so also at files that cannot be read as manifests.
- What a file's earlier text was guilty of already is not held against it.
- Nothing that was found is printed whole: a secret is named by its sort, its beginning and a fingerprint.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from typing import Final

import yaml

from gitreg.errors import Severity
from gitreg.manifests import MAX_BYTES, format_manifest, write_manifest
from gitreg.manifests._subset import parse_subset
from gitreg.validation import Change, Fault, Rule, Subject, each

_SHOWN: Final = 80
_AROUND: Final = 40


def check_canonical(subject: Subject) -> Iterator[Fault]:
    """A manifest is written as its canonical text: order of keys, quotes, line ends, final newline."""
    raw = subject.raw
    canonical = write_manifest(subject.manifest)
    if _is_written_as(raw, canonical):
        return
    formatted, _ = format_manifest(raw)
    if formatted is not None and not _is_written_as(raw, formatted):
        line, says = _first_difference(raw, formatted)
        yield Fault(says, f"run `gitreg fmt {subject.path}`", line=line)


def _is_written_as(raw: bytes, canonical: bytes) -> bool:
    """Compare a text with the canonical one; the editor's schema line may be left out."""
    return raw in (canonical, canonical.partition(b"\n")[2])


def _first_difference(raw: bytes, canonical: bytes) -> tuple[int, str]:
    if b"\r" in raw:
        return raw[: raw.index(b"\r")].count(b"\n") + 1, "lines end with CR LF; expected LF alone"
    got, wanted = raw.decode().split("\n"), canonical.decode().split("\n")
    if got[0] != wanted[0]:
        wanted = wanted[1:]
    pairs = enumerate(zip_longest(got, wanted), 1)
    number, line, other = next((number, line, other) for number, (line, other) in pairs if line != other)
    return min(number, len(got)), _told(line, other)


def _told(line: str | None, wanted: str | None) -> str:
    if line is None:
        return "the text ends without a newline"
    return f"got {_short(line)}; expected {'the end of the text' if wanted is None else _short(wanted)}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")


def _each_text(change: Change, look: Callable[[str], Iterator[Fault]], *, prose: bool) -> Iterator[Fault]:
    """Look at the text of each changed file, and leave out what the earlier text was guilty of as often."""
    for file in change.files:
        if not prose and file.path.endswith(".md"):
            continue
        found = change.head.read(file.path)
        if found is None or len(found[1]) > MAX_BYTES:
            continue
        faults = list(look(found[1].decode("utf-8", "replace")))
        before = change.base.read(file.path) if faults else None
        known = Counter(fault.says for fault in look(before[1].decode("utf-8", "replace"))) if before else Counter()
        for fault in faults:
            known[fault.says] -= 1
            if known[fault.says] < 0:
                yield replace(fault, path=file.path)


def _place(text: str, offset: int) -> tuple[int, int]:
    """Give the line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


@dataclass(frozen=True, slots=True)
class _Sort:
    """A sort of secret: what has to stand in a text that holds one, and how one is written."""

    name: str
    mark: str
    pattern: re.Pattern[str]


def _sort(name: str, mark: str, pattern: str) -> _Sort:
    return _Sort(name, mark, re.compile(rf"(?<![A-Za-z0-9_-]){pattern}"))


_SORTS: Final = (
    _sort("an AWS access key id", "AKIA", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _sort("a temporary AWS access key id", "ASIA", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _sort("a GitHub token", "gh", r"gh[opsru]_[A-Za-z0-9]{36,}"),
    _sort("a GitHub fine-grained token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    _sort("a GitLab token", "gl", r"gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|soat)-[A-Za-z0-9_.-]{20,}"),
    _sort("an Anthropic API key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    _sort("an OpenRouter API key", "sk-or-", r"sk-or-v1-[0-9a-f]{64}"),
    _sort("an OpenAI API key", "sk-", r"sk-(?:admin|proj|svcacct)-[A-Za-z0-9_-]{20,}"),
    _sort("an OpenAI API key", "sk-", r"sk-[A-Za-z0-9]{48}(?![A-Za-z0-9_-])"),
    _sort("a Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _sort("a Google OAuth client secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _sort("a Google OAuth token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _sort("a Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _sort("a Slack app token", "xapp-", r"xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    _sort(
        "a Slack webhook",
        "hooks.slack.com",
        r"https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}",
    ),
    _sort("a Stripe key", "k_", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _sort("a Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/]{24,}"),
    _sort("a Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34,}"),
    _sort("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _sort("a PyPI token", "pypi-", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _sort("a JSON Web Token", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _sort("a private key", "PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"),
    _sort("an age secret key", "AGE-SECRET", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _sort("an Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    _sort("an Azure shared access signature", "sig=", r"sig=[A-Za-z0-9%+/]{40,}(?:%3[Dd]|=)"),
    _sort("a Groq API key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _sort("an xAI API key", "xai-", r"xai-[A-Za-z0-9]{80}"),
    _sort("a Perplexity API key", "pplx-", r"pplx-[A-Za-z0-9]{48}"),
    _sort("a Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _sort("an NVIDIA API key", "nvapi-", r"nvapi-[A-Za-z0-9_-]{60,}"),
    _sort("a Databricks token", "dapi", r"dapi[0-9a-f]{32}"),
    _sort("a DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _sort("a Docker Hub token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{27}"),
    _sort("a SendGrid API key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _sort("a Vault token", "hvs.", r"hvs\.[A-Za-z0-9_-]{24,}"),
)
_IN_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#:@\"'<>]*:(?P<value>[^\s/?#@\"'<>]+)@")
_ASSIGNED: Final = re.compile(
    r"(?P<key>pass(?:word|wd|phrase)|pwd|secret|api[_-]?key|(?:access|account|auth|private|shared)[_-]?key"
    r"|credentials?|token|bearer)"
    r"[\"']?(?:[ \t]*(?::=|:|=)|(?<=bearer))[ \t]*[\"']?(?P<value>[^\s\"'`,;&<>(){}\[\]]+)",
)
_DIGEST: Final = re.compile(
    r"(?:sha(?:1|256|512)[:-])?[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
_STANDS_FOR: Final = re.compile(r"\$|%\w+%|\*{3}|x{4}|\.{3}|example|change.?me|placeholder|your", re.IGNORECASE)
_WORDS: Final = re.compile(r"[-_./:@]+")
_LETTER: Final = re.compile(r"[A-Za-z]")
_FIGURE: Final = re.compile(r"[0-9]")
_NO_PASSWORDS: Final = frozenset({"pass", "password", "passwd", "pw", "pwd", "secret", "token"})
_LEAST_LENGTH: Final = 10
_LEAST_BITS: Final = 3.0
_WORD_LENGTH: Final = 8
_MAY_BE_DIGESTS: Final = frozenset({"token", "credential", "credentials"})


def check_secrets(change: Change) -> Iterator[Fault]:
    """No file holds a key, a token, a private key or a password, not even in a comment."""
    yield from _each_text(change, _secrets_in, prose=True)


def _secrets_in(text: str) -> Iterator[Fault]:
    found = sorted([*_written_like_one(text), *_in_urls(text), *_assigned(text)], key=lambda each: each[0])
    end = 0
    for start, stop, name in found:
        if start >= end:
            end = stop
            line, column = _place(text, start)
            mend = (
                "take it out, have it revoked where it was issued (Git keeps what was pushed), "
                "and name where it is kept instead, like an environment variable"
            )
            yield Fault(f"{name} stands here: {_masked(text[start:stop])}", mend, line=line, column=column)


def _masked(secret: str) -> str:
    """Name a secret without giving it away: its beginning, its length and a fingerprint."""
    fingerprint = sha256(secret.encode("utf-8", "replace")).hexdigest()[:8]
    shown = secret if secret.startswith("-----") else f"{secret[: min(4, len(secret) // 3)]}..."
    return f"{shown} ({len(secret)} characters, fingerprint {fingerprint})"


def _written_like_one(text: str) -> Iterator[tuple[int, int, str]]:
    for sort in _SORTS:
        if sort.mark in text:
            yield from ((found.start(), found.end(), sort.name) for found in sort.pattern.finditer(text))


def _in_urls(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _IN_URL.finditer(text) if "://" in text else ():
        value = found["value"]
        if value.lower() not in _NO_PASSWORDS and not _STANDS_FOR.search(value):
            yield found.start("value"), found.end("value"), "a password in a URL"


def _assigned(text: str) -> Iterator[tuple[int, int, str]]:
    folded = text.encode().lower().decode()  # bytes lose no length, and ignoring the case costs three times as much
    for found in _ASSIGNED.finditer(folded):
        key, value = found["key"], text[slice(*found.span("value"))]
        if _looks_random(value) and not (key in _MAY_BE_DIGESTS and _DIGEST.fullmatch(value)):
            says = f"a value of {text[slice(*found.span('key'))]!r} that looks like a secret"
            yield found.start("value"), found.end("value"), says


def _looks_random(value: str) -> bool:
    """Tell a password or a key from a name, a path, a number or what stands for a secret."""
    is_long = len(value) >= _LEAST_LENGTH and _bits(value) >= _LEAST_BITS
    is_mixed = bool(_LETTER.search(value)) and bool(_FIGURE.search(value))
    is_itself = not _STANDS_FOR.search(value) and "://" not in value
    return is_long and is_mixed and is_itself and (bool(_DIGEST.fullmatch(value)) or not _is_words(value))


def _is_words(value: str) -> bool:
    return all(len(word) < _WORD_LENGTH or word.isalpha() or word.isdigit() for word in _WORDS.split(value))


def _bits(value: str) -> float:
    """Give Shannon's entropy, in bits a character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


_HIDDEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.)", re.DOTALL)


def check_hidden(change: Change) -> Iterator[Fault]:
    """No text holds characters that are not seen or that turn the direction of what is seen."""
    yield from _each_text(change, _hidden_in, prose=False)


def _hidden_in(text: str) -> Iterator[Fault]:
    raw = [] if text.isascii() else [(found.start(), found[0]) for found in _HIDDEN.finditer(text)]
    for offset, character in sorted([*raw, *_escaped(text)]):
        line, column = _place(text, offset)
        yield Fault(
            f"the character {_called(character)} stands here and is not seen, in {_line_around(text, offset)}",
            "take it out; what is read must be what is meant",
            line=line,
            column=column,
        )


def _escaped(text: str) -> Iterator[tuple[int, str]]:
    """Find hidden characters that are written as escapes of double-quoted YAML."""
    if "\\" not in text:
        return
    for event in parse_subset(text.encode()).events:
        if type(event) is not yaml.ScalarEvent or event.style != '"' or not _HIDDEN.search(event.value):
            continue
        start, end = event.start_mark.index, event.end_mark.index  # type: ignore[union-attr] # libyaml marks every event
        for found in _ESCAPE.finditer(text, start, end):
            digits = found[1] or found[2] or found[3]
            if digits and _HIDDEN.match(chr(int(digits, 16))):
                yield found.start(), chr(int(digits, 16))


def _called(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def _line_around(text: str, offset: int) -> str:
    """Show what stands around an offset in its line, with what is hidden in it laid open."""
    before = text[max(0, offset - _AROUND) : offset].rpartition("\n")[2]
    after = text[offset : offset + _AROUND].partition("\n")[0]
    return repr(_HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", (before + after).strip()))


RULES: Final = (
    Rule("GR-002", "canonical-form", Severity.WARNING, each(check_canonical)),
    Rule("GR-062", "secrets", Severity.ERROR, check_secrets),
    Rule("GR-064", "hidden-text", Severity.ERROR, check_hidden),
)
