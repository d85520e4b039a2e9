"""What the API says of itself: what there is, whether it is up, whether it can answer, and the page at `/`.

- `/healthz` touches nothing: it says that the process answers.
- `/readyz` is 200 as long as there is a state to answer from, however old; it says how far behind that is and why.
- The page is one file with nothing loaded from anywhere; its policy (CSP) lets nothing else run.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import orjson

from gitreg.errors import GitregError, NotFoundError
from gitreg.refs import Ref
from gitreg_api.answers import Answer, Header, answer_data, answer_of, hold_of, momentary, position_headers
from gitreg_api.following import Follower
from gitreg_api.paths import COLLECTIONS, ROOT
from gitreg_api.source import NotReady, Source
from gitreg_indexer import Position, Reader

_LINKS: Final = {
    "search": f"{ROOT}/search",
    "resolve": f"{ROOT}/resolve",
    "quarantine": f"{ROOT}/quarantine",
    "changes": f"{ROOT}/changes",
    "lineage": f"{ROOT}/lineage/{{ref}}",
    "impact": f"{ROOT}/impact/{{ref}}",
    "path": f"{ROOT}/graph/path",
    "orphans": f"{ROOT}/graph/orphans",
    "diff": f"{ROOT}/graph/diff",
    "check": f"{ROOT}/graph/check",
    "openapi": "/openapi.json",
    "health": "/healthz",
    "ready": "/readyz",
}
_BLANK: Final = re.compile(r"\{\{(\w+)\}\}")
_INLINE: Final = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Overview:
    """What a registry holds, as of a position."""

    name: str | None
    uid: str | None
    description: str | None
    counts: dict[str, int]
    quarantined: int

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        collections = {
            name: {"kind": place.kind, "href": f"{ROOT}/{name}", "records": self.counts.get(place.kind, 0)}
            for name, place in COLLECTIONS.items()
        }
        return {
            "name": self.name,
            "uid": self.uid,
            "description": self.description,
            "records": sum(self.counts.values()),
            "quarantined": self.quarantined,
            "collections": collections,
            "links": _LINKS,
        }


class Status:
    """Answers about the registry as a whole; what it counted is remembered until the index moves."""

    def __init__(self, source: Source, follower: Follower | None) -> None:
        self._source = source
        self._follower = follower
        self._counted: tuple[Overview, Position] | None = None

    def overview(self) -> tuple[Overview, Position]:
        """Count what there is."""
        counted = self._counted
        if counted is None or counted[1] != self._source.now():
            counted = self._source.answering(_overview)
            self._counted = counted
        return counted

    def answer_root(self, when: str | None = None) -> Answer:
        """Answer with what there is, or was at a moment."""
        overview, position = self.overview() if when is None else self._source.answering(_overview, when)
        return answer_data(overview.as_data(), position, hold_of(when))

    def answer_home(self) -> Answer:
        """Answer with the page for people."""
        overview, position = self.overview()
        template, policy = _template()
        page = fill(template, _page_values(overview, position)).encode()
        more: list[Header] = [(b"content-security-policy", policy), (b"referrer-policy", b"no-referrer")]
        return answer_of(page, position, content_type=b"text/html; charset=utf-8", more=more)

    def answer_ready(self) -> Answer:
        """Answer whether there is a state to answer from; `NotReady` where there is none."""
        position = self._source.now()
        following = self._following()
        if position.seq == 0:
            fault = following["fault"]
            why = f": {fault['says']}" if fault else ""
            mend = fault["mend"] if fault else "try again in a moment, or run `gitreg index`"
            raise NotReady(f"nothing has been indexed yet{why}", mend=mend)
        data = {
            "status": "ready",
            "behind": self._is_behind(),
            "following": following,
            "alarm": self._alarm(),
            "commit": position.commit,
            "seq": position.seq,
        }
        return momentary(orjson.dumps(data), more=position_headers(position))

    def _following(self) -> dict[str, Any]:
        follower = self._follower
        fault = follower.fault if follower else None
        return {
            "on": bool(follower and follower.is_running),
            "fault": {"says": fault.says, "mend": fault.mend} if fault else None,
        }

    def _alarm(self) -> dict[str, Any] | None:
        """Tell of a rewritten main, also where this process does not follow it."""
        try:
            alarm = self._source.index.alarm()
        except GitregError:
            return None
        if alarm is None:
            return None
        says = "main was rewritten: it no longer descends from the last indexed commit"
        mend = "find out who did it and put the branch back; to follow it, run `gitreg index accept-rewrite`"
        return {"says": says, "mend": mend, **alarm.as_data()}

    def _is_behind(self) -> bool | None:
        try:
            return self._source.index.is_behind()
        except GitregError:
            return None


def answer_health() -> Answer:
    """Answer that the process is up."""
    return momentary(b'{"status":"ok"}')


def fill(template: str, values: dict[str, str]) -> str:
    """Put values into a template's `{{blanks}}`; whoever calls has escaped them."""
    return _BLANK.sub(lambda blank: values[blank.group(1)], template)


def _overview(reader: Reader, at: int | None) -> Overview:
    try:
        own = reader.resolve(Ref("Registry", "", "registry"), at=at).data()
    except NotFoundError:
        own = {"metadata": {}, "spec": {}}
    return Overview(
        name=own["metadata"].get("name"),
        uid=own["spec"].get("uid"),
        description=own["metadata"].get("description"),
        counts=reader.counts(at=at),
        quarantined=len(reader.quarantine(at=at)),
    )


def _page_values(overview: Overview, position: Position) -> dict[str, str]:
    kinds = [
        (place.kind, name, overview.counts.get(place.kind, 0))
        for name, place in COLLECTIONS.items()
        if overview.counts.get(place.kind, 0)
    ]
    options = "".join(
        f'<option value="{name}" data-kind="{kind}">{name} ({count})</option>' for kind, name, count in kinds
    )
    tiles = "".join(f'<li><a href="{ROOT}/{name}"><strong>{count}</strong> {name}</a></li>' for _, name, count in kinds)
    bad = overview.quarantined
    note = f'<p class="bad"><a href="{ROOT}/quarantine">{bad} unreadable</a></p>' if bad else ""
    return {
        "name": html.escape(overview.name or "registry"),
        "description": html.escape(overview.description or "A registry of models, pipelines, suites and policies."),
        "commit": html.escape(position.commit),
        "short": html.escape(position.commit[:12]),
        "seq": str(position.seq),
        "records": str(sum(overview.counts.values())),
        "options": options,
        "tiles": tiles,
        "quarantine": note,
    }


@cache
def _template() -> tuple[str, bytes]:
    """Read the page's template, and make the policy that lets its own style and script run and nothing else."""
    text = (resources.files("gitreg_api") / "home.html").read_text("utf-8")
    parts = {kind: b64encode(sha256(body.encode()).digest()).decode() for kind, body in _INLINE.findall(text)}
    policy = (
        f"default-src 'none'; style-src 'sha256-{parts['style']}'; script-src 'sha256-{parts['script']}'; "
        "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return text, policy.encode()
