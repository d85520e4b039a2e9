"""Name the rows: namespace and name from a row's provider and key, and from nothing else.

- A name depends on the key and the provider only, never on which other rows there are or on their order.
- A plain name can be read back: `key_of(provider, name)` gives the key. A key whose plain name reads back
  as another key gets a suffix, `-x` and the first six digits of the key's SHA-256; no plain name ends like
  that. So no two plain names clash, and no plain name clashes with one that has a suffix.
- The tables here are part of the contract: changing an entry renames what has landed. New providers may be
  added.
- How a key reads as a name: `/` is `--` (as in Hugging Face's cache folders); the provider's own first
  segment is left out; `:` and `@` are `-`, which reads back where a provider always uses them so; capitals
  become small letters, which never reads back, since catalogues do list the same model in both spellings.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from gitreg.refs import RESERVED_NAMES, WINDOWS_NAMES, is_name

LONGEST: Final = 64
_SUFFIX: Final = re.compile(r"-x[0-9a-f]{6}\Z")
_SUFFIX_DIGITS: Final = 6
_FOREIGN: Final = re.compile(r"[^a-z0-9._-]+")
_SLUG: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")

# Flavours of a provider that are not providers of their own.
_FLAVOURS: Final = {
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
    "cohere_chat": "cohere",
    "sagemaker_chat": "sagemaker",
}
_FLAVOUR_BEFORE: Final = "text-completion-"
_FLAVOUR_BEHIND: Final = re.compile(r"(?P<provider>.+?)-(?P<flavour>[a-z0-9_-]+)[-_]models\Z")

# What is left out at the front of a key, where it is not the provider's slug with `_` for `-`.
_HOMES: Final = {
    "amazon-nova": "amazon-nova/",
    "fireworks-ai": "fireworks_ai/accounts/fireworks/models/",
}
_SEGMENTS: Final = {"amazon-nova": "amazon-nova/"}

# First segments that a provider has beside its own; they stay in the name.
_OTHER_SEGMENTS: Final = {
    "bedrock": ("bedrock_mantle/",),
    "codestral": ("text-completion-codestral/",),
    "inception": ("text-completion-inception/",),
}

# Keys that stand without the provider's segment.
_ANY: Final = re.compile(r".*", re.DOTALL)
_BARE: Final = {
    "ai21": _ANY,
    "anthropic": _ANY,
    "bedrock": re.compile(r"[^/]*|(\d+-x-\d+|max-x-max)/.*"),
    "cohere": _ANY,
    "jina-ai": _ANY,
    "nlp-cloud": _ANY,
    "openai": _ANY,
    "together-ai": re.compile(r"together-ai-.*"),
    "vertex-ai": re.compile(r"(gemini|medlm|multimodalembedding|text)-?[^/]*"),
    "volcengine": re.compile(r"doubao-embedding.*|.*-25\d{4}"),
}

# Where a provider always writes a mark that names cannot hold: (in the name, in the key).
_MARKS: Final[dict[str, tuple[tuple[re.Pattern[str], str], ...]]] = {
    "bedrock": ((re.compile(r"-v(\d+)-(\d+)\Z"), r"-v\1:\2"),),
    "cloudflare": ((re.compile(r"\A(cf|hf)/"), r"@\1/"),),
    "ollama": ((re.compile(r"-(\d+b(-cloud)?)\Z"), r":\1"),),
    "openai": ((re.compile(r"\Aft-"), "ft:"),),
    "vertex-ai": ((re.compile(r"\A(claude-.+)-(default|20\d{6})\Z"), r"\1@\2"),),
}


def provider_of(raw: str) -> str | None:
    """Give the slug of a `litellm_provider`, flavours merged; None where none can be made."""
    word = raw.removeprefix(_FLAVOUR_BEFORE)
    if behind := _FLAVOUR_BEHIND.match(word):
        word = behind["provider"]
    slug = _FLAVOURS.get(word, word).replace("_", "-")
    return slug if _SLUG.match(slug) and not _is_reserved(slug) else None


def flavour_of(raw: str) -> str | None:
    """Give what a flavour of a provider serves, in its own words (`embedding`, `text-completion`)."""
    if raw.startswith(_FLAVOUR_BEFORE):
        return "text-completion"
    behind = _FLAVOUR_BEHIND.match(raw)
    return behind["flavour"] if behind else None


def name_of(provider: str, key: str) -> str:
    """Name a row: the plain name where it reads back as the key, one with a suffix otherwise."""
    segment, home = _segment(provider), _home(provider)
    rest = key.removeprefix(home) if key.startswith(home) else key.removeprefix(segment)
    short = _plain(rest)
    for name in (short, f"{provider}--{_plain(key.removeprefix(segment))}", _plain(key)):
        if key_of(provider, name) == key:
            return name
    digest = hashlib.sha256(key.encode()).hexdigest()[:_SUFFIX_DIGITS]
    stem = (short or provider)[: LONGEST - _SUFFIX_DIGITS - 2].rstrip("._-")
    return f"{stem}-x{digest}"


def key_of(provider: str, name: str) -> str | None:
    """Read the key back from a plain name; None for a name that no plain name may be."""
    if not is_name(name) or _SUFFIX.search(name) or _is_reserved(name):
        return None
    text = name.replace("--", "/")
    bare = _BARE.get(provider)
    if text.startswith(f"{provider}/"):
        return _segment(provider) + _marked(provider, text.removeprefix(f"{provider}/"))
    marked = _marked(provider, text)
    if text.startswith(_OTHER_SEGMENTS.get(provider, ())):
        return marked
    return marked if bare and bare.fullmatch(marked) else _home(provider) + marked


def _marked(provider: str, text: str) -> str:
    for in_name, in_key in _MARKS.get(provider, ()):
        text = in_name.sub(in_key, text)
    return text


def _plain(key: str) -> str:
    return _FOREIGN.sub("-", key.lower().lstrip("@").replace("/", "--")).strip("._-")


def _segment(provider: str) -> str:
    return _SEGMENTS.get(provider, f"{provider.replace('-', '_')}/")


def _home(provider: str) -> str:
    return _HOMES.get(provider, _segment(provider))


def _is_reserved(name: str) -> bool:
    return name in RESERVED_NAMES or name.endswith(".lock") or name.partition(".")[0] in WINDOWS_NAMES
