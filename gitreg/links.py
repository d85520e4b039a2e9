"""Where records stand on a server: one collection for each kind, below the root of the API."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from gitreg.refs import KINDS, KindAddress

ROOT: Final = "/api/v1"
_OWN_WORDS: Final = {
    "Registry": "registries",
    "Aliases": "aliases",
    "Role": "roles",
    "RoleBinding": "role-bindings",
}
COLLECTIONS: Final[dict[str, KindAddress]] = {
    _OWN_WORDS.get(kind, address.folder): address for kind, address in KINDS.items()
}
COLLECTION_OF: Final[dict[str, str]] = {address.kind: name for name, address in COLLECTIONS.items()}


def href_of(kind: str, ref: str) -> str:
    """Give the path of a record, from its kind and its ref."""
    body = ref.partition(":")[2] or ref
    return f"{ROOT}/{COLLECTION_OF[kind]}/{quote(body, safe='/@')}"
