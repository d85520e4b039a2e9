"""Graphs drawn as text: SVG, Mermaid and DOT that say what the picture says, and never more than that."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from gitreg.errors import UsageError
from gitreg.pictures import Arrow, Box, Picture, dot, mermaid, svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    pytest.param('"]; click n0 href "javascript:alert(1)"', id="closes the quote and the box"),
    pytest.param("a --> b", id="an arrow"),
    pytest.param('%%{init: {"theme":"dark"}}%%', id="a directive"),
    pytest.param("semi;colon; end", id="semicolons and a reserved word"),
    pytest.param("`back` **bold** *it* _em_ __x__", id="Markdown"),
    pytest.param("1. first", id="a list"),
    pytest.param("direction TB", id="a statement of Mermaid's wherever it stands"),
    pytest.param("style a:#quot; fill:#fff;", id="what Mermaid takes apart before it reads codes"),
    pytest.param("<script>alert(1)</script>", id="markup"),
    pytest.param("]]><!-- &lt; &amp; #quot; #35;", id="entities"),
    pytest.param("line\nbreak\r\nsubgraph z", id="lines"),
    pytest.param('C:\\N\\G "q" \\', id="backslashes"),
    pytest.param("\x00\x1b[31m\ufffe\ud800", id="what XML cannot hold"),
    pytest.param("$$x^2$$ fa:fa-car \ufb02\u00b0\u00b035\u00b6\u00df", id="formulas, icons, Mermaid's inner codes"),
    pytest.param("\u202egnp.exe", id="turned around"),
]


def a_picture(*arrows: Arrow, boxes: tuple[Box, ...] = (), **parts: str) -> Picture:
    named = {box.id for box in boxes}
    ends = {end for arrow in arrows for end in (arrow.source, arrow.target)} - named
    return Picture("A title", (*boxes, *(Box(end, end, kind="Model") for end in sorted(ends))), arrows, **parts)


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314 - our own XML


def texts_of(drawn: str) -> list[str]:
    return ["".join(text.itertext()) for text in parsed(drawn).iter(f"{SVG}text")]


def links_of(drawn: str) -> list[str | None]:
    return [link.get("href") for link in parsed(drawn).iter(f"{SVG}a")]


def as_shown(text: str) -> str:
    """Say what is left of a text: one line, without what cannot be shown."""
    spaced = re.sub(r"[\s\x00]+", " ", text.replace("\x00", "\ufffd")).strip()
    return re.sub("[\x1b\ufffe\ud800\u202e]", "\ufffd", spaced)


def decoded(text: str) -> str:
    """Read a text as Mermaid does."""
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text).replace("\u2060", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_a_text_in_svg(text: str) -> None:
    box = Box("a", text, (text,), text)
    drawn = svg(Picture(text, (box,), (Arrow("a", "a", text),), text))
    root = parsed(drawn)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "g", "path", "text", "tspan")
    }
    assert root.findtext(f"{SVG}title") == as_shown(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_a_text_in_mermaid(text: str) -> None:
    boxes = (Box("a", text, (text,), text), Box("b", "B"))
    lines = mermaid(Picture(text, boxes, (Arrow("a", "b", text),), text)).splitlines()
    plain = mermaid(
        Picture("t", (Box("a", "A", ("l",), "k"), Box("b", "B")), (Arrow("a", "b", "x"),), "c")
    ).splitlines()
    assert len(lines) == len(plain)
    quoted = r'"[^"`;%<>{}\[\]|:]*"'
    bare = [re.sub(r"#\d+;|<br/>", "", line) for line in lines]
    assert re.fullmatch(r'title: "(\\.|[^"\\<>{}%#`])*"', bare[1])
    assert re.fullmatch(rf"    n0\[{quoted}\]", bare[4])
    assert re.fullmatch(rf"    n0 -->\|{quoted}\| n1", bare[6])
    assert not any("direction" in line for line in lines[3:])
    assert decoded(lines[4].removeprefix('    n0["').split("<br/>")[0]) == as_shown(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_a_text_in_dot(text: str) -> None:
    lines = dot(Picture(text, (Box("a", text), Box("b", "B")), (Arrow("a", "b", text),))).splitlines()
    node = re.fullmatch(
        r'    n0 \[label="((?:[^"\\]|\\.)*)", fillcolor="#\w+", .*, tooltip="(?:[^"\\]|\\.)*"\];', lines[4]
    )
    arrow = re.fullmatch(r'    n0 -> n1 \[color="#\w+", label="((?:[^"\\]|\\.)*)"\];', lines[6])
    assert node
    assert arrow
    for label in (node[1], arrow[1]):
        assert re.sub(r"\\(.)", r"\1", label).replace("&amp;", "&") == as_shown(text)


@pytest.mark.parametrize(
    ("href", "link"),
    [
        pytest.param("https://example.com/a?b=1&c=2#d", "https://example.com/a?b=1&c=2#d", id="https"),
        pytest.param("HTTP://example.com", "HTTP://example.com", id="http in capitals"),
        pytest.param("models/acme/chat@1.0.0", "models/acme/chat@1.0.0", id="relative"),
        pytest.param("../a b\"'<c>;", "../a%20b%22%27%3Cc%3E%3B", id="relative with what must be escaped"),
        pytest.param("#chat", "#chat", id="a place on the page"),
        pytest.param("modèles", "mod%C3%A8les", id="not ASCII"),
        pytest.param("javascript:alert(1)", None, id="a script"),
        pytest.param("JavaScript:alert(1)", None, id="a script in capitals"),
        pytest.param(" javascript:alert(1)", None, id="a script after a space"),
        pytest.param("java\nscript:alert(1)", None, id="a script with a line break, which browsers drop"),
        pytest.param("java\tscript:alert(1)", None, id="a script with a tab"),
        pytest.param("\x01javascript:alert(1)", None, id="a script after a control character"),
        pytest.param("data:text/html,x", None, id="data"),
        pytest.param("file:///etc/passwd", None, id="a file"),
        pytest.param("//example.com", None, id="another host without a scheme"),
        pytest.param("\\\\example.com", None, id="another host in backslashes"),
        pytest.param("", None, id="nothing"),
        pytest.param(None, None, id="none"),
    ],
)
def test_links_lead_to_http_or_relative_addresses_only(href: str | None, link: str | None) -> None:
    picture = Picture("", (Box("a", "A", href=href),), ())
    assert links_of(svg(picture)) == ([link] if link else [])
    assert re.findall(r'click n0 href "(.*)"', mermaid(picture)) == ([link] if link else [])
    assert re.findall(r'URL="(.*?)"', dot(picture)) == ([link.replace("&", "&amp;")] if link else [])


def test_a_box_shows_title_kind_and_lines_and_tells_them_in_full_when_pointed_at() -> None:
    title = "a-model-whose-name-is-so-long-that-no-box-could-hold-it@1.2.0"
    drawn = svg(Picture("T", (Box("a", title, ("acme/nlp", "active"), "Model"),), ()))
    shown = texts_of(drawn)
    assert any(re.fullmatch(r"a-model-whose.*\u2026.*@1\.2\.0", text) for text in shown)
    assert "Modelacme/nlp \u00b7 active" in shown
    assert f"<title>{title}\nModel\nacme/nlp\nactive</title>" in drawn


def test_texts_are_held_to_their_boxes_whatever_the_font() -> None:
    box = Box("a", "W" * 40, lines=("i" * 90, "", "\u6f22" * 30), kind="Model")
    root = parsed(svg(a_picture(boxes=(box, Box("b", "", kind="")), caption="The end.")))
    frames = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]
    held = 0
    for group in frames:
        frame = group.find(f"{SVG}rect")
        assert frame is not None
        for text in group.iter(f"{SVG}text"):
            if "".join(text.itertext()):
                end = float(text.attrib["x"]) + float(text.attrib["textLength"])
                assert end <= float(frame.attrib["x"]) + float(frame.attrib["width"])
                assert text.attrib["lengthAdjust"] == "spacingAndGlyphs"
                held += 1
    assert held == 3
    assert "textLength" in next(text for text in root.iter(f"{SVG}text") if text.text == "The end.").attrib


def test_the_title_the_caption_and_the_size_are_told() -> None:
    root = parsed(svg(a_picture(Arrow("a", "b"), caption="as of seq 7")))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A title"
    assert "Boxes: 2, arrows: 1." in (root.findtext(f"{SVG}desc") or "")
    assert {"A title", "as of seq 7"} <= set(texts_of(svg(a_picture(Arrow("a", "b"), caption="as of seq 7"))))


def test_one_label_for_all_arrows_is_said_once() -> None:
    drawn = svg(a_picture(*(Arrow("a", f"b{n}", "uses") for n in range(9))))
    assert texts_of(drawn).count("uses") == 1


def test_a_few_labels_are_told_by_colour_and_listed_once() -> None:
    arrows = [Arrow("a", f"b{n}", label) for n in range(9) for label in ("uses", "validates")]
    drawn = svg(a_picture(*arrows))
    assert [texts_of(drawn).count(label) for label in ("uses", "validates")] == [1, 1]
    assert len(set(re.findall(r'class="w (r\w+)"', drawn))) == 2


@pytest.mark.parametrize("count", [pytest.param(3, id="few"), pytest.param(20, id="more than there are colours for")])
def test_labels_that_are_each_arrow_s_own_stand_beside_the_arrows(count: int) -> None:
    drawn = svg(a_picture(*(Arrow("a", f"b{n}", f"port {n}") for n in range(count))))
    assert sorted(re.findall(r'<text class="l" [^>]*>(.*?)</text>', drawn)) == sorted(f"port {n}" for n in range(count))


def test_an_arrow_points_at_its_target_also_where_it_closes_a_circle() -> None:
    arrows = [
        Arrow("a", "b", "x"),
        Arrow("b", "c", "x"),
        Arrow("c", "a", "y"),
        Arrow("c", "c", "x"),
        Arrow("a", "c", "z"),
    ]
    drawn = svg(a_picture(*arrows))
    boxes = {
        title: (float(x), float(x) + float(width))
        for title, x, width in re.findall(
            r'<title>(\w)\nModel</title><rect class="g" x="(\S+)" y="\S+" width="(\S+)"', drawn
        )
    }
    heads = re.findall(r'<title>\w \u2192 (\w): \w</title><path [^>]*/><path class="p" d="M(\S+) \S+l(-?)7 ', drawn)
    assert len(heads) == len(arrows)
    for target, tip, is_from_the_left in heads:
        assert float(tip) == pytest.approx(boxes[target][0 if is_from_the_left else 1], abs=0.11)


def test_the_legend_lists_what_is_there_and_nothing_else() -> None:
    boxes = (Box("a", "A", kind="Model", is_root=True), Box("b", "B", kind="Dataset", is_faded=True))
    full = texts_of(svg(Picture("", boxes, (Arrow("a", "b", "uses", is_dashed=True),), dashed="optional")))
    bare = texts_of(svg(Picture("", (Box("a", "A", kind="Model"),), ())))
    assert {"Model", "Dataset", "asked for", "retired or not found", "uses, optional"} <= set(full)
    assert set(bare) & {"Dataset", "asked for", "retired or not found", "uses, optional"} == set()


def test_an_end_that_is_no_box_is_drawn_as_a_faded_one() -> None:
    picture = Picture("", (Box("a", "A"),), (Arrow("a", "gone"),))
    assert "gone" in texts_of(svg(picture))
    assert "retired or not found" in texts_of(svg(picture))
    assert 'n1["gone"]' in mermaid(picture)
    assert "class n1 faded" in mermaid(picture)
    assert 'style="rounded,filled,dashed"' in dot(picture)


def test_two_boxes_of_one_id_are_no_picture() -> None:
    with pytest.raises(ValueError, match="same id"):
        Picture("", (Box("a", "A"), Box("a", "B")), ())


def test_roots_and_dashes_are_told_in_every_language() -> None:
    picture = Picture("", (Box("a", "A", is_root=True), Box("b", "B")), (Arrow("a", "b", is_dashed=True),))
    assert 'class="o" x="0"' in svg(picture)
    assert re.search(r'<g class="w r\w+"><title>A \u2192 B</title><path class="a d"', svg(picture))
    assert "class n0 root" in mermaid(picture)
    assert "n0 -.-> n1" in mermaid(picture)
    assert "penwidth=3" in dot(picture)
    assert "style=dashed" in dot(picture)


def test_loops_and_arrows_there_and_back_are_all_drawn() -> None:
    arrows = (
        Arrow("a", "a", "x"),
        Arrow("a", "a", "y"),
        Arrow("a", "b", "x"),
        Arrow("b", "a", "x"),
        Arrow("a", "b", "y"),
    )
    drawn = svg(a_picture(*arrows))
    assert sorted(re.findall(r'<g class="w r\w+"><title>(.*?)</title>', drawn)) == sorted(
        f"{arrow.source} \u2192 {arrow.target}: {arrow.label}" for arrow in arrows
    )
    assert len(set(re.findall(r'<path class="a" d="(M.*?)"/><path class="p" d="(.*?)"', drawn))) >= len(arrows)


def test_nothing_at_all_is_a_picture_too() -> None:
    nothing = Picture("", (), ())
    assert parsed(svg(nothing)).tag == f"{SVG}svg"
    assert mermaid(nothing) == "flowchart LR\n"
    assert dot(nothing).startswith("digraph {")


def many(count: int) -> tuple[Box, ...]:
    return tuple(Box(f"{n:05}", str(n)) for n in range(count))


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(Picture("", many(2001), ()), id="boxes"),
        pytest.param(
            Picture("", many(80), tuple(Arrow(f"{n:05}", f"{m:05}") for n in range(80) for m in range(80))), id="arrows"
        ),
        pytest.param(
            Picture(
                "",
                many(1000),
                tuple(Arrow(f"{m:05}", f"{n:05}") for n in range(1, 1000) for m in {0, n - 1}),
            ),
            id="long arrows",
        ),
        pytest.param(
            Picture(
                "",
                many(60),
                tuple(Arrow(f"{m:05}", f"{n:05}", f"{m} {n}") for n in range(60) for m in range(n)),
            ),
            id="many ways",
        ),
    ],
)
def test_what_nobody_could_read_is_refused_with_a_mend(picture: Picture) -> None:
    with pytest.raises(UsageError, match="too large to be drawn") as refused:
        svg(picture)
    assert "ask for less of it" in refused.value.mend
    assert "Mermaid, DOT or JSON" in refused.value.mend
    assert "--" not in refused.value.mend


def test_a_picture_touches_nothing_outside_of_itself() -> None:
    drawn = svg(a_picture(Arrow("a", "b", "uses")))
    style = parsed(drawn).findtext(f"{SVG}style") or ""
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)\{", style)
    assert selectors
    assert all(part.startswith(".gitreg") for selector in selectors for part in selector.split(","))
    assert not re.search(r"\bid=|<script|url\(|@import|xlink", drawn)
    assert "prefers-color-scheme:dark" in style


def colours_of(*kinds: str) -> dict[str, str]:
    picture = Picture("", tuple(Box(kind, kind, kind=kind) for kind in kinds), ())
    return dict(re.findall(r'label="\w+\\n(\w+)", fillcolor="(#\w+)"', dot(picture)))


def test_kinds_have_colours_of_their_own() -> None:
    kinds = [f"Stage{n}" for n in range(8)]
    assert len(set(colours_of("Model", *kinds).values())) == 9
    assert colours_of("Model", *kinds)["Model"] == colours_of("Model")["Model"]
    assert len(colours_of(*(f"Stage{n}" for n in range(40)))) == 40
