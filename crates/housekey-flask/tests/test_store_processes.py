"""Login stores in programs that fork, and under gevent."""

import pathlib
import subprocess
import sys

import pytest
from stores import shared_url

TESTS = str(pathlib.Path(__file__).parent)

FORK = """
import os, sys, warnings
sys.path.insert(0, {tests!r})
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
    done = subprocess.run([sys.executable, "-W", warn, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


@pytest.fixture
def places(tmp_path, prefix, request):
    """Calls that make a store."""
    from stores import engine_url

    def postgres(driver):
        name = request.getfixturevalue("table")[0]
        url = engine_url(shared_url("postgres"), driver).render_as_string(hide_password=False)
        return f"SqlAlchemyLoginStore(store_from_url({url!r}, '.')._source(), {name!r})"

    return {
        "sqlite": lambda: f"SqliteLoginStore({str(tmp_path / 'logins.db')!r})",
        "redis": lambda: f"RedisLoginStore({shared_url('redis')!r}, {prefix!r})",
        "psycopg": lambda: postgres("psycopg"),
        "psycopg2": lambda: postgres("psycopg2"),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux shows them")
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", ["sqlite", "redis", "psycopg", "psycopg2"])
def test_children_and_their_parent_use_one_store_before_and_after_it_was_used(kind, used, places):
    assert run(FORK.format(tests=TESTS, store=places[kind](), used=used)) == "well\n"


def test_a_fork_among_threads_that_use_an_sqlite_store_loses_nothing(tmp_path):
    program = """
import os, sys, threading
sys.path.insert(0, {tests!r})
from flask_housekey.stores import *
from stores import NOW, record
store = SqliteLoginStore({path!r})
stop = threading.Event()
made, errors = [], []
def use():
    while not stop.is_set():
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
for number in range(10):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            one = record("child")
            if not store.create(one, [], Limit.NONE).is_done or store.load(one.id, NOW) != one:
                os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in threads:
    thread.join()
assert errors == [], errors
assert len(store.list_by_user("child", NOW, 1000)) == 50
assert len(store.list_by_user("parent", NOW, 10**6)) == len(made) > 0
print("well")
"""
    # From 3.12 on, Python warns of forks among threads.
    assert run(program.format(tests=TESTS, path=str(tmp_path / "logins.db")), "ignore") == "well\n"


def test_a_memory_store_warns_in_a_child_once():
    program = """
import os, sys, warnings
sys.path.insert(0, {tests!r})
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
import gevent, socket
sys.path.insert(0, {tests!r})
from flask_housekey.stores import *
from stores import NOW, OPERATIONS, record
store = {store}
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0)
ticking = gevent.spawn(tick)
def use(number):
    for _ in range(5):
        one = record(f"user {{number}}")
        before = len(ticks)
        assert store.create(one, [], Limit.NONE).is_done
        assert {blocks} or len(ticks) > before, "others run meanwhile"
        assert store.load(one.id, NOW) == one
    assert len(store.list_by_user(f"user {{number}}", NOW, 10)) == 5
jobs = [gevent.spawn(use, number) for number in range(30)]
gevent.joinall(jobs, timeout=100, raise_error=True)
assert all(job.ready() for job in jobs)
ticking.kill()
# Who gives up in the middle of a question leaves the connections in order.
if not {blocks}:
    for delay in (0, 0, 0.0005, 0.001, 0.002):
        try:
            with gevent.Timeout(delay):
                for _ in range(50):
                    store.load(bytes(16), NOW)
        except gevent.Timeout:
            pass
for operation in OPERATIONS.values():
    operation(store, record())
print("well")
"""


@pytest.mark.parametrize("kind", ["redis", "psycopg", "sqlite"])
def test_greenlets_use_one_store_and_only_sqlite_keeps_the_others_waiting(kind, places):
    program = GEVENT.format(tests=TESTS, store=places[kind](), blocks=kind == "sqlite")
    assert run(program, "ignore") == "well\n"


def test_importing_the_stores_imports_no_client():
    program = (
        "import flask_housekey.stores, sys; print({'redis', 'sqlalchemy', 'psycopg'} & set(sys.modules) or 'none')"
    )
    assert run(program) == "none\n"
