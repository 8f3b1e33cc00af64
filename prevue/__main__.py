"""`python -m prevue` is the command `prevue`."""

from prevue.cli import main

main()
