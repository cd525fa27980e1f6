"""What says how many riders and cars come and how they behave: artefacts, their checks, features and forms."""
