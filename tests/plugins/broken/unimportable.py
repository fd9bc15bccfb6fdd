"""A plugin that cannot be imported."""

raise RuntimeError("no license was found")
