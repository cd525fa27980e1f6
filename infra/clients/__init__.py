"""How this system talks to brokers and to the schema registry: small clients, each with errors a person can act on."""
