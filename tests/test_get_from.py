"""A published registry is read over HTTP or from a folder: checked byte by byte, kept, and answered from offline."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from cli_support import Run, fine, run
from index_support import aliases, cold, commit, dataset, indexed, manifest, model, of
from publish_support import SELECTORS, Web, files_in, published, sends, served

from gitreg.errors import GitregError, NotFoundError
from gitreg_indexer import Index
from gitreg_indexer.published import cache, origins, reader
from gitreg_indexer.published.node import Node
from gitreg_indexer.published.origins import UnreachableError
from gitreg_indexer.published.reader import Published
from gitreg_indexer.publishing.errors import DamagedError

RETIRED: Final = {"lifecycle": {"status": "retired"}}
REFS: Final = (
    *(f"acme/chat{selector}" for selector in SELECTORS),
    "registry",
    "role:reader",
    "namespace:acme/nlp",
    "policy-link:acme/all",
    "dataset:acme/chat",
    "dataset:acme/chat@stable",
    "aliases:model/acme/chat",
    "aliases:dataset/acme/chat",
    "acme/nothing",
    "acme/chats",
    "config:acme/chat",
    "role:readers",
    "namespace:acme",
)


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache of the test's own, and no waiting."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(origins, "PAUSES", (0.01, 0.01))
    return tmp_path / "cache" / "gitreg" / "published"


@pytest.fixture
def index(tmp_path: Path) -> Index:
    landed: dict[str, bytes] = {
        **model("chat", "1.0.0"),
        **model("chat", "1.1.0"),
        **model("chat", "1.2.0", spec=RETIRED),
        **model("chat", "2.0.0-rc.1"),
        **model("other", "1.0.0"),
        **dataset("chat", "1.0.0"),
        **aliases("chat", stable="1.0.0", production="1.1.0"),
        **aliases("chat", of="Dataset", stable="1.0.0"),
        "access/reader.yaml": manifest("Role", {"name": "reader"}, {"permissions": ["registry:read"]}),
        "namespaces/acme/nlp.yaml": manifest("Namespace", {"name": "acme/nlp"}, {"owners": ["author@example.com"]}),
    }
    return indexed(tmp_path, landed)[1]


@pytest.fixture
def where(index: Index, tmp_path: Path) -> Path:
    published(index, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def web(where: Path) -> Iterator[Web]:
    with served(where) as web:
        yield web


def moved_on(index: Index, where: Path, *commits: Any) -> None:
    for files in commits:
        commit(index.registry.repo, files)
    index.catch_up()
    published(index, where)


def path_of(where: Path, prefix: str) -> str:
    return next(path for path in files_in(where) if path.startswith(prefix))


def got(url: str, ref: str = "acme/chat") -> str:
    """Ask anew, as another process would."""
    found = Published.at(url).ask(of(ref))
    return str(orjson.loads(found.doc)["registry"]["ref"])


# What is answered


def meant(answering: Any, ref: str) -> bytes | str:
    """Give the record that a ref means, or what is said where it means none."""
    try:
        return bytes(answering(of(ref)).doc)
    except NotFoundError as error:
        return error.says


@pytest.mark.parametrize("ref", REFS)
def test_it_answers_what_the_index_answers(index: Index, web: Web, where: Path, ref: str) -> None:
    expected = meant(index.reader().resolve, ref)
    for url in (web.url, str(where), f"file://{where}", f"{web.url}index.json", web.url.rstrip("/")):
        assert meant(Published.at(url).ask, ref) == expected


def test_an_answer_says_which_commit_it_is_of(index: Index, web: Web) -> None:
    found = Published.at(web.url).ask(of("acme/chat"))
    assert (found.commit, found.seq) == (index.reader().position().commit, 2)


def test_a_misspelt_name_is_answered_with_the_nearest(web: Web) -> None:
    with pytest.raises(NotFoundError) as told:
        got(web.url, "acme/chats")
    assert told.value.mend.startswith("did you mean acme/chat?")


def test_the_commands_print_what_they_print_of_an_index(index: Index, web: Web) -> None:
    repo = index.registry.repo.git_dir
    for words in (("get",), ("get", "--json"), ("resolve",), ("resolve", "--json")):
        for ref in ("acme/chat@^1", "acme/chat@stable", "role:reader"):
            assert fine(*words, ref, "--from", web.url).out == fine(*words, ref, "--repo", repo).out


def test_from_needs_no_registry(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_REPO", str(tmp_path / "nothing"))
    assert fine("resolve", "acme/chat@stable", "--from", web.url).out == "model:acme/chat@1.0.0\n"


def test_from_and_index_exclude_each_other(web: Web, tmp_path: Path) -> None:
    done = run("get", "acme/chat", "--from", web.url, "--index", tmp_path)
    assert (done.code, "exclude each other" in done.err) == (2, True)


def test_neither_git_nor_the_index_is_loaded(where: Path) -> None:
    code = (
        "import sys; from gitreg.cli import main; assert main(sys.argv[1:]) == 0; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    words = [sys.executable, "-c", code, "resolve", "acme/chat", "--from", str(where)]
    answer, loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert answer == "model:acme/chat@1.1.0"
    assert not {"sqlalchemy", "tantivy", "pygit2", "urllib3"} & set(loaded.split())


# What is kept


def test_what_is_asked_twice_is_fetched_once(web: Web) -> None:
    got(web.url)
    assert (len(web.paths(200)), web.connections) == (4, 1)
    web.forget()
    got(web.url)
    assert (web.paths(), web.paths(304)) == (["index.json"], ["index.json"])


def test_index_json_is_revalidated_with_its_etag(web: Web, where: Path) -> None:
    got(web.url)
    web.forget()
    got(web.url)
    etag = f'"{sha256((where / "index.json").read_bytes()).hexdigest()}"'
    assert [asked.headers["If-None-Match"] for asked in web.asked] == [etag]


def test_after_a_commit_only_what_changed_is_fetched(web: Web, where: Path, index: Index) -> None:
    got(web.url)
    got(web.url, "dataset:acme/chat")
    moved_on(index, where, model("chat", "1.3.0"))
    web.forget()
    assert got(web.url) == "model:acme/chat@1.3.0"
    assert sorted(path.split("/")[0] for path in web.paths(200)) == ["index.json", "names", "pages", "records"]
    web.forget()
    assert got(web.url, "dataset:acme/chat") == "dataset:acme/chat@1.0.0"
    assert web.paths() == ["index.json"]


def test_without_etags_index_json_is_fetched_again(where: Path) -> None:
    with served(where, etags=False) as web:
        got(web.url)
        web.forget()
        got(web.url)
        assert web.paths(200) == ["index.json"]


def test_records_are_kept_once_for_all_urls(web: Web, where: Path) -> None:
    got(web.url)
    with served(where) as other:
        got(other.url)
        assert not [path for path in other.paths() if path.startswith("records/")]


def test_what_nobody_asked_for_long_is_forgotten_but_for_records(
    web: Web, where: Path, index: Index, cached: Path
) -> None:
    got(web.url)
    kept = [path for path in cached.rglob("*") if path.is_file()]
    long_ago = time.time() - cache.MONTH - 60
    for path in kept:
        os.utime(path, (long_ago, long_ago))
    moved_on(index, where, model("z"))
    got(web.url)
    gone = {path.parent.parent.name for path in kept if not path.exists()}
    assert gone == {"lists"}


@pytest.mark.parametrize("damage", [b"", b"x", b"{}\n{}"])
def test_a_damaged_cache_is_as_none(web: Web, cached: Path, damage: bytes) -> None:
    got(web.url)
    for path in [path for path in cached.rglob("*") if path.is_file()]:
        path.write_bytes(damage)
    web.forget()
    assert got(web.url) == "model:acme/chat@1.1.0"
    assert len(web.paths(200)) == 4


def test_a_flipped_bit_in_the_cache_is_noticed(web: Web, cached: Path) -> None:
    got(web.url)
    for path in (cached / "records").rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    web.forget()
    assert got(web.url) == "model:acme/chat@1.1.0"
    assert len([path for path in web.paths(200) if path.startswith("records/")]) == 1


@pytest.mark.parametrize("blocked", ["file", "relative", "no home"])
def test_without_a_place_for_a_cache_it_answers_too(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    named = {"file": str(tmp_path / "file"), "relative": "relative/path", "no home": ""}[blocked]
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert got(web.url) == "model:acme/chat@1.1.0"
    assert not (tmp_path / "relative").exists()


def test_a_folder_is_read_as_it_is(where: Path, cached: Path) -> None:
    got(str(where))
    assert not cached.exists()


# When the server cannot be reached


def test_offline_it_answers_from_what_is_kept_and_says_so(where: Path) -> None:
    with served(where) as web:
        fine("get", "acme/chat@^1", "--from", web.url)
    done = fine("resolve", "acme/chat@production", "--from", web.url)
    assert done.out == "model:acme/chat@1.1.0\n"
    unreachable = f"{web.url} cannot be reached ([Errno 111] Connection refused)"
    assert done.err.startswith(f"{unreachable}: answering from the copy of 20")
    assert "(seq 2)" in done.err


def test_offline_it_says_what_is_not_kept(where: Path) -> None:
    with served(where) as web:
        got(web.url)
    done = run("get", "acme/other", "--from", web.url, "--json")
    assert (done.code, done.error["code"]) == (2, "unreachable")
    assert done.error["where"].startswith(f"{web.url}names/model/acme/other.")


def test_offline_without_anything_kept_it_says_so(where: Path) -> None:
    with served(where) as web:
        pass
    done = run("get", "acme/chat", "--from", web.url, "--json")
    assert (done.code, done.error["code"]) == (2, "unreachable")
    assert done.error["got"] == "[Errno 111] Connection refused"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_out_of_order_is_one_that_cannot_be_reached(web: Web, status: int) -> None:
    got(web.url)
    web.spoil["index.json"] = sends(status)
    web.forget()
    told: list[str] = []
    found = Published.at(web.url, tell=told.append).ask(of("acme/chat"))
    assert (found.seq, len(told), len(web.asked)) == (2, 1, 3)
    assert f"status {status}" in told[0]


def test_what_fails_once_is_tried_again(web: Web) -> None:
    failures = iter([True, True, False])

    def fail(handler: BaseHTTPRequestHandler) -> bool:
        return next(failures) and sends(503)(handler)

    web.spoil["index.json"] = fail
    assert got(web.url) == "model:acme/chat@1.1.0"


def test_a_connection_that_breaks_off_is_tried_again(web: Web, where: Path) -> None:
    raw = (where / "index.json").read_bytes()
    count = 0

    def break_off(handler: BaseHTTPRequestHandler) -> bool:
        nonlocal count
        count += 1
        if count > 2:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw[:100])
        handler.close_connection = True
        return True

    web.spoil["index.json"] = break_off
    assert got(web.url) == "model:acme/chat@1.1.0"
    assert count == 3


def test_a_server_that_does_not_answer_is_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "READ_SECONDS", 0.1)
    released = threading.Event()
    web.spoil["index.json"] = lambda _: released.wait(20)
    try:
        with pytest.raises(GitregError, match="cannot be reached"):
            got(web.url)
    finally:
        released.set()


def test_a_server_that_trickles_is_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "READ_SECONDS", 0.1)
    monkeypatch.setattr(origins, "SLOWEST", 1e9)

    def trickle(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b"x")
                time.sleep(0.02)
        except OSError:  # the reader has gone
            handler.close_connection = True
        return True

    web.spoil["index.json"] = trickle
    with pytest.raises(GitregError, match="cannot be reached") as told:
        got(web.url)
    assert told.value.got == "the server sends too slowly"


# What is wrong with what is served

PARTS: Final = ("pages/names/", "names/model/acme/chat.", "records/")


def chain_of(web: Web) -> dict[str, str]:
    """Give the paths that one answer is made of."""
    got(web.url)
    paths = web.paths(200)
    web.forget()
    return {prefix: next(path for path in paths if path.startswith(prefix)) for prefix in PARTS}


@pytest.mark.parametrize("prefix", PARTS)
@pytest.mark.parametrize("damage", ["a byte", "shorter", "longer", "empty"])
def test_a_wrong_byte_names_the_file_and_gives_no_answer(
    web: Web, where: Path, cached: Path, prefix: str, damage: str
) -> None:
    path = chain_of(web)[prefix]
    empty(cached)
    raw = (where / path).read_bytes()
    wrong = {"a byte": bytes([raw[0] ^ 1]) + raw[1:], "shorter": raw[:-1], "longer": raw + b" ", "empty": b""}[damage]
    (where / path).write_bytes(wrong)
    done = run("get", "acme/chat", "--from", web.url, "--json")
    assert (done.code, done.error["code"]) == (2, "damaged-publication")
    assert done.error["where"] == web.url + path
    assert done.error["expected"] == f"{len(raw)} bytes, sha256:{sha256(raw).hexdigest()}"
    shown = f"more than {len(raw)} bytes" if damage == "longer" else f"{len(wrong)} bytes, sha256:"
    assert done.error["got"].startswith(shown)
    assert set(done.json) == {"error"}
    from_folder = run("get", "acme/chat", "--from", where, "--json")
    assert from_folder.error["where"] == str(where / path)


def empty(cached: Path) -> None:
    for path in [path for path in cached.rglob("*") if path.is_file()]:
        path.unlink()


@pytest.mark.parametrize("prefix", PARTS)
def test_a_file_that_is_not_there_is_named(web: Web, where: Path, cached: Path, prefix: str) -> None:
    path = chain_of(web)[prefix]
    empty(cached)
    (where / path).unlink()
    done = run("get", "acme/chat", "--from", web.url, "--json")
    assert (done.code, done.error["code"], done.error["got"]) == (2, "damaged-publication", "nothing")
    assert done.error["where"] == web.url + path


def test_a_stale_cache_on_the_way_is_passed(web: Web, cached: Path) -> None:
    path = chain_of(web)["names/model/acme/chat."]
    empty(cached)

    def stale(handler: BaseHTTPRequestHandler) -> bool:
        return handler.headers.get("Cache-Control") != "no-cache" and sends(200, b"stale")(handler)

    web.spoil[path] = stale
    assert got(web.url) == "model:acme/chat@1.1.0"


def test_while_somebody_publishes_an_answer_is_of_one_state(web: Web, where: Path, index: Index) -> None:
    """The reader has read `index.json`; then everything that it lists is replaced."""
    reading = Published.at(web.url)
    assert reading.front().seq == 2
    moved_on(index, where, model("chat", "1.3.0"))
    found = reading.ask(of("acme/chat"))
    assert (orjson.loads(found.doc)["registry"]["ref"], found.seq) == ("model:acme/chat@1.3.0", 3)


def test_who_publishes_without_end_is_not_followed_without_end(
    web: Web, where: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(100))
    asked = Published.lines

    def overtaken(self: Published, *words: Any) -> Any:
        moved_on(index, where, model("chat", f"1.9.{next(numbers)}"))
        return asked(self, *words)

    monkeypatch.setattr(reader, "ROUNDS", 2)
    monkeypatch.setattr(Published, "lines", overtaken)
    with pytest.raises(GitregError):
        got(web.url)
    assert next(numbers) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"<html>sign in</html>", "", id="a page"),
        pytest.param(b"[]", "its format is not gitreg-published/1", id="a list"),
        pytest.param(b'{"format":"gitreg-published/2"}', "its format is not gitreg-published/1", id="another format"),
        pytest.param(b'{"format":"gitreg-published/1"}', "its 'registry' is None, not dict", id="half of it"),
    ],
)
def test_an_index_json_that_is_none_is_refused(web: Web, content: bytes, says: str) -> None:
    web.spoil["index.json"] = sends(200, content)
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert told.value.where == f"{web.url}index.json"
    assert says in str(told.value.got)


def changed(where: Path, change: Any) -> None:
    data = orjson.loads((where / "index.json").read_bytes())
    change(data)
    (where / "index.json").write_bytes(orjson.dumps(data))


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "", 7, None, "a" * 63, "A" * 64, "a" * 64 + "\n", "é" * 64])
def test_a_digest_that_is_none_is_no_path(web: Web, where: Path, digest: object) -> None:
    changed(where, lambda data: data["names"].update(sha256=digest))
    web.forget()
    with pytest.raises(DamagedError, match="not what it must be"):
        got(web.url)
    assert web.paths() == ["index.json"]


@pytest.mark.parametrize("size", [-1, 1.5, "1", None, True])
def test_a_size_that_is_none_is_refused(web: Web, where: Path, size: object) -> None:
    changed(where, lambda data: data["names"].update(size=size))
    with pytest.raises(DamagedError, match="not what it must be"):
        got(web.url)


def test_the_path_that_is_written_there_is_not_followed(web: Web, where: Path) -> None:
    changed(where, lambda data: data["names"].update(path="../secret.json"))
    assert got(web.url) == "model:acme/chat@1.1.0"
    assert not [path for path in web.paths() if "secret" in path]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        pytest.param({"level": 0, "entries": [["b", "a" * 64, 1], ["a", "a" * 64, 1]]}, "not in order", id="order"),
        pytest.param({"level": 0, "entries": [["a", "../x", 1]]}, "not a SHA-256", id="digest"),
        pytest.param({"level": 0, "entries": [["a"]]}, "not an entry", id="entry"),
        pytest.param({"level": 3, "entries": []}, "lists nothing", id="empty above others"),
        pytest.param({"level": "x", "entries": []}, "not a page", id="level"),
        pytest.param({"level": 17, "entries": [["a", "a" * 64, 1]]}, "no level 17", id="level too high"),
        pytest.param({"level": -1, "entries": [["a", "a" * 64, 1]]}, "no level -1", id="level too low"),
        pytest.param([], "not a page", id="a list"),
        pytest.param({"level": 0, "entries": 5}, "not a page", id="entries"),
    ],
)
def test_a_page_that_is_none_is_refused(web: Web, where: Path, page: object, says: str) -> None:
    raw = orjson.dumps(page)
    digest = sha256(raw).hexdigest()
    (where / "pages" / "names" / f"{digest}.json").write_bytes(raw)
    changed(where, lambda data: data["names"].update(sha256=digest, size=len(raw)))
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert says in str(told.value.got)


def test_a_page_that_leads_in_circles_is_refused(web: Web, where: Path) -> None:
    """A page cannot name itself; one of the wrong level is refused all the same."""
    inner = orjson.loads((where / path_of(where, "pages/names/")).read_bytes())
    raw = orjson.dumps({"level": 2, "entries": [["z", sha256(b"").hexdigest(), 0]]})
    digest = sha256(raw).hexdigest()
    below = orjson.dumps(inner)
    outer = orjson.dumps({"level": 5, "entries": [["z", sha256(below).hexdigest(), len(below)]]})
    for content in (raw, below, outer):
        (where / "pages" / "names" / f"{sha256(content).hexdigest()}.json").write_bytes(content)
    for content in (outer, raw):
        digest = sha256(content).hexdigest()
        changed(where, lambda data, d=digest, c=content: data["names"].update(sha256=d, size=len(c)))
        with pytest.raises(DamagedError):
            got(web.url)


GOOD: Final = {"ref": "model:acme/chat@1.1.0", "version": "1.1.0", "status": "active"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param([], "not the line of a record", id="a list"),
        pytest.param({"ref": 1}, "not the line of a record", id="no ref"),
        pytest.param({**GOOD, "version": "one"}, "not a version", id="version"),
        pytest.param({**GOOD, "aliases": []}, "are no aliases", id="aliases"),
        pytest.param({**GOOD, "digest": "md5:00", "size": 1}, "not a digest", id="algorithm"),
        pytest.param({**GOOD, "digest": "sha256:../..", "size": 1}, "not a SHA-256", id="digest"),
        pytest.param(GOOD, "not a digest", id="no digest"),
    ],
)
def test_a_line_that_is_none_is_refused(web: Web, where: Path, line: object, says: str) -> None:
    relisted(where, orjson.dumps(line))
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert says in str(told.value.got)
    assert str(told.value.where).startswith(f"{web.url}names/model/acme/chat.")


def relisted(where: Path, lines: bytes) -> None:
    """Publish a name with other lines, all digests right."""
    digest = sha256(lines).hexdigest()
    (where / "names" / "model" / "acme" / f"chat.{digest}.ndjson").write_bytes(lines)
    page = orjson.dumps({"level": 0, "entries": [["model acme chat", digest, len(lines)]]})
    (where / "pages" / "names" / f"{sha256(page).hexdigest()}.json").write_bytes(page)
    changed(where, lambda data: data["names"].update(sha256=sha256(page).hexdigest(), size=len(page)))


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"registry":{"ref":"model:acme/chat@9.9.9"}}'])
def test_a_record_that_is_another_than_was_asked_for_is_refused(web: Web, where: Path, record: bytes) -> None:
    digest = sha256(record).hexdigest()
    path = where / "records" / "sha256" / digest[:2] / f"{digest[2:]}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(record)
    relisted(where, orjson.dumps({**GOOD, "digest": f"sha256:{digest}", "size": len(record)}))
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert told.value.where == f"{web.url}{path.relative_to(where)}"


def test_files_are_bounded_in_size(web: Web, where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_RECORD", 100)
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert told.value.expected == "at most 100 bytes"
    monkeypatch.setattr(reader, "MAX_ENTRY", 100)
    with pytest.raises(DamagedError) as told:
        got(web.url)
    assert told.value.got == "more than 100 bytes"


def test_a_body_without_end_is_left(web: Web, cached: Path) -> None:
    path = chain_of(web)["records/"]
    empty(cached)
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> bool:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while sent < 1 << 28:
                sent += handler.wfile.write(b"x" * 65536)
        except OSError:
            return True
        return True

    web.spoil[path] = endless
    with pytest.raises(DamagedError):
        got(web.url)
    assert sent < 1 << 26


def test_no_registry_there_is_not_found(web: Web, tmp_path: Path) -> None:
    for url in (f"{web.url}elsewhere/", str(tmp_path / "nothing")):
        done = run("get", "acme/chat", "--from", url, "--json")
        assert (done.code, done.error["code"]) == (1, "not-found")
        assert done.error["where"].endswith("index.json")


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403])
def test_a_server_that_does_not_give_the_file_is_told(web: Web, status: int) -> None:
    web.spoil["index.json"] = sends(status)
    with pytest.raises(GitregError, match="does not give the file") as told:
        got(web.url)
    assert told.value.got == f"status {status}"


def test_a_redirect_is_followed(web: Web, where: Path) -> None:
    with served(where) as other:
        web.spoil["index.json"] = sends(302, Location=f"{other.url}index.json")
        assert got(web.url) == "model:acme/chat@1.1.0"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "https://registry.example.com/index.json", "ftp://x/y"])
def test_a_redirect_to_another_scheme_is_refused(web: Web, target: str) -> None:
    web.spoil["index.json"] = sends(302, Location=target)
    with pytest.raises(GitregError, match="another scheme") as told:
        got(web.url)
    assert told.value.got == target


@pytest.mark.parametrize("target", ["http://[bad", "//["])
def test_a_redirect_to_what_is_no_url_is_refused(web: Web, target: str) -> None:
    web.spoil["index.json"] = sends(302, Location=target)
    with pytest.raises(GitregError, match="no URL") as told:
        got(web.url)
    assert told.value.got == target


def test_redirects_without_end_are_refused(web: Web) -> None:
    web.spoil["index.json"] = sends(307, Location="/index.json")
    with pytest.raises(GitregError, match="without end"):
        got(web.url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("ftp://example.com/", "cannot be read from", id="scheme"),
        pytest.param("gopher://x", "cannot be read from", id="old scheme"),
        pytest.param("http://", "names no host", id="no host"),
        pytest.param("http://user:secret@example.com/", "carries a user", id="password"),
        pytest.param("https://example.com/?x=1", "query", id="query"),
        pytest.param("https://example.com/#x", "fragment", id="fragment"),
        pytest.param("http://example.com:99999/", "ort", id="port"),
        pytest.param("http://[::1/", "IPv6", id="brackets"),
        pytest.param("http://example.com/a b", "percent-encoded", id="blank"),
        pytest.param("file://elsewhere/x", "another machine", id="file of another machine"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, says: str) -> None:
    done: Run = run("get", "acme/chat", "--from", url, "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert says in done.error["says"]
    assert "secret" not in done.out + done.err


def test_a_host_that_does_not_exist_is_told() -> None:
    done = run("get", "acme/chat", "--from", "http://registry.invalid/", "--json")
    assert (done.code, done.error["code"]) == (2, "unreachable")


def test_a_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    web.spoil["http://registry.invalid/index.json"] = sends(404)
    with pytest.raises(NotFoundError, match="no registry"):
        got("http://registry.invalid/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert got(web.url) == "model:acme/chat@1.1.0"


# A node without Git


def test_a_node_starts_from_the_snapshot_and_answers_as_the_index(index: Index, web: Web) -> None:
    node = Node.start(Published.at(web.url))
    for ref in REFS:
        assert meant(node.get, ref) == meant(index.reader().resolve, ref)
    assert list(node.list("Model", "acme")) == [
        *(f"model:acme/chat@{version}" for version in ("2.0.0-rc.1", "1.2.0", "1.1.0", "1.0.0")),
        "model:acme/other@1.0.0",
    ]
    assert len(list(node.list())) == sum(index.reader().counts().values())


def test_a_node_follows_the_feed(index: Index, web: Web, where: Path) -> None:
    at = Published.at(web.url)
    node = Node.start(at)
    moved_on(index, where, model("chat", "1.3.0"), {"access/reader.yaml": None}, model("other", description="better"))
    web.forget()
    assert node.follow(at) == 3
    assert sorted({path.split("/")[0] for path in web.paths()}) == ["changes", "index.json", "pages", "records"]
    assert len([path for path in web.paths() if path.startswith("records/")]) == 2
    fresh = Node.start(Published.at(str(where)))
    assert list(node.list()) == list(fresh.list())
    assert (node.commit, node.seq) == (fresh.commit, fresh.seq)
    assert node.follow(at) == 0


def test_a_node_goes_on_when_the_server_can_be_reached_again(index: Index, web: Web, where: Path) -> None:
    at = Published.at(web.url)
    node = Node.start(at)
    moved_on(index, where, model("chat", "1.3.0"))
    web.spoil["index.json"] = sends(503)
    with pytest.raises(UnreachableError):
        node.follow(at)
    del web.spoil["index.json"]
    assert node.follow(at) == 1
    assert node.seq == index.reader().position().seq


def test_a_node_does_not_follow_another_history(index: Index, tmp_path: Path) -> None:
    published(index, tmp_path / "one")
    _, other = indexed(tmp_path / "other", model("z"), model("y"))
    published(other, tmp_path / "two")
    node = Node.start(Published.at(str(tmp_path / "one")))
    with pytest.raises(GitregError, match="not of the history"):
        node.follow(Published.at(str(tmp_path / "two")))


@pytest.mark.parametrize("damage", ["not gzip", "half", "a bomb"])
def test_a_part_of_the_snapshot_that_is_none_is_refused(
    where: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    import gzip

    monkeypatch.setattr(reader, "MAX_RECORD", 1 << 20)
    whole = (where / path_of(where, "snapshot/")).read_bytes()
    raw = {"not gzip": b"x" * 100, "half": whole[:200], "a bomb": gzip.compress(bytes(1 << 26))}[damage]
    digest = sha256(raw).hexdigest()
    (where / "snapshot" / f"{digest}.ndjson.gz").write_bytes(raw)
    page = orjson.dumps({"level": 0, "entries": [["z", digest, len(raw)]]})
    (where / "pages" / "snapshot" / f"{sha256(page).hexdigest()}.json").write_bytes(page)
    changed(where, lambda data: data["snapshot"].update(sha256=sha256(page).hexdigest(), size=len(page)))
    with pytest.raises(DamagedError):
        Node.start(Published.at(str(where)))


def test_the_feed_can_be_read_from_anywhere(index: Index, where: Path) -> None:
    moved_on(index, where, *(model("chat", f"1.3.{n}") for n in range(5)))
    at = Published.at(str(where))
    for since in range(8):
        assert [told.seq for told in at.changes(at.front(), since)] == list(range(since + 1, 8))


def test_a_mirror_is_a_copy_of_the_files(index: Index, where: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(where, tmp_path / "mirror", ignore=shutil.ignore_patterns(".gitreg"))
    with served(tmp_path / "mirror") as web:
        assert got(web.url) == "model:acme/chat@1.1.0"
    published(cold(index.registry, tmp_path / "again"), tmp_path / "mirror")  # and can be published to
