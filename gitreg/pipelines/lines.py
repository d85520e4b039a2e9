"""New lines of a pipeline: a clone, a branch, a rollback; each is the text of a manifest made of another one's text.

- The source's comments stay. Who it is, where it stands and what is new in it are the line's own.
- A line that is there already, frozen field for frozen field, is left as it stands: what was edited since stays edited.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gitreg.errors import Exit, GitregError, Rejected, UsageError
from gitreg.kinds import Aliases, Pipeline, mutable_paths, status_of
from gitreg.kinds._base import Url
from gitreg.manifests import edit_manifest, is_same, read_manifest, to_data, without
from gitreg.refs import Address, is_version
from gitreg.versions import Part, Version


@dataclass(frozen=True, slots=True)
class Source:
    """A pipeline as it stands in a file: what it says and the file's bytes."""

    pipeline: Pipeline
    raw: bytes

    @property
    def version(self) -> Version:
        """Its version."""
        return Version.parse(self.pipeline.metadata.version)


Find = Callable[[Address], Source | None]
"""Gives the pipeline that stands at an address, if there is one."""
_URL: Final = TypeAdapter[str](Url)
_OF_ITS_OWN: Final = (("metadata", "version"), ("spec", "release"))


class TakenError(GitregError):
    """Another record stands where a new line is to begin."""

    exit_code = Exit.FAULTS
    code = "taken"


def cloned(source: Source, target: Address, find: Find) -> bytes:
    """Copy a pipeline to another name, as a draft that says what it was cloned from."""
    if is_same_name(source.pipeline.address, target):
        raise UsageError(
            "a clone has a name of its own",
            got=target.ref,
            mend="give another name; `gitreg pipeline branch` begins a prerelease line under the same one",
        )
    release = {"changelog": f"Cloned from {source.pipeline.address.ref}."}
    return _placed(_copied(source, target, {"status": "draft"}, release), target, find)


def branched(source: Source, target: Address, find: Find) -> bytes:
    """Begin another line of a pipeline: under another name, or under its own as a prerelease."""
    own = source.pipeline.address
    release: dict[str, Any] = {"changelog": f"Branched from {own.ref}."}
    if is_same_name(own, target):
        release["previousVersion"] = own.version
    return _placed(_copied(source, target, {"status": "draft"}, release), target, find)


def prerelease_of(source: Source, bump: Part, identifier: str, name: Address, find: Find) -> bytes:
    """Begin a prerelease line (`1.3.0-beta.0` of 1.2.4) of the next version that is not out yet.

    It begins at the first number that is free, or holds just this.
    """
    base = source.version.bump(bump)
    while find(Address("Pipeline", name.namespace, name.name, str(base))) is not None:
        base = base.bump(bump)
    if not is_version(f"{base}-{identifier}.0"):
        raise UsageError(
            f"{identifier!r} cannot name a prerelease",
            got=identifier,
            expected="letters, digits and hyphens, in parts between dots",
            mend="name it like `beta` or `rc`",
        )
    numbered = (Address("Pipeline", name.namespace, name.name, f"{base}-{identifier}.{n}") for n in count())
    made = (_branched_or_none(source, target, find) for target in numbered)
    return next(each for each in made if each is not None)


def _branched_or_none(source: Source, target: Address, find: Find) -> bytes | None:
    """Begin another line; None where another one stands there."""
    try:
        return branched(source, target, find)
    except TakenError:
        return None


def rolled_back(
    source: Source, versions: Collection[Version], find: Find, bump: Part | None = None, guide: str | None = None
) -> bytes:
    """Make the version after the highest release say again what an earlier one said: the next patch without a bump.

    With a bump to a major version, or with a `guide` (a URL) to how to move to it, it says that it breaks. Where the
    highest release says so already and is active, this one stays; `UsageError` where it is not as asked for.
    """
    address = source.pipeline.address
    highest = max((each for each in versions if not each.is_prerelease), default=max(versions))
    top = find(Address("Pipeline", address.namespace, address.name, str(highest)))
    if top is not None and status_of(top.pipeline) == "active" and says_the_same(top.pipeline, source.pipeline):
        _refuse_idle(top, address.version, bump, guide)
        return top.raw
    release: dict[str, Any] = {
        "changelog": f"Rolled back from {highest} to {address.version}.",
        "previousVersion": str(highest),
        **({"breakingChanges": True} if bump == "major" or guide else {}),
        **({"migrationGuide": guide} if guide else {}),
    }
    target = Address("Pipeline", address.namespace, address.name, str(highest.bump(bump or "patch")))
    return _placed(_copied(source, target, {"status": "active"}, release), target, find)


