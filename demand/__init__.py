"""Who wants a ride where, and how many will. Pure."""
