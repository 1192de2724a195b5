"""Login stores in PostgreSQL and Redis: what their errors say, that they end in time, and what a program's own settings do not change.
Servers that are killed in the middle of traffic are a matter of interop/tests/stores."""

import socket
import threading
import time

import pytest
import redis
import sqlalchemy
from flask_housekey import stores as stores_module
from flask_housekey._core import RedisScripts
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import Created, Limit, LoginStoreError, RedisLoginStore, SqlAlchemyLoginStore, Updated
from flask_housekey.testing import check_login_store
from stores import DRIVERS, NOW, OPERATIONS, engine_url, record, shared_url

# Long after the store should have given up, and long before anybody loses patience.
HUNG = 60


def every_one_fails(store, says, hides=(), but=()):
    it = record("the-user-of-a-record")
    for name, operation in OPERATIONS.items():
        if name in but:
            continue
        began = time.monotonic()
        with pytest.raises(LoginStoreError) as raised:
            operation(store, it)
        assert time.monotonic() - began < HUNG
        error = raised.value
        assert says in str(error), name
        # No context, which SQLAlchemy would fill with the record, is shown or kept.
        shown = [str(error), repr(error), str(error.__cause__), str(error.__context__)]
        for secret in ("the-user-of-a-record", "the-data-of-a-record", it.id.hex(), *hides):
            assert all(secret not in text for text in shown), name


def every_one_works(store):
    it = record("works")
    for operation in OPERATIONS.values():
        operation(store, it)


@pytest.fixture
def silent():
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_never_answers_is_an_error_in_time(silent, driver):
    engine = engine_from_url(f"postgresql+{driver}://me:hunter2@127.0.0.1:{silent}/site", timeout=1)
    # libpq takes one second for two.
    every_one_fails(
        SqlAlchemyLoginStore(engine, timeout=1), f"at 127.0.0.1:{silent}", ["hunter2"], but=list(OPERATIONS)[1:]
    )
    store = RedisLoginStore(f"redis://:hunter2@127.0.0.1:{silent}", timeout=0.1)
    every_one_fails(store, f"Redis at 127.0.0.1:{silent}", ["hunter2"])


@pytest.mark.parametrize("driver", DRIVERS)
def test_connecting_over_a_programs_own_engine_ends_in_time_too(silent, driver):
    engine = sqlalchemy.create_engine(f"postgresql+{driver}://me@127.0.0.1:{silent}/site")
    store = SqlAlchemyLoginStore(engine, timeout=1)
    with pytest.raises(LoginStoreError, match=f"127.0.0.1:{silent}"):
        store.load(bytes(16), NOW)
    heard = []
    sqlalchemy.event.listen(engine, "do_connect", lambda *it: heard.append(dict(it[3])) or pytest.fail("it connects"))
    with pytest.raises(BaseException, match="it connects"):
        engine.connect()
    assert "connect_timeout" not in heard[0], "the program's own connections are its own affair"


@pytest.mark.parametrize("driver", DRIVERS)
def test_nobody_at_the_port_and_a_wrong_password_are_reported_without_the_password(driver, nobody, redis_server):
    every_one_fails(
        stores_module.store_from_url(f"postgresql+{driver}://me:hunter2@127.0.0.1:{nobody}/site", "."),
        "see whether it runs",
        ["hunter2"],
    )
    every_one_fails(RedisLoginStore(f"redis://:hunter2@127.0.0.1:{nobody}"), "see whether it runs", ["hunter2"])
    url = engine_url(shared_url("postgres"), driver).set(username="nobody-of-that-name", password="hunter2")
    every_one_fails(
        SqlAlchemyLoginStore(sqlalchemy.create_engine(url)), "which user, password and database", ["hunter2"]
    )
    wrong = f"redis://default:hunter2@127.0.0.1:{redis_server.port}/3"
    every_one_fails(RedisLoginStore(wrong), f"database 3 of Redis at 127.0.0.1:{redis_server.port}: ", ["hunter2"])
    every_one_fails(RedisLoginStore(wrong), "which user and password", ["hunter2"])


