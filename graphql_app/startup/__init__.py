"""Opening and checking everything that a process needs before the first request."""
