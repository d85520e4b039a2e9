"""The shape of a filter: from text to a tree of comparisons, not yet knowing any field.

- The grammar is `grammar.lark`; its parser is made once, when the first filter comes. Lark is imported with this
  module, so who may do without a filter imports it late.
- Whatever the text, the answer is a tree or a `FilterError`, in time that grows with its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from lark import Lark, Token, Transformer_NonRecursive
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from gitreg_indexer.filters.faults import Fault, FilterError, shown
from gitreg_indexer.filters.nodes import Bare, Call, Comparison, Group, Name, Negation, Node, Operator, Written

LONGEST: Final = 4_000
DEEPEST: Final = 50
MOST: Final = 200
"""Comparisons that a filter may have; each value of a list is one."""


def read(text: str) -> tuple[Node | None, list[Fault]]:
    """Read a filter: its tree (None where it asks for nothing), and what is wrong without knowing any field."""
    _check_size(text)
    _check_characters(text)
    builder = _Builder()
    node: Node | None = builder.transform(_parsed(text))
    return node, builder.faults


def _check_size(text: str) -> None:
    if len(text) > LONGEST:
        says = f"the filter has {len(text)} characters, and more than {LONGEST} are not read"
        raise FilterError(text, [Fault(LONGEST, says, "ask for less at once", str(len(text)), f"at most {LONGEST}")])
    depth = 0
    for match in _PARENTHESIS.finditer(text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth > DEEPEST:
            says = f"parentheses stand more than {DEEPEST} deep"
            raise FilterError(text, [Fault(match.start(), says, "leave out those that change nothing")])


def _check_characters(text: str) -> None:
    if half := _HALF.search(text):
        mend = "write it anew: the bytes are not UTF-8"
        raise FilterError(text, [Fault(half.start(), "half a character stands here", mend, half[0])])


_HALF: Final = re.compile("[\ud800-\udfff]")
_PARENTHESIS: Final = re.compile(r"""[()]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=False)


def _parsed(text: str) -> Any:
    try:
        return _parser().parse(text)
    except UnexpectedToken as error:
        at = len(text) if error.token.type == "$END" else error.token.start_pos or 0
        raise FilterError(text, [_unexpected(text, at, set(error.accepts or error.expected))]) from None
    except UnexpectedCharacters as error:
        raise FilterError(text, [_unexpected(text, error.pos_in_stream or 0, set(error.allowed or ()))]) from None


_SIGNS: Final = {
    "==": "write one `=`",
    "<>": "write `!=`",
    "=>": "write `>=`",
    "=<": "write `<=`",
    "&&": "write AND",
    "||": "write OR",
    "!": "write NOT, or `!=` for a value that it must not have",
    "~": 'write `:` for words, and `= "begin*"` for how it begins',
    "+": "put the value in quotes",
    "%": 'put the value in quotes; a star at the end stands for anything: `name = "qwen*"`',
}


def _unexpected(text: str, at: int, expected: set[str]) -> Fault:
    """Say what should stand at a place where the grammar has come to an end."""
    here = text[at : at + 1]
    for sign, mend in _SIGNS.items():
        if here and any(text.startswith(sign, start) for start in (max(at - len(sign) + 1, 0), at)):
            return Fault(at, f"{sign!r} is no sign of this language", mend, sign, _wanted(expected))
    if here in ('"', "'") and not _WORD.match(text, at):
        return Fault(at, "the text that begins here does not end", f"end it with {here}; within it write \\{here}")
    if here == ")" and _opened(text[:at]) is None:
        return Fault(at, "this ')' closes nothing", "leave it out, or write the '(' that it should close", here)
    if here == ")":
        return Fault(at, "something is missing in front of this ')'", "complete it", here, _wanted(expected))
    if here == "," and "COMMA" not in expected:
        mend = 'write a list behind a field: `provider IN ("openai", "anthropic")`'
        return Fault(at, "a comma stands only between the values of a list", mend, here, _wanted(expected))
    if not here:
        opened = _opened(text)
        if opened is not None and "RPAR" in expected:
            return Fault(opened, "this '(' is never closed", "add a ')'")
        return Fault(at, f"the filter ends where {_wanted(expected)} should follow", "complete it")
    if "VALUE" in expected and (range_ := _RANGE.match(text, at)):
        got = range_[0].strip()
        example = got if len(got) > len(">=") else ">=1"
        mend = f'write one sign, like `contextLength > 8000`; a range of versions stands in quotes: `: "{example}"`'
        return Fault(at, f"{shown(got)} cannot stand here", mend, got, _wanted(expected))
    word = _WORD.match(text, at)
    got = word[0] if word else here
    return Fault(at, f"{shown(got)} cannot stand here", f"expected is {_wanted(expected)}", got, _wanted(expected))


