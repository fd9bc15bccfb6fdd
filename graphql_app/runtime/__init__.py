"""What a request carries, and what it runs on."""
