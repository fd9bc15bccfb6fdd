"""A plugin that raises in a hook."""

from graphql_app.criteria import Criterion, hookimpl


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    raise KeyError("a file that is not there")
