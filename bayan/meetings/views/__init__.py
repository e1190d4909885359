"""The pages of polls and meetings."""
