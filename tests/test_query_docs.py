"""The page of the query language: every filter on it can be read, and says what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gitreg_indexer.fields import find
from gitreg_indexer.filters import FilterError, format_filter, holds, parse_filter
from gitreg_indexer.texts import TextQuery, parse_text
from gitreg_indexer.values import values_of

PAGE: Final = (Path(__file__).resolve().parent.parent / "docs/query-language.md").read_text(encoding="utf-8")


def rows(header: str) -> list[list[str]]:
    """Give the cells of the table with a header, each cell as its first piece of code."""
    body = PAGE.partition(f"| {header} |")[2].partition("\n\n")[0]
    lines = [line for line in body.split("\n")[2:] if line.startswith("|")]
    assert lines, header
    return [[code[0] for cell in line.split(" | ") if (code := re.findall(r"`(.+?)`", cell))] for line in lines]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def record() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(blocks("yaml")[0])
    return found


@pytest.mark.parametrize("text", [row[0] for row in rows("filter | finds")])
def test_an_example_can_be_read_and_written_out(text: str) -> None:
    condition = parse_filter(text)
    assert parse_filter(format_filter(condition)) == condition


@pytest.mark.parametrize(("yes", "no"), rows("holds | does not hold"))
def test_an_example_holds_of_the_record_or_does_not_as_the_page_says(yes: str, no: str) -> None:
    values = list(values_of(record()))
    namespaces = ("acme", "acme/nlp")
    assert holds(parse_filter(yes), values, namespaces)
    assert not holds(parse_filter(no), values, namespaces)


@pytest.mark.parametrize("text", re.findall(r"--filter '([^']+)'|'filter=([^']+)'", PAGE))
def test_a_filter_in_a_command_can_be_read(text: tuple[str, str]) -> None:
    parse_filter(text[0] or text[1])


def test_a_wrong_filter_is_told_as_the_page_shows() -> None:
    asked, told = blocks("filter"), blocks("text")
    assert len(asked) == len(told) == 2
    for text, said in zip(asked, told, strict=True):
        with pytest.raises(FilterError) as refused:
            parse_filter(text.rstrip("\n"))
        assert refused.value.explain() == said.rstrip("\n")


def test_every_value_on_the_page_is_read() -> None:
    field = {"number": "contextLength", "time": "createdAt", "true or false": "supportsVision", "text": "provider"}
    body = PAGE.partition("| type | written | |")[2].partition("\n\n")[0]
    seen = 0
    for line in body.split("\n")[2:]:
        kind, written = (cell.strip() for cell in line.strip("| ").split(" | ")[:2])
        for value in re.findall(r"`([^`]+)`", written) if kind in field else ():
            seen += 1
            parse_filter(f"{field[kind]} = {value}")
    assert seen >= 12


def test_every_row_of_the_table_of_fields_names_a_field() -> None:
    table = rows("name | path | type | sortable | kinds")
    assert len(table) > 50
    for name, path in table:
        found = find(name)
        assert found is not None, name
        assert found.path == path
        assert found.name == name


def test_the_examples_of_free_text_mean_what_the_page_says() -> None:
    both, phrase, without, begin, anything, identifier = (parse_text(row[0]) for row in rows("text | finds"))
    assert both.words == ("support", "tickets")
    assert phrase.phrases == (("support", "tickets"),)
    assert (without.words, without.excluded_words) == (("tickets",), ("german",))
    assert begin.prefixes == ("qwen",)
    assert anything == TextQuery()
    assert identifier.plain == "acme/nlp/summarizer@2.1.0"
