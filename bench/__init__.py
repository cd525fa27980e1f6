"""Measures the services beside what one would use in their place; pure arithmetic apart, each job is a module."""
