"""The filter language: what each filter asks for, of whom it holds, and what is said of one that makes no sense."""

from __future__ import annotations

import json
import pickle
from typing import Any as AnyValue

import pytest

from gitreg.errors import UsageError
from gitreg.versions import Range
from gitreg_indexer.conditions import All, Any, Between, Condition, Has, Is, Not, Satisfies, Says, StartsWith, Within
from gitreg_indexer.custom_fields import custom_fields
from gitreg_indexer.engine import Scalar
from gitreg_indexer.fields import CustomFields
from gitreg_indexer.filters import FilterError, format_filter, holds, parse_filter
from gitreg_indexer.values import seconds_of, values_of

PROVIDER = "spec.provider"
LENGTH = "spec.capabilities.contextLength"
CREATED = "registry.createdAt"
STATUS = "spec.lifecycle.status"
TAGS = "metadata.tags"
VERSION = "metadata.version"
TIER = "metadata.labels.tier"
FREE = "spec.custom.acme.x"

SCHEMA: dict[str, AnyValue] = {
    "kind": "MetadataSchema",
    "metadata": {"namespace": "acme/nlp", "name": "accounting", "version": "1.0.0"},
    "spec": {
        "appliesTo": ["Model", "Dataset", "Config", "Pipeline", "PipelineTemplate", "TestSuite", "Policy"],
        "schema": {
            "additionalProperties": False,
            "properties": {
                "costCentre": {"type": "string", "pattern": "^[0-9]{4}$"},
                "budget": {"type": "number"},
                "reviewed": {"type": "string", "format": "date"},
                "approved": {"type": "boolean"},
                "level": {"enum": ["low", "high"]},
                "owner": {"properties": {"team": {"type": "string"}}, "additionalProperties": False},
            },
        },
    },
}


@pytest.fixture(scope="module")
def custom() -> CustomFields:
    return custom_fields([SCHEMA])


def at(text: str) -> float:
    seconds = seconds_of(text)
    assert seconds is not None
    return seconds


def provider(name: str) -> Condition:
    return Is(PROVIDER, name)


A, B, C, D = (provider(name) for name in "abcd")

JOINED: dict[str, Condition] = {
    "": All(()),
    "  \n\t ": All(()),
    "provider = a": A,
    "(provider = a)": A,
    "((provider = a))": A,
    "provider = a AND provider = b": All((A, B)),
    "provider = a provider = b": All((A, B)),
    "provider = a OR provider = b": Any((A, B)),
    "NOT provider = a": Not(A),
    "-provider = a": Not(A),
    "- provider = a": Not(A),
    "NOT (provider = a OR provider = b)": Not(Any((A, B))),
    "NOT(provider = a)": Not(A),
    "NOT (NOT provider = a)": A,
    "provider != a": Not(A),
    "NOT provider != a": A,
    # OR binds tighter than AND, and than standing side by side
    "provider = a AND provider = b OR provider = c": All((A, Any((B, C)))),
    "provider = a OR provider = b AND provider = c": All((Any((A, B)), C)),
    "provider = a provider = b OR provider = c provider = d": All((A, Any((B, C)), D)),
    "provider = a provider = b AND provider = c": All((A, B, C)),
    "(provider = a AND provider = b) OR provider = c": Any((All((A, B)), C)),
    # NOT binds tightest
    "NOT provider = a OR provider = b": Any((Not(A), B)),
    "-provider = a provider = b": All((Not(A), B)),
    # what changes nothing is left out
    "provider = a AND (provider = b AND provider = c)": All((A, B, C)),
    "provider = a OR (provider = b OR provider = c)": Any((A, B, C)),
    "provider = a AND provider = a": A,
    "provider=a AND provider=b": All((A, B)),
    "provider\n=\ta\nAND\nprovider = b": All((A, B)),
    # lists
    "provider IN (a, b)": Any((A, B)),
    'provider IN ("a","b")': Any((A, B)),
    'provider = ("a", "b")': Any((A, B)),
    "provider IN (a)": A,
    "provider != (a, b)": Not(Any((A, B))),
    "provider : (a, b)": Any((Says(PROVIDER, "a"), Says(PROVIDER, "b"))),
    "NOT provider IN (a, b)": Not(Any((A, B))),
    "contextLength IN (1, 2)": Any((Is(LENGTH, 1.0), Is(LENGTH, 2.0))),
    # a keyword is a value where a value stands
    "provider = AND": provider("AND"),
    "provider = or AND tags : not": All((provider("or"), Says(TAGS, "not"))),
    "provider = in": provider("in"),
}


@pytest.mark.parametrize("text", JOINED)
def test_comparisons_are_joined_as_aip_160_says(text: str) -> None:
    assert parse_filter(text) == JOINED[text]


