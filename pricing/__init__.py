"""What a ride costs, and why: forecasts, multipliers, guardrails, fares, quotes and bookings, all pure."""
