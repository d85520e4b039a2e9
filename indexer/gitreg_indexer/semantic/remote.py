"""The embedder that asks a server which speaks OpenAI's `/v1/embeddings`: OpenAI, vLLM, Ollama, llama.cpp and others.

- The key is read from the environment when a request is made, sent in one header to one host, and stands in no
  message; redirects are not followed.
- What is busy or broken on the way (429, 5xx, timeouts, lost connections) is tried again, a few times, with pauses;
  everything else is told at once.
- Who cannot wait asks once, for a few seconds. A server that did not answer several times in a row is left alone for a
  moment: nobody waits for it then.
- An answer counts only when it is whole: one vector for each text, all of one length, finite numbers.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import numpy as np
import orjson
import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import TimeoutError as Timeout
from urllib3.util import Retry

from gitreg.errors import GitregError, UsageError
from gitreg_indexer.semantic import EmbedderAwayError
from gitreg_indexer.semantic.embedders import Embedder, Floats

URL: Final = "GITREG_EMBEDDINGS_URL"
MODEL: Final = "GITREG_EMBEDDINGS_MODEL"
KEY: Final = "GITREG_EMBEDDINGS_KEY"
DIMENSIONS: Final = "GITREG_EMBEDDINGS_DIMENSIONS"
TIMEOUT: Final = "GITREG_EMBEDDINGS_TIMEOUT"
BATCH: Final = "GITREG_EMBEDDINGS_BATCH"

_PATH: Final = "/v1/embeddings"
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE: Final = 30.0
AT_ONCE: Final = 5.0
"""How long, in seconds, somebody waits who does not wait long."""
FAILURES: Final = 3
"""Failures in a row after which the server is left alone."""
REST: Final = 10.0
"""For how many seconds it is."""
_LONGEST_REMARK: Final = 300


class HttpEmbedder:
    """Asks a server for vectors.

    `dimensions` is what the server is asked for and held to; without it the model's own, learnt from the first answer.
    `timeout` is in seconds, for each try; `pause` is the first wait between tries, and doubles.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = KEY,
        dimensions: int | None = None,
        timeout: float = 30.0,
        batch: int = 64,
        tries: int = 4,
        pause: float = 0.5,
    ) -> None:
        self._url = _endpoint(url)
        if not model.strip():
            raise UsageError("no model of embeddings is named", where=f"${MODEL}", mend="name one that the server has")
        self._model = model
        self._key_variable = key_variable
        self._stated = dimensions
        self._learnt: int | None = None
        self._batch = batch
        self._timeout = timeout
        self._retries = _retries(tries, pause)
        self._failures = 0
        self._rests_until = 0.0
        self._pool: urllib3.PoolManager | None = None
        self._lock = threading.Lock()
        self.name: Final = f"openai:{model}:{dimensions or 'own'}"

    @property
    def dimensions(self) -> int:
        """Tell how many numbers a vector has; the server is asked where nothing told it yet."""
        if self._stated:
            return self._stated
        if self._learnt is None:
            self._ask(["dimensions"])
        return self._learnt or 0

    def embed(self, texts: Sequence[str]) -> Floats:
        """Give the vectors of texts as rows of length 1; zeros where a text is blank, which no server is asked for."""
        said = [number for number, text in enumerate(texts) if text.strip()]
        asked = [[texts[number] for number in said[at : at + self._batch]] for at in range(0, len(said), self._batch)]
        answered = [self._ask(some) for some in asked]
        made = np.zeros((len(texts), self.dimensions), np.float32)
        if answered:
            made[said] = np.concatenate(answered)
        return made

    def embed_at_once(self, text: str) -> Floats:
        """Give the vector of one text: one try of a few seconds; `EmbedderAwayError` where lately none succeeded."""
        if not text.strip():
            return self.embed([text])
        left = self._rests_until - time.monotonic()
        if left > 0:
            raise self._away(left)
        has_failed = True
        try:
            answer = self._request([text], timeout=min(AT_ONCE, self._timeout), retries=_retries(1, 0))
            has_failed = answer.status in _BUSY
        finally:
            self._note(has_failed=has_failed)
        return self._read(answer, 1)

    def _note(self, *, has_failed: bool) -> None:
        with self._lock:
            self._failures = self._failures + 1 if has_failed else 0
            if self._failures >= FAILURES:
                self._rests_until = time.monotonic() + REST

    def _away(self, left: float) -> EmbedderAwayError:
        error = EmbedderAwayError(
            "the embeddings server did not answer lately, and is left alone for a moment",
            mend="try again in some seconds, or search by words",
        )
        error.wait = math.ceil(left)
        return error

    def _ask(self, texts: list[str]) -> Floats:
        return self._read(self._request(texts, timeout=self._timeout, retries=self._retries), len(texts))

    def _read(self, answer: urllib3.BaseHTTPResponse, count: int) -> Floats:
        if answer.status != 200:
            raise self._refused(answer)
        try:
            vectors = _vectors_in(orjson.loads(answer.data), count)
        except ValueError as error:
            raise self._failed(
                "the embeddings server's answer is not what was asked for",
                got=str(error),
                expected=f"{count} vectors of finite numbers, as OpenAI's {_PATH} gives them",
                mend=f"check that ${URL} and ${MODEL} name a model of embeddings",
            ) from error
        self._check_dimension(vectors.shape[1])
        lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def _request(self, texts: list[str], *, timeout: float, retries: Retry) -> urllib3.BaseHTTPResponse:
        asked: dict[str, Any] = {"model": self._model, "input": texts}
        if self._stated:
            asked["dimensions"] = self._stated
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self._credentials()}
        try:
            return self._connected().request(
                "POST",
                self._url,
                body=orjson.dumps(asked),
                headers=headers,
                timeout=timeout,
                retries=retries,
                redirect=False,
            )
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
            is_late = isinstance(cause, Timeout) and not isinstance(cause, NewConnectionError)
            says = "did not answer in time" if is_late else "cannot be reached"
            raise self._failed(
                f"the embeddings server {says}",
                got=self._without_key(f"{type(cause).__name__}: {cause}"),
                mend=f"check ${URL} and that the server is up; search by words goes on without it",
            ) from None

    def _credentials(self) -> dict[str, str]:
        key = os.environ.get(self._key_variable, "").strip()
        if not key:
            return {}
        if not (key.isascii() and key.isprintable()):
            raise self._failed(
                "the embeddings server's key cannot be sent: it holds characters that no header may hold",
                mend=f"set ${self._key_variable} to the key alone",
            )
        return {"Authorization": f"Bearer {key}"}

    def _connected(self) -> urllib3.PoolManager:
        """Give the connections, through the proxy that the environment names for this host, if any."""
        with self._lock:
            if self._pool is None:
                parts = urlsplit(self._url)
                proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
                self._pool = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
            return self._pool

    def _refused(self, answer: urllib3.BaseHTTPResponse) -> GitregError:
        told = self._without_key(_remark(answer.data))
        mend = {
            401: f"set ${self._key_variable} to a key that the server takes",
            403: f"set ${self._key_variable} to a key that may use this model",
            404: f"check ${URL} and ${MODEL}: there is no such path or model",
            429: "wait until the server takes more, or ask for a higher limit",
        }.get(answer.status, f"read what the server says; check ${URL}, ${MODEL} and ${DIMENSIONS}")
        if answer.status in range(300, 400):
            mend = f"set ${URL} to where the server really is: redirects are not followed"
        said = f": {told}" if told else ""
        return self._failed(
            "the embeddings server refuses", got=f"HTTP {answer.status}{said}", expected="HTTP 200", mend=mend
        )

    def _check_dimension(self, found: int) -> None:
        wanted = self._stated or self._learnt
        if wanted is not None and found != wanted:
            raise self._failed(
                "the embeddings server gives vectors of another dimension",
                got=found,
                expected=wanted,
                mend=f"set ${DIMENSIONS} to {found}, or unset it; the index's vectors are then made again",
            )
        self._learnt = found

    def _failed(self, says: str, *, mend: str, got: object = None, expected: object = None) -> GitregError:
        return GitregError(says, where=f"{self._url}, model {self._model}", got=got, expected=expected, mend=mend)

    def _without_key(self, text: str) -> str:
        key = os.environ.get(self._key_variable, "").strip()
        return text.replace(key, "***") if key else text


