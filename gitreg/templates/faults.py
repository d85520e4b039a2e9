"""One thing that keeps a template from giving a pipeline, or a pipeline from being what its template gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the field, what is wrong and how to mend it."""

    field: str
    says: str
    mend: str
