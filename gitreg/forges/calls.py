"""Calls to a forge's HTTP API: bounded in time, repeated where that is safe, and clear when they fail.

- A limit (429, or 403 with one) is waited out as long as the answer says; a 5xx, a timeout and a broken connection
  are tried again with exponential backoff and jitter. Tries and total time are bounded.
- A call that might have been done, and must not be done twice, is not repeated: `UnknownOutcome` tells the caller to
  look.
- No message and no log has the token in it; it goes to the API's own host and nowhere else.
- github3.py is used for its session and its errors. Its models are not: they demand fields (`body_html`) that GitHub
  sends only on request, and fail without them.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from gitreg.errors import UsageError
from gitreg.forges.forge import ForgeError

Method = Literal["GET", "POST", "PATCH", "DELETE"]
ACCEPT: Final = "application/vnd.github+json, application/json"
API_VERSION: Final = "2022-11-28"
MOST_PAGES: Final = 200
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LIMITED: Final = re.compile(r"rate limit|abuse detection", re.IGNORECASE)


class UnknownOutcome(ForgeError):  # noqa: N818 - it is what is left when an answer is lost
    """The forge may have done what was asked, and nobody heard of it: look before asking again."""

    code = "unknown-outcome"


class CallRefused(ForgeError):  # noqa: N818 - the forge's own answer
    """The forge answered, and refused."""

    code = "forge-refused"

    def __init__(self, says: str, *, mend: str, where: str, got: str, status: int, text: str) -> None:
        super().__init__(says, mend=mend, where=where, got=got)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try again; clock, sleep and chance are given so that tests need not wait."""

    attempts: int = 6
    total: float = 180.0
    first: float = 0.5
    longest: float = 30.0
    connect: float = 5.0
    read: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = field(default=random.random)

    def pause(self, attempt: int) -> float:
        """Give the wait after a try: doubled each time, up to a limit, half of it by chance."""
        return min(self.first * 2.0**attempt, self.longest) * (0.5 + 0.5 * self.chance())


