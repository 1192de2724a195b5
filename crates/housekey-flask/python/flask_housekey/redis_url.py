"""Clients of redis-py from a URL: for a server, for the master that Sentinels name, or for a Redis Cluster.

redis-py has URLs for a server only. The others are spelled as Flask-Limiter does (`redis+cluster://`) and several programs on
redis-py do (`redis+sentinel://`). The command `housekey` reads the same. No message contains more of a URL than its scheme.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

PLAIN = ("redis", "rediss", "unix")
CLUSTER = ("redis+cluster", "rediss+cluster")
SENTINEL = ("redis+sentinel", "rediss+sentinel")
SCHEMES: tuple[str, ...] = (*PLAIN, *CLUSTER, *SENTINEL)

CLUSTER_FORM = "redis+cluster://USER:PASSWORD@NODE,NODE/"
SENTINEL_FORM = "redis+sentinel://USER:PASSWORD@SENTINEL,SENTINEL/MASTER/0"
REDIS_PORT = 6379
SENTINEL_PORT = 26379

# What a URL says in other places.
PLACES = ("host", "port", "path", "db", "username", "password", "unix_socket_path", "ssl")


class ClusterUrl:
    """A cluster that nobody has connected to yet: redis-py's client asks it for its nodes as soon as it is made."""

    def __init__(self, nodes: list[tuple[str, int]], connect: Callable[[], RedisCluster], socket_timeout: float) -> None:
        self.nodes: list[tuple[str, int]] = nodes
        self.connect: Callable[[], RedisCluster] = connect
        self.socket_timeout: float = socket_timeout


def client_from_url(redis: Any, url: str, timeout: float) -> Redis | ClusterUrl:
    """A client that waits for `timeout` seconds for a connection and for each answer, and asks once."""
    if not timeout > 0:
        raise ValueError("timeout: a number of seconds above 0")
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    bounds = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": once}
    if scheme in CLUSTER:
        return _cluster(redis, scheme, rest, bounds)
    if scheme in SENTINEL:
        return _sentinel(redis, scheme, rest, bounds)
    client: Redis = redis.Redis.from_url(url, **bounds)
    return client


def _cluster(redis: Any, scheme: str, rest: str, bounds: dict[str, Any]) -> ClusterUrl:
    user, nodes, path, query = _parts(rest, REDIS_PORT, CLUSTER_FORM)
    if path not in ("", "0"):
        raise ValueError(f"a Redis Cluster has one database, so no other may follow its nodes: {CLUSTER_FORM}")
    options = _options(redis, scheme, query)
    unused = options.keys() - redis.cluster.cleanup_kwargs(**options).keys()
    if unused:
        raise ValueError(f"redis-py has no {_listed(unused)} for a cluster")
    options = {**bounds, **options, **user, "ssl": scheme.startswith("rediss")}

    def connect() -> RedisCluster:
        found = [redis.cluster.ClusterNode(host, port) for host, port in nodes]
        client: RedisCluster = redis.cluster.RedisCluster(startup_nodes=found, **options)
        return client

    return ClusterUrl(nodes, connect, options["socket_timeout"])


def _sentinel(redis: Any, scheme: str, rest: str, bounds: dict[str, Any]) -> Redis:
    user, sentinels, path, query = _parts(rest, SENTINEL_PORT, SENTINEL_FORM)
    name, _, database = path.partition("/")
    if not name:
        raise ValueError(f"the master's name follows the Sentinels: {SENTINEL_FORM}")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(f"the number of a database follows the master's name, or nothing: {SENTINEL_FORM}")
    options = _options(redis, scheme, query, ("sentinel_username", "sentinel_password"))
    asker = {
        key: options.pop(f"sentinel_{key}") for key in ("username", "password") if f"sentinel_{key}" in options
    }
    if "username" in asker and "password" not in asker:
        raise ValueError("sentinel_username has no effect without sentinel_password")
    # How to reach a server holds for the Sentinels too.
    shared = {key: value for key, value in options.items() if key.startswith(("ssl_", "socket_"))}
    ssl = scheme.startswith("rediss")
    watch = redis.sentinel.Sentinel(sentinels, sentinel_kwargs={**bounds, **shared, **asker, "ssl": ssl})
    options = {**bounds, **options, **user, "db": int(database or 0), "ssl": ssl}
    client: Redis = watch.master_for(unquote(name), **options)
    return client


def _parts(rest: str, port: int, form: str) -> tuple[dict[str, str], list[tuple[str, int]], str, str]:
    """The user and the password, the servers, what follows them, and the options."""
    rest, _, query = rest.partition("?")
    if "@" in query:
        raise ValueError("there is a ? before the @: in a password it is written %3F")
    # A password may contain any of the others, if it is not encoded as it should be.
    credentials, _, rest = rest.rpartition("@")
    username, _, password = credentials.partition(":")
    user = {"username": unquote(username), "password": unquote(password)}
    places, _, path = rest.partition("/")
    hosts = [_place(place, port) for place in places.split(",")]
    if any(not host for host, _ in hosts):
        raise ValueError(f"the name of a host is missing, or there is a comma too many: {form}")
    return {key: value for key, value in user.items() if value}, hosts, path.rstrip("/"), query


def _place(text: str, port: int) -> tuple[str, int]:
    host, colon, digits = text.rpartition(":")
    # The colons of an IPv6 address are in brackets.
    if not colon or text.endswith("]"):
        host, digits = text, ""
    if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
        raise ValueError("a port is a number from 1 to 65535, after a host and a colon")
    return unquote(host.removeprefix("[").removesuffix("]")), int(digits or port)


def _options(redis: Any, scheme: str, query: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """redis-py's options for a connection, with values of their types."""
    plain = scheme.partition("+")[0]
    options: dict[str, Any] = redis.connection.parse_url(f"{plain}://host/?{query}")
    made_of = options.pop("connection_class", redis.connection.Connection)
    del options["host"]
    elsewhere = options.keys() & set(PLACES)
    if elsewhere:
        raise ValueError(f"{_listed(elsewhere)} stands before the ?")
    # This does not connect. It refuses options that there are not.
    try:
        made_of(**{key: value for key, value in options.items() if key not in (*more, "max_connections")})
    except redis.exceptions.RedisError as error:
        raise ValueError(f"redis-py does not accept the options: {error}") from None
    return options


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
