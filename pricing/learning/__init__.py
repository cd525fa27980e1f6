"""Fitted and scored before anything is announced: training, backtests, recordings. No service runs it."""