def test_a_held_lock_is_an_error_in_time_and_leaves_the_pool_in_order(table):
    name, engine = table
    store, hasty = SqlAlchemyLoginStore(engine, name), SqlAlchemyLoginStore(engine, name, timeout=0.3)
    every_one_works(store)
    with engine.connect() as other:
        other.exec_driver_sql(f'LOCK TABLE "{name}" IN ACCESS EXCLUSIVE MODE')
        every_one_fails(hasty, "has not answered within 0.3 s")
        assert engine.pool.checkedout() == 1
        other.rollback()
    assert engine.pool.checkedout() == 0
    every_one_works(store)


def test_making_logins_of_one_user_keeps_nobody_else_waiting(table):
    name, engine = table
    store, hasty = SqlAlchemyLoginStore(engine, name), SqlAlchemyLoginStore(engine, name, timeout=0.3)
    every_one_works(store)
    lock = stores_module.SqlAlchemyLoginStore(engine, name)._statements.begin(60_000, "mia")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.exec_driver_sql(lock)
        with pytest.raises(LoginStoreError, match="has not answered"):
            hasty.create(record("mia"), [], Limit.NONE)
        assert store.create(record("ben"), [], Limit.NONE).is_done
        other.exec_driver_sql("ROLLBACK")
    assert store.create(record("mia"), [], Limit.NONE).is_done


def test_a_connection_that_the_server_has_ended_is_not_used(table):
    name, engine = table
    store = SqlAlchemyLoginStore(engine, name)
    admin = sqlalchemy.create_engine(engine.url)
    for operation in OPERATIONS.values():
        every_one_works(store)
        with engine.connect() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with admin.connect() as connection:
            # It waits for the end.
            assert connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 60000)").scalar()
        operation(store, record())
    admin.dispose()


@pytest.mark.parametrize("table", ["psycopg"], indirect=True)
def test_a_pool_of_one_connection_is_enough_and_a_full_one_is_reported(table):
    name, engine = table
    small = sqlalchemy.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=30)
    check_login_store(SqlAlchemyLoginStore(small, name, timeout=30))
    tight = sqlalchemy.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with tight.connect():
        every_one_fails(SqlAlchemyLoginStore(tight, name), "all of the pool's connections are in use")
    small.dispose()
    tight.dispose()


@pytest.mark.parametrize("level", ["SERIALIZABLE", "AUTOCOMMIT"])
def test_a_programs_isolation_level_is_neither_used_nor_changed(table, level):
    name, engine = table
    own = sqlalchemy.create_engine(engine.url, isolation_level=level, pool_size=1)
    with own.connect() as connection:
        before = connection.connection.driver_connection.autocommit, connection.get_isolation_level()
    every_one_works(SqlAlchemyLoginStore(own, name))
    with own.connect() as connection:
        assert (connection.connection.driver_connection.autocommit, connection.get_isolation_level()) == before
    own.dispose()


@pytest.mark.parametrize("table", ["psycopg"], indirect=True)
def test_a_database_that_serializes_transactions_changes_nothing(table):
    name, engine = table
    url = engine.url.update_query_dict({"options": "-c default_transaction_isolation=serializable"})
    own = sqlalchemy.create_engine(url, pool_size=8, max_overflow=8)
    check_login_store(SqlAlchemyLoginStore(own, name, timeout=30))
    own.dispose()


def test_what_interrupts_an_operation_leaves_no_transaction_behind(table):
    name, engine = table
    store = SqlAlchemyLoginStore(engine, name)
    every_one_works(store)

    class Interrupt(BaseException):
        """As gevent's Timeout, or a worker that is told to end."""

    class Limits:
        def looks_at(self, replacing):
            raise Interrupt

    with pytest.raises(Interrupt):
        store.create(record("mia"), [], Limits())
    assert engine.pool.checkedout() == 0
    # A transaction would still have the lock of this user.
    other = sqlalchemy.create_engine(engine.url)
    assert SqlAlchemyLoginStore(other, name).create(record("mia"), [], Limit.NONE).is_done
    other.dispose()


