"""The demo shop: real orders of a UK gift shop, with generated subscribers and texts."""
