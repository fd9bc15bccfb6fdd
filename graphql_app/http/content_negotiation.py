"""Content negotiation: what a client accepts, as RFC 9110 defines it in sections 12.4 and 12.5."""

import re
from collections.abc import Iterator, Sequence

ANY = "*"
WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
UNMENTIONED = 0.0001  # less than any weight in a header, but not refused


def preferred_media_type(accept: str, offered: Sequence[str]) -> str | None:
    """Return the media type that an ``Accept`` header prefers; ``None`` if it refuses all.

    A range that names a type counts more than one with a wildcard, and ``q=0`` refuses. Types of
    the same weight are preferred in the order of the header if it names them, otherwise in the
    order of ``offered``. If the header mentions none of them, it is ignored, as the RFC allows: the
    first type that it does not refuse is returned.
    """
    ranges = [*_weights(accept)]

    def rank(media_type: str) -> tuple[float, bool, int]:
        names = [media_type, f"{media_type.partition('/')[0]}/{ANY}", f"{ANY}/{ANY}"]
        for name in names:
            for index, (accepted, weight) in enumerate(ranges):
                if accepted == name:
                    is_named = name == media_type
                    return weight, is_named, -index if is_named else 0
        return UNMENTIONED, False, 0

    ranked = [(rank(media_type), media_type) for media_type in offered]
    found = [(each, media_type) for each, media_type in ranked if each[0]]
    return max(found, key=lambda item: item[0])[1] if found else None


def accepts_encoding(accept_encoding: str, name: str) -> bool:
    """Return whether an ``Accept-Encoding`` header allows a content coding."""
    weights = dict(_weights(accept_encoding))
    return weights.get(name, weights.get(ANY, 0.0)) > 0.0


def _weights(header: str) -> Iterator[tuple[str, float]]:
    """Yield the items of a header in lower case, with their weights; the first of equals counts."""
    for item in header.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name:
            yield name, _weight(parameters)


def _weight(parameters: Sequence[str]) -> float:
    """Return the value of ``q``; 1 without one, or if it is not a weight."""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q" and WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0
