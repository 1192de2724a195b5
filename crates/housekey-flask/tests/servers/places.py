"""Where the logins of the site are kept: in a table, or under keys, of its own."""

import secrets
from contextlib import contextmanager

from flask_housekey.stores import RedisLoginStore, SqlAlchemyLoginStore, store_from_url
from flask_housekey.postgres_link import engine_from_url


def find_store(url, table, engine_of=engine_from_url):
    """The store at a place."""
    if url.startswith("redis:"):
        return RedisLoginStore(url, f"{table}:")
    if url.startswith("postgresql"):
        return SqlAlchemyLoginStore(engine_of(url), table)
    return store_from_url(url, ".")


@contextmanager
def place(kind, folder):
    """A place of this kind, a URL and a name. What is there is deleted afterwards."""
    import redis
    import sqlalchemy
    from stores import engine_url, shared_url

    table = f"test_{secrets.token_hex(8)}"
    if kind == "postgres":
        url = engine_url(shared_url(kind), "psycopg")
        yield url.render_as_string(hide_password=False), table
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{table}"')
        engine.dispose()
    elif kind == "redis":
        yield shared_url(kind), table
        with redis.Redis.from_url(shared_url(kind), socket_timeout=30) as client:
            for key in client.scan_iter(f"{table}:*"):
                client.delete(key)
    elif kind == "memory":
        yield "memory:", table
    else:
        yield f"sqlite:///{folder}/{table}.db", table
