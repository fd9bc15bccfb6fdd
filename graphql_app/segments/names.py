"""Names and descriptions of segments: their limits."""

from collections.abc import Iterator

from graphql_app.catalog.store import STORABLE_REQUIRED, is_storable
from graphql_app.errors import ErrorCode, Problem

MAX_NAME = 255
MAX_DESCRIPTION = 2000


def text_problems(name: str | None, description: str | None) -> Iterator[Problem]:
    """Yield what is wrong with a new name and description; ``None`` stands for no change."""
    if name is not None and not 1 <= len(" ".join(name.split())) <= MAX_NAME:
        yield _problem("name", f"A name has 1 to {MAX_NAME} characters.")
    if description is not None and len(description) > MAX_DESCRIPTION:
        yield _problem("description", f"A description has at most {MAX_DESCRIPTION} characters.")
    for field, text in (("name", name), ("description", description)):
        if text is not None and not is_storable(text):
            yield _problem(field, f"The text {STORABLE_REQUIRED}.")


def _problem(field: str, message: str) -> Problem:
    return Problem(ErrorCode.INVALID, message, ("input", field))
