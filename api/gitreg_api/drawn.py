"""Pictures and text over the wire: each form with its content type, and a policy for what a browser may do with it.

- An SVG runs nothing and loads nothing, even where it is opened by itself: its policy (CSP) allows its own style sheet,
  by digest, and the links that a person follows.
- What a registry's people wrote is never more than text in any form; browsers may not guess another type.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from gitreg.errors import UsageError
from gitreg.pictures import DRAWINGS, Picture
from gitreg_api.answers import Answer, Header, Hold, answer_of
from gitreg_indexer import Position

MOST_DRAWN: Final = 2000
"""Records in one picture."""
MEDIA_TYPES: Final = {
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


def check_drawable(limit: int, form: str) -> None:
    """Refuse a picture of more records than anybody could read."""
    if form in DRAWINGS and limit > MOST_DRAWN:
        raise UsageError(
            f"a picture has at most {MOST_DRAWN} records",
            got=limit,
            expected=f"a limit from 1 to {MOST_DRAWN}",
            mend="name a smaller limit, or ask for format=json",
        )


def answer_picture(picture: Picture, form: str, position: Position, hold: Hold) -> Answer:
    """Answer with a picture in a form."""
    body = DRAWINGS[form](picture).encode()
    more = [policy_of(body)] if form == "svg" else []
    return answer_of(body, position, hold=hold, content_type=MEDIA_TYPES[form].encode(), more=more)


def answer_text(lines: Iterable[str], position: Position, hold: Hold) -> Answer:
    """Answer with lines of text."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return answer_of(body, position, hold=hold, content_type=MEDIA_TYPES["text"].encode())


def policy_of(drawn: bytes) -> Header:
    """Make the policy that allows an SVG its own style sheet and nothing else."""
    styles = (b64encode(sha256(style).digest()) for style in _STYLE.findall(drawn))
    allowed = b" ".join(b"'sha256-%s'" % style for style in styles)
    policy = b"default-src 'none'; style-src %s; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
    return b"content-security-policy", policy % (allowed or b"'none'")
