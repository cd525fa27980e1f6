"""Recorded traffic run again through the rules that priced it, compared, and run otherwise; writes to no broker."""
