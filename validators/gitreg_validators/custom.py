"""Rules on a namespace's own fields: they keep the MetadataSchemas that the namespace has registered.

- In force is of each schema its highest version that is not retired; every schema of a namespace is asked.
- A schema is applied without looking anything up: a `$ref` to elsewhere is told, not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from gitreg.errors import Severity
from gitreg.kinds import Manifest, MetadataSchema
from gitreg.kinds.metadata_schema import IndexedField, ValidationRule
from gitreg.manifests.difference import is_same
from gitreg.refs import Address
from gitreg.repository.lookups import custom_word
from gitreg.repository.snapshot import Snapshot
from gitreg.resolution import ENDED
from gitreg.validation import Change, Fault, Rule, Subject, each, touches
from gitreg_validators.data_paths import values_at
from gitreg_validators.patterns import fault_of_pattern
from gitreg_validators.rights import levels_of
from gitreg_validators.schemas import fault_of_schema

MOST_TOLD: Final = 20
"""Records that a schema is told to refuse; of the others only the number."""
_KIND: Final = "MetadataSchema"


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong with some custom fields: where below them, and what."""

    field: str
    says: str


def custom_of(manifest: Manifest) -> dict[str, Any]:
    """Give a record's custom fields, by namespace."""
    found: dict[str, Any] = getattr(manifest.spec, "custom", {})
    return found


def schemas_in_force(state: Snapshot, namespace: str) -> Iterator[MetadataSchema]:
    """Give the schemas of exactly this namespace that hold in a state, by name."""
    for name in state.names(_KIND, namespace):
        found = schema_in_force(state, namespace, name)
        if found is not None:
            yield found


def schema_in_force(state: Snapshot, namespace: str, name: str) -> MetadataSchema | None:
    """Give the highest version of a schema that is not retired."""
    for version in state.versions(_KIND, namespace, name):
        record = state.record(Address(_KIND, namespace, name, str(version)))
        if record is None or not isinstance(record.manifest, MetadataSchema):
            continue
        if record.manifest.spec.lifecycle.status not in ENDED:
            return record.manifest
    return None


def misfits(schema: MetadataSchema, value: Any) -> Iterator[Misfit]:
    """Find what a schema and its further rules have against some custom fields."""
    try:
        errors = list(Draft202012Validator(schema.spec.value_schema, registry=EMPTY_REGISTRY).iter_errors(value))
    except Exception as error:  # noqa: BLE001 - a `$ref` to nowhere, a pattern that is none: whatever jsonschema raises
        yield Misfit("", f"the schema cannot be applied ({type(error).__name__}: {error})")
        return
    yield from sorted(map(_misfit, errors), key=lambda misfit: (misfit.field, misfit.says))
    for rule in schema.spec.validation_rules:
        for one in values_at(value, rule.path):
            if not keeps(rule, one):
                yield Misfit(f".{rule.path}", f"{rule.message} (got {one!r})")


def _misfit(error: ValidationError) -> Misfit:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return Misfit("".join(steps), error.message)


def keeps(rule: ValidationRule, value: Any) -> bool:
    """Tell whether a value keeps a further rule; what a rule of the type `custom` demands is not known here."""
    config = rule.config
    match rule.type:
        case "regex":
            return isinstance(value, str) and _has_pattern(config.get("pattern"), value)
        case "range":
            return _is_between(value, config.get("min"), config.get("max"))
        case "enum":
            values = config.get("values")
            return isinstance(values, list) and any(is_same(value, one) for one in values)
        case "custom":
            return True


