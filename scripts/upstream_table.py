"""What scripts/check-upstream compares: the tables, Flask-Login's source distribution, the list of Rust tests."""

import ast
import re
import sys
import tarfile
from collections import Counter

# Those of this module are written for the tables, so each of them is in one.
OWN = "flask_login::"


def upstream_tests(archive):
    """Flask-Login's tests, as `Class.test`, read and not run."""
    with tarfile.open(archive) as files:
        [name] = [name for name in files.getnames() if name.endswith("/tests/test_login.py")]
        module = ast.parse(files.extractfile(name).read())
    return [
        f"{one.name}.{test.name}"
        for one in module.body
        if isinstance(one, ast.ClassDef)
        for test in one.body
        if isinstance(test, (ast.FunctionDef, ast.AsyncFunctionDef)) and test.name.startswith("test_")
    ]


def rust_tests(listing):
    """The tests that are there, as `cargo test -- --list` prints them."""
    with open(listing, encoding="utf-8") as lines:
        return {line.removesuffix(": test\n") for line in lines if line.endswith(": test\n")}


def table_rows(page):
    """Each row under a class's name is `Class.test`; a row of the last table is its first cell. With its line, the Rust
    tests that it names, and its verdict."""
    with open(page, encoding="utf-8") as lines:
        lines = list(enumerate(lines.read().split("\n"), start=1))
    heading = ""
    for number, line in lines:
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|") and not line.startswith(("| Flask-Login |", "|---")):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if len(cells) != 3:
                sys.exit(f"{page}:{number}: a row has three cells, not {len(cells)}")
            theirs, ours, verdict = cells
            if heading.isidentifier():
                theirs = f"{heading}.{theirs.strip('`')}"
            yield number, heading.isidentifier(), theirs, re.findall(r"`([^`]+)`", ours), verdict


def main():
    page, archive, listing = sys.argv[1:]
    upstream, rust = upstream_tests(archive), rust_tests(listing)
    complaints, found, named = [], Counter(), set()
    if not upstream or not rust:
        sys.exit(f"scripts/check-upstream: no tests in {archive if rust else listing}")
    for number, is_upstream, theirs, ours, verdict in table_rows(page):
        at = f"{page}:{number}: {theirs}"
        named.update(ours)
        if is_upstream:
            found[theirs] += 1
            if theirs not in upstream:
                complaints.append(f"{at}: Flask-Login has no such test")
        complaints += [f"{at}: there is no Rust test {test}" for test in ours if test not in rust]
        if verdict != "same" and not verdict.startswith(("different: ", "absent: ")):
            complaints.append(f'{at}: {verdict!r} is neither "same" nor "different: why" nor "absent: why"')
        if not ours and not verdict.startswith("absent: "):
            complaints.append(f"{at}: no Rust test is named")
    complaints += [f"{page}: {test} is missing" for test in upstream if not found[test]]
    complaints += [f"{page}: {test} is there {times} times" for test, times in found.items() if times > 1]
    complaints += [f"{page}: no row names {test}" for test in sorted(rust - named) if test.startswith(OWN)]
    if complaints:
        sys.exit("\n".join(complaints))
    print(f"{len(upstream)} upstream tests, {len(named)} Rust tests, all there")


main()