COMPARED: dict[str, Condition] = {
    # words
    'provider = "anthropic"': provider("anthropic"),
    "provider = 'anthropic'": provider("anthropic"),
    'provider = "An thropic"': provider("An thropic"),
    r'provider = "a\"b\\c"': provider('a"b\\c'),
    r"provider = 'it\'s'": provider("it's"),
    r'provider = "\u00e9\n"': provider("é\n"),
    'provider = ""': provider(""),
    'provider = "null"': provider("null"),
    "provider = gpt-4o": provider("gpt-4o"),
    "ref = model:acme/nlp/summarizer@1.2.0": Is("registry.ref", "model:acme/nlp/summarizer@1.2.0"),
    "provider = 4": provider("4"),
    'provider = "anth*"': StartsWith(PROVIDER, "anth"),
    "provider = anth*": StartsWith(PROVIDER, "anth"),
    'provider : "anth*"': StartsWith(PROVIDER, "anth"),
    'provider != "anth*"': Not(StartsWith(PROVIDER, "anth")),
    r'provider = "anth\*"': provider("anth*"),
    r'provider = "anth\**"': StartsWith(PROVIDER, "anth*"),
    'provider : "Open AI"': Says(PROVIDER, "Open AI"),
    "tags : chat": Says(TAGS, "chat"),
    "tags = chat": Is(TAGS, "chat"),
    # whether something is stated
    "has(license)": Has("spec.license"),
    "has( license )": Has("spec.license"),
    "has(pricing)": Has("spec.pricing"),
    'has(labels."my key")': Has("metadata.labels.my key"),
    "license : *": Has("spec.license"),
    "license = *": Has("spec.license"),
    'license = "*"': Has("spec.license"),
    "license != *": Not(Has("spec.license")),
    "contextLength : *": Has(LENGTH),
    "version : *": Has(VERSION),
    # numbers
    "contextLength = 8000": Is(LENGTH, 8000.0),
    "contextLength : 8000": Is(LENGTH, 8000.0),
    'contextLength = "8000"': Is(LENGTH, 8000.0),
    "contextLength != 8000": Not(Is(LENGTH, 8000.0)),
    "contextLength > 8000": Between(LENGTH, low=8000.0, includes_low=False),
    "contextLength >= 8e3": Between(LENGTH, low=8000.0),
    "contextLength < -1.5": Between(LENGTH, high=-1.5, includes_high=False),
    "contextLength <= 0": Between(LENGTH, high=0.0),
    # truth values
    "supportsVision = true": Is("spec.capabilities.supportsVision", True),
    "supportsVision : false": Is("spec.capabilities.supportsVision", False),
    'supportsVision != "true"': Not(Is("spec.capabilities.supportsVision", True)),
    # times
    'createdAt = "2026-01-31"': Between(CREATED, at("2026-01-31"), at("2026-02-01"), includes_high=False),
    "createdAt : 2026-01-31": Between(CREATED, at("2026-01-31"), at("2026-02-01"), includes_high=False),
    "createdAt > 2026-01-31": Between(CREATED, low=at("2026-02-01")),
    "createdAt >= 2026-01-31": Between(CREATED, low=at("2026-01-31")),
    "createdAt < 2026-01-31": Between(CREATED, high=at("2026-01-31"), includes_high=False),
    "createdAt <= 2026-01-31": Between(CREATED, high=at("2026-02-01"), includes_high=False),
    "createdAt <= 9999-12-31": Between(CREATED, high=253_402_300_800.0, includes_high=False),
    "createdAt = 2026-01-31T09:30:00Z": Is(CREATED, at("2026-01-31T09:30:00Z")),
    "createdAt > 2026-01-31T09:30:00Z": Between(CREATED, low=at("2026-01-31T09:30:00Z"), includes_low=False),
    "createdAt <= 2026-01-31T10:30:00.5+01:00": Between(CREATED, high=at("2026-01-31T09:30:00Z") + 0.5),
    # versions
    'version = "1.2.0"': Is(VERSION, "1.2.0"),
    "version = 1.2.0-rc.1": Is(VERSION, "1.2.0-rc.1"),
    'version : "^2.1"': Satisfies(VERSION, Range.parse("^2.1")),
    "version : ^2.1": Satisfies(VERSION, Range.parse("^2.1")),
    'version : "1.x || >=3.0.0 <4"': Satisfies(VERSION, Range.parse("1.x || >=3.0.0 <4")),
    'version : "2.*"': Satisfies(VERSION, Range.parse("2.*")),
    'version : "*"': Satisfies(VERSION, Range.parse("*")),
    'version > "1.2.0"': Satisfies(VERSION, Range.parse(">1.2.0", include_prerelease=True)),
    "version <= 2": Satisfies(VERSION, Range.parse("<=2", include_prerelease=True)),
    "version != 1.2.0": Not(Is(VERSION, "1.2.0")),
    "aliases.production = 1.2.0": Is("spec.aliases.production", "1.2.0"),
    # maps and parts
    "labels.tier = gold": Is(TIER, "gold"),
    "labels : tier": Has(TIER),
    'labels : "tier"': Has(TIER),
    'labels : ("tier", "team")': Any((Has(TIER), Has("metadata.labels.team"))),
    'externalIds."a:b" = x': Is("metadata.externalIds.a:b", "x"),
    'labels."app.kubernetes.io/name" = x': Is("metadata.labels.app.kubernetes.io/name", "x"),
    "labels.app.kubernetes.io/name = x": Is("metadata.labels.app.kubernetes.io/name", "x"),
    "pricing : currency": Has("spec.pricing.currency"),
    "labels : *": Has("metadata.labels"),
    "splits.train > 5": Between("spec.splits.train", low=5.0, includes_low=False),
    # namespaces
    'namespace = "acme"': Is("metadata.namespace", "acme"),
    'namespace : "acme"': Within("acme"),
    "namespace : acme/nlp": Within("acme/nlp"),
    "namespace : (acme, beta)": Any((Within("acme"), Within("beta"))),
    'namespace : "acme*"': StartsWith("metadata.namespace", "acme"),
    # few values
    "kind = Model": Is("kind", "Model"),
    "kind : model": Says("kind", "model"),
    "status : Retired": Says(STATUS, "Retired"),
    'type = "image*"': StartsWith("spec.type", "image"),
    'type : "image"': Says("spec.type", "image"),
    # what nobody typed: the value decides
    'custom.acme.x = "4711"': Is(FREE, "4711"),
    "custom.acme.x = 4711": Any((Is(FREE, "4711"), Is(FREE, 4711.0))),
    "custom.acme.x = 4711.0": Is(FREE, 4711.0),
    "custom.acme.x = 0042": Is(FREE, "0042"),
    "custom.acme.x : 4711": Any((Says(FREE, "4711"), Is(FREE, 4711.0))),
    "custom.acme.x = true": Any((Is(FREE, "true"), Is(FREE, True))),
    "custom.acme.x = True": Is(FREE, "True"),
    "custom.acme.x > 5": Between(FREE, low=5.0, includes_low=False),
    "custom.acme.x > 2026-01-31": Between(FREE, low=at("2026-02-01")),
    'custom.acme.x = "2026-01-31"': Between(FREE, at("2026-01-31"), at("2026-02-01"), includes_high=False),
    "custom.acme.x = ab*": StartsWith(FREE, "ab"),
    "custom.acme.x.y : word": Says(f"{FREE}.y", "word"),
    "custom.acme : x": Has(FREE),
    "value.threshold = low": Is("spec.value.threshold", "low"),
    "value : threshold": Has("spec.value.threshold"),
}


