"""Who is idle where, and how fresh that is. Pure."""
