"""The parser of rules: the only code that reads a rule's JSON. It returns a frozen tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from graphql_app.criteria import Criterion, Form, SegmentReference
from graphql_app.errors import ErrorCode, InvalidInputError, Problem
from graphql_app.plugins import Registry
from graphql_app.segments.failures import CriterionFailedError, blaming
from graphql_app.segments.rules.tree import All, AnyOf, Library, Named, Not, Path, Reference, Rule

MAX_DEPTH = 10
MAX_CRITERIA = 100
MAX_NODES = 300

F = TypeVar("F", bound=Form)


def no_segments(id: str) -> None:
    """Find no saved segments."""


def parse(
    document: object,
    registry: Registry,
    path: Path = (),
    library: Library = no_segments,
    of: Named | None = None,
) -> Rule:
    """Parse a rule, given as JSON.

    ``path`` is the rule's path in the input, for the paths of problems. ``library`` finds saved
    segments that the rule may refer to. ``of`` is the segment that has this rule, to detect cycles.

    Raises:
        InvalidInputError: Lists every problem with its code and path.
    """
    reader = _Reader(registry, library, {}, () if of is None else (of,))
    rule = reader.read(document, path, depth=1)
    for count, limit, what in (
        (reader.count, MAX_CRITERIA, "criteria"),
        (reader.nodes, MAX_NODES, "groups, negations and criteria"),
    ):
        if not reader.problems and count > limit:
            reader.refuse(
                path, f"has {count} {what}; the limit is {limit}", ErrorCode.LIMIT_EXCEEDED
            )
    if rule is None or reader.problems:
        raise InvalidInputError(reader.problems)
    return rule


@dataclass(slots=True)
class _Reader:
    """The reader of one document; each referenced segment gets a reader of its own, once.

    ``known`` has the readers of segments, finished, by global id. ``inside`` are the segments whose
    rules are being parsed, the outermost first.
    """

    registry: Registry
    library: Library
    known: dict[str, tuple[_Reader, Rule | None]]
    inside: tuple[Named, ...]
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    nodes: int = 0
    height: int = 0

    def refuse(self, path: Path, message: str, code: ErrorCode = ErrorCode.INVALID) -> None:
        self.problems.append(Problem(code, f"{dotted(path)} {message}.", path))

    def read(self, document: object, path: Path, depth: int) -> Rule | None:
        self.nodes += 1
        self.height = max(self.height, depth)
        if depth > MAX_DEPTH:
            self.refuse(path, f"is nested deeper than {MAX_DEPTH} levels", ErrorCode.LIMIT_EXCEEDED)
            return None
        if not isinstance(document, Mapping) or len(document) != 1:
            self.refuse(path, "must have exactly one key: all, any, not or a criterion")
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
                criterion = self._criterion(key, body, inside)
                if isinstance(criterion, SegmentReference):
                    return self._reference(criterion, inside, depth)
                return criterion

    def _group(self, key: str, body: object, path: Path, depth: int) -> Rule | None:
        if not isinstance(body, list):
            self.refuse(path, "must be a list of rules")
            return None
        if key == "any" and not body:
            self.refuse(path, "is empty; add at least one criterion")
            return None
        if len(body) > MAX_CRITERIA:
            message = f"has {len(body)} rules; the limit is {MAX_CRITERIA}"
            self.refuse(path, message, ErrorCode.LIMIT_EXCEEDED)
            return None
        rules = [self.read(item, (*path, index), depth + 1) for index, item in enumerate(body)]
        valid = tuple(rule for rule in rules if rule is not None)
        if len(valid) < len(rules):
            return None
        return All(valid) if key == "all" else AnyOf(valid)

    def _criterion(self, key: str, body: object, path: Path) -> Criterion | None:
        kind = self.registry.criteria.get(key)
        if kind is None:
            message = (
                f"{dotted(path)}: unknown criterion {key!r}; install its plugin or change the rule."
            )
            if self.registry.left_out:
                message += f" Plugins left out at startup: {self.registry.left_out}."
            self.problems.append(Problem(ErrorCode.UNKNOWN_CRITERION, message, path))
            return None
        if not isinstance(body, Mapping):
            self.refuse(path, "must be an object with the criterion's fields")
            return None
        nulls = list(_nulls(body))
        for inner_path in nulls:
            self.refuse((*path, *inner_path), "must not be null; leave it out instead")
        if nulls:
            return None
        try:
            with blaming(kind):
                criterion, found = read_form(kind, body)
        except CriterionFailedError as error:
            self.problems += error.at(path).named(self.registry).problems
            return None
        for location, message in found:
            self.refuse((*path, *location), message)
        return None if found else criterion

    def _reference(self, criterion: SegmentReference, path: Path, depth: int) -> Reference | None:
        """Parse the segment that a criterion refers to, and count it toward the limits."""
        path = (*path, "segment")
        named = self.library(criterion.segment)
        if named is None:
            self.refuse(path, "is not a segment of this shop; choose another", ErrorCode.NOT_FOUND)
            return None
        if named.archived:
            message = f'is the segment "{named.name}", which is archived; '
            self.refuse(path, f"{message}restore it or choose another")
            return None
        outer_ids = [outer.id for outer in self.inside]
        if named.id in outer_ids:
            cycle = (*self.inside[outer_ids.index(named.id) :], named)
            names = " -> ".join(f'"{segment.name}"' for segment in cycle)
            message = f"makes a segment refer to itself: {names}"
            self.refuse(path, message, ErrorCode.SEGMENT_CYCLE)
            return None
        if named.id not in self.known:
            reader = _Reader(self.registry, self.library, self.known, (*self.inside, named))
            self.known[named.id] = reader, reader.read(named.rule, ("rule",), depth=1)
        inner, rule = self.known[named.id]
        self.count += inner.count
        self.nodes += inner.nodes
        self.height = max(self.height, depth + inner.height)
        if inner.problems:
            problem = inner.problems[0]
            message = f'is the segment "{named.name}", which has a problem: {problem.message}'
            self.refuse(path, message.rstrip("."), problem.code)
        elif depth + inner.height > MAX_DEPTH:
            message = f'is the segment "{named.name}", which makes the rule deeper than '
            self.refuse(path, f"{message}{MAX_DEPTH} levels", ErrorCode.LIMIT_EXCEEDED)
        return None if rule is None else Reference(criterion, named.name, rule)


def read_form(kind: type[F], body: Mapping[str, Any]) -> tuple[F | None, list[tuple[Path, str]]]:
    """Parse a form; return it with its problems, or ``None`` if a value cannot be parsed."""
    try:
        form = kind.model_validate(dict(body), by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        return None, [
            (detail["loc"], _sentence(detail["type"], detail["msg"])) for detail in details
        ]
    return form, list(_field_problems(form))


def _nulls(value: object, path: Path = ()) -> Iterator[Path]:
    if value is None:
        yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _nulls(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nulls(inner, (*path, index))


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


def _field_problems(form: Form) -> Iterator[tuple[Path, str]]:
    """Yield fields that the operator requires or does not use, and the form's own problems."""
    incomplete = False
    for spec in form.fields():
        value = getattr(form, spec.attribute)
        used = form.operator in spec.used_with
        if value is None and used and spec.required:
            incomplete = True
            yield (spec.name,), f"is required with {form.operator}"
        elif value is not None and not used:
            yield (spec.name,), f"is not used with {form.operator}; leave it out"
        if value is None:
            continue
        if spec.condition is not None:
            for index, condition in enumerate(value):
                for location, message in _field_problems(condition):
                    yield (spec.name, index, *location), message
        if hasattr(value, "problems"):
            for location, message in value.problems():
                yield (spec.name, *location), message
        if spec.form.not_below is not None:
            least = getattr(form, spec.form.not_below)
            if least is not None and value < least:
                yield (spec.name,), f"must not be less than {least}"
    if not incomplete:
        yield from form.problems()


def dotted(path: Path) -> str:
    """Format a path, such as ``rule.all.1.spend.amount``."""
    return ".".join(map(str, path)) or "rule"


def keys_in(document: object) -> Iterator[str]:
    """Yield the keys of a rule's own criteria, given as JSON that may be invalid."""
    if isinstance(document, list):
        for inner in document:
            yield from keys_in(inner)
    elif isinstance(document, Mapping):
        for key, body in document.items():
            if key in {"all", "any", "not"}:
                yield from keys_in(body)
            else:
                yield key
