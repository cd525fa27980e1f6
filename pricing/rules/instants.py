"""The latest instant that any file or model may name, epoch milliseconds: 2100."""

LATEST_MS = 4_102_444_800_000
