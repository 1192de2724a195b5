"""A line on standard error that says how far a measurement is."""

import sys


class Progress:
    """One line, written over where there is a terminal; elsewhere nothing is said."""

    def __init__(self):
        self._length = 0

    def say(self, text):
        """In place of what was said before."""
        if sys.stderr.isatty():
            # Spaces over what a longer one has left.
            print("\r" + text.ljust(self._length), end="", file=sys.stderr, flush=True)
            self._length = len(text)

    def end(self):
        """What comes next has a line of its own."""
        if self._length:
            print(file=sys.stderr)
