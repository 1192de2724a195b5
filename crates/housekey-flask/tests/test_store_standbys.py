"""Login stores in PostgreSQL beside servers that only read: standbys, and a former primary after a failover."""

import contextlib

import psycopg
import pytest
import sqlalchemy
from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import Limit, LoginStoreError, SqlAlchemyLoginStore
from stores import DRIVERS, NOW, OPERATIONS, Server, engine_url, record, start_standby_of, until

CHANGES = [name for name in OPERATIONS if name not in ("load", "list_by_user")]


def run(server, *statements):
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            found = connection.execute(statement)
        return found.fetchone() if found.description else None


@pytest.fixture
def pair(tmp_path):
    """A primary that answers a logout when its standby has it too."""
    with contextlib.ExitStack() as servers:
        primary = Server("postgres", tmp_path / "primary")
        servers.callback(primary.kill)
        standby = start_standby_of(primary, tmp_path / "standby")
        servers.callback(standby.kill)
        run(
            primary,
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "ALTER SYSTEM SET synchronous_commit = 'remote_apply'",
            "SELECT pg_reload_conf()",
        )
        until("it waits for its standby", lambda: run(primary, "SHOW synchronous_commit") == ("remote_apply",))
        yield primary, standby


@pytest.fixture
def disposed():
    """Engines that are disposed of afterwards."""
    engines = []

    def keep(engine):
        engines.append(engine)
        return engine

    yield keep
    for engine in engines:
        assert engine.pool.checkedout() == 0
        engine.dispose()


def only_reads_from_now_on(server):
    """Also over connections that are there already."""
    run(
        server,
        "ALTER SYSTEM SET synchronous_standby_names = ''",
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    )
    until("it only reads", lambda: run(server, "SHOW default_transaction_read_only") == ("on",))


def fails(store, names, *hides):
    for name in names:
        with pytest.raises(LoginStoreError, match="a server that only reads, as a standby does") as raised:
            OPERATIONS[name](store, record())
        assert all(secret not in f"{raised.value} {raised.value.__cause__}" for secret in hides), name


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_standby_answers_nothing_unless_it_was_asked_for(pair, driver, disposed):
    primary, standby = pair
    mias = record("mia")
    writes = disposed(sqlalchemy.create_engine(engine_url(primary.url, driver)))
    SqlAlchemyLoginStore(writes).create(mias, [], Limit.NONE)

    def engines(url):
        """The program's, and the store's own."""
        own = engine_from_url(url.render_as_string(hide_password=False))
        return disposed(sqlalchemy.create_engine(url)), disposed(own)

    url = engine_url(standby.url, driver)
    for engine in engines(url):
        fails(SqlAlchemyLoginStore(engine), OPERATIONS, standby.password)
    for engine in engines(url.update_query_dict({"target_session_attrs": "any"})):
        store = SqlAlchemyLoginStore(engine)
        assert store.load(mias.id, NOW) == mias and store.list_by_user("mia", NOW, 9) == [mias]
        assert store.load(record().id, NOW) is None and store.list_by_user("ben", NOW, 9) == []
        fails(store, CHANGES)


@pytest.mark.parametrize("driver", DRIVERS)
def test_connections_to_what_only_reads_by_now_cost_nobody_an_answer(pair, driver, disposed):
    """A name that leads to another server by now, while the pool's connections stay with the one that only reads."""
    primary, standby = pair
    port = primary.port

    def engine():
        engine = disposed(sqlalchemy.create_engine(engine_url(primary.url, driver), pool_size=3))

        @sqlalchemy.event.listens_for(engine, "do_connect")
        def follow_the_name(dialect, record, cargs, cparams):
            cparams["port"] = port

        return engine

    # Each operation meets connections of its own, some of which the program has made before the store saw the engine.
    stores = {name: engine() for name in OPERATIONS}
    for name, its in stores.items():
        with its.connect(), its.connect(), its.connect():
            pass
        stores[name] = SqlAlchemyLoginStore(its)
        stores[name].delete(record().id)
    kept, ended = record("mia"), record("mia")
    for it in (kept, ended):
        stores["create"].create(it, [], Limit.NONE)

    run(standby, "SELECT pg_promote()")
    only_reads_from_now_on(primary)
    # A login that ends on a server that the stores do not use yet.
    elsewhere = disposed(sqlalchemy.create_engine(engine_url(standby.url, driver)))
    assert SqlAlchemyLoginStore(elsewhere).delete(ended.id)
    port = standby.port
    assert stores["load"].load(ended.id, NOW) is None, "it has ended"
    assert stores["list_by_user"].list_by_user("mia", NOW, 9) == [kept]
    for name, store in stores.items():
        for _ in range(4):
            OPERATIONS[name](store, record())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_url_with_several_servers_leads_to_the_one_that_writes_also_after_a_failover(pair, driver, disposed):
    primary, standby = pair
    url = engine_url(primary.url, driver)
    # The standby first: it is skipped for as long as it is one.
    hosts = [f"127.0.0.1:{server.port}" for server in (standby, primary)]
    both = url.set(host=None, port=None).update_query_dict({"host": hosts})
    engine = disposed(engine_from_url(both.render_as_string(hide_password=False)))
    store, kept, ended = SqlAlchemyLoginStore(engine), record("mia"), record("mia")
    for it in (kept, ended):
        store.create(it, [], Limit.NONE)
    assert store.delete(ended.id)

    primary.kill()
    fails(store, ["load", "create"], primary.password)
    run(standby, "SELECT pg_promote()")
    assert store.list_by_user("mia", NOW, 9) == [kept] and store.load(ended.id, NOW) is None
    assert store.create(record("mia"), [], Limit.NONE).is_done


@pytest.mark.parametrize("table", DRIVERS, indirect=True)
def test_what_a_server_did_not_do_because_it_stops_is_done_over_another_connection(table, disposed):
    """Each connection fails once, as if the server ended it in the middle of a statement."""
    name, engine = table
    store = SqlAlchemyLoginStore(engine, name)
    store.create(record(), [], Limit.NONE)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'CREATE FUNCTION "{name}_stops"() RETURNS trigger LANGUAGE plpgsql AS '
            "$$ BEGIN IF current_setting('housekey.stops', true) = 'yes' THEN "
            "RAISE EXCEPTION 'it stops' USING ERRCODE = 'admin_shutdown'; END IF; RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            f'CREATE TRIGGER stops AFTER INSERT ON "{name}" FOR EACH ROW EXECUTE FUNCTION "{name}_stops"()'
        )
    stops = disposed(sqlalchemy.create_engine(engine.url, pool_size=3))
    with stops.connect() as one, stops.connect() as two:
        for connection in (one, two):
            connection.exec_driver_sql("SET housekey.stops = 'yes'")
            connection.commit()
    it = record()
    assert SqlAlchemyLoginStore(stops, name).create(it, [], Limit.NONE).is_done
    assert store.load(it.id, NOW) == it
    stops.dispose()

    @sqlalchemy.event.listens_for(stops, "connect")
    def set(driver, record):
        with contextlib.closing(driver.cursor()) as cursor:
            cursor.execute("SET housekey.stops = 'yes'")
        driver.commit()

    with pytest.raises(LoginStoreError, match="it stops"):
        SqlAlchemyLoginStore(stops, name).create(record(), [], Limit.NONE)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP FUNCTION "{name}_stops" CASCADE')