@pytest.mark.parametrize("text", COMPARED)
def test_a_comparison_means_what_the_fields_type_says(text: str) -> None:
    assert parse_filter(text) == COMPARED[text]
    assert [type(value) for value in _values_in(parse_filter(text))] == [
        type(value) for value in _values_in(COMPARED[text])
    ]


def _values_in(condition: Condition) -> list[AnyValue]:
    """Give the values compared with, since to Python 1.0 and True are equal."""
    match condition:
        case All(parts) | Any(parts):
            return [value for part in parts for value in _values_in(part)]
        case Not(part):
            return _values_in(part)
        case Is(_, value):
            return [value]
    return []


TYPED: dict[str, Condition] = {
    "custom.acme/nlp.costCentre = 4711": Is("spec.custom.acme/nlp.costCentre", "4711"),
    "custom.acme/nlp.budget > 100": Between("spec.custom.acme/nlp.budget", low=100.0, includes_low=False),
    "custom.acme/nlp.approved = true": Is("spec.custom.acme/nlp.approved", True),
    "custom.acme/nlp.reviewed < 2026-01-01": Between(
        "spec.custom.acme/nlp.reviewed", high=at("2026-01-01"), includes_high=False
    ),
    "custom.acme/nlp : budget": Has("spec.custom.acme/nlp.budget"),
    "custom.acme/nlp : (budget, approved)": Any(
        (Has("spec.custom.acme/nlp.budget"), Has("spec.custom.acme/nlp.approved"))
    ),
    "has(custom.acme/nlp.owner)": Has("spec.custom.acme/nlp.owner"),
    "custom.acme/nlp.owner.team : nlp": Says("spec.custom.acme/nlp.owner.team", "nlp"),
}


@pytest.mark.parametrize("text", TYPED)
def test_a_custom_field_has_the_type_of_its_schema(text: str, custom: CustomFields) -> None:
    assert parse_filter(text, custom) == TYPED[text]


