"""What holds before any count: markets, policies and versions, fares, routes, drivers' pay, reasons, rounding."""
