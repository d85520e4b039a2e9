"""Where a published registry is read from: a web server, or a folder.

- What is read is bounded in size and in time, and tried again where the network failed.
- Redirects are followed within one scheme, and a few at a time.
- A file that is not there is told apart from a server that cannot be reached.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.publishing.layout import ENTRY

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
PAUSES: Final = (0.2, 0.8)
"""Seconds to wait before trying again."""
SLOWEST: Final = 20_000
"""Bytes a second that a server must send, after a first half minute."""
REDIRECTS: Final = 5
_PIECE: Final = 1 << 16
_CONNECTION: Final = re.compile(
    r"^(HTTPS?Connection(Pool)?\([^)]*\)|<[^>]*>): (Failed to establish a new connection: )?"
)
_MOVED: Final = (301, 302, 303, 307, 308)
_BUSY: Final = (429, 500, 502, 503, 504)


class UnreachableError(GitregError):
    """The server did not answer, or not in time."""

    code = "unreachable"


class AbsentError(GitregError):
    """There is no such file."""

    code = "absent"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it came. `body` is None where it is still what the ETag names."""

    body: bytes | None
    etag: str | None = None


class Origin(Protocol):
    """Somewhere that files can be read from."""

    where: str
    is_remote: bool

    def place(self, path: str) -> str:
        """Say where a file is."""

    def fetch(self, path: str, limit: int, *, etag: str | None = None, anew: bool = False) -> Fetched:
        """Read a file, of which at most `limit` bytes and one more; `anew` passes caches on the way by."""

    def close(self) -> None:
        """Let go of connections."""


def origin_at(text: str) -> Origin:
    """Give the origin that a URL or a folder's path names; `UsageError` where it names none."""
    scheme, colon, _ = text.partition("://")
    if not colon:
        return FolderOrigin(Path(text))
    scheme = scheme.lower()
    if scheme == "file":
        return FolderOrigin(_path_of(text))
    if scheme in ("http", "https"):
        return HttpOrigin(_checked_url(text))
    raise UsageError(
        f"{text!r} cannot be read from",
        got=scheme,
        expected="https://, http://, file:// or the path of a folder",
        mend="give the URL at which the published folder is served",
    )


def _path_of(text: str) -> Path:
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{text!r} names a file of another machine",
            got=parts.netloc,
            expected="file:///path",
            mend="write three slashes, or the path alone",
        )
    return Path(unquote(parts.path))


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        wrong = _fault_of(parts, parts.port)
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(
            f"that URL cannot be used: {wrong}",
            expected="https://host/path",
            mend="give the URL of the folder that holds index.json, without a user, a query or a fragment",
        )
    return text.removesuffix(ENTRY).rstrip("/") + "/"


def _fault_of(parts: Any, port: int | None) -> str | None:
    if not parts.hostname or port == 0:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it carries a user or a password"
    if parts.query or parts.fragment:
        return "it has a query or a fragment"
    is_plain = parts.geturl().isascii() and parts.geturl().isprintable() and " " not in parts.geturl()
    return None if is_plain else "it has characters that must be percent-encoded"


class FolderOrigin:
    """A folder of this machine."""

    is_remote = False

    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = root

    def place(self, path: str) -> str:
        """Say where a file is."""
        return str(self._root / path)

    def fetch(self, path: str, limit: int, *, etag: str | None = None, anew: bool = False) -> Fetched:  # noqa: ARG002
        """Read a file, of which at most `limit` bytes and one more."""
        try:
            with (self._root / path).open("rb") as file:
                return Fetched(file.read(limit + 1))
        except (FileNotFoundError, NotADirectoryError):
            raise _absent(self.place(path)) from None
        except (OSError, ValueError) as error:
            says = getattr(error, "strerror", None) or str(error)
            mend = "check the folder and who may read it"
            raise GitregError("the file cannot be read", where=self.place(path), got=says, mend=mend) from error

    def close(self) -> None:
        """Nothing is held."""