REFUSED_CUSTOM: dict[str, tuple[int, str, str]] = {
    "custom.acme/nlp.budget > lots": (
        26,
        "'custom.acme/nlp.budget' is a number, and 'lots' is none",
        "compare it with a number",
    ),
    "custom.acme/nlp.costCenter = 4711": (
        1,
        "there is no field 'custom.acme/nlp.costCenter'",
        "did you mean 'custom.acme/nlp.costCentre'?",
    ),
    "custom.acme/nlp.level = hihg": (25, "no record has 'hihg' as its custom.acme/nlp.level", "did you mean 'high'?"),
    "custom.acme/nlp : budgte": (
        19,
        "'custom.acme/nlp' has no key 'budgte'",
        "did you mean 'custom.acme/nlp.budget'?",
    ),
}


@pytest.mark.parametrize("text", REFUSED_CUSTOM)
def test_a_custom_field_is_held_to_its_schema(text: str, custom: CustomFields) -> None:
    error = refused(text, custom)
    fault = error.faults[0]
    assert (error.column, fault.says, fault.mend) == REFUSED_CUSTOM[text]


@pytest.mark.parametrize("text", REFUSED_CUSTOM)
def test_what_another_kind_may_have_is_not_refused(text: str) -> None:
    spec = {**SCHEMA["spec"], "appliesTo": ["Model"]}
    partly = custom_fields([{**SCHEMA, "spec": spec}])
    condition = parse_filter(text.replace(" > lots", " > 5"), partly)
    assert parse_filter(format_filter(condition, partly), partly) == condition


# What is wrong


def refused(text: str, custom: CustomFields | None = None) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, custom or CustomFields())
    return caught.value


