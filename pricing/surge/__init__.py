"""From what is known of a zone to its multipliers: the next five minutes, the optimiser, guardrails, the tick."""
