"""The quick starts of the documentation, in an empty folder. scripts/release runs this.

quick_starts.py write FOLDER VERSION: writes the programs of README.md and docs/flask.md into FOLDER, as a reader would, with the
dependencies that README.md names. The crates come from FOLDER/housekey…-VERSION. Prints each program's folder and port.

quick_starts.py visit PORT PROGRAM…: starts PROGRAM, which has to serve 127.0.0.1:PORT. A visitor logs in and out there.
"""

import http.cookiejar
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

# Where a program listens; a free port takes this one's place.
ADDRESS = re.compile(r"127\.0\.0\.1:\d+")


def main():
    match sys.argv[1:]:
        case ["write", folder, version]:
            write(pathlib.Path(folder), version)
        case ["visit", port, *program] if program:
            visit(int(port), program)
        case _:
            sys.exit(__doc__)


def write(folder, version):
    readme = pathlib.Path("README.md").read_text()
    manifests = [block for block in blocks("toml", readme) if "[dependencies]" in block]
    programs = [block for block in blocks("rust", readme) if "fn main" in block]
    if len(manifests) != 2 or len(programs) != 2:
        sys.exit("README.md no longer has two quick starts, each with its dependencies")
    crates = sorted(folder.glob(f"housekey*-{version}"))
    patches = "".join(f'{crate.name.removesuffix("-" + version)} = {{ path = "{crate}" }}\n' for crate in crates)
    for name, manifest, program in zip(("axum", "actix-web"), manifests, programs):
        manifest, replaced = re.subn(r'path = "[^"]*"', f'version = "{version}"', manifest)
        assert replaced == 1, f"the quick start on {name} no longer takes one crate from the repository"
        port = free_port()
        program, replaced = ADDRESS.subn(f"127.0.0.1:{port}", program)
        assert replaced == 1, f"the quick start on {name} no longer listens in one place"
        home = folder / name
        (home / "src").mkdir(parents=True)
        (home / "src/main.rs").write_text(program)
        package = f'[package]\nname = "quick-start-{name}"\nedition = "2024"\n\n'
        (home / "Cargo.toml").write_text(f"{package}{manifest}\n[workspace]\n\n[patch.crates-io]\n{patches}")
        print(name, port)

    flask = [block for block in blocks("python", pathlib.Path("docs/flask.md").read_text()) if "app = Flask(" in block]
    (folder / "flask").mkdir()
    (folder / "flask/app.py").write_text(flask[0])
    print("flask", free_port())


def blocks(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def visit(port, program):
    log = tempfile.TemporaryFile()
    server = subprocess.Popen(program, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(server, port)
        visitor = Visitor(port)
        visitor.expect(visitor.get("/"), 200, "/login?next=%2F", "<form method=post>")
        visitor.expect(visitor.post("/login", name="mia", password="a guess"), 401, "/login", "Wrong name or password")
        visitor.expect(visitor.post("/login", name="mia", password="correct horse"), 200, "/", "Hello mia!")
        visitor.expect(visitor.get("/"), 200, "/", "Hello mia!")
        visitor.expect(visitor.post("/logout"), 200, "/login", "<form method=post>")
        visitor.expect(visitor.get("/"), 200, "/login?next=%2F", "<form method=post>")
    except (OSError, Unexpected) as error:
        log.seek(0)
        sys.exit(f"{program[0]}: {error}\nIt said:\n{log.read().decode(errors='replace')}")
    finally:
        server.kill()
        server.wait()
    print("a visitor logged in and out")


class Unexpected(Exception):
    """What the program or its page did instead."""


def wait_for(server, port):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unexpected(f"it ended with {server.returncode}")
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Unexpected(f"it does not listen on port {port} after a minute")


class Visitor:
    """A browser, as far as a login needs one."""

    def __init__(self, port):
        self.site = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        # Without the proxies of the environment.
        self.browser = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))
        self.browser.addheaders = [("Accept", "text/html")]

    def get(self, path):
        return self._open(path, None)

    def post(self, path, **fields):
        return self._open(path, urllib.parse.urlencode(fields).encode())

    def _open(self, path, body):
        try:
            return self.browser.open(self.site + path, body, timeout=30)
        except urllib.error.HTTPError as answer:
            return answer

    def expect(self, answer, status, path, text):
        got = (answer.status, answer.url.removeprefix(self.site), page := answer.read().decode())
        if got[:2] != (status, path) or text not in page:
            raise Unexpected(f"the visitor expected {(status, path, text)}, and got {got}")


main()
