"""Why a price is what it is, and what other rules would have made of it."""
