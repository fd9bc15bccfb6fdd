"""Plugins with something wrong, one in each file, as real packages have them."""
