"""What the tests of login stores share: servers, records, and stores on each."""

import contextlib
import os
import pathlib
import random
import secrets
import signal
import socket
import subprocess
import threading
import time

import pytest
import redis
import sqlalchemy
from flask_housekey.stores import (
    Limit,
    LoginRecord,
    MemoryLoginStore,
    RedisLoginStore,
    SqlAlchemyLoginStore,
    SqliteLoginStore,
    Touch,
)

SERVE = pathlib.Path(__file__).parents[3] / "scripts" / "serve"
NOW = 1_700_000_000
HOUR = 3600
DRIVERS = ("psycopg", "psycopg2")
# What servers say when they are ready: PostgreSQL (a standby has a line of its own), Redis, a Sentinel.
READY = ("ready to accept connections", "ready to accept read-only connections", "sentinel id is")


def record(user_id="mia", **changes):
    fields = dict(
        id=secrets.token_bytes(16),
        user_id=user_id,
        version=0,
        created_at=NOW,
        last_seen_at=NOW,
        expires_at=NOW + HOUR,
        data='{"session":"the-data-of-a-record"}',
    )
    return LoginRecord(**{**fields, **changes})


TOUCH = Touch(now=NOW + 100, unless_since=NOW + 50, expires_at=NOW + HOUR)

OPERATIONS = {
    "create": lambda store, it: store.create(it, [], Limit.NONE),
    "load": lambda store, it: store.load(it.id, NOW),
    "update": lambda store, it: store.update(it),
    "touch": lambda store, it: store.touch(it.id, TOUCH),
    "list_by_user": lambda store, it: store.list_by_user(it.user_id, NOW, 10),
    "delete": lambda store, it: store.delete(it.id),
    "delete_by_user": lambda store, it: store.delete_by_user(it.user_id, None, 10),
    "delete_expired": lambda store, it: store.delete_expired(NOW - HOUR, 10),
}


def shared_url(kind):
    """Where the server for all tests is: `scripts/with-servers` says it."""
    return os.environ[{"postgres": "DATABASE_URL", "redis": "REDIS_URL"}[kind]]


def engine_url(url, driver):
    return sqlalchemy.make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername=f"postgresql+{driver}")


