"""Why the index cannot evaluate a rule, for which a statement then runs."""

from collections.abc import Hashable


class NotIndexableError(Exception):
    """An answer from the index might differ from the statement's."""

    key: Hashable = None  # of the query whose values cannot be kept, if that is the reason
