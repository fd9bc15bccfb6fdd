"""The error that makes a rule fall back from the size index to one SQL statement."""

from collections.abc import Hashable


class NotIndexableError(Exception):
    """An answer from the index might differ from the statement's."""

    # The key of the query whose values cannot be kept, if that is the reason.
    key: Hashable = None
