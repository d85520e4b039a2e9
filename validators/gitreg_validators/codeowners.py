"""`gitreg codeowners`: generate CODEOWNERS from the namespaces' owners, or tell whether it is what they say."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from gitreg.cli.options import JsonOption, RepoOption, open_registry, print_json, print_line, print_text, remark
from gitreg.errors import Exit
from gitreg.validation.change import today
from gitreg_validators.owners_file import PLACE, codeowners_of

MEND: Final = "make it again: `gitreg codeowners > .github/CODEOWNERS`, and land it"


def codeowners(
    check: Annotated[
        bool, typer.Option("--check", help=f"Print nothing; exit 1 if {PLACE} of main's tip says something else.")
    ] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate CODEOWNERS from the namespaces' owners.

    Whoever owns a namespace, or one above it, owns its records; administrators of the registry own its settings. It is
    made from main's tip.

    \b
    Examples:
      gitreg codeowners > .github/CODEOWNERS
      gitreg codeowners --check
    """
    state = open_registry(repo).snapshot()
    text = codeowners_of(state, today())
    if not check:
        print_json({"path": PLACE, "text": text}) if as_json else print_text(text.removesuffix("\n"))
        return
    standing = state.read(PLACE)
    is_same = standing is not None and standing[1] == text.encode()
    if as_json:
        print_json({"path": PLACE, "isSame": is_same, "mend": None if is_same else MEND})
    elif is_same:
        print_line(f"{PLACE} is what the owners say")
    else:
        remark(f"{PLACE} {'is absent' if standing is None else 'is not what the owners say'}\n    mend: {MEND}")
    raise typer.Exit(Exit.FINE if is_same else Exit.FAULTS)