class Server:
    """A server of one test, which can be stopped and started again with its data."""

    def __init__(self, kind, folder, **files):
        self.kind, self.folder, self.process = kind, folder, None
        (folder / "server").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / "server" / name).write_text(text)
        # It runs as somebody else when the tests run as root.
        for parent in [folder, *folder.parents][:4]:
            parent.chmod(0o711)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SERVE, self.kind, self.folder / "server"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = []
        for line in self.process.stdout:
            said.append(line)
            if any(words in line.lower() for words in READY):
                # What it says is of no interest any more, but somebody has to read it.
                self.reader = threading.Thread(target=self.process.stdout.read)
                self.reader.start()
                return
        raise AssertionError("".join(said))

    @property
    def url(self):
        return (self.folder / "server" / "url").read_text()

    @property
    def port(self):
        return int((self.folder / "server" / "port").read_text())

    @property
    def password(self):
        return (self.folder / "server" / "password").read_text()

    def stop(self):
        self.thaw()
        self.process.send_signal(signal.SIGINT if self.kind == "postgres" else signal.SIGTERM)
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def kill(self):
        if self.process.poll() is not None:
            return
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def client(self, **options):
        return redis.Redis(port=self.port, password=self.password, decode_responses=True, **{"socket_timeout": 30, **options})

    def freeze(self):
        """It takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for process in self.processes():
            # A server's processes come and go.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def processes(self):
        parent = self.process.pid
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children")
        return [parent, *map(int, children.read_text().split())] if children.exists() else []


@pytest.fixture
def postgres(tmp_path):
    server = Server("postgres", tmp_path)
    yield server
    server.stop()


#: Below those that scripts/serve chooses, and below those for outgoing connections: either could take one before its server starts.
PORTS = iter(random.sample(range(10_000, 20_000), 10_000))


def free_port():
    """A different one each time."""
    for port in PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port between 10000 and 20000 is free")


@pytest.fixture
def nobody():
    """A port at which nobody listens, and that nobody can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def start_standby_of(primary, folder):
    """A standby that follows a PostgreSQL server until it is promoted."""
    data = folder / "server" / "data"
    data.parent.mkdir(parents=True)
    copying = ["pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    subprocess.run([*copying, "--dbname", primary.url, "--pgdata", data], check=True, stdin=subprocess.DEVNULL)
    port = str(free_port())
    url = primary.url.replace(f":{primary.port}/", f":{port}/")
    return Server("postgres", folder, port=port, password=primary.password, url=url)


@pytest.fixture
def redis_server(tmp_path):
    server = Server("redis", tmp_path)
    yield server
    server.stop()


def until(what, is_so):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < 60, what
        time.sleep(0.05)


def says(server, *command):
    """What it answers, or nothing."""
    try:
        return server.client().execute_command(*command)
    except redis.RedisError:
        return {}


@pytest.fixture
def cluster(tmp_path):
    """Three masters, and a replica of each behind them."""
    settings = "cluster-enabled yes\ncluster-node-timeout 1500\nrepl-diskless-sync-delay 0\n"
    with contextlib.ExitStack() as servers:
        nodes = []
        for number in range(6):
            node = Server("redis", tmp_path / str(number), password="password", settings=settings)
            servers.callback(node.kill)
            nodes.append(node)
        for node in nodes[1:]:
            bus = (node.folder / "server" / "bus").read_text().strip()
            nodes[0].client().execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for node, (first, last) in zip(nodes, [(0, 5461), (5462, 10923), (10924, 16383)]):
            node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for number in range(3):
            id = nodes[number].client().execute_command("CLUSTER", "MYID")
            until("a replica knows its master", lambda: says(nodes[number + 3], "CLUSTER", "REPLICATE", id))
        settle(nodes)
        yield nodes


def settle(nodes):
    """Waits until all nodes of a cluster agree."""

    def is_whole(node):
        info, replication = str(says(node, "CLUSTER", "INFO")), says(node, "INFO", "replication")
        if "cluster_state:ok" not in info or f"cluster_known_nodes:{len(nodes)}" not in info:
            return False
        return replication.get("role") == "master" or replication.get("master_link_status") == "up"

    until("the cluster is whole", lambda: all(is_whole(node) for node in nodes))


@pytest.fixture
def watched(tmp_path):
    """A master, its replica, and a Sentinel that calls the master `logins`."""
    with contextlib.ExitStack() as servers:

        def start(kind, name, settings):
            server = Server(kind, tmp_path / name, password="password", settings=settings)
            servers.callback(server.kill)
            return server

        master = start("redis", "master", "repl-diskless-sync-delay 0\n")
        replica = start("redis", "replica", f"replicaof 127.0.0.1 {master.port}\n")
        until("it follows", lambda: says(replica, "INFO", "replication").get("master_link_status") == "up")
        settings = f"sentinel monitor logins 127.0.0.1 {master.port} 1\nsentinel auth-pass logins password\n"
        settings += "sentinel down-after-milliseconds logins 1500\nsentinel failover-timeout logins 3000\n"
        sentinel = start("sentinel", "sentinel", settings)
        until("it knows the replica", lambda: len(says(sentinel, "SENTINEL REPLICAS", "logins")) == 1)
        yield master, replica, sentinel


@pytest.fixture(params=DRIVERS)
def table(request):
    """A table of its own on the server for all tests: a name, and an engine."""
    engine = sqlalchemy.create_engine(engine_url(shared_url("postgres"), request.param))
    name = f"test_{secrets.token_hex(8)}"
    yield name, engine
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')
    engine.dispose()


@pytest.fixture
def prefix():
    """Keys of its own on the server for all tests."""
    prefix = f"test-{secrets.token_hex(8)}:"
    yield prefix
    with redis.Redis.from_url(shared_url("redis"), socket_timeout=30) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)


@pytest.fixture(params=["memory", "sqlite", "psycopg", "psycopg2", "redis"])
def store(request, tmp_path):
    """An empty store of each kind, with time for a thousand threads at once on a busy machine."""
    kind = request.param
    if kind == "memory":
        yield MemoryLoginStore()
    elif kind == "sqlite":
        yield SqliteLoginStore(tmp_path / "logins.db", busy_timeout=300)
    elif kind == "redis":
        yield RedisLoginStore(shared_url("redis"), request.getfixturevalue("prefix"), timeout=300)
    else:
        url = engine_url(shared_url("postgres"), kind)
        engine = sqlalchemy.create_engine(url, pool_size=8, max_overflow=8, pool_timeout=300)
        name = f"test_{secrets.token_hex(8)}"
        yield SqlAlchemyLoginStore(engine, name, timeout=300)
        with engine.begin() as connection:
            connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')
        engine.dispose()
