#!/usr/bin/env python
"""Check that every checksum of the demo organisation is the digest of what it says, and print the right ones.

- `of: source-record`: the SHA-256 of the canonical JSON (RFC 8785) of the facts that the manifest states
  about a thing that others made: its external ids and the fields of `FACTS`.
- `of: artifact`: the demo's own models and datasets do not exist, so neither do their bytes; the digest is
  the SHA-256 of the record's ref.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import Any, Final

import rfc8785

from gitreg.manifests import read_manifest, to_data
from gitreg_api.demo import steps

FACTS: Final = ("provider", "type", "format", "license", "capabilities", "records", "splits", "languages")


def expected_digest(data: dict[str, Any], ref: str) -> str:
    """Compute the digest that a manifest, given as plain data, should carry."""
    spec = data["spec"]
    if spec["checksum"]["of"] == "artifact":
        return hashlib.sha256(ref.encode()).hexdigest()
    record = {"externalIds": data["metadata"]["externalIds"]}
    record |= {name: spec[name] for name in FACTS if name in spec}
    return hashlib.sha256(rfc8785.dumps(record)).hexdigest()


def wrong_digests() -> Iterator[tuple[str, str]]:
    """Find each file of the demo whose checksum is wrong, with the right one."""
    for step in steps():
        for path, raw in step.files.items():
            manifest = read_manifest(raw, path=path).manifest
            data = to_data(manifest)
            if manifest is None or "checksum" not in data["spec"]:
                continue
            right = expected_digest(data, manifest.address.ref)
            if data["spec"]["checksum"]["digest"] != right:
                yield path, right


def main() -> int:
    """Print what is wrong; exit 1 where anything is."""
    wrong = list(wrong_digests())
    for path, right in wrong:
        sys.stdout.write(f"{path}: the digest should be {right}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
