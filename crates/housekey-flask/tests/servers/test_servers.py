"""Under the servers that Flask programs run under, started for real: nothing hangs and nothing is lost while workers are killed and
reloaded, whatever forks, threads and greenlets they are made of."""

import os
import secrets
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest
import sqlalchemy
from places import find_store, place
from running import Browser, Server, together, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at as Linux shows them")

BROWSERS = 4
#: So many answers each after each thing that happens to the workers.
ROUND = 10

#: Where the logins are kept, if not in SQLite, which keeps the other greenlets of gevent waiting.
STORES = {"gevent": "redis", "gthread": "postgres"}


@contextmanager
def running(kind, store, folder, **environ):
    """A server of this kind, with its logins in a store of that one."""
    with place(store, folder) as (url, table):
        server = Server(kind, folder / "log", LOGIN_STORE=url, LOGIN_TABLE=table, **environ)
        try:
            server.store = find_store(url, table, partial(sqlalchemy.create_engine, poolclass=sqlalchemy.NullPool))
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module", params=["sync", "gthread", "preload", "gevent", "waitress", "uwsgi"])
def server(request, tmp_path_factory):
    kind = request.param
    with running(kind, STORES.get(kind, "sqlite"), tmp_path_factory.mktemp(kind)) as server:
        yield server


def records_of(server, user_id):
    return server.store.list_by_user(user_id, int(time.time()), 100)


def members(server):
    """Browsers of as many users, logged in."""
    browsers = []
    for number in range(BROWSERS):
        browser = Browser(server)
        browser.user = f"{server.kind}-{number}-{secrets.token_hex(4)}"
        assert browser.ask("POST", f"/login/{browser.user}")[0] == 200
        browsers.append(browser)
    return browsers


def test_nobody_is_logged_out_and_no_request_is_lost_while_workers_are_killed_and_reloaded(server):
    browsers, is_over = members(server), threading.Event()
    began = len(server.said())

    def browse(browser):
        while not is_over.is_set():
            for path in ("/who", "/guarded"):
                status, answer = browser.ask("GET", path)
                assert (status, answer["user"]) == (200, browser.user)

    def disturb():
        try:
            for happens in (server.kill_a_worker, server.reload):
                happens()
                counts = [browser.answered for browser in browsers]
                wait_until(
                    lambda: all(browser.answered > count + ROUND for browser, count in zip(browsers, counts)),
                    "everybody has their answers",
                )
        finally:
            is_over.set()

    together([disturb, *(lambda browser=browser: browse(browser) for browser in browsers)])
    assert "Traceback" not in server.said()[began:], server.said()[began:]

    # What the server was told before its workers went is in the store.
    for browser in browsers:
        assert [record.user_id for record in records_of(server, browser.user)] == [browser.user]


def said_by_all_workers(server, cookies):
    """Which user each worker takes these cookies for. Several ask at once, so that no worker answers all of them."""
    users, workers = set(), set()

    def ask():
        status, answer = Browser(server, cookies).ask("GET", "/who")
        assert status == 200
        users.add(answer["user"])
        workers.add(answer["worker"])

    def have_all_answered():
        together([ask] * 4)
        return len(workers) == max(1, len(server.workers()))

    wait_until(have_all_answered, "each worker has answered")
    return users


def test_a_logout_counts_in_each_worker_at_once(server):
    for number, browser in enumerate(members(server)):
        cookies = dict(browser.cookies)
        is_out = number % 2 == 0
        if is_out:
            status, answer = browser.ask("POST", "/logout")
            assert (status, answer["user"]) == (200, None)
        assert said_by_all_workers(server, cookies) == {None if is_out else browser.user}
        assert len(records_of(server, browser.user)) == (0 if is_out else 1)


def test_threads_greenlets_and_coroutines_of_one_request_find_the_same_user(server):
    browser = members(server)[0]
    for _ in range(4):
        assert browser.ask("GET", "/together") == (200, {"user": browser.user, "found": [browser.user] * 3})
        status, answer = browser.ask("GET", "/async")
        assert (status, answer["user"]) == (200, browser.user)


@pytest.mark.parametrize("asking", ["loader", "store"])
def test_asking_for_the_current_user_while_finding_them_is_a_500_that_says_so_and_does_not_hang(server, asking):
    browser = Browser(server)
    assert browser.ask("POST", "/asking/login/mia")[0] == 200
    began = len(server.said())
    for _ in range(4):
        assert browser.ask("GET", f"/asking/who?asking={asking}")[0] == 500
    assert browser.ask("GET", "/who")[0] == 200
    assert "asked for current_user" in server.said()[began:]


def threads_of(process):
    return len(os.listdir(f"/proc/{process}/task"))


def files_of(process):
    """What a process has open, but for what it was given and what the server itself has."""
    folder, found = f"/proc/{process}/fd", set()
    for number in os.listdir(folder):
        with suppress(FileNotFoundError):
            found.add(os.readlink(f"{folder}/{number}"))
    return found


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_before_the_first_request_there_is_no_thread_and_no_connection(store, tmp_path):
    with running("forked", store, tmp_path) as server:
        processes = [server.process.pid, *server.workers()]
        sockets = set()
        for process in processes:
            assert threads_of(process) == 1
            files = files_of(process)
            assert not any(server.environ["LOGIN_TABLE"] in file for file in files), files
            sockets |= {file for file in files if file.startswith("socket:")}
        # The one that the server listens at.
        assert len(sockets) == 1, sockets
        assert Browser(server).ask("POST", "/login/mia")[0] == 200
        # The store works on the thread that asks.
        assert {threads_of(process) for process in server.workers()} == {1}


@pytest.mark.parametrize(
    "kind, store",
    [("forked", "sqlite"), ("forked", "postgres"), ("forked", "redis"), ("uwsgi", "postgres"), ("lazy_uwsgi", "sqlite")],
)
def test_a_store_that_was_used_before_the_fork_works_after_it(kind, store, tmp_path):
    with running(kind, store, tmp_path, USED_BEFORE="1") as server:
        for browser in members(server):
            assert browser.ask("GET", "/who")[1]["user"] == browser.user
            assert len(records_of(server, browser.user)) == 1
        assert "Traceback" not in server.said(), server.said()


def test_a_server_that_does_not_tell_python_of_its_forks_is_told_what_to_do_about_sqlite(tmp_path):
    with running("uwsgi", "sqlite", tmp_path, USED_BEFORE="1") as server:
        assert Browser(server).ask("POST", "/login/mia")[0] == 503
        assert "fork before the store is used" in server.said()


def test_workers_that_have_logins_of_their_own_each_are_warned_of_it(tmp_path):
    with running("forked", "memory", tmp_path, USED_BEFORE="1") as server:
        Browser(server).ask("POST", "/login/mia")
        assert "each process has its own logins" in server.said()
