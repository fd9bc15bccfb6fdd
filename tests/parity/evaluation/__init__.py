"""The evaluator's parts: facts, clocks, and the criteria by group."""
