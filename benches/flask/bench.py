"""What a request costs with flask_housekey, beside bare Flask and Flask-Login."""

import argparse
import re
import sys
import tempfile
from pathlib import Path


def main():
    options = _options()
    # Their imports are not needed for --help, and may be missing.
    if options.memory:
        return _memory(options.requests)
    import speed

    with tempfile.TemporaryDirectory() as folder:
        if options.only:
            return speed.only(options.only, options.calls, folder)
        results = speed.measure(options.repeats, options.calls, folder)
    print(speed.table(results))
    if options.write:
        _write(speed.table(results))
    return _fail(list(speed.above(results))) if options.check else None


def _options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench flask",
        description=__doc__
        + " A request is a WSGI call in this process, and its time that of this thread on the processor. The cases take"
        " turns; a ratio is the median of those to bare Flask in the same repeat. Takes about a minute, and some minutes"
        " more to build the wheel the first time.",
    )
    parser.add_argument("--check", action="store_true", help="fail if a case takes longer than it may")
    parser.add_argument("--write", action="store_true", help="put the table into docs/BENCHMARKS.md")
    parser.add_argument("--repeats", type=_positive, default=60, metavar="N", help="how often each case has its turn (60)")
    parser.add_argument("--calls", type=_positive, default=300, metavar="N", help="how many requests a turn has (300)")
    parser.add_argument("--only", metavar="NAME", help="run the one case whose name has this in it, once, for a profiler")
    parser.add_argument(
        "--memory",
        action="store_true",
        help="make many requests of all kinds instead, and fail if memory or time grow with them; needs Linux's /proc",
    )
    parser.add_argument(
        "--requests", type=_positive, default=1_000_000, metavar="N", help="how many, with --memory (1000000: some minutes)"
    )
    return parser.parse_args()


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _memory(requests):
    import memory

    seen, wrong = memory.verdict(*memory.measure(requests))
    print(seen)
    return _fail(wrong)


def _write(table):
    document = Path(__file__).parents[2] / "docs" / "BENCHMARKS.md"
    text = document.read_text()
    new, count = re.subn(r"(<!-- flask -->).*(<!-- /flask -->)", rf"\1\n\n{table}\n\n\2", text, flags=re.DOTALL)
    if count != 1:
        return _fail([f"{document} has no <!-- flask --> with a <!-- /flask --> after it"])
    document.write_text(new)


def _fail(reasons):
    for reason in reasons:
        print(f"scripts/bench: {reason}", file=sys.stderr)
    return 1 if reasons else None


if __name__ == "__main__":
    sys.exit(main())
