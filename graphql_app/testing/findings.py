"""The faults that checks find, and their report."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql_app.errors import AppError

MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a criterion, with the operator, rule or value that shows it.

    Findings with the same ``wrong`` and ``remedy`` are reported once.
    """

    wrong: str
    remedy: str
    example: str = ""


class CriterionCheckError(AssertionError):
    """A criterion breaks the contract; the message lists every fault and its fix.

    ``findings`` has the faults, one for each example that shows it.
    """

    def __init__(self, criterion: type, findings: Sequence[Finding]) -> None:
        super().__init__(report(criterion, findings))
        self.findings = tuple(findings)


def report(criterion: type, findings: Iterable[Finding]) -> str:
    """Return a numbered list of the faults, each with its first example."""
    faults: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        faults.setdefault((finding.wrong, finding.remedy), []).append(finding.example)
    name = f"{criterion.__module__}.{criterion.__qualname__}"
    lines = [f"{name}: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}"]
    for number, ((wrong, remedy), examples) in enumerate(faults.items(), 1):
        lines += ["", f"{number}. {wrong}"]
        if examples[0]:
            more = f" (and {len(examples) - 1} more)" if len(examples) > 1 else ""
            lines.append(f"   Example: {examples[0]}{more}")
        lines.append(f"   Fix: {remedy}")
    return "\n".join(lines)


def format_example(document: Mapping[str, Any] | Sequence[Any] | str) -> str:
    """Return a rule's fields, or other values, as JSON of at most MAX_SHOWN characters."""
    text = json.dumps(document, ensure_ascii=True)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def describe_error(error: BaseException) -> str:
    """Return an exception's type and first line; of an AppError, those of its cause."""
    while isinstance(error, AppError) and error.__cause__ is not None:
        error = error.__cause__
    error = getattr(error, "orig", None) or error
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:MAX_SHOWN]}".rstrip(": ")
