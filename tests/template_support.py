"""What the tests of templates share: a registry with templates and a model, and the commands called on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli_support import AUTHOR, Run, fine, git, model, namespace, new_registry, registered, run, written

from gitreg.manifests import dump_yaml

TEXT: Final = {"type": "string"}
ANSWER: Final[dict[str, Any]] = {
    "id": "answer",
    "type": "model",
    "model": "{{ model }}",
    "inputs": {"text": TEXT},
    "outputs": {"text": TEXT},
}
BODY: Final[dict[str, Any]] = {
    "dag": {"nodes": [ANSWER]},
    "inputSchema": TEXT,
    "outputSchema": TEXT,
    "execution": {"timeout": "{{ timeoutMs }}"},
}
PARAMETERS: Final[dict[str, Any]] = {
    "model": {"schema": TEXT, "description": "The model that answers."},
    "timeoutMs": {"schema": {"minimum": 1, "type": "integer"}, "default": 30000},
}
REDACT: Final[dict[str, Any]] = {
    "id": "redact",
    "type": "transform",
    "language": "python",
    "logic": "https://git.acme.example/redact/{{ language }}.py",
    "inputs": {"text": TEXT},
    "outputs": {"text": TEXT},
}
CAREFUL: Final[dict[str, Any]] = {
    "extends": "template:acme/answer@1.0.0",
    "parameters": {"language": {"schema": {"enum": ["en", "de"]}, "default": "en"}},
    "body": {
        "dag": {
            "nodes": [REDACT],
            "edges": [{"from": {"node": "redact", "port": "text"}, "to": {"node": "answer", "port": "text"}}],
        }
    },
}
MODEL: Final = "model=acme/chat@^1"


def record(kind: str, name: str, version: str = "1.0.0", **spec: Any) -> str:
    metadata = {"namespace": "acme", "name": name, "version": version}
    data = {"apiVersion": "gitreg/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return dump_yaml(json.loads(json.dumps(data)))  # what is shared would become an anchor


def template(name: str = "answer", version: str = "1.0.0", **spec: Any) -> str:
    """Give a template's manifest; it is the one of one model unless something else is said."""
    stated: Mapping[str, Any] = spec or {"parameters": PARAMETERS, "body": BODY}
    return record("PipelineTemplate", name, version, **stated)


def template_registry(folder: Path) -> Path:
    """Make a registry that holds a model and two templates, of which one extends the other."""
    new_registry(folder)
    registered(folder, namespace(), model(), template(), template("careful", **CAREFUL))
    return folder


def call(registry: Path, *words: str | Path, stdin: bytes = b"") -> Run:
    """Call `gitreg template`."""
    return run("template", *words, "--repo", registry, stdin=stdin)


def made(registry: Path, *words: str | Path) -> Run:
    """Call `gitreg template instantiate`, which must end well."""
    return fine("template", "instantiate", *words, "--repo", registry, "--author", AUTHOR)


def smuggled(registry: Path, files: Mapping[str, str]) -> None:
    """Land files past the gate, as somebody does who pushes to main."""
    for path, text in files.items():
        written(registry, path, text)
    git(registry, "add", "-A")
    git(registry, "-c", "user.name=E", "-c", "user.email=e@example.com", "commit", "-qm", "Past the gate")
