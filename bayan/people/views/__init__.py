"""What the staff side shows of the people who work here."""
