"""How much the tests of properties try: the profiles of Hypothesis, and what depends on them.

``make test`` uses the profile ``ci``, and ``make soak`` uses ``nightly``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

T = TypeVar("T")

EXAMPLES = {"dev": 10, "ci": 40, "nightly": 1_000}
FOUND = DirectoryBasedExampleDatabase(Path(__file__).parent.parent / ".hypothesis/examples")


def register_profiles() -> None:
    for name, examples in EXAMPLES.items():
        settings.register_profile(name, max_examples=examples, deadline=None, database=FOUND)
    settings.load_profile("dev")


def one_in(number: int, at_least: int = 1) -> int:
    """Return how many examples to try if each takes long: one for every ``number`` otherwise."""
    return max(at_least, settings().max_examples // number)


def thorough() -> bool:
    """Return whether to check everything about each example, not only a part."""
    return settings.get_current_profile_name() == "nightly"


def all_or_one(items: Sequence[T], number: int) -> Sequence[T]:
    """Return all items if the tests are thorough, else one, which changes with the number."""
    return items if thorough() else [items[number % len(items)]]
