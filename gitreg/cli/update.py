"""`gitreg update`: change fields of a landed record.

- A value means what it would mean in a manifest: `1.5` is a number, `true` a truth value, `[a, b]` a list; what is
  none of these is text, whole, with its colons and hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from gitreg.cli.options import (
    ApproveOption,
    ApproverOption,
    AuthorOption,
    JsonOption,
    MessageOption,
    QuietOption,
    RefArgument,
    RepoOption,
    author_of,
    open_registry,
)
from gitreg.cli.receipts import checked_approvers, known_rules, print_receipt
from gitreg.errors import UsageError
from gitreg.manifests._subset import parse_subset, resolve_plain

_MARKED: Final = ("[", "{", '"', "'")


def update(
    ref: RefArgument,
    put: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a field, like spec.lifecycle.status=deprecated."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--unset", metavar="PATH", help="Remove a field, like metadata.docs[0].")
    ] = None,
    repo: RepoOption = None,
    message: MessageOption = None,
    author: AuthorOption = None,
    approve: ApproveOption = None,
    approver: ApproverOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change fields of a record in place, keeping its comments.

    VALUE is read as in a manifest: a number, true, false, null, a flow list [a, b] or mapping {k: v}, JSON, or
    else text as it stands. To give text that looks like one of these, quote it within: --set 'metadata.labels.v="1.0"'.
    Fields that are frozen in a landed version are refused; register a new version instead.

    \b
    Examples:
      gitreg update acme/summarizer@1.0.0 --set spec.lifecycle.status=deprecated
      gitreg update acme/summarizer --set 'metadata.tags=[nlp, english]' --unset metadata.docs
    """
    if not put and not remove:
        raise UsageError("there is nothing to change", mend="give --set PATH=VALUE or --unset PATH")
    receipt = open_registry(repo).update(
        ref,
        put=settings_of(put or ()),
        remove=remove or (),
        author=author_of(author),
        message=message,
        approve=known_rules(approve),
        approvers=checked_approvers(approver),
    )
    print_receipt(receipt, as_json=as_json, quiet=quiet)


def settings_of(texts: Sequence[str]) -> dict[str, Any]:
    """Read `PATH=VALUE` texts; a path may be given once."""
    settings: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise UsageError(
                f"{text!r} does not say what to set",
                got=text,
                expected="PATH=VALUE",
                mend="write it like --set spec.lifecycle.status=deprecated",
            )
        if path in settings:
            raise UsageError(f"{path!r} is set twice", got=text, mend="keep one of the two")
        settings[path] = value_of(value, path)
    return settings


def value_of(text: str, path: str) -> Any:
    """Read a value as a manifest would; what is neither marked nor a plain constant or number is text."""
    if text.startswith(_MARKED):
        return _marked_value(text, path)
    if not text:
        return text
    try:
        return resolve_plain(text)
    except ValueError:  # YAML 1.1 and 1.2 disagree about it, so it is not a number that somebody meant
        return text


def _marked_value(text: str, path: str) -> Any:
    parsed = parse_subset(text.encode("utf-8", "surrogateescape"))
    if not parsed.findings:
        return parsed.data
    finding = parsed.findings[0]
    raise UsageError(
        f"the value of {path!r} begins with {text[0]!r}, and cannot be read: {finding.says}",
        where=f"--set, column {finding.column}",
        got=text,
        mend=f"{finding.mend}; if it is text, quote it as a whole, within the shell's quotes",
    )
