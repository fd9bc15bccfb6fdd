"""Rules: what a segment says, as a frozen tree, and the only reader of its JSON form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from graphql_app.criteria import Criterion, Scope
from graphql_app.errors import ErrorCode, InvalidInputError, Problem

MAX_DEPTH = 10
MAX_CRITERIA = 100
MAX_NODES = 300

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every one of the rules; everyone where there are none."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the rules."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of a rule."""

    rule: Rule


Rule = All | AnyOf | Not | Criterion


@dataclass(frozen=True, slots=True)
class Part:
    """A node of a rule, and where it is."""

    path: Path
    rule: Rule


def parse(document: object, criteria: Mapping[str, type[Criterion]], path: Path = ()) -> Rule:
    """Read a rule.

    Args:
        document: The rule as JSON values.
        criteria: The criteria there are, by key.
        path: Where the rule stands in the input, for the paths of problems.

    Raises:
        InvalidInputError: With every problem found, each with its code and path.
    """
    reader = _Reader(criteria)
    rule = reader.read(document, path, depth=1)
    for count, limit, what in (
        (reader.count, MAX_CRITERIA, "criteria"),
        (reader.nodes, MAX_NODES, "groups, complements and criteria"),
    ):
        if not reader.problems and count > limit:
            reader.refuse(path, f"has {count} {what}; at most {limit}", limit=True)
    if rule is None or reader.problems:
        raise InvalidInputError(reader.problems)
    return rule


class _Reader:
    def __init__(self, criteria: Mapping[str, type[Criterion]]) -> None:
        self._criteria = criteria
        self.problems: list[Problem] = []
        self.count = 0
        self.nodes = 0

    def refuse(self, path: Path, message: str, limit: bool = False) -> None:
        code = ErrorCode.LIMIT_EXCEEDED if limit else ErrorCode.INVALID
        self.problems.append(Problem(code, f"{dotted(path)} {message}.", path))

    def read(self, document: object, path: Path, depth: int) -> Rule | None:
        self.nodes += 1
        if depth > MAX_DEPTH:
            self.refuse(path, f"is nested deeper than {MAX_DEPTH} levels", limit=True)
            return None
        if not isinstance(document, Mapping) or len(document) != 1:
            self.refuse(path, "must have exactly one of all, any, not or a criterion")
            return None
        ((key, body),) = document.items()
        inside = (*path, key)
        match key:
            case "all" | "any":
                return self._group(key, body, inside, depth)
            case "not":
                rule = self.read(body, inside, depth + 1)
                return None if rule is None else Not(rule)
            case _:
                self.count += 1
                return self._criterion(key, body, inside)

    def _group(self, key: str, body: object, path: Path, depth: int) -> Rule | None:
        if not isinstance(body, list):
            self.refuse(path, "must be a list of rules")
            return None
        if key == "any" and not body:
            self.refuse(path, "is empty: add at least one criterion")
            return None
        if len(body) > MAX_CRITERIA:
            self.refuse(path, f"has {len(body)} rules; at most {MAX_CRITERIA}", limit=True)
            return None
        rules = [self.read(item, (*path, index), depth + 1) for index, item in enumerate(body)]
        whole = tuple(rule for rule in rules if rule is not None)
        if len(whole) < len(rules):
            return None
        return All(whole) if key == "all" else AnyOf(whole)

    def _criterion(self, key: str, body: object, path: Path) -> Criterion | None:
        kind = self._criteria.get(key)
        if kind is None:
            message = f"{dotted(path)}: there is no criterion {key!r}; is its plugin installed?"
            self.problems.append(Problem(ErrorCode.UNKNOWN_CRITERION, message, path))
            return None
        if not isinstance(body, Mapping):
            self.refuse(path, "must be an object with the criterion's fields")
            return None
        nulls = [name for name, value in body.items() if value is None]
        for name in nulls:
            self.refuse((*path, name), "must not be null: leave it out instead")
        if nulls:
            return None
        try:
            criterion = kind.model_validate(dict(body), by_alias=True, by_name=False)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                self.refuse((*path, *detail["loc"]), _sentence(detail["type"], detail["msg"]))
            return None
        found = list(_field_problems(criterion))
        for location, message in found:
            self.refuse((*path, *location), message)
        return None if found else criterion


def _sentence(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field of this criterion"
        case "enum":
            return f"must be one of {message.removeprefix('Input should be ')}"
        case _:
            return message[0].lower() + message[1:]


def _field_problems(criterion: Criterion) -> Iterator[tuple[Path, str]]:
    """Fields that the operator needs or does not use, and what the criterion itself finds."""
    incomplete = False
    names = {spec.attribute: spec.name for spec in criterion.fields()}
    for spec in criterion.fields():
        value = getattr(criterion, spec.attribute)
        used = criterion.operator in spec.used_with
        if value is None and used and spec.required:
            incomplete = True
            yield (spec.name,), f"is required with {criterion.operator}"
        elif value is not None and not used:
            yield (spec.name,), f"is not used with {criterion.operator}: leave it out"
        if value is not None and hasattr(value, "problems"):
            for location, message in value.problems():
                yield (spec.name, *location), message
        if value is not None and spec.form.not_below is not None:
            least = getattr(criterion, spec.form.not_below)
            if least is not None and value < least:
                yield (spec.name,), f"must not be less than {names[spec.form.not_below]}"
    if not incomplete:
        yield from criterion.problems()


def dotted(path: Path) -> str:
    """A path as people read it, e.g. ``rule.all.1.spend.amount``."""
    return ".".join(map(str, path)) or "rule"


def document(rule: Rule) -> dict[str, Any]:
    """The canonical JSON form of a rule: what ``parse`` reads, with every value normalised."""
    match rule:
        case All(rules):
            return {"all": [document(inner) for inner in rules]}
        case AnyOf(rules):
            return {"any": [document(inner) for inner in rules]}
        case Not(inner):
            return {"not": document(inner)}
        case Criterion():
            fields = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
            return {rule.key: fields}


def sentence(rule: Rule, scope: Scope) -> str:
    """The rule in words: "Total spend is greater than $50.00 and texts received equals 0"."""
    # PostgreSQL keeps no NUL in text, and people would not see it.
    words = _words(rule, scope, nested=False).replace("\x00", "\N{SYMBOL FOR NULL}")
    return words[:1].upper() + words[1:]


def _words(rule: Rule, scope: Scope, nested: bool) -> str:
    match rule:
        case All(()):
            return "everyone"
        case All((inner,)) | AnyOf((inner,)):
            return _words(inner, scope, nested)
        case All(rules):
            words = " and ".join(_words(inner, scope, nested=True) for inner in rules)
        case AnyOf(rules):
            words = " or ".join(_words(inner, scope, nested=True) for inner in rules)
        case Not(inner):
            return f"not ({_words(inner, scope, nested=False)})"
        case Criterion():
            clause = rule.describe(scope)
            return clause[:1].lower() + clause[1:]
    return f"({words})" if nested else words


def parts(rule: Rule, path: Path = ("rule",)) -> Iterator[Part]:
    """Every node of a rule with its path, the rule itself first, depth first."""
    yield Part(path, rule)
    match rule:
        case All(rules) | AnyOf(rules):
            key = "all" if isinstance(rule, All) else "any"
            for index, inner in enumerate(rules):
                yield from parts(inner, (*path, key, index))
        case Not(inner):
            yield from parts(inner, (*path, "not"))
