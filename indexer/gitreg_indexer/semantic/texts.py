"""What of a record is compared by meaning: what it is called, what it is, what it can do, and what is said of it.

- A text depends on the record's own words alone, not on its version, namespace or dates: versions that say the same
  have the same text, and so one vector.
- The first line is what the record is called; an embedder may give it more weight.
- It is at most `LONGEST` characters long: models of embeddings take a few hundred words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

LONGEST: Final = 2_000
_LONGEST_LABELS: Final = 1_000
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def text_of(data: Mapping[str, Any]) -> str:
    """Give the text that stands for a record's document, `Fact.data()`."""
    metadata, spec = _part(data, "metadata"), _part(data, "spec")
    labels = " ".join(dict.fromkeys(_labels(data, metadata, spec)))[:_LONGEST_LABELS]
    described = " ".join(str(metadata.get("description") or "").split())
    lines = (str(metadata.get("name", "")), labels, described)
    return "\n".join(line for line in lines if line)[:LONGEST]


def asked_text(text: str) -> str:
    """Give what somebody asks for as it is compared: one line, no longer than a record's text."""
    return " ".join(text.split())[:LONGEST]


def _labels(data: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    yield _spelt_out(str(data.get("kind", "")))
    for key in ("title", "displayName", "provider", "type", "category"):
        yield from _texts(spec.get(key))
    yield from _texts(metadata.get("tags"))
    yield from _texts(list(_part(metadata, "externalIds").values()))
    for key, value in _part(spec, "capabilities").items():
        if value is True:
            yield _spelt_out(key.removeprefix("supports"))
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """Give a text, or the texts of a list."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item


def _spelt_out(name: str) -> str:
    """Give a name in camel case as words: `supportsVision` says `supports vision`."""
    return _HUMP.sub(" ", name).lower()


def _part(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}
