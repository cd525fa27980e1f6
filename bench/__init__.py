"""Speed of the services, measured side by side with peers in one run on one machine."""
