"""What may happen while a user is looked for: loaders and stores that ask who is there, on other threads, in greenlets and in
coroutines, and user objects that end. It is an error that says so, or the right answer, and never a hang."""

import gc
import pathlib
import subprocess
import sys
import threading

import pytest
from conftest import User, close_browser, site
from flask import g
from flask_housekey import current_user, login_user, logout_user
from flask_housekey.stores import MemoryLoginStore


def in_time(ask):
    """What `ask` returns or raises; it must not take long."""
    result = []

    def run():
        try:
            result.append((ask(), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert result, "it hangs"
    answer, error = result[0]
    if error is not None:
        raise error
    return answer


def test_an_async_loader_finds_users_for_ordinary_and_for_async_views(kind):
    app = site(kind=kind)

    @app.login_manager.user_loader
    async def load_user(user_id):
        return app.users.get(user_id)

    @app.get("/async")
    async def asynchronous():
        return str(current_user.get_id())

    @app.login_manager.request_loader
    async def by_key(request):
        return app.users.get(request.args.get("key"))

    client = app.test_client()
    client.get("/login/1?remember")
    for path in ("/who", "/async"):
        assert in_time(lambda: client.get(path)).text == "1"
        close_browser(client)
        assert in_time(lambda: app.test_client().get(f"{path}?key=2")).text == "2"
        assert in_time(lambda: app.test_client().get(path)).text == "None"


def test_an_async_loader_that_asks_for_the_current_user_is_told_so_on_whatever_thread_it_runs(kind):
    app = site(kind=kind)

    @app.login_manager.user_loader
    async def load_user(user_id):
        return current_user.get_id()

    @app.get("/async")
    async def asynchronous():
        return str(current_user.get_id())

    client = app.test_client()
    client.get("/login/1?remember")
    for path in ("/who", "/async"):
        with pytest.raises(RuntimeError, match="asked for current_user"):
            in_time(lambda: client.get(path))


class Asking:
    """A store that asks who is there in one of its methods."""

    def __init__(self):
        self.store, self.asks_in = MemoryLoginStore(), None

    def __getattr__(self, name):
        method = getattr(self.store, name)

        def asks(*arguments):
            if name == self.asks_in:
                g.pop("_login_user", None)
                current_user.get_id()
            return method(*arguments)

        return asks


@pytest.mark.parametrize("asks_in, path", [("load", "/who"), ("create", "/login/2"), ("delete", "/logout")])
def test_a_store_that_asks_for_the_current_user_is_told_so(kind, asks_in, path):
    store = Asking()
    app = site(kind=kind, HOUSEKEY_LOGIN_STORE=store)
    client = app.test_client()
    client.get("/login/1")
    store.asks_in = asks_in
    with pytest.raises(RuntimeError, match="asked for current_user"):
        in_time(lambda: client.get(path))
    # It is the program's fault: trying again, as a 503 would ask for, mends nothing.
    app.testing = False
    assert in_time(lambda: client.get(path)).status_code == 500


def test_a_store_that_fails_is_named_in_the_log(caplog):
    class Away(Asking):
        def load(self, id, now):
            raise ConnectionError("the disk is gone")

    store = Asking()
    app = site(HOUSEKEY_LOGIN_STORE=store)
    client = app.test_client()
    client.get("/login/1")
    app.config["HOUSEKEY_LOGIN_STORE"] = Away()
    assert client.get("/who").status_code == 503
    assert "the login store failed: ConnectionError: the disk is gone" in caplog.text


class Curious(User):
    """A user whose end asks who is there."""

    ends = 0

    def __del__(self):
        Curious.ends += 1
        try:
            current_user.get_id()
        except RuntimeError:
            # Outside of a request, or while the user is looked for.
            pass


def test_a_user_object_may_look_up_the_user_when_it_is_dropped(kind):
    app = site(kind=kind, HOUSEKEY_LOGIN_STORE=MemoryLoginStore())
    app.login_manager.user_loader(lambda user_id: Curious(user_id, active=user_id != "2"))

    @app.get("/often")
    def often():
        for user_id in ("1", "2", "1", "3"):
            login_user(Curious(user_id), force=True)
            app.login_manager._load_user()
            g.pop("_login_user")
            current_user.get_id()
            logout_user()
        return "done"

    before = Curious.ends
    assert in_time(lambda: app.test_client().get("/often")).text == "done"
    gc.collect()
    assert Curious.ends >= before + 4


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys
sys.path.insert(0, {tests!r})
import gevent
from conftest import KINDS, User, site
from flask import copy_current_request_context
from flask_housekey import current_user
from flask_housekey.stores import MemoryLoginStore


class Switching:
    '''A store that waits for its server.'''

    def __init__(self):
        self.store = MemoryLoginStore()

    def __getattr__(self, name):
        def waits(*arguments):
            gevent.sleep(0)
            return getattr(self.store, name)(*arguments)

        return waits


class Patient(User):
    '''A user whose attributes are read from a database.'''

    @property
    def is_active(self):
        gevent.sleep(0)
        return True

    def session_auth_hash(self):
        gevent.sleep(0)
        return "stamp"

    def __del__(self):
        # Not when the process ends.
        if current_user:
            try:
                current_user.get_id()
            except RuntimeError:
                pass


app = site(kind=KINDS[{kind!r}], users={{str(number): Patient(str(number)) for number in range(20)}}, HOUSEKEY_LOGIN_STORE=Switching())


@app.login_manager.user_loader
def load_user(user_id):
    app.asked.append(user_id)
    for _ in range(3):
        gevent.sleep(0)
    return Patient(user_id)


@app.get("/together")
def together():
    jobs = [gevent.spawn(copy_current_request_context(lambda: current_user.get_id())) for _ in range(3)]
    return [job.get(timeout=20) for job in jobs]


def browse(number):
    client = app.test_client()
    client.get(f"/login/{{number}}?remember")
    for _ in range(3):
        found = client.get("/who").text, client.get("/together").json
        assert found == (str(number), [str(number)] * 3), found
    client.delete_cookie("session")
    assert client.get("/whole").json == {{"user": str(number), "fresh": False, "remembered": True}}
    client.get("/logout")
    assert client.get("/who").text == "None"


jobs = [gevent.spawn(browse, number) for number in range(20)]
gevent.joinall(jobs, timeout=60, raise_error=True)
assert all(job.ready() for job in jobs), "hangs"

# One that asks is told so, and only that one.
app.login_manager.user_loader(lambda user_id: gevent.sleep(0) or (current_user.get_id() if user_id == "0" else Patient(user_id)))


def ask(number):
    client = app.test_client()
    client.get(f"/login/{{number}}")
    try:
        return client.get("/who").text
    except RuntimeError as error:
        return "asked" if "asked for current_user" in str(error) else str(error)


jobs = [gevent.spawn(ask, number) for number in range(4)]
assert [job.get(timeout=20) for job in jobs] == ["asked", "1", "2", "3"]
print("well")
"""


@pytest.mark.parametrize("kind", ["rust", "flasks"])
def test_greenlets_of_many_requests_and_of_one_find_their_user(kind):
    program = GREENLETS.format(tests=str(pathlib.Path(__file__).parent), kind=kind)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr
