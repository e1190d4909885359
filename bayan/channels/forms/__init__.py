"""Input of channels."""
