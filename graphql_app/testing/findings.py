"""What a check finds, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql_app.errors import AppError

MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a criterion.

    ``wrong`` says what, ``remedy`` what to do about it, ``example`` the operator, rule or value
    that shows it. Findings with the same ``wrong`` and ``remedy`` are one fault, told once.
    """

    wrong: str
    remedy: str
    example: str = ""


class CriterionCheckError(AssertionError):
    """A criterion does not keep the contract; the message lists every fault with its remedy.

    Attributes:
        findings: The faults, each as often as something shows it.
    """

    def __init__(self, criterion: type, findings: Sequence[Finding]) -> None:
        super().__init__(report(criterion, findings))
        self.findings = tuple(findings)


def report(criterion: type, findings: Iterable[Finding]) -> str:
    """The faults as a list for people; each once, with the first example."""
    faults: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        faults.setdefault((finding.wrong, finding.remedy), []).append(finding.example)
    name = f"{criterion.__module__}.{criterion.__qualname__}"
    lines = [f"{name}: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}"]
    for number, ((wrong, remedy), examples) in enumerate(faults.items(), 1):
        lines += ["", f"{number}. {wrong}"]
        if examples[0]:
            more = f" (and {len(examples) - 1} more)" if len(examples) > 1 else ""
            lines.append(f"   Shown by: {examples[0]}{more}")
        lines.append(f"   What to do: {remedy}")
    return "\n".join(lines)


def shown(document: Mapping[str, Any] | Sequence[Any] | str) -> str:
    """A rule's fields, or other values, as an example in a report."""
    text = json.dumps(document, ensure_ascii=True)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def told(error: BaseException) -> str:
    """An exception in one line; where the host's stands for another, that one."""
    while isinstance(error, AppError) and error.__cause__ is not None:
        error = error.__cause__
    error = getattr(error, "orig", None) or error
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:MAX_SHOWN]}".rstrip(": ")
