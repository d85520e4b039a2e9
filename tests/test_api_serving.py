"""`gitreg serve` and `gitreg demo` as processes, and readers while commits land."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import httpx
import pytest
from api_support import CHAT, api_on, ask_all, commit, digest, model, small_registry
from demo_support import demo_at
from serving_support import served

from gitreg.cli import main
from gitreg.cli.listening import listen, url_of
from gitreg.errors import GitregError
from gitreg.registry import Registry
from gitreg_api.app import create_app
from gitreg_api.demonstrate import UID as DEMO_UID
from gitreg_api.demonstrate import demo_registry
from gitreg_api.serve import Settings
from gitreg_indexer import Index


def _try_out(url: str, registry: Registry) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        answer = client.get(CHAT)
        assert answer.json()["metadata"]["version"] == "2.0.0"
        assert answer.headers["etag"] == f'"{digest(answer.content)}"'
        assert "server" not in answer.headers
        head = client.head(CHAT)
        assert (head.headers["content-length"], head.content) == (answer.headers["content-length"], b"")
        assert client.get(CHAT, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        seq = commit(registry, 7, model("chat", "2.1.0"))
        found = client.get(f"{CHAT}?min_seq={seq}")
        assert (found.status_code, found.json()["metadata"]["version"]) == (200, "2.1.0")
        ready = client.get("/readyz").json()
        assert ready["following"] == {"on": True, "fault": None}
        assert client.get("/nowhere").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_answers_follows_and_ends_cleanly(tmp_path: Path, workers: int) -> None:
    registry = small_registry(tmp_path / "registry")
    words = ("serve", "--repo", tmp_path / "registry", "--port", "0", "--workers", str(workers))
    with served(*words) as running:
        _try_out(running.url, registry)
    assert running.code == 0
    assert "Traceback" not in "".join(running.said)


def test_no_follow_serves_the_index_as_it_is(tmp_path: Path) -> None:
    registry = small_registry(tmp_path / "registry")
    Index.open(registry, tmp_path / "index").catch_up()
    commit(registry, 7, model("chat", "2.1.0"))
    words = ("serve", "--repo", tmp_path / "registry", "--index", tmp_path / "index", "--port", "0", "--no-follow")
    with served(*words, "--access-log") as running:
        assert httpx.get(f"{running.url}{CHAT}").json()["metadata"]["version"] == "2.0.0"
        ready = httpx.get(f"{running.url}/readyz").json()
        assert (ready["behind"], ready["following"]["on"]) == (True, False)
    assert running.code == 0
    assert '"GET /readyz HTTP/1.1" 200' in "".join(running.said)


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_registry(tmp_path / "registry")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--repo", str(tmp_path / "registry"), "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "--port 0" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--repo", "nowhere"], "nowhere", id="no registry"),
        pytest.param(["--port", "70000"], "--port", id="no port"),
        pytest.param(["--workers", "0"], "--workers", id="no workers"),
    ],
)
def test_what_cannot_be_served_is_said(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "mend:" in said


def test_a_host_that_is_not_known_is_said() -> None:
    with pytest.raises(GitregError, match="cannot listen on port 0"):
        listen("192.0.2.1", 0)
    with pytest.raises(GitregError, match="is not known"):
        listen("no such host", 0)


def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = listen("::1", 0)
    except GitregError:
        pytest.skip("no IPv6 here")
    with listener:
        assert re.fullmatch(r"http://\[::1\]:\d+", url_of(listener))


def test_settings_reach_a_worker_as_they_are() -> None:
    settings = Settings(repo="/a b", port=0, workers=3, index=None, follow=False, cors=("*", "https://a.example"))
    assert Settings.from_text(settings.as_text()) == settings


def test_the_demo_is_the_same_every_time(tmp_path: Path) -> None:
    tip = demo_registry(tmp_path / "a second one").repo.tip()
    again = demo_registry(demo_at(tmp_path / "one"))
    assert (again.repo.tip(), again.uid) == (tip, str(DEMO_UID))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a second one", "one"]


def test_the_demo_keeps_away_from_other_folders(tmp_path: Path) -> None:
    small_registry(tmp_path / "registry")
    files = tmp_path / "files"
    files.mkdir()
    (files / "a").touch()
    for folder in (files, tmp_path / "registry", files / "a"):
        with pytest.raises(GitregError, match="a folder of its own"):
            demo_registry(folder)


def test_demo_without_serving_leaves_with_a_tour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a demo"
    assert main(["demo", str(folder), "--no-serve"]) == 0
    said = capsys.readouterr().out
    assert f"GITREG_REPO='{folder}'" in said
    assert "gitreg search" in said


def test_demo_serves_what_its_tour_says(tmp_path: Path) -> None:
    demo_at(tmp_path / "demo")
    with served("demo", tmp_path / "demo", "--port", "0") as running:
        assert running.process.stdout is not None
        tour = [running.process.stdout.readline() for _ in range(8)]
        asked = re.findall(r"curl -s '(\S+)'", "".join(tour))
        assert len(asked) > 3
        for url in asked:
            answer = httpx.get(url)
            assert answer.status_code == 200
            assert answer.json().get("items") != []
    assert running.code == 0


def test_readers_see_whole_commits_while_commits_land(tmp_path: Path) -> None:
    """Every commit names itself in a description: an answer of seq N must show what commit N said."""
    registry = small_registry(tmp_path / "registry")
    first = commit(registry, 10, model("moving", "1.0.0", description="at 7"))
    api = api_on(registry)
    app = create_app(api.index, follow=False)
    ended = threading.Event()

    def land() -> None:
        for number in range(first + 1, first + 25):
            commit(registry, 10 + number, model("moving", "1.0.0", description=f"at {number}"))
            api.index.catch_up()
        ended.set()

    writer = threading.Thread(target=land)
    writer.start()
    path = "/api/v1/models/acme/nlp/moving"
    seen: list[int] = []
    while not ended.is_set():
        for answer in ask_all(
            app, [path, f"{path}@^1", "/api/v1/models?q=moving", f"{path}/versions", f"{path}?min_seq=1"]
        ):
            assert answer.status_code == 200, answer.text
            data = answer.json()
            record = data["items"][0] if "items" in data else data
            seq = int(answer.headers["x-gitreg-seq"])
            assert record["metadata"]["description"] == f"at {seq}"
            assert record["registry"]["seq"] == seq
            assert answer.headers["etag"] == f'"{digest(answer.content)}"'
            seen.append(seq)
    writer.join()
    assert len(set(seen)) > 2