_RANGE: Final = re.compile(r"""[<>]=?\s*[\w.*+-]*(?:\s+[<>]=?\s*[\w.*+-]+)*""")
_WORD: Final = re.compile(r"""[^\s()"',]+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)


def _wanted(expected: set[str]) -> str:
    if "NAME" in expected and "COMPARATOR" not in expected and "AND" not in expected:
        return 'a comparison, like `provider = "openai"`'
    if "VALUE" in expected:
        return 'a value, like `"openai"` or `8000`'
    if "COMMA" in expected:
        return "a comma or ')'"
    if "COMPARATOR" in expected:
        return "a comparison sign (= != < <= > >= :) or IN"
    return "AND, OR or a further comparison"


def _opened(text: str) -> int | None:
    """Give the place of the last parenthesis that is not closed."""
    opened: list[int] = []
    for match in _PARENTHESIS.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif match[0] == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None


Children = list[Any]


class _Builder(Transformer_NonRecursive[Token, Any]):
    """Makes our tree of the parser's, and collects what can be said without knowing any field."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self.comparisons = 0

    def start(self, children: Children) -> Node | None:
        return children[0] if children else None

    def expression(self, children: Children) -> Node:
        return _group("all", self.without_keywords(children))

    def sequence(self, children: Children) -> Node:
        return _group("all", children)

    def factor(self, children: Children) -> Node:
        return _group("any", self.without_keywords(children))

    def group(self, children: Children) -> Node:
        inner: Node = children[1]
        return inner

    def negation(self, children: Children) -> Node:
        self.check_keyword(children[0])
        return Negation(children[1])

    def bare(self, children: Children) -> Node:
        return Bare(self.name(children[0]))

    def without_keywords(self, children: Children) -> Iterator[Node]:
        for child in children:
            if isinstance(child, Token):
                self.check_keyword(child)
            else:
                yield child

    def check_keyword(self, token: Token) -> None:
        if token != token.upper():
            word = token.upper()
            self.faults.append(
                Fault(_at(token), f"{shown(str(token))} means that only in capitals", f"write {word}", str(token), word)
            )

    def literal(self, children: Children) -> Written:
        self.count(_at(children[0]))
        return self.written(children[0])

    def values(self, children: Children) -> tuple[Written, ...]:
        return tuple(child for child in children if isinstance(child, Written))

    def comparison(self, children: Children) -> Comparison:
        name, sign, compared = children
        operator: Operator = "="
        if sign.type == "IN":
            self.check_keyword(sign)
        else:
            operator = str(sign)  # type: ignore[assignment]  # the grammar has these and no others
        is_list = isinstance(compared, tuple)
        return Comparison(self.name(name), operator, _at(sign), compared if is_list else (compared,), is_list)

    def call(self, children: Children) -> Call:
        name, *arguments, _ = children
        self.count(_at(name))
        return Call(Name(name.rstrip("( \t\r\n"), _at(name)), tuple(self.name(argument) for argument in arguments))

    def count(self, at: int) -> None:
        self.comparisons += 1
        if self.comparisons == MOST + 1:
            says = f"the filter compares more than {MOST} times"
            self.faults.append(Fault(at, says, "ask for less at once", None, f"at most {MOST} comparisons"))

    def name(self, token: Token) -> Name:
        if token.type == "STRING":
            return Name(self.written(token).raw, _at(token))
        pieces = re.split(r'("(?:[^"\\]|\\.)*")', token, flags=re.DOTALL)
        at = _at(token)
        text = ""
        for piece in pieces:
            text += self.unescaped(piece, at)[0] if piece.startswith('"') else piece
            at += len(piece)
        return Name(text, _at(token))

    def written(self, token: Token) -> Written:
        at, is_quoted = _at(token), token.type == "STRING"
        text, stars = self.unescaped(token, at) if is_quoted else (str(token), _stars(token))
        is_open = bool(stars) and stars[-1] == len(text) - 1
        inside = len(stars) > is_open
        return Written(text[:-1] if is_open else text, at, is_quoted, is_open, inside, raw=text)

    def unescaped(self, quoted: str, at: int) -> tuple[str, list[int]]:
        """Give the text that stands in quotes, and where in it a star stands for anything."""
        text: list[str] = []
        stars: list[int] = []
        for match in _CHARACTER.finditer(quoted, 1, len(quoted) - 1):
            char = match[0]
            if char == "*":
                stars.append(len(text))
            elif char[0] == "\\":
                char = self.escape(match, at)
            text.append(char)
        return "".join(text), stars

    def escape(self, match: re.Match[str], at: int) -> str:
        written = match[0]
        if match["code"]:
            char = chr(int(match["code"], 16))
            if not _HALF.match(char):
                return char
            mend = "write the character itself, like 🎉: an escape has four digits, and holds no more than U+FFFF"
            self.faults.append(Fault(at + match.start(), f"{shown(written)} is half a character", mend, written))
            return _INSTEAD_OF_HALF
        if written[1] in _ESCAPES:
            return _ESCAPES[written[1]]
        mend = "write \\\\ for a backslash; the escapes are " + " ".join(f"\\{char}" for char in _ESCAPES) + " \\uXXXX"
        self.faults.append(Fault(at + match.start(), f"{shown(written)} is no escape", mend, written))
        return written


_INSTEAD_OF_HALF: Final = "\ufffd"
_ESCAPES: Final = {'"': '"', "'": "'", "\\": "\\", "*": "*", "n": "\n", "t": "\t", "r": "\r"}
_CHARACTER: Final = re.compile(r"\\u(?P<code>[0-9A-Fa-f]{4})|\\.|[^\\]", re.DOTALL)


def _stars(text: str) -> list[int]:
    return [n for n, char in enumerate(text) if char == "*"]


def _at(token: Token) -> int:
    return token.start_pos or 0


def _group(kind: Literal["all", "any"], nodes: Iterable[Node]) -> Node:
    parts = tuple(_flat(kind, nodes))
    return parts[0] if len(parts) == 1 else Group(kind, parts)


def _flat(kind: str, nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, Group) and node.kind == kind:
            yield from node.parts
        else:
            yield node
