"""The guide's program, pasted together as it stands there, does what the guide says."""

import pathlib
import re
import subprocess
import sys
import textwrap

GUIDE = pathlib.Path(__file__).parents[3] / "docs" / "flask.md"

EPILOGUE = '''
import re, sqlite3, sys

def check(got, expected):
    if got != expected:
        sys.exit(f"{got!r} is not {expected!r}")

client, other = app.test_client(), app.test_client()
check(client.get("/").status_code, 401)
check(client.get("/", headers={"Accept": "text/html"}).status_code, 303)
for browser in (client, other):
    check(browser.post("/login", data={"name": "mia", "password": "correct horse", "remember": "on"}).status_code, 302)
check(client.get("/").text, "Hello mia!")
stranger = app.test_client()
app.config["HOUSEKEY_REQUIRE_LOGIN"] = False
guesses = [stranger.post("/log-in-carefully", data={"name": "mia", "password": "a guess"}).status_code for _ in range(9)]
app.config["HOUSEKEY_REQUIRE_LOGIN"] = True
check((guesses[:5], 429 in guesses), ([401] * 5, True))
page = client.get("/logins").text
check(page.count("Log out there"), 1)
ending = re.search(r'action="(/logins/[^"]+/end)"', page)[1]
check(client.post(ending).location, "/logins")
other.delete_cookie("remember_token")
check(other.get("/").status_code, 401)
check(client.post("/password", data={"password": "battery staple"}).location, "/")
check(client.get("/").text, "Hello mia!")
check(client.post("/sign-in?next=/logins", data={"password": "correct horse"}).location, "/logins")
check(client.post("/sign-in?next=//evil.example", data={"password": "correct horse"}).location, "/")
check(client.get("/about").text, "Open to everybody.")
app.config["HOUSEKEY_REQUIRE_LOGIN"] = False
test_the_second_step()
stepping = app.test_client()
check(stepping.get("/second-step").status_code, 401)
for typed, status in [("wrong é", 401), (None, 302)]:
    credentials = {"name": "mia", "password": "battery staple"}
    check(stepping.post("/first-step?next=/logins", data=credentials).location, "/second-step")
    check(stepping.get("/").status_code, 401)
    check(stepping.get("/second-step").status_code, 200)
    answer = stepping.post("/second-step", data={"code": typed or list(CODES.values())[-1]})
    check(answer.status_code, status)
check(answer.location, "/logins")
check(stepping.get("/").text, "Hello mia!")
check(stepping.get("/second-step").status_code, 401)
app.config["HOUSEKEY_REQUIRE_LOGIN"] = True
check(client.get("/staff").status_code, 401)
client.post("/staff/login")
check(client.get("/staff").text, "Hello noor!")
runner = app.test_cli_runner()
for arguments in (["list", "1"], ["purge"], ["end", "--user", "1"]):
    check(runner.invoke(args=["logins", *arguments]).exit_code, 0)
check(client.get("/").status_code, 401)
'''


def blocks():
    return re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)


def test_the_guides_program_runs_as_it_stands_there(tmp_path):
    assert len(blocks()) > 10
    program = tmp_path / "app.py"
    program.write_text("\n".join(blocks()) + textwrap.dedent(EPILOGUE))
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    assert (tmp_path / "instance" / "logins.db").exists()


def test_the_guide_names_every_key_and_function():
    import flask_housekey
    import flask_login

    text = GUIDE.read_text()
    for name in set(flask_housekey.__all__) - set(flask_login.__all__) - {"LoginInfo", "Login"}:
        assert f"`{name}" in text or re.search(rf"\b{name}\b", text), name
    config = (GUIDE.parents[1] / "crates/housekey-flask/src/config.rs").read_text()
    keys = set(re.findall(r'"(HOUSEKEY_[A-Z_]+)",', config))
    assert keys == set(re.findall(r"^\| `(HOUSEKEY_[A-Z_]+)`", text, re.M))
