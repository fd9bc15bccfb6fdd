"""The domain: rules, sizes, members, and the segments that shops save."""
