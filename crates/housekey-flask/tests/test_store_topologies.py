"""Login stores on Redis Clusters, and on masters that Sentinels watch."""

import secrets
import threading

import pytest
import redis
from flask_housekey.stores import Limit, LoginStoreError, RedisLoginStore
from flask_housekey.testing import check_login_store
from redis.cluster import ClusterNode, LoadBalancingStrategy, RedisCluster
from redis.sentinel import MasterNotFoundError, Sentinel
from stores import NOW, OPERATIONS, record, settle, until

BOUNDS = {"socket_timeout": 10, "socket_connect_timeout": 10}


def every_one_works(store):
    it = record("works")
    for operation in OPERATIONS.values():
        operation(store, it)


class Traffic:
    """Threads that log in and out, and remember what they were told."""

    def __init__(self, store):
        self.store, self.known, self.rounds, self.errors = store, {}, [0] * 4, [0] * 4
        self.wrong, self.stopped = [], threading.Event()
        self.threads = [threading.Thread(target=self.go_on, args=[number]) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def go_on(self, number):
        while not self.stopped.is_set():
            it = record(f"worker {number}")
            try:
                if not self.store.create(it, [], Limit.NONE).is_done:
                    self.wrong.append("an id is new")
                self.known[it.id] = it
                if it.id[0] % 2:
                    del self.known[it.id]
                    if not self.store.delete(it.id):
                        self.wrong.append("nobody else deletes it")
                    self.known[it.id] = None
                self.rounds[number] += 1
            except LoginStoreError:
                self.errors[number] += 1
            except BaseException as error:
                self.wrong.append(repr(error))
                return

    def flows(self):
        before = list(self.rounds)
        until("everybody gets through", lambda: all(now > then + 4 for now, then in zip(self.rounds, before)) or self.wrong)

    def end(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        assert self.wrong == [] and len(self.known) > 20
        for id, expected in self.known.items():
            assert self.store.load(id, NOW) == expected


def test_a_store_on_a_cluster_does_what_every_store_must_and_loses_nothing_when_masters_are_killed(cluster):
    client = RedisCluster(host="127.0.0.1", port=cluster[0].port, password="password", **BOUNDS)
    check_login_store(RedisLoginStore(client, "suite:"))
    store = RedisLoginStore(client, replicas=1)
    assert store.check() == [] and "the Redis Cluster at 127.0.0.1:" in repr(store)
    for number in range(60):
        store.create(record(f"user {number}"), [], Limit.NONE)
    assert all(node.client().dbsize() > 30 for node in cluster[:3]), "they are on all nodes"
    traffic = Traffic(store)
    traffic.flows()
    cluster[0].kill()
    until("the replica takes over", lambda: cluster[3].client().role()[0] == "master")
    cluster[0].start()
    settle(cluster)
    traffic.flows()
    traffic.end()
    every_one_works(RedisLoginStore(client))


def test_slots_that_move_lose_no_login(cluster):
    client = RedisCluster(host="127.0.0.1", port=cluster[0].port, password="password", **BOUNDS)
    store, it = RedisLoginStore(client), record("mover")
    store.create(it, [], Limit.NONE)
    source, target = cluster[1].client(), cluster[2].client()
    source_id, target_id = (node.execute_command("CLUSTER", "MYID") for node in (source, target))
    traffic = Traffic(store)
    for slot in range(5462, 5562):
        target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
            source.execute_command(
                "MIGRATE", "127.0.0.1", cluster[2].port, "", 0, 5000, "AUTH", "password", "KEYS", *keys
            )
        for node in (target, source):
            node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)
    traffic.flows()
    traffic.end()
    assert store.load(it.id, NOW) == it


def test_a_client_of_a_cluster_that_reads_from_replicas_is_refused(cluster):
    nodes = [ClusterNode("127.0.0.1", node.port) for node in cluster]
    for settings in (
        {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN, **BOUNDS},
        {"socket_timeout": None, "socket_connect_timeout": 2},
    ):
        client = RedisCluster(startup_nodes=nodes, password="password", **settings)
        with pytest.raises(ValueError, match="replicas|socket_timeout"):
            RedisLoginStore(client)
    with pytest.raises(LoginStoreError, match="give the store a redis.cluster.RedisCluster"):
        other = cluster[0].client()
        for _ in range(64):
            RedisLoginStore(other).delete_by_user(secrets.token_hex(), None, 1)


def test_a_store_follows_the_master_that_a_sentinel_names(watched):
    master, replica, sentinel = watched
    sentinels = Sentinel(
        [("127.0.0.1", sentinel.port)], sentinel_kwargs={"password": "password", **BOUNDS}, password="password", **BOUNDS
    )
    store = RedisLoginStore(sentinels.master_for("logins"), replicas=1)
    assert "the Redis that Sentinels call 'logins'" in repr(store)
    every_one_works(store)
    kept, ended = record("mia"), record("mia")
    for it in (kept, ended):
        store.create(it, [], Limit.NONE)
    assert store.delete(ended.id)
    master.kill()
    with pytest.raises(LoginStoreError):
        store.load(kept.id, NOW)

    def is_replaced():
        try:
            return sentinels.discover_master("logins")[1] == replica.port
        except MasterNotFoundError:
            return False

    until("it is replaced", is_replaced)
    assert store.load(kept.id, NOW) == kept and store.load(ended.id, NOW) is None
    with pytest.raises(LoginStoreError, match="0 of 1 replicas have"):
        store.delete(kept.id)
    every_one_works(RedisLoginStore(sentinels.master_for("logins")))


def test_a_replica_and_a_sentinel_are_refused_even_for_looking(watched):
    master, replica, sentinel = watched
    for protocol in (2, 3):
        store = RedisLoginStore(replica.client(protocol=protocol))
        with pytest.raises(LoginStoreError, match="it is a replica; .* leads to a server that only reads"):
            store.load(record().id, NOW)
    with pytest.raises(LoginStoreError, match="master_for"):
        RedisLoginStore(sentinel.client()).load(record().id, NOW)
    client = master.client()
    store = RedisLoginStore(client)
    every_one_works(store)
    client.replicaof("127.0.0.1", replica.port)
    with pytest.raises(LoginStoreError, match="only reads"):
        store.create(record(), [], Limit.NONE)
    with pytest.raises(LoginStoreError, match="it is a replica"):
        store.load(record().id, NOW)


def test_a_change_that_too_few_replicas_have_is_an_error(redis_server):
    store = RedisLoginStore(redis_server.client(socket_timeout=4), replicas=1)
    with pytest.raises(LoginStoreError, match="0 of 1 replicas have"):
        store.create(record(), [], Limit.NONE)
    assert store.load(record().id, NOW) is None
    with pytest.raises(ValueError, match="replicas"):
        RedisLoginStore(redis_server.client(), replicas=-1)


def test_settings_that_may_lose_logins_or_bring_them_back_are_reported_and_logged(redis_server, caplog):
    admin = redis_server.client()
    for setting, value, says in [
        ("maxmemory", "100mb", None),
        ("maxmemory-policy", "allkeys-lru", "it drops logins"),
        ("maxmemory-policy", "noeviction", None),
        ("appendfsync", "everysec", "appendfsync is not always"),
        ("appendonly", "no", "set appendonly yes"),
    ]:
        admin.config_set(setting, value)
        for protocol in (2, 3):
            caplog.clear()
            store = RedisLoginStore(redis_server.client(protocol=protocol))
            every_one_works(store)
            logged = [it.getMessage() for it in caplog.records if it.name == "flask_housekey"]
            assert store.check() == logged and len(logged) == (says is not None)
            assert all(says in it and str(redis_server.port) in it for it in logged)
    for command in ("config", "info"):
        admin.acl_setuser("default", enabled=True, commands=[f"-{command}"])
    [warning] = RedisLoginStore(redis_server.client()).check()
    assert "cannot be seen" in warning


def test_a_sentinel_itself_is_not_a_client():
    with pytest.raises(TypeError, match="a redis.Redis, a RedisCluster or a URL"):
        RedisLoginStore(Sentinel([("127.0.0.1", 1)]))
    assert isinstance(RedisLoginStore(redis.Redis(**BOUNDS)), RedisLoginStore)
