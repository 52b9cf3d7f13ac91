"""A real federation: the attacks and defenses of this project inside Flower. README.md shows how it is started and used."""