class _Retries(Retry):
    """Pauses as the server asks for, but never for long: a `Retry-After` of an hour would look like a hang."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_PAUSE)


def _retries(tries: int, pause: float) -> _Retries:
    return _Retries(
        total=tries - 1,
        redirect=0,
        other=0,
        status_forcelist=_BUSY,
        allowed_methods=None,
        backoff_factor=pause,
        backoff_max=_LONGEST_PAUSE,
        raise_on_status=False,
    )


def _endpoint(url: str) -> str:
    """Give the address to post to; a base URL may end in `/v1`, as OpenAI's own clients want it."""
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise _bad_url(_shown(url), "the base URL of a server, like https://api.openai.com")
    if parts.username is not None or parts.password is not None:
        raise _bad_url("a URL with credentials", f"a URL without them: a key goes into ${KEY}")
    path = parts.path.rstrip("/").removesuffix("/embeddings").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{path}{_PATH}"


def _shown(url: str) -> str:
    return url.rpartition("@")[2] if "@" in url else url or "nothing"


def _bad_url(got: str, expected: str) -> UsageError:
    return UsageError(
        "the embeddings server's URL cannot be used",
        where=f"${URL}",
        got=got,
        expected=expected,
        mend=f"set ${URL} to an http or https URL",
    )


