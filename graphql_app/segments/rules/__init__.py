"""Rules: the tree, its parser, its sentences."""