class HttpOrigin:
    """A folder on a web server."""

    is_remote = True

    def __init__(self, base: str) -> None:
        import urllib3

        self.where = base
        self._urllib3 = urllib3
        self._failures = (urllib3.exceptions.HTTPError, TimeoutError)
        self._pool = _pool_for(base)

    def place(self, path: str) -> str:
        """Say where a file is."""
        return self.where + path

    def close(self) -> None:
        """Let go of connections."""
        self._pool.clear()

    def fetch(self, path: str, limit: int, *, etag: str | None = None, anew: bool = False) -> Fetched:
        """Read a file, of which at most `limit` bytes and one more; `anew` passes caches on the way by."""
        headers = {"User-Agent": "gitreg", "Accept-Encoding": "identity"}
        if etag is not None:
            headers["If-None-Match"] = etag
        if anew:
            headers["Cache-Control"] = "no-cache"
        url = self.place(path)
        for pause in (*PAUSES, None):
            try:
                return self._followed(url, headers, limit)
            except self._urllib3.exceptions.SSLError as error:
                raise _untrusted(url, error) from error
            except self._failures as error:
                if pause is None:
                    raise _unreachable(url, _cause_of(error)) from error
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _followed(self, url: str, headers: Mapping[str, str], limit: int) -> Fetched:
        for _ in range(REDIRECTS + 1):
            response = self._asked(url, headers)
            try:
                target = _target_of(response, url)
                if target is None:
                    return _answer(response, url, limit, asked_if="If-None-Match" in headers)
            finally:
                response.close()  # what was read to its end has given its connection back already
            _refuse_other_scheme(url, target)
            url = target
        raise GitregError(
            "the server redirects without end",
            where=url,
            got=f"more than {REDIRECTS} redirects",
            mend="give the URL at which index.json is served",
        )

    def _asked(self, url: str, headers: Mapping[str, str]) -> Any:
        timeout = self._urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        options: dict[str, Any] = {"preload_content": False, "redirect": False, "retries": False, "timeout": timeout}
        response = self._pool.request("GET", url, headers=dict(headers), **options)
        if response.status in _BUSY:
            response.close()
            raise self._urllib3.exceptions.HTTPError(f"status {response.status}")
        return response


def _pool_for(base: str) -> Any:
    """Make connections as the environment says (`http_proxy`, `https_proxy`, `no_proxy`)."""
    import urllib3

    if any(name.lower().endswith("_proxy") for name in os.environ):
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(base)
        proxy = getproxies().get(parts.scheme)
        if proxy and not proxy_bypass(parts.netloc):
            return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _target_of(response: Any, url: str) -> str | None:
    location = response.headers.get("Location")
    if response.status not in _MOVED or not location:
        return None
    try:
        target: str = urljoin(url, location)
        urlsplit(target)
    except ValueError as error:
        raise GitregError(
            f"the server redirects to what is no URL: {error}",
            where=url,
            got=location,
            mend="give the URL at which index.json is served",
        ) from error
    return target


def _refuse_other_scheme(url: str, target: str) -> None:
    if urlsplit(target).scheme != urlsplit(url).scheme:
        raise GitregError(
            "the server redirects to another scheme, which is not followed",
            where=url,
            got=target,
            mend="if that is where the registry is served, give that URL",
        )


def _answer(response: Any, url: str, limit: int, *, asked_if: bool) -> Fetched:
    if response.status == 304 and asked_if:
        return Fetched(None)
    if response.status in (404, 410):
        raise _absent(url)
    if response.status != 200:
        raise GitregError(
            "the server does not give the file",
            where=url,
            got=f"status {response.status}",
            expected="status 200",
            mend="check the URL, and that it may be read without a login",
        )
    return Fetched(_body_of(response, limit), response.headers.get("ETag"))


def _body_of(response: Any, limit: int) -> bytes:
    """Read a body up to a limit and a byte more, for as long as it comes in time."""
    until = time.monotonic() + 2 * READ_SECONDS + limit / SLOWEST
    body = bytearray()
    while piece := response.read1(_PIECE, decode_content=False):
        body += piece
        if len(body) > limit:
            break
        if time.monotonic() > until:
            raise TimeoutError("the server sends too slowly")
    return bytes(body[: limit + 1])


def _cause_of(error: BaseException) -> str:
    """Say in one line what failed, without the connection that the library names in front."""
    text = " ".join(str(error).split())
    return _CONNECTION.sub("", text) or type(error).__name__


def _absent(where: str) -> AbsentError:
    return AbsentError("there is no such file", where=where, mend="check the URL, or publish again")


def _unreachable(where: str, got: str) -> UnreachableError:
    mend = "check the URL and the network, then try again"
    return UnreachableError("the server cannot be reached", where=where, got=got, mend=mend)


def _untrusted(where: str, error: Exception) -> GitregError:
    mend = "check the server's certificate, and what this machine trusts"
    return GitregError("the server cannot be trusted", where=where, got=_cause_of(error), mend=mend)
