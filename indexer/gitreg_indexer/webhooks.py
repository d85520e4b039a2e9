"""Tell whether a webhook comes from who knows the secret, and what it hints at.

- GitHub signs the body (`X-Hub-Signature-256`). GitLab sends its secret token (`X-Gitlab-Token`), or signs as Standard
  Webhooks do (`webhook-signature`) where it was given a signing token (`whsec_...`).
- Secrets and signatures are compared in constant time, over the bytes as they came; nothing is parsed before that.
- A hint names an event and a ref; nothing else is taken from what was sent. It says when to look, not what is there.
- No message has the secret or a signature in it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs

TOLERANCE: Final = 300.0
"""Seconds that a signed moment may be away from ours."""
_SIGNING_TOKEN: Final = b"whsec_"
_PUSHES: Final = frozenset({"push", "Push Hook"})


class Forge(StrEnum):
    """Who sends webhooks."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may have happened: an event, and the ref that it is about, as far as that is said."""

    forge: Forge
    event: str
    ref: str | None = None

    def is_push_to(self, ref: str) -> bool:
        """Tell whether it hints at new commits on a ref."""
        return self.event in _PUSHES and self.ref == ref


@dataclass(frozen=True, slots=True)
class Refused:
    """The sender does not know the secret: 401 where nothing shows that it does, 403 where what it shows is wrong."""

    status: int
    says: str


def verify(
    headers: Mapping[str, str], body: bytes, secret: bytes, *, forge: Forge | None = None, now: float
) -> Hint | Refused:
    """Verify a webhook; `headers` have their names in small letters, `now` is seconds since 1970.

    Without a forge, its own headers say who sent it.
    """
    if not secret:
        return Refused(403, "there is no secret to verify with")
    who = forge or forge_of(headers)
    if who is None:
        return Refused(401, "it is signed neither as GitHub nor as GitLab does")
    refused = _CHECKS[who](headers, body, secret, now)
    if refused is not None:
        return refused
    event = headers.get("x-github-event" if who is Forge.GITHUB else "x-gitlab-event", "")
    return Hint(who, event, _ref_of(headers, body) if event in _PUSHES else None)


def forge_of(headers: Mapping[str, str]) -> Forge | None:
    """Tell by the headers who sent a webhook."""
    if "x-hub-signature-256" in headers:
        return Forge.GITHUB
    if "x-gitlab-token" in headers or "webhook-signature" in headers:
        return Forge.GITLAB
    return None


def lacks_proof(headers: Mapping[str, str], forge: Forge) -> bool:
    """Tell whether there is nothing to verify, so that the body need not even be read."""
    return forge_of(headers) is not forge


def _check_github(headers: Mapping[str, str], body: bytes, secret: bytes, _now: float) -> Refused | None:
    shown = headers.get("x-hub-signature-256")
    if shown is None:
        return Refused(401, "there is no X-Hub-Signature-256: give the webhook its secret")
    wanted = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    return None if _are_same(shown, wanted.encode()) else Refused(403, "the X-Hub-Signature-256 is not of this secret")


def _check_gitlab(headers: Mapping[str, str], body: bytes, secret: bytes, now: float) -> Refused | None:
    token, signature = headers.get("x-gitlab-token"), headers.get("webhook-signature")
    if token is None and signature is None:
        return Refused(401, "there is neither X-Gitlab-Token nor webhook-signature: give the webhook its secret token")
    if token is not None and _are_same(token, secret):
        return None
    if signature is None:
        return Refused(403, "the X-Gitlab-Token is not the secret")
    return _check_signed(headers, signature, body, secret, now)


def _check_signed(headers: Mapping[str, str], signature: str, body: bytes, secret: bytes, now: float) -> Refused | None:
    """Check what is signed as Standard Webhooks are: HMAC-SHA256 over id, moment and body."""
    key = _signing_key(secret)
    if key is None:
        return Refused(403, "it is signed with a signing token, and the secret is none (`whsec_...`)")
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not moment.isascii() or not moment.isdigit() or abs(now - int(moment[:20])) > TOLERANCE:
        return Refused(403, f"its moment is not within {TOLERANCE:g} s of this machine's clock")
    signed = b".".join((identity.encode("utf-8", "surrogateescape"), moment.encode(), body))
    wanted = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    found = [_are_same(shown, wanted) for shown in signature.split(" ")[:16]]
    return None if any(found) else Refused(403, "the webhook-signature is not of this secret")


def _signing_key(secret: bytes) -> bytes | None:
    if not secret.startswith(_SIGNING_TOKEN):
        return None
    try:
        return base64.b64decode(secret.removeprefix(_SIGNING_TOKEN), validate=True) or None
    except binascii.Error:
        return None


def _are_same(shown: str, wanted: bytes) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), wanted)


def _ref_of(headers: Mapping[str, str], body: bytes) -> str | None:
    """Read the ref that a push is about; None where it cannot be read."""
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    try:
        payload = b"".join(parse_qs(body, max_num_fields=8).get(b"payload", [])) if is_form else b""
        data: Any = json.loads(payload or body)
    except (ValueError, RecursionError):
        return None
    ref = data.get("ref") if isinstance(data, dict) else None
    return ref if isinstance(ref, str) else None


_CHECKS: Final = {Forge.GITHUB: _check_github, Forge.GITLAB: _check_gitlab}
