"""What the commands `replay` and `bundle` are made of: finding records, running them, telling the outcome."""
