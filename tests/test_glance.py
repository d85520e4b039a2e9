"""A look at a current index answers what the reader would, and leaves the rest to it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from api_support import api_on, ask

from gitreg.cli import main
from gitreg.errors import NotFoundError
from gitreg.refs import Ref
from gitreg.registry import Draft, Registry
from gitreg.repository.git import Signature
from gitreg_indexer import Index
from gitreg_indexer.glance import glance
from gitreg_indexer.layout import CATALOG_FILE

AUTHOR = Signature("Example Author", "author@example.com", datetime(2026, 1, 2, tzinfo=UTC))
MODEL = """\
apiVersion: gitreg/v1
kind: Model
metadata:
  namespace: acme
  name: chat
  version: {version}
spec:
  provider: custom
  type: completion
  checksum:
    of: artifact
    digest: '{digest:064x}'
  lifecycle:
    status: {status}
"""
ALIASES = """\
apiVersion: gitreg/v1
kind: Aliases
metadata:
  namespace: acme
  name: chat
spec:
  aliases:
    production: 1.0.0
"""
VERSIONS = (("1.0.0", "active"), ("1.1.0", "active"), ("1.2.0", "retired"), ("2.0.0-rc.1", "experimental"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry.init(tmp_path / "registry", name="glance", author=AUTHOR)
    models = [
        Draft(MODEL.format(version=version, status=status, digest=number + 1).encode(), version)
        for number, (version, status) in enumerate(VERSIONS)
    ]
    made.register([*models, Draft(ALIASES.encode(), "aliases")], author=AUTHOR)
    Index.open(made).catch_up()
    return made


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param("acme/chat", id="no selector"),
        pytest.param("acme/chat@latest", id="latest"),
        pytest.param("acme/chat@1.0.0", id="exact"),
        pytest.param("acme/chat@1.2.0", id="exact and retired"),
        pytest.param("acme/chat@^1", id="range"),
        pytest.param("acme/chat@1.2.x", id="range of the retired only"),
        pytest.param("acme/chat@>=2.0.0-rc", id="range of prereleases"),
        pytest.param("acme/chat@production", id="alias"),
        pytest.param("aliases:model/acme/chat", id="aliases record"),
        pytest.param("registry", id="registry record"),
        pytest.param("role:reader", id="role"),
    ],
)
def test_a_look_answers_what_the_reader_answers(registry: Registry, ref: str) -> None:
    reader = Index.open(registry).reader()
    position = reader.position()
    assert glance(registry.repo, Ref.parse(ref)) == (
        reader.resolve(Ref.parse(ref)).doc,
        position.commit,
        position.seq,
    )


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param("acme/nobody", id="name"),
        pytest.param("acme/chat@9.9.9", id="version"),
        pytest.param("acme/chat@^9", id="range"),
        pytest.param("acme/chat@staging", id="alias"),
        pytest.param("role:nobody", id="role"),
        pytest.param("role-binding:reader", id="a path of another kind"),
    ],
)
def test_what_means_nothing_is_left_to_the_reader(registry: Registry, ref: str) -> None:
    assert glance(registry.repo, Ref.parse(ref)) is None
    with pytest.raises(NotFoundError):
        Index.open(registry).reader().resolve(Ref.parse(ref))


def test_an_index_that_is_behind_says_nothing(registry: Registry) -> None:
    registry.update("acme/chat@1.0.0", put={"metadata.description": "new"}, author=AUTHOR)
    assert glance(registry.repo, Ref.parse("acme/chat@1.1.0")) is None


def test_an_index_that_is_absent_broken_or_of_another_format_says_nothing(registry: Registry) -> None:
    file = Index.open(registry).generation().folder / CATALOG_FILE
    for harm in (
        "UPDATE facts SET doc = CAST(doc || x'22' AS TEXT)",
        "UPDATE facts SET doc = doc || x'22'",
        "UPDATE facts SET version = version || '.'",
        "UPDATE meta SET value = 'x' WHERE key = 'seq'",
        "UPDATE meta SET value = 'other' WHERE key = 'format'",
    ):
        with sqlite3.connect(file) as db:
            db.execute(harm)
        db.close()
        assert glance(registry.repo, Ref.parse("acme/chat")) is None
    for beside in file.parent.glob(f"{CATALOG_FILE}*"):
        beside.unlink()
    assert glance(registry.repo, Ref.parse("acme/chat")) is None
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    assert glance(registry.repo, Ref.parse("acme/chat")) is None


def test_a_look_loads_neither_the_kinds_nor_the_database_library(registry: Registry) -> None:
    program = (
        "import sys; from gitreg.cli import main; sys.argv = ['gitreg', 'get', 'acme/chat', '--json']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sqlalchemy', 'tantivy', 'gitreg.kinds'} & set(sys.modules)))"
    )
    where = registry.repo.workdir
    ran = subprocess.run([sys.executable, "-c", program], cwd=where, capture_output=True, text=True, check=True)
    assert ran.stdout.rstrip().endswith("[]")
    assert '"1.1.0"' in ran.stdout


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param("acme/chat@latest", id="a version"),
        pytest.param("acme/plain", id="a version whose lifecycle nobody stated"),
        pytest.param("role:reader", id="what has no versions"),
    ],
)
def test_resolve_says_the_same_as_over_http(
    registry: Registry, capsysbinary: pytest.CaptureFixture[bytes], ref: str
) -> None:
    plain = MODEL.format(version="1.0.0", status="active", digest=99).replace("name: chat", "name: plain")
    registry.register([Draft(plain.partition("  lifecycle:")[0].encode(), "plain")], author=AUTHOR)
    registry.update("acme/chat@1.0.0", put={"metadata.description": "new"}, author=AUTHOR)
    told: list[object] = []
    for _ in range(2):  # through the reader, which brings the index up to date; then by a look
        assert main(["resolve", ref, "--json", "--repo", str(registry.repo.workdir)]) == 0
        told.append(orjson.loads(capsysbinary.readouterr().out))
    over_http = ask(api_on(registry).app, "GET", f"/api/v1/resolve?ref={ref}").json()
    over_http.pop("href")
    assert told == [over_http, over_http]
