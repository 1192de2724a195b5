"""Login stores on Redis Clusters and behind Sentinels that a URL names."""

import subprocess

import pytest
import redis
from flask_housekey.redis_url import ClusterUrl, client_from_url
from flask_housekey.stores import Limit, LoginStoreError, RedisLoginStore, store_from_url
from flask_housekey.testing import check_login_store
from stores import NOW, OPERATIONS, Server, free_port, record, until


def every_one_works(store):
    it = record("works")
    for operation in OPERATIONS.values():
        operation(store, it)


def fails(store, says, *hides):
    for name, operation in OPERATIONS.items():
        with pytest.raises(LoginStoreError, match=says) as raised:
            operation(store, record())
        error = raised.value
        shown = f"{error} {error!r} {error.__cause__} {error.__context__}"
        assert all(secret not in shown for secret in hides), name


@pytest.fixture
def encrypted(tmp_path):
    """What servers with TLS need in their configuration, and the certificate that clients have to trust."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    making = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    making += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(making.split(), check=True, capture_output=True)
    # The servers run as somebody else when the tests run as root.
    for file in (key, certificate):
        file.chmod(0o644)
    files = f"tls-key-file {key}\ntls-cert-file {certificate}\ntls-ca-cert-file {certificate}\n"
    yield f"{files}tls-auth-clients no\ntls-replication yes\n", certificate


@pytest.mark.parametrize(
    "url, nodes, options",
    [
        ("redis+cluster://a", [("a", 6379)], {}),
        ("redis+cluster://a:1,[::1]:2,[::1]/", [("a", 1), ("::1", 2), ("::1", 6379)], {}),
        ("redis+cluster://u:a%3Fb@a/0", [("a", 6379)], {"username": "u", "password": "a?b"}),
        ("redis+cluster://:p/w@rd@a,b", [("a", 6379), ("b", 6379)], {"password": "p/w@rd"}),
        ("REDISS+CLUSTER://a?ssl_ca_certs=/ca.pem", [("a", 6379)], {"ssl": True, "ssl_ca_certs": "/ca.pem"}),
        ("redis+cluster://a?socket_timeout=1.5", [("a", 6379)], {"socket_timeout": 1.5}),
    ],
)
def test_a_url_names_the_nodes_of_a_cluster_and_how_to_ask_them(url, nodes, options, monkeypatch):
    made = {}
    monkeypatch.setattr(redis.cluster, "RedisCluster", lambda **it: made.update(it))
    found = client_from_url(redis, url, 5)
    assert isinstance(found, ClusterUrl) and found.nodes == nodes and made == {}
    found.connect()
    assert [(node.host, node.port) for node in made.pop("startup_nodes")] == nodes
    assert made.pop("retry")._retries == 0
    expected = {"socket_timeout": 5, "socket_connect_timeout": 5, "ssl": False, **options}
    assert made == expected


@pytest.mark.parametrize(
    "url, sentinels, of_sentinels, of_master",
    [
        ("redis+sentinel://a/m", [("a", 26379)], {}, {"db": 0}),
        ("redis+sentinel://a:1,[::1]:2,[::1]/m/3", [("a", 1), ("::1", 2), ("::1", 26379)], {}, {"db": 3}),
        ("redis+sentinel://u:p@a/m%2Fn/", [("a", 26379)], {}, {"db": 0, "username": "u", "password": "p"}),
        (
            "redis+sentinel://:p@a/m?sentinel_username=v&sentinel_password=q%26",
            [("a", 26379)],
            {"username": "v", "password": "q&"},
            {"db": 0, "password": "p"},
        ),
        (
            "rediss+sentinel://a/m?ssl_check_hostname=false&socket_timeout=2&max_connections=9",
            [("a", 26379)],
            {"ssl_check_hostname": False, "socket_timeout": 2},
            {"db": 0, "ssl_check_hostname": False, "socket_timeout": 2},
        ),
    ],
)
def test_a_url_names_sentinels_and_their_master_and_how_to_ask_each(url, sentinels, of_sentinels, of_master):
    pool = client_from_url(redis, url, 5).connection_pool
    assert pool.service_name == ("m/n" if "%2F" in url else "m")
    assert pool.max_connections == (9 if "max" in url else pool.max_connections)
    ssl = url.startswith("rediss")
    assert issubclass(pool.connection_class, redis.connection.SSLConnection) == ssl
    asked = [it.connection_pool for it in pool.sentinel_manager.sentinels]
    assert [(it.connection_kwargs["host"], it.connection_kwargs["port"]) for it in asked] == sentinels
    for them, expected in [*((it, of_sentinels) for it in asked), (pool, of_master)]:
        assert issubclass(them.connection_class, redis.connection.SSLConnection) == ssl
        expected = {"socket_timeout": 5, "socket_connect_timeout": 5, "username": None, "password": None, **expected}
        assert {key: them.connection_kwargs.get(key) for key in expected} == expected
        assert them.connection_kwargs["retry"]._retries == 0


@pytest.mark.parametrize(
    "url, says",
    [
        ("redis+cluster://", "name of a host is missing"),
        ("redis+cluster://u:hunter2@a,,b/", "a comma too many"),
        ("redis+cluster://u:hunter2@a/1", "one database"),
        ("redis+cluster://u:hunter2@a:port/", "a port is a number"),
        ("redis+cluster://u:hunter2@a:70000/", "a port is a number"),
        ("redis+cluster://u:h?hunter2@a/", "written %3F"),
        ("redis+cluster://u:hunter2@a?password=b", "password stands before"),
        ("redis+cluster://u:hunter2@a?db=1", "db stands before"),
        ("redis+cluster://u:hunter2@a?nothing=1", "nothing"),
        ("redis+cluster://u:hunter2@a?health_check_interval=1", "no health_check_interval for a cluster"),
        ("redis+cluster://u:hunter2@a?socket_timeout=soon", "socket_timeout"),
        ("redis+cluster://u:hunter2@a?sentinel_password=b", "sentinel_password"),
        ("redis+sentinel://u:hunter2@a", "master's name"),
        ("redis+sentinel://u:hunter2@a/?sentinel_password=b", "master's name"),
        ("redis+sentinel://u:hunter2@/m", "name of a host is missing"),
        ("redis+sentinel://u:hunter2@a/m/n", "number of a database"),
        ("redis+sentinel://u:hunter2@a/m?sentinel_username=b", "no effect without sentinel_password"),
        ("redis+sentinel://u:hunter2@a/m?nothing=1", "nothing"),
        ("rediss+sentinel://u:hunter2@a/m?ssl_cert_reqs=perhaps", "redis-py does not accept"),
        ("redis+sentinels://u:hunter2@a/m", "cannot begin with 'redis\\+sentinels'"),
        ("redis-sentinel://u:hunter2@a/m", "cannot begin with 'redis-sentinel'"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_the_password(url, says):
    with pytest.raises(ValueError, match=says) as raised:
        store_from_url(url, ".")
    assert "hunter2" not in f"{raised.value} {raised.value.__cause__}"


def test_a_url_of_a_cluster_is_enough_when_one_of_its_nodes_answers(cluster, nobody):
    nodes = f"127.0.0.1:{nobody},127.0.0.1:{cluster[0].port}"
    store = store_from_url(f"redis+cluster://default:password@{nodes}/", ".")
    assert repr(store) == f"RedisLoginStore(the Redis Cluster at 127.0.0.1:{nobody}, 127.0.0.1:{cluster[0].port}, prefix='housekey:')"
    check_login_store(RedisLoginStore(f"redis+cluster://:password@{nodes}", "suite:", timeout=30))
    for number in range(60):
        store.create(record(f"user {number}"), [], Limit.NONE)
    assert all(node.client().dbsize() > 10 for node in cluster[:3]), "they are on all nodes"
    assert store.check() == []
    it = record("mia")
    store.create(it, [], Limit.NONE)
    # It has heard of the other nodes, and needs those of the URL no more.
    cluster[0].kill()
    until("the replica takes over", lambda: cluster[3].client().role()[0] == "master")

    def loads():
        try:
            return store.load(it.id, NOW) == it
        except LoginStoreError:
            return False

    until("it goes on", loads)


def test_a_cluster_that_cannot_be_asked_is_said_and_asked_again(cluster, nobody, redis_server):
    port = cluster[0].port
    away = RedisLoginStore(f"redis+cluster://u:hunter2@127.0.0.1:{nobody}", timeout=1)
    fails(away, f"the Redis Cluster at 127.0.0.1:{nobody}: .*; see whether its nodes run", "hunter2")
    wrong = RedisLoginStore(f"redis+cluster://default:hunter2@127.0.0.1:{port}", timeout=5)
    fails(wrong, "see which user and password", "hunter2")
    single = RedisLoginStore(f"redis+cluster://:{redis_server.password}@127.0.0.1:{redis_server.port}")
    fails(single, "it is not a cluster; .* redis://", redis_server.password)
    store = RedisLoginStore(f"redis+cluster://:password@127.0.0.1:{port}", timeout=10)
    cluster[0].freeze()
    with pytest.raises(LoginStoreError, match="see whether it runs"):
        store.load(record().id, NOW)
    cluster[0].thaw()
    until("it is asked again", lambda: works(store))


def works(store):
    try:
        every_one_works(store)
    except LoginStoreError:
        return False
    return True


def test_a_url_of_sentinels_leads_to_the_master_also_after_it_was_replaced(watched, nobody):
    master, replica, sentinel = watched
    store = RedisLoginStore(
        f"redis+sentinel://:password@127.0.0.1:{nobody},127.0.0.1:{sentinel.port}/logins/2?sentinel_password=password",
        replicas=1,
        timeout=10,
    )
    assert "database 2 of the Redis that Sentinels call 'logins'" in repr(store)
    every_one_works(store)
    kept, ended = record("mia"), record("mia")
    for it in (kept, ended):
        store.create(it, [], Limit.NONE)
    assert store.delete(ended.id)
    assert master.client(db=2).dbsize() > 0 == master.client(db=0).dbsize()
    master.kill()
    with pytest.raises(LoginStoreError):
        store.load(kept.id, NOW)

    def is_replaced():
        try:
            return store.load(kept.id, NOW) == kept
        except LoginStoreError:
            return False

    until("it is replaced", is_replaced)
    assert store.load(ended.id, NOW) is None


def test_sentinels_that_cannot_be_asked_and_masters_that_they_do_not_know_are_said(watched, nobody):
    sentinel = watched[2]

    def store(place, name="logins", user="", query="?sentinel_password=password"):
        return RedisLoginStore(f"redis+sentinel://{user}127.0.0.1:{place}/{name}{query}", timeout=5)

    own = "the Redis that Sentinels call"
    fails(store(nobody, query="?sentinel_password=hunter2"), f"{own} 'logins': .*; see whether the Sentinels run", "hunter2")
    fails(store(sentinel.port, query="?sentinel_password=hunter2"), f"{own} .*password", "hunter2")
    fails(store(sentinel.port, query=""), f"{own} .*password")
    fails(store(sentinel.port, name="others"), f"{own} 'others': .* know a master of this name", "password=")
    fails(store(sentinel.port, user=":hunter2@"), f"{own} 'logins': .*; see which user and password", "hunter2")


def test_a_cluster_and_sentinels_are_asked_over_tls(encrypted, tmp_path):
    settings, certificate = encrypted
    ports = [free_port() for _ in range(3)]
    places = {}
    servers = []
    for kind, name, more in [
        ("redis", "cluster", "cluster-enabled yes\ntls-cluster yes\n"),
        ("redis", "master", ""),
        ("sentinel", "sentinel", f"sentinel monitor logins 127.0.0.1 {ports[1]} 1\nsentinel auth-pass logins password\n"),
    ]:
        port = ports[len(servers)]
        server = Server(kind, tmp_path / name, password="password", settings=f"{settings}tls-port {port}\n{more}")
        servers.append(server)
        places[name] = f":password@127.0.0.1:{port}"
    try:
        node = servers[0].client()
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until("it is a cluster", lambda: node.cluster("INFO")["cluster_state"] == "ok")
        trust = f"ssl_ca_certs={certificate}"
        urls = [
            f"rediss+cluster://{places['cluster']}/?",
            f"rediss+sentinel://{places['sentinel']}/logins/0?sentinel_password=password&",
        ]
        for url in urls:
            every_one_works(store_from_url(url + trust, "."))
            fails(store_from_url(url, "."), "CERTIFICATE_VERIFY_FAILED|trusts their certificates", ":password@")
        for url in urls:
            fails(RedisLoginStore(url.replace("rediss+", "redis+"), timeout=1), "see wh", ":password@")
    finally:
        for server in servers:
            server.kill()


def test_what_redis_py_says_of_sentinels_is_not_repeated(monkeypatch):
    """Versions 6 and 7 say with which password they are asked."""

    def discover_master(self, service_name):
        raise redis.sentinel.MasterNotFoundError("<Connection(password=hunter2)> - ConnectionError()")

    monkeypatch.setattr(redis.sentinel.Sentinel, "discover_master", discover_master)
    fails(RedisLoginStore("redis+sentinel://127.0.0.1:1/logins"), "no Sentinel names its master", "hunter2")