FAULTS: dict[str, tuple[int, str, str]] = {
    # fields
    "provider = a AND contextLenght > 8": (18, "there is no field 'contextLenght'", "did you mean 'contextLength'?"),
    "spec.capabilities.contextlength > 8": (1, "there is no field", "did you mean 'capabilities.contextLength'?"),
    "zzzzz = 8": (1, "there is no field 'zzzzz'", "docs/query-language.md lists the fields"),
    'provdier = "custom"': (1, "there is no field 'provdier'", "did you mean 'provider'?"),
    "8000 < contextLength": (1, "'8000' is no field", "write the field first"),
    "labels. = x": (1, "there is no field 'labels.'", "did you mean 'labels'?"),
    "has(licence)": (5, "there is no field 'licence'", "did you mean 'license'?"),
    # values
    "contextLength > big": (17, "'contextLength' is a number, and 'big' is none", "compare it with a number"),
    "contextLength > 8k": (17, "'8k' is none", "write 8000"),
    "contextLength > 8_000": (17, "'8_000' is none", "write 8000"),
    "contextLength > 1e999": (17, "'1e999' is none", "compare it with a number"),
    "contextLength = NaN": (17, "'NaN' is none", "compare it with a number"),
    "contextLength = 8*": (17, "'8*' is none", "compare it with a number"),
    "contextLength IN (1, x)": (22, "'x' is none", "compare it with a number"),
    "status = actve": (10, "no record has 'actve' as its status", "did you mean 'active'?"),
    "status : retird": (10, "no record has 'retird' as its status", "did you mean 'retired'?"),
    "status IN (active, gone)": (20, "no record has 'gone' as its status", "use one of these"),
    'type = "imagx*"': (8, "no record has 'imagx*' as its type", "use one of these"),
    "kind = model": (8, "no record has 'model' as its kind", "did you mean 'Model'?"),
    "supportsVision = yes": (18, "true or false, and 'yes' is neither", "write `supportsVision = true`"),
    "createdAt > yesterday": (13, "a date or a time, and 'yesterday' is none", 'write it like "2026-01-31"'),
    "createdAt > 2026-02-30": (13, "'2026-02-30' is none", 'write it like "2026-01-31"'),
    "createdAt > 2026": (13, "'2026' is none", 'write it like "2026-01-31"'),
    "createdAt > 2026-01-01T00:00:00": (13, "is none", 'write it like "2026-01-31"'),
    "createdAt > 0001-01-01T00:00:00+14:00": (13, "is none", 'write it like "2026-01-31"'),
    "version = 2.1": (11, "'2.1' is no version", 'write `version : "2.1"` for a range'),
    "version = latest": (11, "'latest' is no version", "write it such as 1.0.0-rc.1"),
    'version : "not a range"': (11, "'not a range' is no range", "write one such as"),
    'version : ""': (11, "'' is no range", "write one such as"),
    'version > "1 || 2"': (11, "one version follows the sign", 'write `version > "1.2.0"`'),
    'name = "a*b"': (8, "has a star that is not at its end", "write \\* in quotes"),
    r'name = "a\q"': (10, r"'\\q' is no escape", "write \\\\ for a backslash"),
    r'name = "\ud800"': (9, r"'\\ud800' is half a character", "write the character itself"),
    r'labels."a\udfffb" = x': (10, r"'\\udfff' is half a character", "write the character itself"),
    'name = "a\ud800"': (10, "half a character stands here", "write it anew"),
    "license = null": (11, "nothing is ever null", "write `NOT has(license)`"),
    "namespace : Acme": (13, "'Acme' is no namespace", "for it and all below it"),
    # signs
    "name > m": (6, "'name' is text, and that has no order", "write `name = …`"),
    "supportsVision > true": (16, "'supportsVision' is true or false, and that has no order", "write"),
    "contextLength > (1, 2)": (15, "> compares with one value", "with OR between"),
    "labels = x": (8, "'labels' is a map, and no value", 'write `labels.tier = "gold"`'),
    "pricing = 5": (9, "'pricing' is a group of fields, and no value", "write `has(pricing)`"),
    "pricing : curency": (11, "'pricing' has no key 'curency'", "did you mean 'pricing.currency'?"),
    "labels : ti*": (10, "'labels' has no key 'ti*'", "write a whole key"),
    "custom.acme.x > low": (17, "'low' has no order", "compare it with a number"),
    'custom.acme.x > "5"': (17, "'5' has no order", "without quotes"),
    "provider == a": (11, "'==' is no sign of this language", "write one `=`"),
    "provider <> a": (11, "'<>' is no sign of this language", "write `!=`"),
    "contextLength => 5": (16, "'=>' is no sign of this language", "write `>=`"),
    "provider = a && provider = b": (14, "'&&' is no sign", "write AND"),
    "provider = a || provider = b": (14, "'||' is no sign", "write OR"),
    "!provider = a": (1, "'!' is no sign", "write NOT"),
    "name ~ qwen": (6, "'~' is no sign", "write `:` for words"),
    # keywords
    "provider = a and provider = b": (14, "'and' means that only in capitals", "write AND"),
    "provider = a or provider = b": (14, "'or' means that only in capitals", "write OR"),
    "not provider = a": (1, "'not' means that only in capitals", "write NOT"),
    "provider in (a)": (10, "'in' means that only in capitals", "write IN"),
    "AND provider = a": (1, "'AND' stands alone", "write AND between two comparisons"),
    "NOT NOT provider = a": (5, "'NOT' stands alone", "write NOT once"),
    "provider NOT IN (a)": (1, "the field 'provider' is compared with nothing", "write `provider = "),
    "name LIKE qwen": (6, "'LIKE' stands alone", 'write `name = "qwen*"`'),
    # what is missing, and what is too much
    "provider": (1, "the field 'provider' is compared with nothing", 'write `provider = "…"`'),
    "supportsVision": (1, "is compared with nothing", "write `supportsVision = true`"),
    "summarizer": (1, "'summarizer' stands alone, and compares nothing", 'write `FIELD = "…"`'),
    '"two words"': (1, "'two words' stands alone", "free text is the search's own words"),
    "description : some words": (20, "'words' stands alone", "several words of one value stand in quotes"),
    "provider =": (11, "the filter ends where a value", "complete it"),
    "provider = a AND": (17, "the filter ends where a comparison", "complete it"),
    "NOT": (4, "the filter ends where a comparison", "complete it"),
    "()": (2, "something is missing in front of this ')'", "complete it"),
    "provider IN ()": (14, "something is missing in front of this ')'", "complete it"),
    "(provider = a": (1, "this '(' is never closed", "add a ')'"),
    "provider = a)": (13, "this ')' closes nothing", "leave it out"),
    'provider = "a': (12, "the text that begins here does not end", 'end it with "'),
    "provider = a, b": (13, "a comma stands only between the values of a list", "provider IN"),
    'provider IN ("a" "b")': (18, "'\"b\"' cannot stand here", "expected is a comma or ')'"),
    "provider IN (a": (13, "this '(' is never closed", "add a ')'"),
    'labels."key = x': (8, "the text that begins here does not end", 'end it with "'),
    '"openai" = provider': (10, "'=' cannot stand here", "expected is AND, OR or a further comparison"),
    "version : >=1": (11, "'>=1' cannot stand here", 'stands in quotes: `: ">=1"`'),
    "version:>=1 <3 AND name=a": (9, "'>=1 <3' cannot stand here", 'stands in quotes: `: ">=1 <3"`'),
    "contextLength > > 8": (17, "'> 8' cannot stand here", "write one sign, like `contextLength > 8000`"),
    "version : >": (11, "'>' cannot stand here", 'stands in quotes: `: ">=1"`'),
    "provider = a = b": (14, "'=' cannot stand here", "expected is AND, OR or a further comparison"),
    # functions
    "startsWith(name, qwen)": (1, "there is no function 'startsWith'", "write `has(license)`"),
    "has()": (1, "has() takes one field", "write has(license)"),
    "has(name, license)": (1, "has() takes one field", "write has(license)"),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_its_place_and_mend(text: str) -> None:
    column, says, mend = FAULTS[text]
    error = refused(text)
    assert error.column == column
    assert says in error.faults[0].says
    assert mend in error.faults[0].mend
    assert json.dumps(error.as_data(), ensure_ascii=False).encode()
    assert error.explain().encode()


def test_all_faults_are_told_together() -> None:
    error = refused('contextLenght > 8 AND statsu = active AND\n  status = actve and version : "x y"')
    assert [(fault.at, fault.got) for fault in error.faults] == [
        (0, "contextLenght"),
        (22, "statsu"),
        (53, "actve"),
        (59, "and"),
        (73, "x y"),
    ]
    assert error.says == (
        "filter:1:1: there is no field 'contextLenght'; filter:1:23: there is no field 'statsu'; "
        "filter:2:12: no record has 'actve' as its status; filter:2:18: 'and' means that only in capitals; "
        "filter:2:32: 'x y' is no range: 'y' is not a comparator"
    )
    assert error.mend.startswith("did you mean 'contextLength'?; did you mean 'status'?; did you mean 'active'?")


def test_a_fault_explains_itself_with_the_place_in_its_line() -> None:
    error = refused('provider = "x" AND\n  contextLenght > 8000')
    assert error.explain() == (
        "filter:2:3: there is no field 'contextLenght'; did you mean 'contextLength'?\n"
        "    2 |   contextLenght > 8000\n"
        "          ^\n"
        "  got: contextLenght"
    )
    assert (error.line, error.column) == (2, 3)
    assert isinstance(error, UsageError)


def test_a_fault_far_into_a_long_line_is_shown_with_what_stands_around_it() -> None:
    text = " AND ".join(["provider = a"] * 60 + ["statsu = x"])
    source, caret = refused(text).explain().split("\n")[1:3]
    assert len(source) < 120
    assert source[len(caret) - 1 :].startswith("statsu")


def test_a_fault_is_json_data_too() -> None:
    data = refused("status = actve AND zzzzz = 1").as_data()
    assert data["code"] == "usage"
    assert data["says"].startswith("filter:1:10: no record has 'actve' as its status; filter:1:20: there is no field")
    assert [(fault["line"], fault["column"], fault["got"]) for fault in data["faults"]] == [
        (1, 10, "actve"),
        (1, 20, "zzzzz"),
    ]
    assert "active" in data["faults"][0]["expected"]


def test_a_filter_error_goes_from_process_to_process() -> None:
    error = refused("status = actve")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (again.explain(), again.column) == (error.explain(), 10)


# Bounds


def test_a_filter_has_at_most_4000_characters() -> None:
    text = f'name = "{"x" * 3991}"'
    assert len(text) == 4000
    assert parse_filter(text) == Is("metadata.name", "x" * 3991)
    error = refused(text + " ")
    assert error.faults[0].says == "the filter has 4001 characters, and more than 4000 are not read"


def test_parentheses_stand_at_most_50_deep() -> None:
    assert parse_filter(f"{'(' * 50}provider = a{')' * 50}") == A
    error = refused(f"{'(' * 51}provider = a{')' * 51}")
    assert (error.column, error.faults[0].says) == (51, "parentheses stand more than 50 deep")
    assert parse_filter(f'name = "{"(" * 60}"') == Is("metadata.name", "(" * 60)


def test_the_deepest_filter_can_be_read_written_and_asked() -> None:
    text = "provider = a"
    for n in range(50):
        text = f"NOT (provider = x{n} AND seq = {n} AND {text})"
    condition = parse_filter(text)
    assert parse_filter(format_filter(condition)) == condition
    assert holds(condition, [(PROVIDER, "a")]) in (True, False)


def test_a_filter_compares_at_most_200_times() -> None:
    values = ",".join(map(str, range(200)))
    found = parse_filter(f"seq IN ({values})")
    assert isinstance(found, Any)
    assert len(found.conditions) == 200
    assert refused(f"seq IN ({values},200)").faults[0].says == "the filter compares more than 200 times"
    assert refused(" ".join(["seq=1"] * 201)).faults[0].says == "the filter compares more than 200 times"


def test_a_beginning_has_at_most_200_characters() -> None:
    assert parse_filter(f'name = "{"x" * 200}*"') == StartsWith("metadata.name", "x" * 200)
    for text in (f'provider = a AND name = "{"x" * 201}*"', f'provider = a AND name : "{"ß" * 101}*"'):
        error = refused(text)
        assert error.column == 25
        assert "too long to look for" in error.faults[0].says
        assert error.faults[0].expected == "at most 200 characters"


def test_a_range_has_at_most_20_alternatives() -> None:
    text = "||".join(f"{n}.x" for n in range(20))
    assert parse_filter(f'version : "{text}"') == Satisfies(VERSION, Range.parse(text))
    error = refused(f'version : "{text}||20.x"')
    assert (error.column, error.faults[0].says) == (11, "the range has 21 alternatives")
    assert error.faults[0].expected == "at most 20"


def test_many_unknown_fields_are_told_briefly() -> None:
    error = refused(" ".join(f"zz{n}=1" for n in range(50)))
    assert len(error.faults) == 50
    assert "and 40 more" in error.says
    assert error.explain().endswith("and 40 more faults; --json has them all")


# Whom it holds of

RECORD: dict[str, AnyValue] = {
    "kind": "Model",
    "metadata": {
        "namespace": "acme/nlp",
        "name": "Qwen2-72B",
        "version": "2.1.0-rc.1",
        "description": "Summarises support tickets.",
        "tags": ["chat", "image generation"],
        "labels": {"tier": "gold", "app.kubernetes.io/name": "x"},
    },
    "spec": {
        "provider": "openai",
        "capabilities": {"contextLength": 32768, "supportsVision": False, "languages": []},
        "lifecycle": {"status": "active", "deprecationDate": "2026-06-01"},
        "derivedFrom": [{"ref": "acme/a@1.0.0", "method": "merge"}, {"ref": "acme/b@1.0.0", "method": "adapter"}],
        "pricing": {"currency": "USD", "tiers": [{"aboveInputTokens": 10}, {"aboveInputTokens": 1000}]},
        "custom": {"acme": {"x": "4711", "n": 4711, "flag": True, "one": 1, "when": "2026-01-31"}},
    },
    "registry": {"createdAt": "2026-01-31T10:00:00Z", "seq": 7},
}

HOLDS = [
    'provider = "openai"',
    "provider : OpenAI",
    "NOT provider = OpenAI",
    "provider != anthropic",
    "license != apache-2.0",  # not stated, so it is not that
    "NOT license : apache",
    "NOT has(license)",
    "NOT (license = mit OR license = apache-2.0)",
    "contextLength > 8000",
    "contextLength >= 32768",
    "NOT contextLength > 32768",
    "NOT embeddingDimensions > 0",
    "NOT embeddingDimensions <= 0",
    "supportsVision = false",
    "supportsVision != true",
    "has(supportsVision)",
    "supportsStreaming != true",
    "NOT has(capabilities.languages)",  # an empty list states nothing
    "name = qwen*",
    "name : qwen2",
    "name : 72b",
    'name : "72B qwen2"',
    "NOT name : qwen",
    "NOT name = qwen2-72b",
    'name : "qwen2-72b"',
    "description : TICKETS",
    'description : "tickets summarises"',
    "NOT description : ticket",
    "description = summ*",
    "NOT description = support*",
    "tags = chat",
    "tags : image",
    "NOT tags = image",
    'NOT tags : "chat image"',  # one tag must have both words
    "labels : tier",
    "labels.tier = gold",
    "labels.app.kubernetes.io/name = x",
    "NOT labels : team",
    'version = "2.1.0-rc.1"',
    'version : "^2.1.0-rc.0"',
    'NOT version : "^2"',  # a range takes prereleases as npm does
    "version > 2.0.0",  # an order counts them in
    "version < 2.1.0",
    "version <= 2.1.0-rc.1",
    "NOT version > 2.1.0-rc.1",
    "namespace = acme/nlp",
    "namespace : acme",
    "namespace : acme/nlp",
    "NOT namespace = acme",
    "NOT namespace : acm",
    "namespace : acm*",
    "createdAt = 2026-01-31",
    "createdAt >= 2026-01-31",
    "createdAt <= 2026-01-31",
    "NOT createdAt > 2026-01-31",
    "createdAt > 2026-01-30",
    "createdAt < 2026-02-01",
    "createdAt > 2026-01-31T09:59:59Z",
    "createdAt = 2026-01-31T11:00:00+01:00",
    "deprecationDate = 2026-06-01",
    "deprecationDate > 2026-05-31",
    "NOT deprecationDate > 2026-06-01",
    "derivedFrom.method = merge AND derivedFrom.method = adapter",
    "derivedFrom.method != distillation",
    "NOT derivedFrom.method != merge",  # one of them is
    "pricing.tiers.aboveInputTokens < 100 AND pricing.tiers.aboveInputTokens > 100",
    "has(pricing)",
    "has(derivedFrom)",
    "pricing : currency",
    "custom.acme.x = 4711 AND custom.acme.n = 4711",
    'custom.acme.x = "4711" AND NOT custom.acme.n = "4711"',
    "custom.acme.n > 4710 AND NOT custom.acme.x > 4710",
    "custom.acme.flag = true AND NOT custom.acme.one = true AND NOT custom.acme.flag = 1",
    "custom.acme.when = 2026-01-31 AND custom.acme.when < 2026-02-01",
    "has(custom.acme) AND NOT has(custom.beta)",
    "seq IN (6, 7)",
    "kind = Model",
    "",
]


@pytest.mark.parametrize("text", HOLDS)
def test_a_filter_holds_of_a_record_and_its_negation_does_not(text: str) -> None:
    condition = parse_filter(text)
    values = list(values_of(RECORD))
    namespaces = ("acme", "acme/nlp")
    assert holds(condition, values, namespaces)
    assert not holds(Not(condition), values, namespaces)
    assert holds(parse_filter(format_filter(condition)), values, namespaces)


# Written out

WRITTEN: dict[str, str] = {
    "": "",
    "provider = a provider = b OR -provider = c": 'provider = "a" AND (provider = "b" OR provider != "c")',
    "spec.capabilities.contextLength > 8e3": "contextLength > 8000",
    "inputPrice < 0.150": "inputPrice < 0.15",
    "metadata.name : qwen*": 'name = "qwen*"',
    r'name = "4\*"': r'name = "4\*"',
    r"name = '\"\\'": r'name = "\"\\"',
    'name = "\x01"': r'name = "\u0001"',
    "NOT (provider = a provider = b)": 'NOT (provider = "a" AND provider = "b")',
    "version : ^2.1": 'version : ">=2.1.0 <3.0.0-0"',
    "version >= 2.1": 'version >= "2.1.0-0"',
    'version : "*"': 'version : "*"',
    "version >= 0.0.0-0": 'version >= "0.0.0-0"',
    "namespace : acme": 'namespace : "acme"',
    "labels : tier": "has(labels.tier)",
    'labels : "my key"': 'has(labels."my key")',
    "createdAt = 2026-01-31": 'createdAt = "2026-01-31"',
    "createdAt <= 2026-01-31": 'createdAt < "2026-02-01"',
    "createdAt > 9999-12-31": 'createdAt > "9999-12-31"',
    "createdAt <= 9999-12-31": 'createdAt <= "9999-12-31"',
    "createdAt = 9999-12-31": 'createdAt = "9999-12-31"',
    "createdAt > 2026-01-31T00:00:00Z": 'createdAt > "2026-01-31T00:00:00Z"',
    "createdAt >= 2026-01-31T00:00:00Z": 'createdAt >= "2026-01-31"',
    "createdAt = 2026-01-31T01:00:00.25+01:00": 'createdAt = "2026-01-31T00:00:00.250000Z"',
    "custom.acme.x = 4711": "custom.acme.x = 4711",
    "custom.acme.x = 4711.0": "custom.acme.x = 4711e0",
    "custom.acme.x != true": "NOT custom.acme.x = true",
    "custom.acme.x IN (1, a)": 'custom.acme.x IN (1, "a")',
    "custom.acme.x : (1, a)": 'custom.acme.x : (1, "a")',
    "custom.acme.x = 1 OR custom.acme.y = 1 OR custom.acme.y = 2": "custom.acme.x = 1 OR custom.acme.y IN (1, 2)",
    "provider = a AND type IN (ocr, search)": 'provider = "a" AND type IN ("ocr", "search")',
    "provider = a AND tags = x OR type = ocr": 'provider = "a" AND (tags = "x" OR type = "ocr")',
    "provider != (a, b)": 'NOT provider IN ("a", "b")',
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_condition_is_written_in_one_plain_form(text: str) -> None:
    condition = parse_filter(text)
    assert format_filter(condition) == WRITTEN[text]
    assert parse_filter(WRITTEN[text]) == condition


BY_HAND: dict[str, tuple[Condition, str]] = {
    "nothing holds": (Any(()), "NOT has(kind)"),
    "always, inside": (All((A, All(()))), 'provider = "a"'),
    "never, inside": (All((A, Any(()))), "NOT has(kind)"),
    "either or always": (Any((A, All(()))), ""),
    "not always": (Not(All(())), "NOT has(kind)"),
    "not never": (Not(Any(())), ""),
    "not not": (Not(Not(A)), 'provider = "a"'),
    "two bounds": (Between(LENGTH, 1, 5), "(contextLength >= 1 AND contextLength <= 5)"),
    "no bounds": (Between(LENGTH), "has(contextLength)"),
    "a group of one": (All((Any((A,)),)), 'provider = "a"'),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_a_condition_that_no_filter_gave_is_written_so_that_it_means_the_same(case: str) -> None:
    condition, text = BY_HAND[case]
    assert format_filter(condition) == text
    again = parse_filter(text)
    for provider_, length in (("a", 3.0), ("b", 9.0)):
        values: list[tuple[str, Scalar]] = [("kind", "Model"), (PROVIDER, provider_), (LENGTH, length)]
        assert holds(again, values) == holds(condition, values)


def test_custom_fields_are_written_by_their_types(custom: CustomFields) -> None:
    text = 'custom.acme/nlp.reviewed >= "2026-01-31" AND custom.acme/nlp.budget = 5'
    condition = parse_filter(text, custom)
    assert format_filter(condition, custom) == text
    assert "1769817600" in format_filter(condition)
