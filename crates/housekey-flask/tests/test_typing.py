"""The types of the package, as two type checkers see them in a program."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import flask_housekey
import pytest

TYPED = pathlib.Path(__file__).parent / "typed"
PROGRAM, MISTAKES = TYPED / "members.py", TYPED / "mistakes.py"
CACHE = pathlib.Path(sys.prefix) / "mypy_cache"


def run(*command):
    # pyright finds the packages by the Python that is first.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=TYPED,
        env={**os.environ, "PATH": path, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )


def mypy(*what):
    """What mypy says is wrong: the file and the line of each, and the words."""
    done = run("mypy", "--strict", "--cache-dir", CACHE, "--output", "json", *what)
    assert done.returncode in (0, 1) and not done.stderr, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line]
    return [((TYPED / it["file"]).resolve(), it["line"], it["message"]) for it in said if it["severity"] == "error"]


def pyright(*what):
    """The same of pyright."""
    done = run("pyright", "--outputjson", *what)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said = json.loads(done.stdout)["generalDiagnostics"]
    assert all(it["severity"] == "error" for it in said), said
    return [(pathlib.Path(it["file"]), it["range"]["start"]["line"] + 1, it["message"]) for it in said]


@functools.cache
def found(checker):
    return checker(PROGRAM, MISTAKES)


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright])


@CHECKERS
def test_a_program_with_types_has_no_error(checker):
    assert [it for it in found(checker) if it[0] != MISTAKES] == []


@CHECKERS
def test_each_mistake_is_an_error_and_nothing_else_is(checker):
    lines = enumerate(MISTAKES.read_text().splitlines(), start=1)
    wrong = {number for number, line in lines if line.endswith("  # wrong")}
    assert wrong
    assert {line for file, line, _ in found(checker) if file == MISTAKES} == wrong


def test_the_program_runs(monkeypatch):
    monkeypatch.syspath_prepend(TYPED)
    import members

    app = members.create_app()
    client = app.test_client()
    assert client.get("/greet").text == "Hello"
    assert client.get("/show/3").status_code == 401
    assert client.get("/show/3", headers={"X-Api-Key": "key-of-mia"}).text == "mia: 3"
    assert client.post("/sign_in", data={"name": "somebody"}).status_code == 401
    assert client.post("/sign_in", data={"name": "mia"}).text == "/"
    assert client.get("/greet").text == "Hello mia"
    assert [it["this"] for it in client.get("/devices").json] == [True]
    assert client.post("/second_step").status_code == 401
    assert client.post("/first_step", data={"name": "mia"}).text == "a code, please"
    assert client.get("/greet").text == "Hello"
    assert client.post("/second_step").text == "mia"
    assert client.get("/greet").text == "Hello mia"
    assert client.get("/office").status_code == 401
    assert client.get("/office/7").text == "True"
    assert client.get("/office").text == "7"
    assert client.get("/sign_out").text == "out"


def test_everything_public_has_a_type():
    said = json.loads(run("pyright", "--outputjson", "--ignoreexternal", "--verifytypes", "flask_housekey").stdout)
    untyped = [it["name"] for it in said["typeCompleteness"]["symbols"] if it["isExported"] and not it["isTypeKnown"]]
    assert untyped == []
    assert said["typeCompleteness"]["completenessScore"] == 1


def test_the_package_itself_has_no_error():
    assert mypy("-p", "flask_housekey") == []


def test_the_types_of_the_part_in_rust_are_those_that_are_written_down():
    done = run("mypy.stubtest", "flask_housekey")
    assert done.returncode == 0, done.stdout
    # It would not see that the types are not there for programs.
    assert pathlib.Path(flask_housekey.__file__).with_name("py.typed").exists()
