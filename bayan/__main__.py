"""`python -m bayan` is the `bayan` command."""

from bayan.config.cli import main

main()
