"""Login stores in programs that fork, and under gevent."""

import pathlib
import secrets
import subprocess
import sys

import pytest
import sqlalchemy
from stores import DRIVERS, engine_url, shared_url

TESTS = str(pathlib.Path(__file__).parent)

FORK = """
import os, sys, warnings
sys.path.insert(0, {tests!r})
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import *
from stores import NOW, OPERATIONS, record
assert len(os.listdir("/proc/self/task")) == 1, "importing starts no thread"
store = {store}
before = record("before")
if {used}:
    for operation in OPERATIONS.values():
        operation(store, before)
    store.create(before, [], Limit.NONE)
assert len(os.listdir("/proc/self/task")) == 1, "using it starts no thread"
children, made = [], [record(f"child {{number}}") for number in range(4)]
for one in made:
    child = os.fork()
    if child == 0:
        try:
            well = not {used} or store.load(before.id, NOW) == before
            for _ in range(20):
                well = well and store.create(record(one.user_id), [], Limit.NONE).is_done
            well = well and store.create(one, [], Limit.NONE).is_done
            os._exit(0 if well else 1)
        except BaseException as error:
            print("child:", repr(error), file=sys.stderr)
            os._exit(2)
    children.append(child)
    # The parent goes on meanwhile.
    store.create(record("parent"), [], Limit.NONE)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
for one in made:
    assert store.load(one.id, NOW) == one, "what a child has answered is kept"
    assert len(store.list_by_user(one.user_id, NOW, 100)) == 21
assert len(store.list_by_user("parent", NOW, 100)) == 4
print("well")
"""


def run(program, warn="error"):
    # psycopg warns of connections that were open at the end of a program.
    warnings = ["-W", warn, "-W", "ignore::ResourceWarning"]
    done = subprocess.run([sys.executable, *warnings, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


@pytest.fixture
def places(tmp_path, prefix):
    """Calls that make a store."""
    name = f"test_{secrets.token_hex(8)}"
    url = shared_url("postgres")
    admin = sqlalchemy.create_engine(engine_url(url, "psycopg"))
    yield {
        "sqlite": f"SqliteLoginStore({str(tmp_path / 'logins.db')!r})",
        "redis": f"RedisLoginStore({shared_url('redis')!r}, {prefix!r}, timeout=30)",
        **{driver: f"SqlAlchemyLoginStore({made_engine(url, driver)}, {name!r}, timeout=30)" for driver in DRIVERS},
    }
    with admin.begin() as connection:
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')
    admin.dispose()


def made_engine(url, driver):
    return f"engine_from_url({engine_url(url, driver).render_as_string(hide_password=False)!r})"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux shows them")
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", ["sqlite", "redis", "psycopg", "psycopg2"])
def test_children_and_their_parent_use_one_store_before_and_after_it_was_used(kind, used, places):
    assert run(FORK.format(tests=TESTS, store=places[kind], used=used)) == "well\n"


def test_a_fork_among_threads_that_use_an_sqlite_store_loses_nothing(tmp_path):
    program = """
import os, sys, threading
sys.path.insert(0, {tests!r})
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import *
from stores import NOW, record
store = SqliteLoginStore({path!r})
made, errors = [], []
def use():
    for _ in range(30):
        one = record("parent")
        try:
            store.create(one, [], Limit.NONE)
            assert store.load(one.id, NOW) == one
        except BaseException as error:
            errors.append(error)
        made.append(one)
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for number in range(5):
    child = os.fork()
    if child == 0:
        for _ in range(2):
            one = record("child")
            if not store.create(one, [], Limit.NONE).is_done or store.load(one.id, NOW) != one:
                os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
for thread in threads:
    thread.join()
assert errors == [], errors
assert len(store.list_by_user("child", NOW, 1000)) == 10
assert len(store.list_by_user("parent", NOW, 1000)) == len(made) == 120
print("well")
"""
    # From 3.12 on, Python warns of forks among threads.
    assert run(program.format(tests=TESTS, path=str(tmp_path / "logins.db")), "ignore") == "well\n"


def test_a_memory_store_warns_in_a_child_once():
    program = """
import os, sys, warnings
sys.path.insert(0, {tests!r})
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import *
from stores import NOW, record
store, it = MemoryLoginStore(), record()
store.create(it, [], Limit.NONE)
if os.fork() == 0:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert store.load(it.id, NOW) == it and store.delete(it.id)
    assert [str(it.message)[:16] for it in caught] == ["MemoryLoginStore"], caught
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert store.load(it.id, NOW) == it
print("well")
"""
    assert run(program.format(tests=TESTS)) == "well\n"


GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
sys.path.insert(0, {tests!r})
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import *
from stores import NOW, OPERATIONS, record
store = {store}
def use(number):
    for _ in range(5):
        one = record(f"user {{number}}")
        assert store.create(one, [], Limit.NONE).is_done
        assert store.load(one.id, NOW) == one
    assert len(store.list_by_user(f"user {{number}}", NOW, 10)) == 5
jobs = [gevent.spawn(use, number) for number in range(12)]
gevent.joinall(jobs, timeout=100, raise_error=True)
assert all(job.ready() for job in jobs)
if {waits}:
    one = record()
    print("freeze", flush=True)
    sys.stdin.readline()
    asks = gevent.spawn(store.create, one, [], Limit.NONE)
    gives_up = gevent.spawn(gevent.with_timeout, 0.01, store.load, one.id, NOW, timeout_value="gave up")
    for _ in range(1000):
        gevent.sleep(0)
        assert not asks.ready()
    assert gives_up.get(timeout=60) == "gave up"
    print("thaw", flush=True)
    assert asks.get(timeout=60).is_done
for operation in OPERATIONS.values():
    operation(store, record())
print("well", flush=True)
"""


@pytest.mark.parametrize("kind", ["redis", "psycopg"])
def test_greenlets_go_on_while_one_waits_for_the_server_and_may_give_up(kind, request):
    server = request.getfixturevalue("redis_server" if kind == "redis" else "postgres")
    store = {
        "redis": f"RedisLoginStore({server.url!r}, timeout=60)",
        "psycopg": f"SqlAlchemyLoginStore({made_engine(server.url, 'psycopg')}, timeout=60)",
    }[kind]
    program = GEVENT.format(tests=TESTS, store=store, waits=True)
    command = [sys.executable, "-W", "ignore", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "freeze\n"
        server.freeze()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "thaw\n"
        server.thaw()
        assert process.stdout.readline() == "well\n"
    assert process.returncode == 0


@pytest.mark.parametrize("kind", ["sqlite", "psycopg2"])
def test_greenlets_may_use_a_store_that_keeps_them_waiting(kind, places):
    assert run(GEVENT.format(tests=TESTS, store=places[kind], waits=False), "ignore") == "well\n"


def test_importing_the_stores_imports_no_client():
    program = (
        "import flask_housekey.stores, sys; print({'redis', 'sqlalchemy', 'psycopg'} & set(sys.modules) or 'none')"
    )
    assert run(program) == "none\n"
