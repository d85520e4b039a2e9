"""What a change of one field means, by what the field promises; the tables of `changes` are made of these.

- A judgement takes a field's path and its values before and after, which differ, and gives the differences it sees.
- Absent means "not stated": to state something new takes nothing away, to state it no longer takes a promise back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from gitreg.compatibility.schemas import covers
from gitreg.kinds import Part
from gitreg.manifests.difference import is_same
from gitreg.manifests.writer import to_data
from gitreg.refs import Ref
from gitreg.versions import Range, Version


class Impact(StrEnum):
    """What a difference means to those who use the record."""

    BREAKING = "breaking"
    COMPATIBLE = "compatible"
    COSMETIC = "cosmetic"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: where, what it means, its values as JSON data (None where not stated), and words."""

    path: str
    impact: Impact
    before: Any
    after: Any
    says: str

    def as_data(self) -> dict[str, Any]:
        """Give the difference as JSON data."""
        return {
            "path": self.path,
            "impact": self.impact.value,
            "before": self.before,
            "after": self.after,
            "says": self.says,
        }


Judgement = Callable[[str, Any, Any], Iterator[Difference]]
Judgements = Mapping[str, Judgement]


def breaking(path: str, before: Any, after: Any, says: str) -> Difference:
    """Tell of a difference that consumers must act on."""
    return Difference(path, Impact.BREAKING, to_data(before), to_data(after), says)


def compatible(path: str, before: Any, after: Any, says: str) -> Difference:
    """Tell of a difference that nobody needs to act on."""
    return Difference(path, Impact.COMPATIBLE, to_data(before), to_data(after), says)


def cosmetic(path: str, before: Any, after: Any, says: str = "the words differ") -> Difference:
    """Tell of a difference in words for people."""
    return Difference(path, Impact.COSMETIC, to_data(before), to_data(after), says)


# Walking


def walk(before: Part, after: Part, judgements: Judgements, path: str = "", key: str = "") -> Iterator[Difference]:
    """Compare two parts field by field; what no judgement is for is entered, or else is compatible.

    `path` is the part's place in the manifest, `key` its place in the table: `endpoints[0]` is in no key.
    """
    for name, about in type(before).model_fields.items():
        alias = about.alias or name
        here, known = _joined(path, alias), _joined(key, alias)
        yield from compare_values(here, known, getattr(before, name), getattr(after, name), judgements)


def compare_values(path: str, key: str, before: Any, after: Any, judgements: Judgements) -> Iterator[Difference]:
    """Compare the values of one field."""
    if is_same(_whole(before), _whole(after)):
        return
    if key in judgements:
        yield from judgements[key](path, before, after)
    elif isinstance(before, Part) and isinstance(after, Part) and type(before) is type(after):
        yield from walk(before, after, judgements, path, key)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            old, new, inner = before.get(name), after.get(name), _joined(path, name)
            if old is new is None and (name in before) is not (name in after):
                yield compatible(
                    inner, old, new, "null is no longer stated" if name in before else "null is stated now"
                )
            yield from compare_values(inner, _joined(key, "*"), old, new, judgements)
    else:
        yield compatible(path, before, after, _plain_words(before, after))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _plain_words(before: Any, after: Any) -> str:
    if _is_unstated(before):
        return "it is stated now"
    return "it is no longer stated" if _is_unstated(after) else "it changed"


def _is_unstated(value: Any) -> bool:
    return value is None or value in ((), {}, [])


def _whole(value: Any) -> Any:
    """Give a value as plain data with what nobody stated filled in, so that a default said and unsaid is the same."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        return {about.alias or name: _whole(getattr(value, name)) for name, about in fields}
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_whole(item) for item in value]
    return to_data(value)


# Single values


def words(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Judge what people read."""
    yield cosmetic(path, before, after)


def noted(says: str) -> Judgement:
    """Judge what never breaks, but wants to be read."""

    def judge(path: str, before: Any, after: Any) -> Iterator[Difference]:
        yield compatible(path, before, after, says.format(before=to_data(before), after=to_data(after)))

    return judge


def fixed(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Judge what consumers are built on: any other value breaks them, the first one does not."""
    if _is_unstated(before):
        yield compatible(path, before, after, "it is stated now")
    else:
        yield breaking(path, before, after, f"consumers are built on {to_data(before)!r}")


def promise(path: str, before: bool | None, after: bool | None) -> Iterator[Difference]:
    """Judge an ability: to have it no longer, or to state it no longer, takes it away."""
    if before:
        yield breaking(
            path, before, after, "it can no longer" if after is False else "it is no longer said that it can"
        )
    else:
        yield compatible(path, before, after, "it can now" if after else "it is now said that it cannot")


def demand(says: str) -> Judgement:
    """Judge a switch that asks more of others when it is on."""

    def judge(path: str, before: bool, after: bool) -> Iterator[Difference]:
        yield breaking(path, before, after, says) if after else compatible(path, before, after, "no longer demanded")

    return judge


def ceiling(path: str, before: int | None, after: int | None) -> Iterator[Difference]:
    """Judge how much is possible at most: less is a reduction."""
    if before is None:
        yield compatible(path, before, after, "a limit is stated now")
    elif after is None:
        yield breaking(path, before, after, f"it is no longer said that {before} are possible")
    elif after < before:
        yield breaking(path, before, after, f"reduced from {before} to {after}")
    else:
        yield compatible(path, before, after, f"raised from {before} to {after}")


def ladder(*steps: str) -> Judgement:
    """Judge a choice whose later options are stricter."""

    def judge(path: str, before: str, after: str) -> Iterator[Difference]:
        stricter = steps.index(after) > steps.index(before)
        tell, direction = (breaking, "stricter") if stricter else (compatible, "looser")
        yield tell(path, before, after, f"{direction}: from {before} to {after}")

    return judge


# Sets


def members(path: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[Difference]:
    """Judge a list of what is offered: one less is a removal."""
    gone, come = _gone_and_come(before, after)
    if gone:
        yield breaking(path, before, after, f"no longer: {', '.join(map(str, gone))}")
    elif come:
        yield compatible(path, before, after, f"new: {', '.join(map(str, come))}")
    else:
        yield cosmetic(path, before, after, "the order differs")


def demands(path: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[Difference]:
    """Judge a list of what is asked of others: one more is stricter."""
    gone, come = _gone_and_come(before, after)
    if come:
        yield breaking(path, before, after, f"now for {', '.join(map(str, come))} too")
    elif gone:
        yield compatible(path, before, after, f"no longer for {', '.join(map(str, gone))}")
    else:
        yield cosmetic(path, before, after, "the order differs")


def _gone_and_come(before: Iterable[Any], after: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    olds, news = list(before), list(after)
    return [item for item in olds if item not in news], [item for item in news if item not in olds]


# Schemas


def taken(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Judge the schema of what is taken: it must accept all that it accepted."""
    if before is None or after is None:
        says = (
            "it is stated now: whether it asks for more than before is not known" if before is None else "unstated now"
        )
        yield compatible(path, before, after, says)
        return
    yield from _judged(path, before, after, after, before, "narrowed")


def given(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Judge the schema of what is given: it must promise all that it promised."""
    if before is None:
        yield compatible(path, before, after, "it is stated now")
    elif after is None:
        yield breaking(path, before, after, "what is given is no longer promised")
    else:
        yield from _judged(path, before, after, before, after, "widened")


def _judged(path: str, before: Any, after: Any, wide: Any, narrow: Any, word: str) -> Iterator[Difference]:
    answer = covers(wide, narrow)
    if answer.is_no:
        yield breaking(path, before, after, f"{word}: {answer.why}")
    elif answer.is_yes:
        same = covers(narrow, wide).is_yes
        says = "it says the same in other words" if same else f"not {word}"
        yield cosmetic(path, before, after, says) if same else compatible(path, before, after, says)
    else:
        yield compatible(path, before, after, f"it could not be decided whether it is {word}: {answer.why}")


# Lists of parts


@dataclass(frozen=True, slots=True)
class Matched:
    """Judge a list of parts that are known by a key: what went, what came, and what differs within."""

    key: Callable[[Any], Hashable]
    noun: str
    fields: Judgements = field(default_factory=dict)
    gone: Impact = Impact.COMPATIBLE
    come: Impact = Impact.COMPATIBLE

    def __call__(self, path: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[Difference]:
        """Compare the lists; the index is that of the list in which the part stands, the later one if in both."""
        olds, news = self._by_key(before), self._by_key(after)
        for key, (n, old) in olds.items():
            if key not in news:
                yield Difference(f"{path}[{n}]", self.gone, to_data(old), None, f"the {self._called(key)} is gone")
        found = False
        for key, (n, new) in news.items():
            if key not in olds:
                yield Difference(f"{path}[{n}]", self.come, None, to_data(new), f"the {self._called(key)} is new")
                continue
            for difference in compare_values(f"{path}[{n}]", "", olds[key][1], new, {"": self._item, **self.fields}):
                found = True
                yield difference
        if not found and olds.keys() == news.keys():
            yield cosmetic(path, before, after, "the order differs")

    def _item(self, path: str, before: Any, after: Any) -> Iterator[Difference]:
        if type(before) is type(after):
            yield from walk(before, after, self.fields, path)
        else:
            yield compatible(path, before, after, f"the {self.noun} is of another type")

    def _by_key(self, items: Iterable[Any]) -> dict[Hashable, tuple[int, Any]]:
        """Index the parts by key; those with the same key are told apart by their order."""
        seen: Counter[Hashable] = Counter()
        found: dict[Hashable, tuple[int, Any]] = {}
        for n, item in enumerate(items):
            key = self.key(item)
            found[key, seen[key]] = n, item
            seen[key] += 1
        return found

    def _called(self, key: Hashable) -> str:
        named = key[0] if isinstance(key, tuple) else key
        shown = " ".join(str(step) for step in named if step) if isinstance(named, tuple) else str(named)
        return f"{self.noun} {shown!r}"


# Versions of what is needed


def ranged(path: str, before: str, after: str) -> Iterator[Difference]:
    """Judge the versions of a dependency that will do: fewer of them is a narrowing."""
    olds, news = Ref.parse(before).selector, Ref.parse(after).selector
    if news is None or _is_within(olds, news):
        yield compatible(path, before, after, "the range is as wide as before, or wider")
    elif isinstance(olds, str) or isinstance(news, str):
        yield compatible(
            path, before, after, "an alias is named: it could not be decided whether the range is narrower"
        )
    else:
        yield breaking(path, before, after, f"the range is narrower: not all of {_shown(olds)} is in {_shown(news)}")


def _is_within(olds: Version | Range | str | None, news: Version | Range | str) -> bool:
    if isinstance(olds, Version):
        return olds == news if isinstance(news, Version) else isinstance(news, Range) and news.allows(olds)
    return isinstance(olds, Range) and not isinstance(news, str) and olds.is_subset(_as_range(news))


def _as_range(selector: Version | Range) -> Range:
    return selector if isinstance(selector, Range) else Range.parse(str(selector))


def _shown(selector: Version | Range | str | None) -> str:
    return "any version" if selector is None else str(selector) or "*"
