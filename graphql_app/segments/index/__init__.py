"""The size index: vectors in memory from which sizes follow without asking the facts again."""

from graphql_app.segments.index.size_index import Evaluation, SizeIndex

__all__ = ["Evaluation", "SizeIndex"]
