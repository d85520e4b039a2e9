"""Free text: what must and must not be found, and where in a record it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg_indexer.engine import all_words_of, words_of
from gitreg_indexer.highlights import LONGEST, MOST, highlights
from gitreg_indexer.texts import MOST_PHRASES, MOST_PREFIXES, TextQuery, bounds_of, parse_text

READ: dict[str, TextQuery] = {
    "": TextQuery(),
    "   ": TextQuery(),
    "chat model": TextQuery(words=("chat", "model"), plain="chat model"),
    " Chat  CHAT ": TextQuery(words=("chat",), plain="Chat  CHAT"),
    "Straße": TextQuery(words=("strasse",), plain="Straße"),
    # identifiers
    "gpt-4o": TextQuery(words=("gpt", "4o"), plain="gpt-4o"),
    "acme/nlp/summarizer@1.2.0": TextQuery(
        words=("acme", "nlp", "summarizer", "1", "2", "0"), plain="acme/nlp/summarizer@1.2.0"
    ),
    "model:acme/x": TextQuery(words=("model", "acme", "x"), plain="model:acme/x"),
    # phrases
    '"chat model"': TextQuery(phrases=(("chat", "model"),), plain="chat model"),
    '"Chat, model!" fast': TextQuery(words=("fast",), phrases=(("chat", "model"),), plain="Chat, model! fast"),
    '"to be or not to be"': TextQuery(phrases=(("to", "be", "or", "not", "to", "be"),), plain="to be or not to be"),
    '"chat"': TextQuery(words=("chat",), plain="chat"),
    '"gpt-4o"': TextQuery(phrases=(("gpt", "4o"),), plain="gpt-4o"),
    '""': TextQuery(),
    '"a b"c': TextQuery(words=("c",), phrases=(("a", "b"),), plain="a b c"),
    # exclusions
    "chat -vision": TextQuery(words=("chat",), excluded_words=("vision",), plain="chat"),
    "-vision": TextQuery(excluded_words=("vision",)),
    'chat -"fine tuned"': TextQuery(words=("chat",), excluded_phrases=(("fine", "tuned"),), plain="chat"),
    '-"vision"': TextQuery(excluded_words=("vision",)),
    "-gpt-4o": TextQuery(excluded_phrases=(("gpt", "4o"),)),
    "-qwen*": TextQuery(excluded_prefixes=("qwen",)),
    "--draft": TextQuery(excluded_words=("draft",)),
    "x -y z": TextQuery(words=("x", "z"), excluded_words=("y",), plain="x z"),
    # prefixes
    "qwen*": TextQuery(prefixes=("qwen",), plain="qwen*"),
    "Qwen2.5-7*": TextQuery(words=("qwen2", "5"), prefixes=("7",), plain="Qwen2.5-7*"),
    "c++*": TextQuery(words=("c",), plain="c++*"),
    "a*b": TextQuery(words=("a", "b"), plain="a*b"),
    # anything
    "*": TextQuery(),
    " * ": TextQuery(),
    "* chat *": TextQuery(words=("chat",), plain="chat"),
    "* -vision": TextQuery(excluded_words=("vision",)),
    # signs that are none
    "-": TextQuery(plain="-"),
    "- ** -* --": TextQuery(plain="- ** -* --"),
    'an "unclosed quote': TextQuery(words=("an", "unclosed", "quote"), plain='an "unclosed quote'),
    '5" or 6" wide': TextQuery(words=("5", "or", "6", "wide"), plain='5" or 6" wide'),
    'say"so it"is': TextQuery(words=("say", "so", "it", "is"), plain='say"so it"is'),
    "a AND (b OR c)": TextQuery(words=("a", "and", "b", "or", "c"), plain="a AND (b OR c)"),
}


@pytest.mark.parametrize("text", READ)
def test_a_text_is_read(text: str) -> None:
    assert parse_text(text) == READ[text]


def test_a_query_knows_whether_it_asks_and_excludes() -> None:
    assert (parse_text("").asks, parse_text("").excludes) == (False, False)
    assert (parse_text("-a").asks, parse_text("-a").excludes) == (False, True)
    assert all(parse_text(text).asks for text in ("a", "a*", '"a b"'))
    assert all(parse_text(text).excludes for text in ("-a", "-a*", '-"a b"'))


def test_beyond_so_many_signs_are_plain_characters() -> None:
    prefixes = parse_text(" ".join(f"w{n}* w{n}*" for n in range(MOST_PREFIXES + 2)))
    assert prefixes.prefixes == tuple(f"w{n}" for n in range(MOST_PREFIXES))
    assert prefixes.words == (f"w{MOST_PREFIXES}", f"w{MOST_PREFIXES + 1}")
    phrases = parse_text(" ".join(f'"a w{n}"' for n in range(MOST_PHRASES + 1)))
    assert len(phrases.phrases) == MOST_PHRASES
    assert phrases.words == ("a", f"w{MOST_PHRASES}")


def test_beyond_so_many_exclusions_are_left_out() -> None:
    found = parse_text(" ".join(f"-w{n}* -a-w{n}" for n in range(MOST_PHRASES + 5)))
    assert len(found.excluded_prefixes) == MOST_PREFIXES
    assert len(found.excluded_phrases) == MOST_PHRASES
    assert found.excluded_words == ()
    assert not found.asks


pieces = st.sampled_from(["a", "gpt-4o", "Ünï", '"', "-", "*", " ", "  ", "\n", "/", "½", "ﬁ"])
texts = st.text() | st.lists(pieces, max_size=20).map("".join)


@given(
    st.lists(st.sampled_from(["a", "-b", '"c d"', '-"e f"', "g*", "-h*", "-i-j", '"k"', '-"', 'x"y', '"z', "-", '""']))
)
def test_phrases_and_what_is_excluded_hold_without_the_rest(pieces: list[str]) -> None:
    text = " ".join(pieces)
    whole, bounds = parse_text(text), parse_text(bounds_of(text))
    assert (bounds.words, bounds.prefixes) == ((), ())
    assert bounds.phrases == whole.phrases
    for part in ("excluded_words", "excluded_prefixes", "excluded_phrases"):
        assert getattr(bounds, part) == getattr(whole, part)


@given(texts)
def test_every_text_can_be_read(text: str) -> None:
    found = parse_text(text)
    known = set(words_of(text))
    parts = [*found.words, *found.prefixes, *found.excluded_words, *found.excluded_prefixes]
    parts += [word for phrase in (*found.phrases, *found.excluded_phrases) for word in phrase]
    assert set(parts) == known  # nothing is lost, and nothing comes in
    assert found.plain == found.plain.strip()


@given(texts)
def test_all_words_are_the_words_in_order(text: str) -> None:
    assert list(dict.fromkeys(all_words_of(text))) == words_of(text)


# Highlights

LONG = "It begins with many words of no interest at all. " * 20
RECORD: dict[str, Any] = {
    "apiVersion": "gitreg/v1",
    "kind": "Model",
    "metadata": {
        "namespace": "acme/nlp",
        "name": "ticket-summarizer",
        "description": f"{LONG}Then it says that it summarises support\ntickets for the Straße of München. {LONG}",
        "tags": ["support", "summarization", "ticket support"],
    },
    "spec": {
        "provider": "openai",
        "checksum": {"algorithm": "sha256", "digest": "support"},
        "lifecycle": {"reason": "No support, no tickets, no support tickets."},
        "endpoints": [{"url": "https://support.example"}],
    },
    "registry": {"ref": "support"},
}


def found(text: str, meant: tuple[tuple[str, str], ...] = ()) -> list[tuple[str, list[str]]]:
    """Give the paths of the fragments, with the pieces that are marked in each."""
    made = highlights(RECORD, parse_text(text), meant)
    return [(each["path"], [each["text"][start:end] for start, end in each["spans"]]) for each in made]


MARKED: dict[str, list[tuple[str, list[str]]]] = {
    "summarizer": [("metadata.name", ["summarizer"])],
    "OPENAI": [("spec.provider", ["openai"])],
    "tickets": [("metadata.description", ["tickets"]), ("spec.lifecycle.reason", ["tickets", "tickets"])],
    "ticket support": [
        ("metadata.name", ["ticket"]),
        ("metadata.description", ["support"]),
        ("metadata.tags", ["ticket", "support"]),
        ("spec.lifecycle.reason", ["support", "support"]),
        ("spec.endpoints.url", ["support"]),
    ],
    '"support tickets"': [
        ("metadata.description", ["support tickets"]),
        ("spec.lifecycle.reason", ["support tickets"]),
    ],
    "tick*": [
        ("metadata.name", ["ticket"]),
        ("metadata.description", ["tickets"]),
        ("metadata.tags", ["ticket"]),
        ("spec.lifecycle.reason", ["tickets", "tickets"]),
    ],
    "strasse": [("metadata.description", ["Straße"])],
    "münchen": [("metadata.description", ["München"])],
    "openai -support": [("spec.provider", ["openai"])],
    "sha256": [],
    "nothing": [],
    "-support": [],
    "": [],
}


@pytest.mark.parametrize("text", MARKED)
def test_fragments_mark_what_was_asked_for(text: str) -> None:
    assert found(text) == MARKED[text]


def test_a_word_that_was_meant_is_marked() -> None:
    assert found("opnai", (("opnai", "openai"),)) == [("spec.provider", ["openai"])]


def test_a_fragment_of_a_long_text_is_cut_around_what_was_found() -> None:
    made = highlights(RECORD, parse_text("summarises support tickets"))
    fragment = made[0]["text"]
    assert made[0]["path"] == "metadata.description"
    assert len(fragment) <= LONGEST
    assert fragment[0] == fragment[-1] == "…"
    assert "summarises support tickets for the Straße" in fragment  # a line break is a blank


def test_a_fragment_shows_the_place_where_most_stands_together() -> None:
    data = {"metadata": {"description": f"support. {LONG} Here are support and tickets. {LONG}"}}
    assert "support and tickets" in highlights(data, parse_text("tickets support"))[0]["text"]


def test_a_text_without_blanks_is_cut_all_the_same() -> None:
    data = {"metadata": {"description": f"{'-' * 1000}ticket{'-' * 1000}"}}
    made = highlights(data, parse_text("ticket"))
    assert len(made[0]["text"]) <= LONGEST
    assert [made[0]["text"][start:end] for start, end in made[0]["spans"]] == ["ticket"]


def test_there_are_five_fragments_at_most_and_the_name_comes_first() -> None:
    spec = {f"field{n}": "ticket" for n in range(20)}
    made = highlights({"spec": spec, "metadata": {"tags": ["ticket"], "name": "ticket"}}, parse_text("ticket"))
    assert [each["path"] for each in made] == [
        "metadata.name",
        "metadata.tags",
        "spec.field0",
        "spec.field1",
        "spec.field2",
    ]
    assert len(made) == MOST


documents = st.recursive(
    texts | st.text(min_size=150, max_size=500) | st.booleans() | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec"]), documents), texts)
def test_spans_lie_in_their_fragment_and_mark_words_that_were_asked_for(data: dict[str, Any], text: str) -> None:
    query = parse_text(text)
    asked = {*query.words, *query.prefixes, *(word for phrase in query.phrases for word in phrase)}
    made = highlights(data, query)
    assert made == highlights(data, query)
    for each in made:
        assert len(each["text"]) <= LONGEST
        assert each["spans"]
        last = 0
        for start, end in each["spans"]:
            assert last <= start < end <= len(each["text"])
            last = end
            whole = start > 1 and end < len(each["text"]) - 1  # at the ends a long word may be cut
            assert not whole or any(word.startswith(tuple(asked)) for word in words_of(each["text"][start:end]))
