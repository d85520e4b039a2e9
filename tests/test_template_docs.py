"""The page on templates: its commands run as they are written, and its bounds and filters are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from cli_support import model, namespace, new_registry, registered
from docs_support import run_as_written, steps_of

from gitreg.templates.composing import MOST_TEMPLATES
from gitreg.templates.filling import _ENVIRONMENT, _MOST_NODES, LONGEST_EXPRESSIVE_TEXT
from gitreg.templates.parameters import MOST_CHARACTERS
from gitreg_indexer.template_checks import FAULTY, FINE, OF_NO_TEMPLATE

PAGE = Path(__file__).parent.parent / "docs/templates.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    folder = new_registry(tmp_path / "registry")
    registered(folder, namespace(), model())
    user = "[user]\n\tname = Example Author\n\temail = author@example.com\n"
    (tmp_path / ".gitconfig").write_text(user, encoding="utf-8")
    steps = steps_of(PAGE)
    assert len(steps) >= 15
    run_as_written(steps, folder, tmp_path)


def test_it_names_the_bounds_filters_and_statuses_that_there_are() -> None:
    bounds = re.findall(r"^\| [a-z].* \| ([0-9,]+) \|$", TEXT, flags=re.MULTILINE)
    assert bounds == [f"{each:,}" for each in (MOST_TEMPLATES, LONGEST_EXPRESSIVE_TEXT, _MOST_NODES, MOST_CHARACTERS)]
    assert "the filters " + ", ".join(f"`{name}`" for name in sorted(_ENVIRONMENT.filters)) in TEXT
    assert f"`status` is `{FINE}`, `{FAULTY}` or, for a pipeline that names no template, `{OF_NO_TEMPLATE}`" in TEXT
