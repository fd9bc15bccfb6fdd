"""Parsing properties: a JSON object with any values, and the path of a value that is bad."""

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.surrogates import UNICODE_REQUIRED, has_surrogate
from graphql_app.audience.whole_numbers import restore_whole_numbers, store_whole_numbers
from graphql_app.json_text import is_longer

MAX_PROPERTIES = 16_384  # bytes of JSON
MAX_LENGTH = 16 * MAX_PROPERTIES  # characters of a text with spaces and escapes
TOO_LONG = f"must have at most {MAX_PROPERTIES} bytes as JSON"
NUMBER_REQUIRED = "must be a number, not NaN or infinite"


def parse_properties(value: Any) -> str:
    """Return properties as JSON, from a dict or from JSON; raise ``BadValueError``."""
    if not isinstance(value, dict | str):
        raise BadValueError("must be a JSON object")
    # Checked first, because processing a long value would block other threads.
    if len(value) > MAX_LENGTH if isinstance(value, str) else is_longer(value, MAX_PROPERTIES):
        raise BadValueError(TOO_LONG)
    try:
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        text = restore_whole_numbers(text)
        parsed = json.loads(text, parse_int=_parse_json_integer, parse_constant=_refuse_constant)
        text = json.dumps(parsed, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text = store_whole_numbers(text)
        size = len(text.encode())
    except (ValueError, RecursionError, TypeError):
        _explain_bad_properties(value)
        raise BadValueError("must be a JSON object") from None
    if not isinstance(parsed, dict):
        raise BadValueError("must be a JSON object")
    if size > MAX_PROPERTIES:
        raise BadValueError(TOO_LONG)
    return text


def _explain_bad_properties(value: Any) -> None:
    """Raise ``BadValueError`` with the path of the first value that makes properties bad."""
    try:
        if isinstance(value, str):
            value = json.loads(
                value,
                parse_int=partial(_or_error, _parse_json_integer),
                parse_constant=partial(_or_error, _refuse_constant),
            )
        if isinstance(value, dict):
            _check_json(value, ())
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise BadValueError(f"must be a JSON object; the text is not JSON at {position}") from None
    except RecursionError:
        raise BadValueError("must not be nested this deeply") from None


def _or_error(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except BadValueError as error:
        return error


def _check_json(value: Any, path: tuple[str | int, ...]) -> None:
    match value:
        case dict():
            for name, inner in value.items():
                _check_json(name, (*path, name))
                _check_json(inner, (*path, name))
        case list():
            for number, inner in enumerate(value):
                _check_json(inner, (*path, number))
        case _:
            problem = _problem_of(value)
            if problem is not None:
                raise BadValueError(problem, path)


def _problem_of(value: Any) -> str | None:
    """Return what is wrong with a value of JSON that is neither an object nor a list."""
    match value:
        case BadValueError():
            return str(value)
        case bool() | None:
            return None
        case str():
            return UNICODE_REQUIRED if has_surrogate(value) else None
        case float():
            return None if math.isfinite(value) else NUMBER_REQUIRED
        case int():
            checked = _or_error(_parse_json_integer, str(value))
            return str(checked) if isinstance(checked, BadValueError) else None
        case _:
            return "must be a value that JSON can express"


def _parse_json_integer(digits: str) -> int:
    """Parse an integer, but none beyond floating-point numbers: the engine could not compare it."""
    try:
        number = int(digits)
        float(number)
        return number
    except (ValueError, OverflowError):
        raise BadValueError(f"must be a number of fewer than {len(digits)} digits") from None


def _refuse_constant(_: str) -> float:
    raise BadValueError(NUMBER_REQUIRED)
