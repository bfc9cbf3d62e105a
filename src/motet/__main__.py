"""`python -m motet`."""

from __future__ import annotations

from motet.cli import main

main()
