"""What is opened and checked before the first request."""
