"""``make soak``: long mixed load, many kills and much at once, on this machine alone."""
