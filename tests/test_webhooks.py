"""Webhooks are believed by their secret alone, and hint at one ref."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg_indexer.webhooks import TOLERANCE, Forge, Hint, Refused, verify

SECRET = b"It's a Secret to Everybody"
MAIN = "refs/heads/main"
NOW = 1614265330.0
PUSH = json.dumps({"ref": MAIN, "after": "0" * 40}).encode()
TOKEN = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""With id, moment and body below, the example of the Standard Webhooks specification."""
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SIGNED_BODY = b'{"test": 2432232314}'


def github(body: bytes, secret: bytes = SECRET, event: str = "push") -> dict[str, str]:
    return {"x-github-event": event, "x-hub-signature-256": f"sha256={hmac.new(secret, body, 'sha256').hexdigest()}"}


def gitlab_signed(body: bytes, token: bytes, moment: float = NOW) -> dict[str, str]:
    key = base64.b64decode(token.removeprefix(b"whsec_"))
    digest = hmac.new(key, b"m1.%d." % int(moment) + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "m1", "webhook-timestamp": str(int(moment)), "webhook-signature": signature}


def test_the_example_of_githubs_documentation_verifies() -> None:
    """From "Validating webhook deliveries", section "Testing the webhook payload validation"."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verify({"x-hub-signature-256": signature}, b"Hello, World!", SECRET, now=NOW) == Hint(Forge.GITHUB, "")


def test_the_example_of_standard_webhooks_verifies() -> None:
    assert verify(SIGNED, SIGNED_BODY, TOKEN, now=NOW) == Hint(Forge.GITLAB, "")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(github(PUSH), PUSH, id="github"),
        pytest.param({"x-gitlab-token": SECRET.decode(), "x-gitlab-event": "Push Hook"}, PUSH, id="gitlab's token"),
        pytest.param(
            {
                **github(form := urlencode({"payload": PUSH.decode()}).encode()),
                "content-type": "application/x-www-form-urlencoded",
            },
            form,
            id="github, as a form",
        ),
    ],
)
def test_a_push_hints_at_its_ref(headers: dict[str, str], body: bytes) -> None:
    hint = verify(headers, body, SECRET, now=NOW)
    assert isinstance(hint, Hint)
    assert hint.is_push_to(MAIN)
    assert not hint.is_push_to("refs/heads/maint")


def test_a_push_that_gitlab_signed_hints_at_its_ref() -> None:
    headers = {**gitlab_signed(PUSH, TOKEN), "x-gitlab-event": "Push Hook"}
    hint = verify(headers, PUSH, TOKEN, now=NOW)
    assert isinstance(hint, Hint)
    assert hint.is_push_to(MAIN)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param("ping", PUSH, id="a ping"),
        pytest.param("Tag Push Hook", PUSH, id="a tag"),
        pytest.param("push", b'{"ref": "refs/heads/other"}', id="another branch"),
        pytest.param("push", b'{"ref": ["refs/heads/main"]}', id="a ref that is no text"),
        pytest.param("push", b'"refs/heads/main"', id="no object"),
        pytest.param("push", b"\xff{", id="no JSON"),
        pytest.param("push", b"[" * 200_000, id="nested without end"),
        pytest.param("push", b"", id="nothing"),
    ],
)
def test_what_is_no_push_to_main_is_believed_and_hints_at_nothing(event: str, body: bytes) -> None:
    hint = verify(github(body, event=event), body, SECRET, now=NOW)
    assert isinstance(hint, Hint)
    assert not hint.is_push_to(MAIN)


@pytest.mark.parametrize(
    ("headers", "body", "secret", "status"),
    [
        pytest.param({}, PUSH, SECRET, 401, id="nothing"),
        pytest.param({"x-github-event": "push"}, PUSH, SECRET, 401, id="no signature"),
        pytest.param({"x-hub-signature": "sha1=00"}, PUSH, SECRET, 401, id="the old signature only"),
        pytest.param(github(PUSH, b"wrong"), PUSH, SECRET, 403, id="another secret"),
        pytest.param(github(PUSH), PUSH + b" ", SECRET, 403, id="another body"),
        pytest.param({"x-hub-signature-256": "sha256="}, PUSH, SECRET, 403, id="an empty signature"),
        pytest.param({"x-hub-signature-256": github(PUSH)["x-hub-signature-256"][7:]}, PUSH, SECRET, 403, id="bare"),
        pytest.param({"x-hub-signature-256": "sha256=\u00e9"}, PUSH, SECRET, 403, id="not ASCII"),
        pytest.param(github(PUSH, b""), PUSH, b"", 403, id="no secret here"),
        pytest.param({"x-gitlab-token": ""}, PUSH, SECRET, 403, id="an empty token"),
        pytest.param({"x-gitlab-token": "It's a Secret"}, PUSH, SECRET, 403, id="the beginning of the token"),
        pytest.param({"x-gitlab-token": "x"}, PUSH, TOKEN, 403, id="a token where a signature is wanted"),
        pytest.param(SIGNED, SIGNED_BODY + b" ", TOKEN, 403, id="signed, another body"),
        pytest.param({**SIGNED, "webhook-id": "msg_2"}, SIGNED_BODY, TOKEN, 403, id="signed, another id"),
        pytest.param({**SIGNED, "webhook-timestamp": "x"}, SIGNED_BODY, TOKEN, 403, id="signed, no moment"),
        pytest.param({**SIGNED, "webhook-timestamp": "9" * 5000}, SIGNED_BODY, TOKEN, 403, id="signed, far ahead"),
        pytest.param(SIGNED, SIGNED_BODY, SECRET, 403, id="signed, and no signing token here"),
        pytest.param(SIGNED, SIGNED_BODY, b"whsec_?", 403, id="signed, and a signing token that is none"),
    ],
)
def test_who_does_not_know_the_secret_is_refused(
    headers: dict[str, str], body: bytes, secret: bytes, status: int
) -> None:
    refused = verify(headers, body, secret, now=NOW)
    assert isinstance(refused, Refused)
    assert refused.status == status
    assert not any(word in refused.says for word in (SECRET.decode(), TOKEN.decode(), "v1,"))


@pytest.mark.parametrize("away", [-TOLERANCE - 1, TOLERANCE + 1])
def test_a_signed_moment_that_is_far_from_ours_is_refused(away: float) -> None:
    assert isinstance(verify(gitlab_signed(PUSH, TOKEN, NOW + away), PUSH, TOKEN, now=NOW), Refused)
    assert isinstance(verify(gitlab_signed(PUSH, TOKEN, NOW + away / 2), PUSH, TOKEN, now=NOW), Hint)


def test_one_of_several_signatures_is_enough() -> None:
    several = {**SIGNED, "webhook-signature": f"v1,{'A' * 43}= v1a,xyz {SIGNED['webhook-signature']}"}
    assert isinstance(verify(several, SIGNED_BODY, TOKEN, now=NOW), Hint)


@pytest.mark.parametrize(
    ("forge", "headers"),
    [
        pytest.param(Forge.GITLAB, github(PUSH), id="github's at gitlab's"),
        pytest.param(Forge.GITHUB, {"x-gitlab-token": SECRET.decode()}, id="gitlab's at github's"),
    ],
)
def test_one_forges_proof_is_none_for_the_other(forge: Forge, headers: dict[str, str]) -> None:
    assert verify(headers, PUSH, SECRET, forge=forge, now=NOW) == verify({}, PUSH, SECRET, forge=forge, now=NOW)
    assert isinstance(verify(headers, PUSH, SECRET, forge=forge, now=NOW), Refused)


@given(secret=st.binary(min_size=1), other=st.binary(min_size=1), body=st.binary(max_size=200))
def test_only_the_same_secret_is_believed(secret: bytes, other: bytes, body: bytes) -> None:
    hint = verify(github(body, other), body, secret, now=NOW)
    # HMAC fills its key up with zeros
    assert isinstance(hint, Hint) is (secret.rstrip(b"\0") == other.rstrip(b"\0"))


@given(
    headers=st.dictionaries(
        st.sampled_from(["x-hub-signature-256", "x-gitlab-token", "content-type", "x-gitlab-event", *SIGNED]), st.text()
    ),
    body=st.binary(max_size=200),
    secret=st.sampled_from([SECRET, TOKEN]),
)
def test_whatever_is_sent_is_answered(headers: dict[str, str], body: bytes, secret: bytes) -> None:
    encodable = {name: value.encode("utf-8", "replace").decode() for name, value in headers.items()}
    assert isinstance(verify(encodable, body, secret, now=NOW), Refused)


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    truly: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def compare(shown: bytes, wanted: bytes) -> bool:
        compared.append(wanted)
        return truly(shown, wanted)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verify(github(PUSH, b"wrong"), PUSH, SECRET, now=NOW)
    verify({"x-gitlab-token": "wrong"}, PUSH, SECRET, now=NOW)
    verify({**SIGNED, "webhook-id": "wrong"}, SIGNED_BODY, TOKEN, now=NOW)
    assert compared == [
        github(PUSH)["x-hub-signature-256"].encode(),
        SECRET,
        gitlab_digest("wrong", SIGNED_BODY),
    ]


def gitlab_digest(identity: str, body: bytes) -> bytes:
    key = base64.b64decode(TOKEN.removeprefix(b"whsec_"))
    digest = hmac.new(key, f"{identity}.1614265330.".encode() + body, hashlib.sha256).digest()
    return b"v1," + base64.b64encode(digest)
