"""What is known of a zone: counts of cars and riders, joined from all source partitions, and their windows."""
