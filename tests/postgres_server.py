"""A PostgreSQL server of our own, for tests: on 127.0.0.1, with a data directory that is removed afterwards.

- `python tests/postgres_server.py COMMAND...` runs a command beside one; `$GITREG_TEST_POSTGRES` is its address. Where
  PostgreSQL is not installed, root installs it (Debian, Ubuntu); anybody else is told how to.
- PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ADDRESS: Final = "GITREG_TEST_POSTGRES"
USER: Final = "gitreg"
DATABASE: Final = "gitreg"
INSTALL: Final = ("apt-get", "install", "--yes", "--quiet", "postgresql")
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}
_WHO_MAY_CONNECT: Final = f"""
host all {USER} 127.0.0.1/32 trust
host all all    127.0.0.1/32 scram-sha-256
"""
_PATIENCE: Final = 60.0


def programs() -> Path | None:
    """Find the folder of PostgreSQL's programs: the newest one, which Debian keeps out of the PATH."""
    listed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    kept = sorted(listed, key=lambda file: int(file.parts[-3]) if file.parts[-3].isdigit() else 0)
    if kept:
        return kept[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Server:
    """A server that is stopped and started by whoever made it."""

    def __init__(self, where: Path, bin_folder: Path) -> None:
        self.password = secrets.token_hex(8)
        self.port = _free_port()
        self._bin = bin_folder
        self._data = where / "data"
        self._log = where / "log"
        self._as: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            account = _account()
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(where, account.pw_uid, account.pw_gid)

    def _program(self, name: str) -> str:
        return str(self._bin / name)

    def make(self) -> None:
        """Make its data directory."""
        told = self._data.parent / "password"
        told.write_text(self.password)
        os.chmod(told, 0o644)  # noqa: PTH101 - readable for the account that the server runs as
        words = ["--username", USER, "--pwfile", str(told), "--no-sync"]
        command = [self._program("initdb"), "--pgdata", str(self._data), *words, "--encoding", "UTF8", "--locale", "C"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **self._as)
        told.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")
        (self._data / "pg_hba.conf").write_text(_WHO_MAY_CONNECT)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._as)
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"postgres did not start: {self._log.read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        command = [self._program("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        return subprocess.run(command).returncode == 0

    def stop(self) -> None:
        """End it at once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE)
            self._process = None

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def create_database(self, name: str, *more: str) -> None:
        """Make a database."""
        self.tell("postgres", f'CREATE DATABASE "{name}" {" ".join(more)}')

    def tell(self, database: str, statement: str) -> str:
        """Have a statement carried out, and give what it answers."""
        command = [self._program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.address(database)]
        answer: str = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return answer.strip()

    def address(self, database: str = DATABASE, *, user: str = USER, password: str | None = None) -> str:
        """Give the address of a database, with the password."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running(bin_folder: Path) -> Iterator[Server]:
    """Run a server with an empty database; afterwards nothing of it is left."""
    where = Path(tempfile.mkdtemp(prefix="gitreg-postgres-"))
    server = Server(where, bin_folder)
    try:
        server.make()
        server.start()
        server.create_database(DATABASE)
        yield server
    finally:
        server.stop()
        shutil.rmtree(where, ignore_errors=True)


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses to run as root, and there is neither an account `postgres` nor `nobody`")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _installed() -> Path | None:
    found = programs()
    if found is None and os.geteuid() == 0 and shutil.which(INSTALL[0]):
        print("installing PostgreSQL", flush=True)  # noqa: T201
        for command in (["apt-get", "update", "--quiet"], INSTALL):
            subprocess.run(command, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        found = programs()
    return found


def main(command: Sequence[str]) -> int:
    """Run a command beside a server, and end as it ends."""
    found = _installed()
    if found is None:
        sys.stderr.write(f"PostgreSQL is not installed (no `initdb` found): run `sudo {' '.join(INSTALL)}`\n")
        return 2
    with running(found) as server:
        return subprocess.run(command, env={**os.environ, ADDRESS: server.address()}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
