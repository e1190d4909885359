"""Input of the pages about people."""