def _has_pattern(pattern: Any, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except (re.error, TypeError, RecursionError, OverflowError):
        return False


def _is_between(value: Any, least: Any, most: Any) -> bool:
    if not _is_number(value):
        return False
    return (not _is_number(least) or value >= least) and (not _is_number(most) or value <= most)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def has_typed_fields(change: Change) -> bool:
    """Tell whether a change has custom fields of a namespace that has schemas."""
    used = {namespace for subject in change.subjects for namespace in custom_of(subject.manifest)}
    return any(change.head.names(_KIND, namespace) for namespace in sorted(used))


def check_fields(subject: Subject) -> Iterator[Fault]:
    """Custom fields keep the schemas that their namespace has registered."""
    for namespace, value in custom_of(subject.manifest).items():
        for schema in schemas_in_force(subject.state, namespace):
            if subject.manifest.kind not in schema.spec.applies_to:
                continue
            for misfit in misfits(schema, value):
                yield Fault(
                    f"{schema.address.ref} does not allow it: {misfit.says}",
                    f"mend the field; `gitreg get {schema.address.ref}` prints the schema",
                    field=f"spec.custom.{namespace}{misfit.field}",
                )


def check_required(subject: Subject) -> Iterator[Fault]:
    """Custom fields that a namespace requires are there, in it and below it."""
    address, custom = subject.manifest.address, custom_of(subject.manifest)
    for level in levels_of(address.namespace) if address.namespace else ():
        if level in custom:
            continue
        for schema in schemas_in_force(subject.state, level):
            if schema.spec.required and subject.manifest.kind in schema.spec.applies_to:
                yield Fault(
                    f"{schema.address.ref} requires the fields spec.custom.{level}, and there are none",
                    f"add them; `gitreg get {schema.address.ref}` prints the schema",
                    field="spec",
                )


def check_unique(subject: Subject) -> Iterator[Fault]:
    """A field that is unique has a value that no other name has."""
    for namespace, value in custom_of(subject.manifest).items():
        for schema in schemas_in_force(subject.state, namespace):
            if subject.manifest.kind not in schema.spec.applies_to:
                continue
            for field in schema.spec.indexed_fields:
                for one in values_at(value, field.path) if field.unique else ():
                    yield from _taken(subject, schema, field, one)


def _taken(subject: Subject, schema: MetadataSchema, field: IndexedField, value: Any) -> Iterator[Fault]:
    """Find the names beside this one that have a value; only plain values are compared."""
    if value is None or isinstance(value, (list, dict)):
        return
    namespace = schema.metadata.namespace
    others: dict[str, None] = {}
    for path in subject.state.mentioning([_word(field.path, value)]):
        record = subject.state.record_at(path)
        if record is None or record.address.folder == subject.manifest.address.folder:
            continue
        if record.address.kind not in schema.spec.applies_to:
            continue
        theirs = values_at(custom_of(record.manifest).get(namespace), field.path)
        if any(is_same(value, other) for other in theirs):
            others.setdefault(record.address.folder)
    if others:
        yield Fault(
            f"{field.path} is unique by {schema.address.ref}, and {', '.join(others)} has {value!r} too",
            "give it a value of its own",
            field=f"spec.custom.{namespace}.{field.path}",
        )


def _word(path: str, value: Any) -> str:
    """Give the word by which records with this value are found; items of a list stand under the list's key."""
    return custom_word(re.sub(r"\[[0-9]+\]", "", path).rpartition(".")[2], value)


def check_compatible(change: Change) -> Iterator[Fault]:
    """A metadata schema still accepts what has landed under the one before it."""
    asked: set[str] = set()
    for subject in change.subjects:
        address = subject.manifest.address
        if not isinstance(subject.manifest, MetadataSchema) or address.folder in asked:
            continue
        asked.add(address.folder)
        now = schema_in_force(change.head, address.namespace, address.name)
        before = schema_in_force(change.base, address.namespace, address.name)
        if now is not None and now != before:
            yield from _refused(change, subject, before, now)


def _refused(change: Change, subject: Subject, before: MetadataSchema | None, now: MetadataSchema) -> Iterator[Fault]:
    told = 0
    for path in change.head.mentioning([custom_word(now.metadata.namespace)]):
        manifest = _landed(change, path)
        why = _newly_wrong(manifest, before, now) if manifest is not None else None
        if manifest is None or why is None:
            continue
        told += 1
        if told <= MOST_TOLD:
            yield _broken(
                subject, f"{now.address.ref} refuses {manifest.address.ref}, which has landed: {why.says}", why.field
            )
    if told > MOST_TOLD:
        yield _broken(subject, f"{now.address.ref} refuses {told - MOST_TOLD} more records that have landed", "")


def _landed(change: Change, path: str) -> Manifest | None:
    """Give a record that stands in the base, as the change leaves it."""
    if change.base.entry(path) is None:
        return None
    record = change.head.record_at(path)
    return record.manifest if record else None


def _newly_wrong(manifest: Manifest, before: MetadataSchema | None, now: MetadataSchema) -> Misfit | None:
    """Say what the schema now has against a record that the one before it had nothing against."""
    value = custom_of(manifest).get(now.metadata.namespace)
    if value is None or manifest.kind not in now.spec.applies_to:
        return None
    if before is not None and manifest.kind in before.spec.applies_to and any(misfits(before, value)):
        return None
    return next(misfits(now, value), None)


def _broken(subject: Subject, says: str, where: str) -> Fault:
    place = f" (spec.custom.{subject.manifest.address.namespace}{where})" if where else ""
    return Fault(
        f"{says}{place}",
        "allow what there is, or change those records first: custom fields may change in place",
        field="spec.schema",
        path=subject.path,
        ref=subject.ref,
    )


def check_schema_is_usable(subject: Subject) -> Iterator[Fault]:
    """A metadata schema can be applied: what it refers to stands in it, and its patterns compile."""
    if not isinstance(subject.manifest, MetadataSchema):
        return
    spec = subject.manifest.spec
    if fault_of_schema(spec.value_schema) is None:  # what is no JSON Schema is GR-003's matter
        for says, mend in dict.fromkeys(_unusable(spec.value_schema)):
            yield Fault(says, mend, field="spec.schema")
    for n, rule in enumerate(spec.validation_rules):
        field = f"spec.validationRules[{n}].config"
        if rule.type == "regex" and (why := fault_of_pattern(rule.config.get("pattern"))):
            yield Fault(f"{rule.config.get('pattern')!r} is no pattern: {why}", _PATTERN, field=field)
        if rule.type == "enum" and not isinstance(rule.config.get("values"), list):
            yield Fault("it has no list of values, so nothing keeps it", "list the `values`", field=field)


_PATTERN: Final = "write a regular expression as Python's `re` reads it"
_WITHIN: Final = "refer to something in this schema, like `#/$defs/centre`, or write out what is meant"


def _unusable(schema: Any) -> Iterator[tuple[str, str]]:
    """Walk through a schema and all that it refers to; say what could not be applied, and how to mend it."""
    whole = DRAFT202012.create_resource(schema)
    waiting = [(schema, EMPTY_REGISTRY.resolver_with_root(whole))]
    seen: set[int] = set()
    while waiting:
        here, resolver = waiting.pop()
        if not isinstance(here, dict) or id(here) in seen:
            continue
        seen.add(id(here))
        yield from _pattern_faults(here)
        for ref in (here[key] for key in ("$ref", "$dynamicRef") if key in here):
            try:
                found = resolver.lookup(ref)
            except Exception as error:  # noqa: BLE001 - whatever a ref that leads nowhere makes of the look-up
                yield f"$ref {ref!r} leads to nothing in this schema ({type(error).__name__})", _WITHIN
                continue
            if why := fault_of_schema(found.contents):
                yield f"$ref {ref!r} leads to what is no schema: {why}", _WITHIN
            else:
                waiting.append((found.contents, found.resolver))
        inner = DRAFT202012.create_resource(here).subresources()
        waiting.extend((one.contents, resolver.in_subresource(one)) for one in inner)


def _pattern_faults(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for pattern in [*schema.get("patternProperties", ()), *([schema["pattern"]] if "pattern" in schema else ())]:
        if why := fault_of_pattern(pattern):
            yield f"{pattern!r} is no pattern: {why}", _PATTERN


RULES: Final = (
    Rule(
        "GR-081",
        "schema-compat",
        Severity.ERROR,
        each(check_schema_is_usable),
        runs_apart=True,
        concerns=touches(MetadataSchema),
    ),
    Rule(
        "GR-081",
        "schema-compat",
        Severity.ERROR,
        check_compatible,
        runs_apart=True,
        on_state=False,
        concerns=touches(MetadataSchema),
    ),
    Rule("GR-082", "custom-metadata", Severity.ERROR, each(check_fields), runs_apart=True, concerns=has_typed_fields),
    Rule("GR-082", "custom-metadata", Severity.ERROR, each(check_required)),
    Rule("GR-082", "custom-metadata", Severity.ERROR, each(check_unique)),
)
