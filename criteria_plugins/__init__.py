"""The built-in criteria, one file each, registered by entry points like any plugin's."""
