"""A group reads the same cases at the same time: the session and its board."""
