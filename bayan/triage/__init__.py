"""Text understanding: what a message is, where, how urgent. Plain Python: imports no Django."""
