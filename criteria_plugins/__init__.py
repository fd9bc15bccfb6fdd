"""The built-in criteria, one file each, registered by entry points exactly as anyone's are."""
