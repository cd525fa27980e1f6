"""Dead letters: found, shown, taken out to be edited, checked, put back, and followed afterwards."""
