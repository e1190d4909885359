"""A stand-in for the messaging provider, with a phone in the browser; it knows nothing of bayan."""
