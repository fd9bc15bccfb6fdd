"""The size index: vectors in memory, from which sizes are counted without a statement."""

from graphql_app.segments.index.size_index import Evaluation, SizeIndex

__all__ = ["Evaluation", "SizeIndex"]
