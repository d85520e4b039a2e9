"""The file of a name: NDJSON, a line for each version, highest first, then one for its aliases if it has any.

- A line says what a reader needs to choose: ref, version, status; and where the record is: its digest and size.
- A record without versions has a file of one line, whose version is null.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import orjson

from gitreg_indexer.publishing.states import Live, Name

DIGEST: Final = "sha256:"


def name_file(name: Name) -> bytes:
    """Write a name's file."""
    return b"".join(_line(record) for record in name.records)


def _line(record: Live) -> bytes:
    data = orjson.loads(record.doc)
    known = data["registry"]
    about: dict[str, Any] = {"ref": record.ref}
    if record.kind == "Aliases":
        about["aliases"] = data["spec"]["aliases"]
    else:
        about |= {"version": record.version or None, "status": record.status}
    about |= {
        "digest": DIGEST + sha256(record.doc).hexdigest(),
        "size": len(record.doc),
        "blob": record.blob,
        "createdAt": known["createdAt"],
        "updatedAt": known["updatedAt"],
    }
    return orjson.dumps(about, option=orjson.OPT_APPEND_NEWLINE)