def test_the_table_is_made_by_the_first_process_and_by_migrations(table):
    name, engine = table
    errors = []

    def first_use():
        try:
            SqlAlchemyLoginStore(engine, name, timeout=30).create(record(), [], Limit.NONE)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=first_use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = SqlAlchemyLoginStore(engine, name)
    assert errors == [] and len(store.list_by_user("mia", NOW, 100)) == 8
    store.create_table()
    with engine.begin() as connection:
        connection.exec_driver_sql(store.create_table_sql)
    assert len(store.list_by_user("mia", NOW, 100)) == 8


def test_a_table_of_another_program_and_one_that_is_gone_are_reported(table):
    name, engine = table
    store = SqlAlchemyLoginStore(engine, name)
    every_one_works(store)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP TABLE "{name}"')
    every_one_fails(store, "call create_table")
    with engine.begin() as connection:
        connection.exec_driver_sql(f'CREATE TABLE "{name}" (id int)')
    with pytest.raises(LoginStoreError, match="a table of its own"):
        SqlAlchemyLoginStore(engine, name).load(bytes(16), NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP TABLE "{name}"')
        columns = (
            "id text, user_id text, version text, created_at bigint, last_seen_at bigint, expires_at bigint, data text"
        )
        connection.exec_driver_sql(f'CREATE TABLE "{name}" ({columns})')
    with pytest.raises(LoginStoreError, match="of its own"):
        SqlAlchemyLoginStore(engine, name).load(bytes(16), NOW)


def test_a_nul_character_is_in_no_record_of_postgresql(table):
    store = SqlAlchemyLoginStore(table[1], table[0])
    for wrong in (record("a\0b"), record(data="{\0}")):
        for name in ("create", "update"):
            with pytest.raises(LoginStoreError, match="NUL character"):
                OPERATIONS[name](store, wrong)
    assert store.list_by_user("a\0b", NOW, 10) == [] == store.delete_by_user("a\0b", None, 10)


@pytest.mark.parametrize(
    "settings", [{"decode_responses": True}, {"encoding": "latin-1", "decode_responses": True}, {"protocol": 3}]
)
def test_a_programs_client_of_redis_may_be_as_it_likes(prefix, settings):
    client = redis.Redis.from_url(shared_url("redis"), socket_timeout=30, **settings)
    store, it = RedisLoginStore(client, prefix), record("佐藤")
    every_one_works(store)
    assert store.create(it, [], Limit.NONE) == Created.done([])
    assert store.load(it.id, NOW) == it and store.list_by_user("佐藤", NOW, 9) == [it]
    client.close()


def test_a_client_of_redis_that_tries_again_makes_no_login_twice(redis_server):
    """It would send a login again that was made, and be told that there is one already."""
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 5)
    client = redis.Redis.from_url(redis_server.url, socket_timeout=2, retry=retry)
    store = RedisLoginStore(client)
    every_one_works(store)
    admin = redis.Redis.from_url(redis_server.url, socket_timeout=30)

    def scripts_run():
        return admin.info("commandstats")["cmdstat_evalsha"]["calls"]

    it, before = record(), scripts_run()
    redis_server.freeze()
    with pytest.raises(LoginStoreError, match="see whether it runs"):
        store.create(it, [], Limit.NONE)
    redis_server.thaw()
    # What was sent, the server did when it could: the first of the two steps of a login.
    assert scripts_run() == before + 1
    assert store.load(it.id, NOW) is None
    assert store.create(it, [], Limit.NONE).is_done


