"""Thin Faust wiring: one module per service, each reads, calls one rule, keeps and publishes."""
