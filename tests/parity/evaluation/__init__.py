"""What the evaluator is made of: facts, clocks, and the criteria group by group."""