def _vectors_in(answer: Any, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Read vectors out of an answer, in the order of their indexes; ValueError says what is wrong with it."""
    listed = answer.get("data") if isinstance(answer, dict) else None
    items = listed if isinstance(listed, list) else []
    if len(items) != count:
        raise ValueError("no list `data`" if listed is None else f"{len(items)} vectors")
    placed: dict[int, list[float]] = {}
    for item in items:
        index, numbers = (item.get("index"), item.get("embedding")) if isinstance(item, dict) else (None, None)
        if not isinstance(index, int) or not 0 <= index < count or index in placed:
            raise ValueError(f"a vector with the index {str(index)[:20]!r}")
        if not isinstance(numbers, list) or not numbers or not all(type(n) in (int, float) for n in numbers):
            raise ValueError(f"an embedding that is no list of numbers, at index {index}")
        placed[index] = numbers
    if len({len(numbers) for numbers in placed.values()}) != 1:
        raise ValueError("vectors of different lengths")
    vectors = np.array([placed[index] for index in range(count)], np.float64)
    if not np.isfinite(vectors).all():
        raise ValueError("a number that is not finite")
    return vectors


def _remark(raw: bytes) -> str:
    """Give what a server says of an error, in a line."""
    try:
        data = orjson.loads(raw)
        told = data["error"]["message"] if isinstance(data["error"], dict) else data["error"]
    except (ValueError, KeyError, TypeError):
        told = raw[: 4 * _LONGEST_REMARK].decode("utf-8", "replace")
    return " ".join(str(told).split())[:_LONGEST_REMARK]


def _number(environ: Mapping[str, str], name: str, low: float, high: float, *, is_whole: bool = False) -> float | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high or (is_whole and number % 1):
        raise UsageError(
            f"${name} is no number that can be used",
            where=f"${name}",
            got=text,
            expected=f"{'a whole number, ' if is_whole else ''}{low:g} to {high:g}",
            mend="set it to such a number, or unset it",
        )
    return number


def openai(environ: Mapping[str, str]) -> Embedder:
    """Make the embedder that the environment's variables describe."""
    dimensions = _number(environ, DIMENSIONS, 1, 65_536, is_whole=True)
    return HttpEmbedder(
        environ.get(URL, ""),
        environ.get(MODEL, ""),
        dimensions=None if dimensions is None else int(dimensions),
        timeout=_number(environ, TIMEOUT, 0.1, 3_600) or 30.0,
        batch=int(_number(environ, BATCH, 1, 2_048, is_whole=True) or 64),
    )
