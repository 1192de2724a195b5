"""Servers as they are started in earnest, and browsers that ask them."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

from stores import free_port

#: The longest that a test waits, in seconds. After that, something hangs.
DEADLINE = 120
HERE = pathlib.Path(__file__).parent
BIN = pathlib.Path(sys.executable).parent
GUNICORN = [sys.executable, "-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:{port}"]
# gunicorn would end a worker that hangs, and the browser would ask another one before it gives up.
GUNICORN += ["--timeout=0", "--graceful-timeout=10", "program:app"]
UWSGI = [
    BIN / "uwsgi",
    "--http-socket=127.0.0.1:{port}",
    "--master",
    "--die-on-term",
    "--processes=2",
    "--threads=4",
    # What it runs again when it reloads. It would take the interpreter outside of the virtual environment, which lacks it.
    f"--binary-path={BIN / 'python'}",
    "--module=program:app",
    f"--virtualenv={sys.prefix}",
]

COMMANDS = {
    "sync": [*GUNICORN, "--worker-class=sync"],
    "gthread": [*GUNICORN, "--worker-class=gthread", "--threads=4"],
    "preload": [*GUNICORN, "--worker-class=gthread", "--threads=4", "--preload"],
    "forked": [*GUNICORN, "--worker-class=sync", "--preload"],
    "gevent": [*GUNICORN, "--worker-class=gevent"],
    "waitress": [sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=4", "program:app"],
    "uwsgi": UWSGI,
    "lazy_uwsgi": [*UWSGI, "--lazy-apps"],
}
#: What a server says of its address, and the port in it.
LISTENS = re.compile(rb"(?:Listening at: http|Serving on http|bound to TCP address ).*?127\.0\.0\.1:(\d+)")


def wait_until(holds, what):
    """What `holds` returns once that is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"after {DEADLINE} seconds, not yet: {what}")


class Server:
    """A server on a free port of this machine."""

    def __init__(self, kind, log, **environ):
        self.kind, self.log, self.port = kind, log, 0
        self.environ = {**os.environ, **environ}
        self.start()

    def start(self):
        """Starts it, on the same port as before."""
        if self.kind.endswith("uwsgi") and not self.port:
            # It restarts when it reloads, and would choose another port.
            self.port = free_port()
        command = [str(word).format(port=self.port) for word in COMMANDS[self.kind]]
        said_before = len(self.said())
        with self.log.open("ab") as log:
            # A group of its own, so that all of it can be ended.
            self.process = subprocess.Popen(
                command, cwd=HERE, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        found = wait_until(lambda: LISTENS.search(self.said().encode(), said_before), "the server listens")
        self.port = int(found[1])
        wait_until(lambda: len(self.workers()) == (0 if self.kind == "waitress" else 2), "the workers are there")
        if self.kind == "lazy_uwsgi":
            # One that is stopped before it is ready takes a minute.
            wait_until(lambda: self.said().count("WSGI app 0 ") == 2, "the workers are ready")

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def workers(self):
        pid = self.process.pid
        return set(map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def kill_a_worker(self):
        """Ends one of its processes as the kernel does when there is no memory left."""
        if self.kind == "waitress":
            self.process.kill()
            self.process.wait()
            self.start()
            return
        before = self.workers()
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in self.workers() and len(self.workers()) == 2, "another worker is there")

    def reload(self):
        """Puts new workers in the place of all that there are. Does nothing where the server knows no such thing."""
        if self.kind == "waitress":
            return
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.workers()) == 2 and not self.workers() & before, "new workers are there")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()


class Browser:
    """A browser with cookies. It asks again if the connection was lost."""

    def __init__(self, server, cookies=()):
        self.server, self.cookies = server, dict(cookies)
        self.answered = 0

    def ask(self, method, path):
        """The status and the JSON of an answer, which must come within the deadline."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                return self._ask(method, path)
            except TimeoutError:
                raise AssertionError(f"{method} {path} hangs") from None
            except (ConnectionError, http.client.HTTPException):
                # A worker that was killed takes its connections along.
                assert time.monotonic() < end, "nobody answers"
                time.sleep(0.01)

    def _ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE)
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request(method, path, headers={"Cookie": cookie, "Connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", ()):
            pair, *attributes = line.split("; ")
            name, value = pair.split("=", 1)
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.answered += 1
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(body) if is_json else body.decode()


def together(tasks):
    """Runs each in a thread of its own; what one of them raises comes out."""
    failed = []

    def run(task):
        try:
            task()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
