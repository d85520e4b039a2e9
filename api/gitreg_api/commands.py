"""`gitreg serve` and `gitreg demo`: thin callers of `serve.run`.

- What is heavy (FastAPI, uvicorn) is imported when a command runs, so that help needs none of it; where it is not
  installed, the error says how to get it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gitreg.cli.options import RepoOption, print_text, remark
from gitreg.errors import GitregError
from gitreg_indexer.options import CatalogOption, EveryOption, RemoteOption, SecretOption

HostOption = Annotated[str, typer.Option("--host", metavar="HOST", help="The address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="The port to listen on; 0 picks a free one.")
]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("gitreg", "gitreg_api", "gitreg_indexer"):
            raise
        raise GitregError(
            f"serving needs {error.name!r}, which is not installed",
            mend="install it: `pip install 'llm-gitreg[api]'`",
        ) from error


def serve(
    repo: RepoOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8420,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, max=256, help="How many processes.")] = 1,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index", metavar="DIR", show_default="inside the repository", help="The folder that holds the index."
        ),
    ] = None,
    catalog: CatalogOption = None,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="Serve the index as it is; do not bring it up to date.")
    ] = False,
    remote: RemoteOption = None,
    every: EveryOption = None,
    webhook_secret_file: SecretOption = None,
    cors: Annotated[
        list[str] | None,
        typer.Option("--cors", metavar="ORIGIN", help="An origin whose pages may read; '*' for all; may be repeated."),
    ] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log every request to stderr.")] = False,
) -> None:
    """Answer over HTTP: the read API and a page to search with.

    Builds the index first where it must, and follows the registry's branch while it serves; with --remote, that of a
    remote, and with --webhook-secret-file it listens to a forge at /webhooks/github and /webhooks/gitlab. There is no
    login: whoever reaches the port may read everything.

    \b
    Example:
      gitreg serve --repo acme-registry --port 8420
      curl http://127.0.0.1:8420/api/v1/models
    """
    with _explained():
        from gitreg_api.serve import Settings, run
    run(
        Settings(
            repo=str((repo or Path()).absolute()),
            host=host,
            port=port,
            workers=workers,
            index=str(index.absolute()) if index else None,
            catalog=catalog,
            follow=not no_follow,
            access_log=access_log,
            cors=tuple(cors or ()),
            remote=remote,
            every=every,
            webhook_secret_file=str(webhook_secret_file.absolute()) if webhook_secret_file else None,
        )
    )


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder, or an earlier demo.")] = Path(
        "demo-registry"
    ),
    port: PortOption = 8420,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Make and index it, and leave.")] = False,
) -> None:
    """Make a sample registry, index it and serve it.

    The sample is a made-up organisation with real models, datasets, pipelines, test suites and policies, and a
    history of a few dozen commits. A demo that is there already is used again.

    \b
    Example:
      gitreg demo
      gitreg demo /tmp/northwind --no-serve
    """
    with _explained():
        from gitreg_api.demonstrate import demo_registry, index_demo, tour
        from gitreg_api.serve import Settings, run
    registry = demo_registry(folder)
    remark(f"{index_demo(registry)} records in {folder}")
    if no_serve:
        print_text(tour(folder, None))
        return

    def announce(url: str) -> None:
        print_text(tour(folder, url))
        sys.stdout.flush()

    run(Settings(repo=str(folder.absolute()), port=port), announce=announce)
