"""How commands name pipelines: a ref without a kind means one."""

from __future__ import annotations

from gitreg.errors import UsageError
from gitreg.refs import KINDS, Address, Ref
from gitreg.versions import Version


def pipeline_ref(text: str) -> Ref:
    """Read a ref as one of a pipeline; `UsageError` where it names another kind."""
    ref = Ref.parse(text, kind="Pipeline")
    if ref.kind != "Pipeline":
        word = KINDS[ref.kind].word
        raise UsageError(
            f"{text!r} is a {word}, and no pipeline",
            got=text,
            expected="[pipeline:]namespace/name[@selector]",
            mend=f"name a pipeline; `gitreg get {text}` shows this {word}",
        )
    return ref


def pipeline_name(text: str, word: str) -> Ref:
    """Read a ref as the name of a pipeline with all its versions; `UsageError` where it selects one."""
    ref = pipeline_ref(text)
    if ref.selector is not None:
        raise UsageError(
            f"{word} is about a name, and {text!r} selects one version of it",
            got=text,
            expected=ref.place,
            mend=f"cut it from '@' on: `gitreg pipeline {word} {ref.place}`",
        )
    return ref


def new_address(text: str, version: str) -> Address:
    """Read who a new pipeline is to be; `version` is meant where the text names none."""
    ref = pipeline_ref(text)
    if ref.selector is not None and not isinstance(ref.selector, Version):
        raise UsageError(
            f"{text!r} does not say which version the new pipeline is",
            got=ref.written,
            expected="namespace/name, or namespace/name@1.0.0",
            mend="name one version, like 1.0.0",
        )
    return ref.address(str(ref.selector or version))