class Api:
    """The REST API of one host."""

    def __init__(self, base_url: str, token: str, patience: Patience | None = None) -> None:
        self.base_url = _checked_url(base_url)
        self._patience = patience or Patience()
        self._token = token
        self._session = _session(self.base_url, token, self._patience)

    def pause(self, attempt: int) -> None:
        """Wait before the next try of something that takes several calls."""
        self._patience.sleep(self._patience.pause(attempt))

    def get(self, path: str, **params: str | int) -> Any:
        """Ask for something."""
        return self._json(self._call("GET", f"{self.base_url}{path}", repeatable=True, params=params))

    def pages(self, path: str, **params: str | int) -> Iterator[dict[str, Any]]:
        """Ask for a list, page by page, as far as whoever asks goes on."""
        url: str | None = f"{self.base_url}{path}"
        asked: Mapping[str, str | int] = {**params, "per_page": 100}
        for _ in range(MOST_PAGES):
            response = self._call("GET", url or "", repeatable=True, params=asked)
            items = self._json(response)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise odd("no list of objects", path)
            yield from items
            asked = {}
            url = response.links.get("next", {}).get("url")
            if url is None:
                return
            if not url.startswith(f"{self.base_url}/"):
                raise odd("a next page on another host", url)
        raise odd(f"more than {MOST_PAGES} pages", path)

    def send(self, method: Method, path: str, body: Mapping[str, Any], *, repeatable: bool) -> Any:
        """Ask for a change. `repeatable` says that doing it twice is doing it once."""
        response = self._call(method, f"{self.base_url}{path}", repeatable=repeatable, json=body)
        return self._json(response) if response.content else None

    def _json(self, response: Any) -> Any:
        try:
            return response.json()
        except ValueError:
            raise odd("no JSON", f"{self.base_url}") from None

    def _call(self, method: Method, url: str, *, repeatable: bool, **words: Any) -> Any:
        ends = self._patience.clock() + self._patience.total
        for attempt in range(self._patience.attempts):
            answer, fault = self._try(method, url, words)
            if answer is not None and answer.status_code < 400:
                return answer
            wait = self._wait_of(answer, fault, attempt, repeatable=repeatable)
            if wait is None:
                raise self._refused(method, url, answer, fault)
            is_last = attempt + 1 == self._patience.attempts
            if is_last or self._patience.clock() + wait > ends:
                raise self._given_up(method, url, answer, fault, attempt + 1, wait)
            self._patience.sleep(wait)
        raise AssertionError("there is at least one attempt")

    def _try(self, method: Method, url: str, words: Mapping[str, Any]) -> tuple[Any, Exception | None]:
        # whoever uses no forge on the network need not have it
        import requests

        try:
            return self._session.request(method, url, **words), None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            return None, error
        except requests.RequestException as error:
            raise ForgeError(
                "the forge's API cannot be called",
                where=f"{method} {url}",
                got=self._clean(str(error)),
                mend="check the URL of the API, the proxy settings and the certificates",
            ) from None

    def _wait_of(self, answer: Any, fault: Exception | None, attempt: int, *, repeatable: bool) -> float | None:
        """Give how long to wait before the next try; None where there must be none."""
        pause = self._patience.pause(attempt)
        if answer is None:
            return pause if repeatable or _never_arrived(fault) else None
        if _is_limit(answer):
            return max(pause, self._limit_of(answer))
        return pause if answer.status_code >= 500 and repeatable else None

    def _limit_of(self, answer: Any) -> float:
        """Read how long a limit lasts, in seconds."""
        after = answer.headers.get("Retry-After")
        if after is not None:
            return _seconds_of(after, self._patience.wall())
        reset = answer.headers.get("X-RateLimit-Reset", "")
        if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
            return max(float(reset) - self._patience.wall() + 1, 0.0)
        return 60.0 if answer.status_code == 403 else 0.0  # what GitHub asks for where it names no time

    def _refused(self, method: Method, url: str, answer: Any, fault: Exception | None) -> ForgeError:
        where = f"{method} {url}"
        if answer is None or answer.status_code >= 500:
            return UnknownOutcome(
                "the forge did not answer, and may have done it",
                where=where,
                got=self._clean(_said(answer, fault)),
                mend="look at what stands there, then try again",
            )
        # as above
        from github3.exceptions import error_for  # type: ignore[import-untyped] # github3.py has no types

        error = error_for(answer)
        text = self._clean(f"{error.message} {error.errors or ''}".strip())
        says, mend = _explained(answer.status_code)
        got = f"{answer.status_code}: {text}"
        return CallRefused(says, mend=mend, where=where, got=got, status=answer.status_code, text=text)

    def _given_up(
        self, method: Method, url: str, answer: Any, fault: Exception | None, tries: int, wait: float
    ) -> ForgeError:
        got = self._clean(_said(answer, fault))
        if answer is not None and _is_limit(answer):
            at = datetime.fromtimestamp(self._patience.wall() + wait, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return ForgeError(
                "the forge's rate limit is used up",
                where=f"{method} {url}",
                got=f"{got}, after {tries} tries",
                mend=f"try again after {at}, or use a token of its own for gitreg",
            )
        return ForgeError(
            f"the forge did not answer as it should, {tries} times",
            where=f"{method} {url}",
            got=got,
            mend="check the network and the forge's status page, and try again",
        )

    def _clean(self, text: str) -> str:
        """Take the token out of a text, and keep it short."""
        return (text.replace(self._token, "***") if self._token else text)[:600]


def part(data: Any, *names: str) -> Any:
    """Give a part of an answer; `ForgeError` where it is not there."""
    at = data
    for name in names:
        if not isinstance(at, Mapping) or name not in at:
            raise odd(f"an answer without `{'.'.join(names)}`", "the forge's API")
        at = at[name]
    return at


def text_of(data: Any, *names: str) -> str:
    """Give a part of an answer that is text."""
    found = part(data, *names)
    if not isinstance(found, str):
        raise odd(f"`{'.'.join(names)}` that is not text", "the forge's API")
    return found


def odd(got: str, where: str) -> ForgeError:
    """Say that an answer is not what it should be."""
    mend = "check the URL of the API (GITHUB_API_URL), and what stands between here and there"
    return ForgeError("the forge's answer makes no sense", where=where, got=got, mend=mend)


def _session(base_url: str, token: str, patience: Patience) -> Any:
    try:
        # an extra, and a quarter of a second that other commands need not pay
        from github3.session import GitHubSession  # type: ignore[import-untyped] # github3.py has no types
    except ModuleNotFoundError as error:
        raise UsageError(
            "what talks to GitHub is not installed",
            got=str(error),
            expected="github3.py",
            mend="run `pip install 'llm-gitreg[github]'`, or use --forge local",
        ) from error
    session = GitHubSession(default_connect_timeout=patience.connect, default_read_timeout=patience.read)
    session.base_url = base_url
    session.headers.update({"Accept": ACCEPT, "X-GitHub-Api-Version": API_VERSION})
    session.token_auth(token)
    return session


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname or parts.username or parts.query:
        raise UsageError(
            "this cannot be the URL of a forge's API",
            got=f"{parts.scheme}://{parts.hostname or ''}{parts.path}",
            expected="https://HOST/PATH: a token is never sent in the clear",
            mend="correct GITHUB_API_URL, such as https://github.example.com/api/v3",
        )
    return url.rstrip("/")


def _never_arrived(fault: Exception | None) -> bool:
    """Tell whether a request failed before the other side had any of it."""
    import requests

    if isinstance(fault, requests.ConnectTimeout):
        return True
    return isinstance(fault, requests.ConnectionError) and "NewConnectionError" in repr(fault)


def _is_limit(answer: Any) -> bool:
    if answer.status_code == 429:
        return True
    if answer.status_code != 403:
        return False
    is_empty = answer.headers.get("X-RateLimit-Remaining") == "0"
    return is_empty or "Retry-After" in answer.headers or _LIMITED.search(answer.text[:2000]) is not None


def _seconds_of(text: str, now: float) -> float:
    """Read a Retry-After: seconds, or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _said(answer: Any, fault: Exception | None) -> str:
    if answer is None:
        return f"{type(fault).__name__}: {fault}"
    return f"{answer.status_code} {answer.reason}"


def _explained(status: int) -> tuple[str, str]:
    """Say what a refusal means, and what mends it."""
    if status == 401:
        return "GitHub does not know the token", "set GITHUB_TOKEN to a token that is valid"
    if status == 403:
        return (
            "GitHub forbids it to this token",
            "give the token read and write access to contents and pull requests of this repository",
        )
    if status == 404:
        return (
            "GitHub has no such thing, or hides it from this token",
            "check `git remote -v` and what the token may see",
        )
    return "GitHub refused it", "see what GitHub says, mend that, and try again"
