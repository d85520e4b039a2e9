#!/usr/bin/env python3
"""What gitreg's actions ask of GitHub: keep one comment on a pull request, and tell who made it and who approved it.

- Python's standard library alone, so that nothing is installed beside a token.
- What people wrote is data: it is compared and sent on, never executed, and goes out of a step only as ids and logins.
- A whole errand is tried again after a failure that passes, and looks anew each time, so no comment is written twice.
- The token goes to the API's own address and nowhere else: redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

MOST_BODY: Final = 65_000
"""Characters of a comment; GitHub refuses more than 65,536."""
PAGE: Final = 100
ATTEMPTS: Final = 5
LONGEST_PAUSE: Final = 60.0
SECONDS: Final = 30.0
PASSING: Final = (429, 500, 502, 503, 504)
INSIDERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")
DECISIVE: Final = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
DECIDED: Final = re.compile(r"^Gitreg-Approved: *([A-Z]{2,8}-[0-9]{3}) *$", re.MULTILINE)
QUEUED: Final = re.compile(r"/pr-([1-9][0-9]*)-[0-9a-f]{40}$")
REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
DIGITS: Final = re.compile(r"[0-9]*")
LOGIN: Final = re.compile(r"[A-Za-z0-9_\[\]-]+")


class Refused(Exception):  # noqa: N818 - it is what happened
    """GitHub said no, or an input is not what it should be."""


class Passing(Exception):  # noqa: N818 - it is what it does
    """A failure that may be gone the next time."""

    def __init__(self, says: str, pause: float | None = None) -> None:
        super().__init__(says)
        self.pause = pause


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


class Api:
    """GitHub's REST API, as one token sees it."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_Stay)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Any, Mapping[str, str]]:
        """Call it once; gives the answer's data and headers."""
        request = urllib.request.Request(  # noqa: S310 - the API's address, which the runner names
            f"{self._base}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "gitreg-actions",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read() or b"null"), answer.headers
        except urllib.error.HTTPError as error:
            raise _fault_of(error, f"{method} {path}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Passing(f"{method} {path}: {error}") from error

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Give all items of a list."""
        number = 1
        while True:
            items, headers = self.call("GET", f"{path}?per_page={PAGE}&page={number}")
            yield from items
            if 'rel="next"' not in (headers.get("Link") or ""):
                return
            number += 1


def _fault_of(error: urllib.error.HTTPError, what: str) -> Exception:
    headers = error.headers
    is_limit = error.code == 403 and (headers.get("Retry-After") or headers.get("X-RateLimit-Remaining") == "0")
    says = f"{what}: GitHub answered {error.code}"
    if error.code in PASSING or is_limit:
        pause = headers.get("Retry-After") or ""
        return Passing(says, float(pause) if pause.isdigit() else None)
    return Refused(says)


def persistently(errand: Callable[[], Any]) -> Any:
    """Do an errand that may be done again; after failures that pass, wait and try anew."""
    scale = float(os.environ.get("GITREG_PAUSE", "1"))
    for n in range(1, ATTEMPTS + 1):
        try:
            return errand()
        except Passing as error:
            if n == ATTEMPTS:
                raise Refused(f"{error}, {ATTEMPTS} times") from error
            pause = error.pause if error.pause is not None else 2.0**n
            time.sleep(min(pause, LONGEST_PAUSE) * scale)
    return None


def comment(api: Api, given: Mapping[str, str]) -> dict[str, str]:
    """Edit the own comment that starts with the marker, or write it; gives its address."""
    marker = given["MARKER"].strip()
    body = fitted(Path(given["BODY_FILE"]).read_text(encoding="utf-8", errors="replace"))
    if not marker or not is_marked(body, marker):
        raise Refused("the first line of the body is not the marker, so the comment would not be found again")
    path = f"/repos/{given['REPOSITORY']}/issues"
    thread = f"{path}/{given['NUMBER']}/comments"

    def errand() -> dict[str, Any]:
        own = (each for each in api.pages(thread) if is_own(each, given["LOGIN"], marker))
        found = next(own, None)
        if found is None:
            made: dict[str, Any] = api.call("POST", thread, {"body": body})[0]
            return made
        if (found.get("body") or "").replace("\r\n", "\n").strip() != body.strip():
            found = api.call("PATCH", f"{path}/comments/{int(found['id'])}", {"body": body})[0]
        return dict(found)

    return {"url": str(persistently(errand).get("html_url", ""))}


def is_own(each: Mapping[str, Any], login: str, marker: str) -> bool:
    """Tell whether a comment is by whom the token belongs to, and of this sort."""
    return (each.get("user") or {}).get("login") == login and is_marked(each.get("body") or "", marker)


def is_marked(body: str, marker: str) -> bool:
    """Tell whether the first line is the marker."""
    return body.split("\n", 1)[0].strip() == marker


def fitted(body: str) -> str:
    """Cut a body that GitHub would refuse, at a line's end."""
    if len(body) <= MOST_BODY:
        return body
    return body[:MOST_BODY].rpartition("\n")[0] + "\n\nThe rest is cut: the summary of the run has it all.\n"


def people(api: Api, given: Mapping[str, str]) -> dict[str, str]:
    """Tell who made a change, who approved exactly it, which rules they decided, and whether it is marked as bulk."""
    number = persistently(lambda: _number_of(api, given))
    if number is None:
        actor = given["ACTOR"]
        return {"author": f"@{actor}" if actor else "", "approvers": "", "approve": "", "bulk": "false"}
    path = f"/repos/{given['REPOSITORY']}/pulls/{number}"
    pull, _ = persistently(lambda: api.call("GET", path))
    reviews = persistently(lambda: list(api.pages(f"{path}/reviews")))
    author = _login_of(pull)
    approvals = approvals_of(reviews, given["HEAD"] or pull["head"]["sha"], author)
    rules = {rule for each in approvals for rule in DECIDED.findall((each.get("body") or "").replace("\r\n", "\n"))}
    labels = [label.get("name") for label in pull.get("labels") or ()]
    return {
        "author": f"@{author}",
        "approvers": "\n".join(f"@{_login_of(each)}" for each in approvals),
        "approve": "\n".join(sorted(rules)),
        "bulk": "true" if given["BULK_LABEL"] in labels else "false",
    }


def _number_of(api: Api, given: Mapping[str, str]) -> int | None:
    """Find the pull request: by its number, by the merge group's ref, or as the one that a commit of main came from."""
    if given["NUMBER"]:
        return int(given["NUMBER"])
    if given["QUEUE_REF"]:
        found = QUEUED.search(given["QUEUE_REF"])
        if found is None:
            raise Refused("the merge group's ref names no pull request")
        return int(found[1])
    if given["COMMIT"]:
        pulls = api.pages(f"/repos/{given['REPOSITORY']}/commits/{given['COMMIT']}/pulls")
        return next((int(pull["number"]) for pull in pulls if pull.get("merge_commit_sha") == given["COMMIT"]), None)
    return None


def approvals_of(reviews: Sequence[Mapping[str, Any]], head: str, author: str) -> list[Mapping[str, Any]]:
    """Give the approvals of a commit by others than its author that were not taken back.

    Of people who belong to the repository: on a public one anybody may approve anything.
    """
    last: dict[str, Mapping[str, Any]] = {}
    for review in reviews:
        if review.get("author_association") in INSIDERS and review.get("state") in DECISIVE:
            last[_login_of(review)] = review
    return [
        review
        for login, review in last.items()
        if review["state"] == "APPROVED" and review.get("commit_id") == head and login != author
    ]


def _login_of(item: Mapping[str, Any]) -> str:
    login = str((item.get("user") or {}).get("login") or "ghost")
    if LOGIN.fullmatch(login) is None:
        raise Refused("GitHub names somebody by what is no login")
    return login


def output(values: Mapping[str, str]) -> None:
    """Give values to the steps that follow."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        for name, value in values.items():
            end = uuid.uuid4().hex
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


def check(given: Mapping[str, str]) -> None:
    """Refuse inputs that would make another address than they should."""
    for name, pattern in (("REPOSITORY", REPOSITORY), ("NUMBER", DIGITS)):
        if pattern.fullmatch(given[name]) is None:
            raise Refused(f"the input {name.lower()} is not what it should be: {given[name]!r}")


ERRANDS: Final = {"comment": comment, "people": people}


def main() -> int:
    """Do the errand that the command line names, with the inputs of the environment."""
    try:
        check(os.environ)
        api = Api(os.environ.get("GITHUB_API_URL") or "https://api.github.com", os.environ["TOKEN"])
        output(ERRANDS[sys.argv[1]](api, os.environ))
    except (Refused, OSError, KeyError) as error:
        says = f"{type(error).__name__}: {error}".translate({ord("%"): "%25", ord("\r"): "%0D", ord("\n"): "%0A"})
        sys.stdout.write(f"::error title=gitreg {' '.join(sys.argv[1:2])}::{says}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
