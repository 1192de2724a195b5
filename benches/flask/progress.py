"""A line on standard error that shows the progress of a measurement."""

import sys


class Progress:
    """One line, overwritten on a terminal; elsewhere nothing is printed."""

    def __init__(self):
        self._length = 0

    def say(self, text):
        """Replaces the line."""
        if sys.stderr.isatty():
            # Spaces cover the rest of a longer line.
            print("\r" + text.ljust(self._length), end="", file=sys.stderr, flush=True)
            self._length = len(text)

    def end(self):
        """Starts a new line."""
        if self._length:
            print(file=sys.stderr)
