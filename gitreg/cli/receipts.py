"""How a write is told of, and which reviews a caller may have decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from gitreg.cli.output import print_json, print_line, remark, remark_block, shown
from gitreg.errors import UsageError
from gitreg.registry import Receipt
from gitreg.validation import load_rules

SHOWN: Final = 50


def print_receipt(receipt: Receipt, *, as_json: bool, quiet: bool) -> None:
    """Tell what became of a write: as JSON, or as lines with the remarks on stderr."""
    if as_json:
        print_json(receipt.as_data())
        return
    for finding in receipt.warnings:
        remark_block("\n".join(shown(line) for line in finding.explain().split("\n")))
    for path in receipt.left:
        remark(f"{path}: left as it is, for it has edits that are not committed")
    if not quiet:
        _print_records(receipt)


def _print_records(receipt: Receipt) -> None:
    for record in receipt.records[:SHOWN]:
        print_line(f"{record.status} {record.ref}")
    if len(receipt.records) > SHOWN:
        counts = Counter(record.status for record in receipt.records)
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        print_line(f"and {len(receipt.records) - SHOWN} more; in all {said}")
    if receipt.is_new:
        print_line(f"commit {receipt.commit} (seq {receipt.seq})")
    else:
        print_line(f"nothing has changed; the registry stands at {receipt.commit} (seq {receipt.seq})")


def known_rules(approve: Collection[str] | None) -> tuple[str, ...]:
    """Check that what is approved are codes of rules; `UsageError` otherwise."""
    codes = list(dict.fromkeys(rule.code for rule in load_rules())) if approve else []
    for rule in approve or ():
        if rule not in codes:
            raise UsageError(
                f"there is no rule {rule!r} to approve",
                got=rule,
                expected=", ".join(codes) or "no rules are installed",
                mend="give the code that the finding names, like GR-040",
            )
    return tuple(approve or ())


def checked_approvers(approvers: Collection[str] | None) -> tuple[str, ...]:
    """Check that approvers are identities that fit in a line of a commit's message; `UsageError` otherwise."""
    for who in approvers or ():
        if not who.strip() or not who.isprintable():
            raise UsageError(
                f"{who!r} is nobody's identity",
                got=repr(who),
                expected="name@example.com, @team or svc:name",
                mend="write who agreed as the owners of the namespace are written",
            )
    return tuple(dict.fromkeys(approvers or ()))
