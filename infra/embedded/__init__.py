"""A real broker, schema registry and database as child processes, with no Java, Maven or Docker on the machine."""