def check_url(text: str) -> None:
    """Raise UsageError for a guide that a manifest would not take."""
    try:
        _URL.validate_python(text)
    except ValidationError as error:
        raise UsageError(
            f"{text!r} is no URL",
            got=f"--migration-guide {text}",
            expected="a URL, like https://acme.example/move",
            mend="give the whole URL",
        ) from error


def _refuse_idle(top: Source, to: str | None, bump: Part | None, guide: str | None) -> None:
    """Refuse what is asked of a new version where none is made, unless the one that stands there came of just this."""
    release = top.pipeline.spec.release
    before = release.previous_version if release else None
    is_bumped = before is not None and bump is not None and Version.parse(before).bump(bump) == top.version
    is_guided = release is not None and release.migration_guide == guide
    idle = [
        *(["--bump"] if bump is not None and not is_bumped else []),
        *(["--migration-guide"] if guide is not None and not is_guided else []),
    ]
    if idle:
        raise UsageError(
            f"{top.pipeline.address.ref} says what {to} says and is active, so no new version is made",
            got=" and ".join(idle),
            mend=f"leave {' and '.join(idle)} out",
        )


def is_same_name(one: Address, other: Address) -> bool:
    """Tell whether two addresses are versions of one name."""
    return (one.namespace, one.name) == (other.namespace, other.name)


def says_the_same(one: Pipeline, other: Pipeline) -> bool:
    """Tell whether two versions of a pipeline do the same, whatever they say of themselves."""
    paths = (*mutable_paths("Pipeline"), *_OF_ITS_OWN)
    return is_same(*(without(to_data(each), paths) for each in (one, other)))


def moved_alias(aliases: Aliases, raw: bytes, alias: str, version: str) -> bytes:
    """Point an alias at another version, keeping the file's comments."""
    known = aliases.spec.aliases
    if alias not in known:
        raise UsageError(
            f"there is no alias {alias!r} to move back",
            got=alias,
            expected=", ".join(sorted(known)) or "it has no aliases",
            mend="name one of its aliases; a new one is written into the aliases file",
        )
    return raw if known[alias] == version else _edited(raw, {f"spec.aliases.{alias}": version})


def _copied(source: Source, target: Address, lifecycle: Mapping[str, Any], release: Mapping[str, Any]) -> bytes:
    put = {
        "metadata.namespace": target.namespace,
        "metadata.name": target.name,
        "metadata.version": target.version,
        "spec.lifecycle": dict(lifecycle),
        "spec.release": dict(release),
    }
    is_renamed = not is_same_name(source.pipeline.address, target)
    gone = ["metadata.externalIds"] if is_renamed and source.pipeline.metadata.external_ids else []
    return _edited(source.raw, put, gone)


def _edited(raw: bytes, put: Mapping[str, Any], remove: Collection[str] = ()) -> bytes:
    edited, reading = edit_manifest(raw, put=put, remove=remove)
    if edited is None:
        raise Rejected("the manifest cannot be made", reading.findings, mend="mend what was asked for, and try again")
    return edited


def _placed(made: bytes, target: Address, find: Find) -> bytes:
    """Give what is to stand at an address: what stands there if it is just this, and nothing where it is another."""
    standing = find(target)
    if standing is None:
        return made
    paths = mutable_paths("Pipeline")
    one, other = (without(to_data(each), paths) for each in (read_manifest(made).manifest, standing.pipeline))
    if is_same(one, other):
        return standing.raw
    raise TakenError(
        f"{target.ref} is there already, and is another",
        where=target.path,
        mend="give another version or another name",
    )