def test_a_connection_of_redis_that_the_server_has_ended_is_not_used(redis_server):
    for protocol in (2, 3):
        client = redis.Redis.from_url(redis_server.url, socket_timeout=30, protocol=protocol)
        store = RedisLoginStore(client)
        admin = redis.Redis.from_url(redis_server.url, socket_timeout=30)
        for operation in OPERATIONS.values():
            every_one_works(store)
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            operation(store, record())


def test_scripts_are_sent_again_to_a_redis_that_has_forgotten_them(prefix):
    store = RedisLoginStore(shared_url("redis"), prefix)
    admin = redis.Redis.from_url(shared_url("redis"), socket_timeout=30)
    for operation in OPERATIONS.values():
        admin.script_flush()
        operation(store, record())


def test_what_redis_refuses_is_reported_with_what_to_do(redis_server):
    admin = redis.Redis.from_url(redis_server.url, socket_timeout=30)
    store = RedisLoginStore(redis_server.url)
    every_one_works(store)
    admin.execute_command("ACL", "SETUSER", "worker", "on", ">pass", "~other:*", "+@all")
    every_one_fails(
        RedisLoginStore(f"redis://worker:pass@127.0.0.1:{redis_server.port}"), "keys with the store's prefix"
    )
    every_one_fails(RedisLoginStore(f"redis://127.0.0.1:{redis_server.port}"), "which user and password")
    admin.config_set("maxmemory", 1)
    with pytest.raises(LoginStoreError, match="more memory"):
        store.create(record(), [], Limit.NONE)
    admin.config_set("maxmemory", 0)
    admin.replicaof("127.0.0.1", "1")
    with pytest.raises(LoginStoreError, match="a server that only reads"):
        store.create(record(), [], Limit.NONE)
    admin.replicaof("NO", "ONE")
    every_one_works(store)


def test_keys_of_another_program_in_redis_are_reported(prefix):
    import base64

    store, admin = (
        RedisLoginStore(shared_url("redis"), prefix),
        redis.Redis.from_url(shared_url("redis"), socket_timeout=30),
    )
    it = record()
    id = base64.urlsafe_b64encode(it.id).decode().rstrip("=")
    pointer, logins = RedisScripts.pointer_key(prefix, id), RedisScripts.keys_of_user(prefix, "mia")[0]

    def is_said():
        with pytest.raises(LoginStoreError, match="a prefix of its own") as raised:
            store.load(it.id, NOW)
        assert "hunter2" not in str(raised.value)

    admin.set(pointer, "hunter2")
    is_said()
    admin.set(pointer, b"\xff" * 20)
    is_said()
    admin.set(pointer, "0123456789abcdef mia")
    admin.set(logins, "a text")
    is_said()
    admin.delete(logins)
    for text in ("hunter2", "1 2 3", b"\xff", "1 2 3 x 0123456789abcdef hunter2"):
        admin.hset(logins, id, text)
        is_said()
    with pytest.raises(LoginStoreError, match="a prefix of its own"):
        store.delete(it.id)


def test_a_redis_that_does_not_know_a_command_is_reported_without_what_it_was_sent(tmp_path):
    """It answers with all that it was sent, so that the record would be in the log."""
    said = b"-ERR unknown command 'EVALSHA', with args beginning with: 'the-data-of-a-record' \r\n"

    def answer(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while connection.recv(65536):
                    connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=[listener], daemon=True).start()
        client = redis.Redis(port=listener.getsockname()[1], socket_timeout=5, protocol=2, driver_info=None)
        every_one_fails(RedisLoginStore(client), "does not know a command")
        listener.shutdown(socket.SHUT_RDWR)


def test_an_update_and_a_new_login_say_what_became_of_them(store):
    it = record()
    assert store.create(it, [], Limit.NONE) == Created.done([])
    assert store.create(it, [], Limit.NONE) == Created.TAKEN
    assert store.update(it) == Updated.DONE
    assert store.update(it) == Updated.CONFLICT
    assert store.delete(it.id)
    assert store.update(it) == Updated.GONE
