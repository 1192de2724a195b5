"""How a login store talks to Redis: to a server, the master that Sentinels name, or a cluster. Over the client's pools, and
once."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._core import LoginStoreError
from .redis_errors import UNREACHABLE, NotConnected, Replica, TooFew, cause, connecting_failure, failure, is_read_only
from .redis_url import ClusterUrl, client_from_url

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

logger: logging.Logger = logging.getLogger("flask_housekey")

UNSEEN = (
    "its settings cannot be seen; let the client's user use INFO and CONFIG GET, or look at maxmemory-policy, appendonly and "
    "appendfsync yourself"
)
NO_LOG = (
    "appendonly is no: after a crash, logins that have ended may be back; set appendonly yes and appendfsync always"
)
LATE_LOG = "appendfsync is not always: after a power cut, logins that have ended may be back; set it"

# How often a question goes to another node, and how long to wait before repeating one that came while a slot was moving.
MOST_REDIRECTIONS = 200
PAUSE = 0.05


class Script:
    def __init__(self, text: str) -> None:
        self.text: str = text
        self.digest: str = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Question:
    """A command about keys of one hash slot. If `replicas` is not 0, that many must have its change."""

    def __init__(
        self, key: str, command: Sequence[bytes | str | int], script: Script | None = None, replicas: int = 0
    ) -> None:
        self.key: str = key
        self.command: list[bytes | int] = [part.encode() if isinstance(part, str) else part for part in command]
        self.script: Script | None = script
        self.replicas: int = replicas


def servers(client_or_url: Redis | RedisCluster | str, timeout: float | None) -> Server | Cluster:
    """Answers a store's questions, through a client or a URL to make one from."""
    redis = _redis()
    if isinstance(client_or_url, str):
        client = client_from_url(redis, client_or_url, 5.0 if timeout is None else timeout)
        return Cluster(redis, client) if isinstance(client, ClusterUrl) else Server(redis, client.connection_pool)
    if timeout is not None:
        raise ValueError("timeout: with a client, set the client's own socket_timeout instead")
    if isinstance(client_or_url, redis.cluster.RedisCluster):
        return Cluster(redis, client_or_url)
    if not isinstance(client_or_url, redis.Redis):
        raise TypeError(
            f"RedisLoginStore takes a redis.Redis, a RedisCluster or a URL, not {type(client_or_url).__name__}"
        )
    return Server(redis, client_or_url.connection_pool)


class Server:
    """A server, or the master that Sentinels name for each new connection."""

    def __init__(self, redis: Any, pool: Any) -> None:
        check_bounds(pool)
        self._exceptions = redis.exceptions
        self._link = Link(redis, pool)

    def ask(self, question: Question) -> Any:
        return self.ask_all([question])[0]

    def ask_all(self, questions: Sequence[Question]) -> list[Any]:
        answers = self._link.ask(questions)
        for answer in answers:
            if isinstance(answer, Exception):
                raise failure(self._exceptions, answer, self.name) from cause(self._exceptions, answer)
        return answers

    def warnings(self) -> list[str]:
        try:
            return self._link.warnings()
        except self._exceptions.RedisError as error:
            raise failure(self._exceptions, error, self.name) from cause(self._exceptions, error)

    @property
    def name(self) -> str:
        return self._link.name


class Cluster:
    """The nodes of a cluster, as redis-py finds them. A question is repeated only where it was not carried out: the slot is
    at another node or moving, or there was no connection."""

    def __init__(self, redis: Any, client_or_url: RedisCluster | ClusterUrl) -> None:
        self._redis = redis
        self._exceptions = redis.exceptions
        self._links: dict[str, Link] = {}
        self._connecting = threading.Lock()
        self._url: ClusterUrl | None = None
        self._found: Any = None
        if isinstance(client_or_url, ClusterUrl):
            self._url = client_or_url
            self._patience = 2 * max(client_or_url.socket_timeout, 0.1)
            return
        client: Any = client_or_url
        if client.read_from_replicas or getattr(client, "load_balancing_strategy", None):
            raise ValueError("this client reads from replicas, where an ended login may still be alive: make it without that")
        self._found = client
        # There is at least one, since the client has asked it for the others.
        pool = client.get_redis_connection(client.get_primaries()[0]).connection_pool
        check_bounds(pool)
        self._patience = 2 * max(pool.connection_kwargs.get("socket_timeout") or 5.0, 0.1)

    @property
    def _client(self) -> Any:
        """redis-py's client. It is made when it is first needed, because it connects at once."""
        if self._found is not None or self._url is None:
            return self._found
        if not self._connecting.acquire(timeout=self._patience):
            raise LoginStoreError(f"{self.name}: no node has answered yet; {UNREACHABLE}")
        try:
            if self._found is None:
                self._found = self._url.connect()
            return self._found
        except (self._exceptions.RedisError, self._exceptions.RedisClusterException, OSError) as error:
            raise connecting_failure(self._exceptions, error, self.name) from None
        finally:
            self._connecting.release()

    def ask(self, question: Question) -> Any:
        exceptions = self._exceptions
        deadline = time.monotonic() + self._patience
        asked = unreachable = None
        answer: Any = None
        for _ in range(MOST_REDIRECTIONS):
            asking = asked is not None
            try:
                node = asked or self._client.nodes_manager.get_node_from_slot(self._client.keyslot(question.key))
            except exceptions.RedisError as error:
                answer = error
                break
            asked = None
            # The other nodes say that it is still this one.
            if unreachable == node.name:
                break
            unreachable = None
            link = self._link(node)
            [answer] = link.ask([question], asking)
            if not isinstance(answer, Exception):
                return answer
            if isinstance(answer, exceptions.MovedError):
                self._client.nodes_manager.move_slot(answer)
            elif isinstance(answer, exceptions.AskError):
                asked = self._node(answer)
            elif isinstance(answer, (exceptions.TryAgainError, exceptions.ClusterDownError)):
                if time.monotonic() + PAUSE > deadline:
                    break
                time.sleep(PAUSE)
                if isinstance(answer, exceptions.ClusterDownError):
                    self._look_again()
            elif isinstance(answer, (Replica, NotConnected)):
                unreachable = node.name
                self._look_again()
            else:
                if isinstance(answer, (exceptions.ConnectionError, exceptions.TimeoutError, OSError)):
                    self._look_again()
                break
        raise failure(exceptions, answer, self.name) from cause(exceptions, answer)

    def ask_all(self, questions: Sequence[Question]) -> list[Any]:
        """Repeats every question on its own that did not get an answer."""
        of_nodes: dict[str, tuple[Any, list[int]]] = {}
        for index, question in enumerate(questions):
            try:
                node = self._client.nodes_manager.get_node_from_slot(self._client.keyslot(question.key))
            except self._exceptions.RedisError as error:
                raise failure(self._exceptions, error, self.name) from cause(self._exceptions, error)
            of_nodes.setdefault(node.name, (node, []))[1].append(index)
        answers: list[Any] = [None] * len(questions)
        for node, indexes in of_nodes.values():
            for index, answer in zip(indexes, self._link(node).ask([questions[index] for index in indexes])):
                answers[index] = self.ask(questions[index]) if isinstance(answer, Exception) else answer
        return answers

    def warnings(self) -> list[str]:
        warnings = []
        for node in self._client.get_primaries():
            try:
                warnings += self._link(node).warnings()
            except self._exceptions.RedisError as error:
                raise failure(self._exceptions, error, self.name) from cause(self._exceptions, error)
        return warnings

    @property
    def name(self) -> str:
        if self._found is not None:
            places = sorted(node.name for node in self._found.get_nodes())
        else:
            places = [f"{host}:{port}" for host, port in self._url.nodes] if self._url else []
        return f"the Redis Cluster at {', '.join(places[:3])}"

    def _link(self, node: Any) -> Link:
        pool = self._client.get_redis_connection(node).connection_pool
        link = self._links.get(node.name)
        if link is None or link.pool is not pool:
            link = self._links[node.name] = Link(self._redis, pool)
        return link

    def _node(self, error: Any) -> Any:
        node = self._client.get_node(host=error.host, port=error.port)
        if node is None:
            self._look_again()
            node = self._client.get_node(host=error.host, port=error.port)
        return node

    def _look_again(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except (self._exceptions.RedisError, self._exceptions.RedisClusterException) as error:
            logger.debug("%s: no node says where the others are: %s", self.name, error)


class Link:
    """A pool of connections to one server."""

    def __init__(self, redis: Any, pool: Any) -> None:
        self.pool: Any = pool
        self._exceptions = redis.exceptions
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._new: weakref.WeakSet[Any] = weakref.WeakSet()
        self._has_warned = False

    def ask(self, questions: Sequence[Question], asking: bool = False) -> list[Any]:
        """What the server answers, as bytes, whatever the client decodes; or the exception. A client would repeat an
        unanswered command, and that could make a second login; so this uses the client's connections, and asks once."""
        exceptions = self._exceptions
        try:
            connection = self._connection()
        except Replica as error:
            return [error] * len(questions)
        except (exceptions.RedisError, OSError) as error:
            refused = NotConnected(str(error))
            refused.__cause__ = error
            return [refused] * len(questions)
        try:
            answers = self._exchange(connection, questions, asking)
            # The script is sent once, and named by its digest afterwards.
            for index, (question, answer) in enumerate(zip(questions, answers)):
                if isinstance(answer, exceptions.NoScriptError) and question.script is not None:
                    self._say(connection, [[b"SCRIPT", b"LOAD", question.script.text]])
                    [answers[index]] = self._exchange(connection, [question], asking)
            if any(isinstance(answer, Exception) and is_read_only(exceptions, answer) for answer in answers):
                # Its name may lead to another server now.
                connection.disconnect()
            return answers
        except (exceptions.RedisError, OSError) as error:
            # An answer may still be on its way.
            connection.disconnect()
            return [error] * len(questions)
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self.pool.release(connection)

    def warnings(self) -> list[str]:
        """How the server's settings may affect logins."""
        connection = self._connection()
        try:
            return [f"{self.name}: {warning}" for warning in self._warnings(connection)]
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self.pool.release(connection)

    @property
    def name(self) -> str:
        options = self.pool.connection_kwargs
        service = getattr(self.pool, "service_name", None)
        if service is not None:
            return f"database {options.get('db') or 0} of the Redis that Sentinels call {service!r}"
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        return f"database {options.get('db') or 0} of Redis at {place}"

    def _exchange(self, connection: Any, questions: Sequence[Question], asking: bool) -> list[Any]:
        commands: list[Sequence[bytes | str | int]] = []
        for question in questions:
            commands += [[b"ASKING"]] if asking else []
            commands.append(question.command)
            if question.replicas:
                patience = max(1, int(1000 * (getattr(connection, "socket_timeout", None) or 5.0) / 2))
                commands.append([b"WAIT", question.replicas, patience])
        said = iter(self._say(connection, commands))
        answers = []
        for question in questions:
            if asking:
                next(said)
            answer = next(said)
            if question.replicas:
                count = next(said)
                if not isinstance(answer, Exception):
                    if isinstance(count, Exception):
                        answer = count
                    elif count < question.replicas:
                        answer = TooFew(f"{count} of {question.replicas} replicas have what was changed")
            answers.append(answer)
        return answers

    def _say(self, connection: Any, commands: Sequence[Sequence[bytes | str | int]]) -> list[Any]:
        connection.send_packed_command(connection.pack_commands(commands))
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(connection.read_response(disable_decoding=True))
            except self._exceptions.ResponseError as error:
                answers.append(error)
        return answers

    def _connection(self) -> Any:
        connection = self.pool.get_connection()
        try:
            # The server has closed it since its last use.
            if connection.can_read(timeout=0):
                connection.disconnect()
            connection.connect()
            if connection not in self._known:
                connection.register_connect_callback(self._is_new)
                self._known.add(connection)
                self._new.add(connection)
            if connection in self._new:
                self._refuse_replicas(connection)
                self._new.discard(connection)
            if not self._has_warned:
                self._has_warned = True
                for warning in self._warnings(connection):
                    logger.warning("%s: %s", self.name, warning)
            return connection
        except BaseException:
            connection.disconnect()
            self.pool.release(connection)
            raise

    def _is_new(self, connection: Any) -> None:
        self._new.add(connection)

    def _refuse_replicas(self, connection: Any) -> None:
        """A replica answers questions too, with outdated data. `HELLO` reveals it to every user, `ROLE` only to users with
        the permission; but `HELLO` is younger."""
        [hello] = self._say(connection, [[b"HELLO"]])
        if isinstance(hello, Exception) and "unknown command" in str(hello):
            [answer] = self._say(connection, [[b"ROLE"]])
            role = answer if isinstance(answer, Exception) else answer[0]
        elif isinstance(hello, (list, dict)):
            said = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2]))
            role = b"sentinel" if said.get(b"mode") == b"sentinel" else said.get(b"role")
        else:
            role = hello
        if isinstance(role, Exception):
            raise role
        if role == b"sentinel":
            raise Replica("it is a Sentinel")
        if role != b"master":
            raise Replica("it is a replica")

    def _warnings(self, connection: Any) -> list[str]:
        asked = [[b"INFO", b"memory"], [b"INFO", b"persistence"], [b"CONFIG", b"GET", b"appendfsync"]]
        memory, persistence, sync = self._say(connection, asked)
        if not isinstance(memory, bytes) or not isinstance(persistence, bytes):
            return [UNSEEN]
        info = dict(line.split(":", 1) for line in (memory + persistence).decode().splitlines() if ":" in line)
        warnings = []
        policy = info.get("maxmemory_policy", "unknown")
        if policy != "noeviction" and info.get("maxmemory") != "0":
            warnings.append(
                f"maxmemory-policy is {policy}: when its memory is full it drops logins; set noeviction"
            )
        often = sync.get(b"appendfsync") if isinstance(sync, dict) else sync[1:2] if isinstance(sync, list) else None
        if info.get("aof_enabled") != "1":
            warnings.append(NO_LOG)
        elif not often:
            # Hosting providers do not show it.
            warnings.append(UNSEEN)
        elif often not in (b"always", [b"always"]):
            warnings.append(LATE_LOG)
        return warnings


def check_bounds(pool: Any) -> None:
    # This does not connect.
    options = pool.connection_kwargs
    if hasattr(pool, "service_name"):
        # The connections of Sentinel's pools need the pool.
        options = {**options, "connection_pool": pool}
    connection = pool.connection_class(**options)
    if getattr(connection, "socket_timeout", 0) is None:
        raise ValueError(
            "this client waits for an answer for ever: make it with socket_timeout=5, or another number of seconds"
        )
    if getattr(connection, "socket_connect_timeout", 0) is None:
        raise ValueError(
            "this client connects for ever: make it with socket_connect_timeout=5, or another number of seconds"
        )
    if getattr(pool, "timeout", 0) is None:
        raise ValueError(
            "the client's pool waits for a connection for ever: make it with timeout=5, or another number of seconds"
        )


def _redis() -> Any:
    try:
        import redis
        import redis.cluster
        import redis.sentinel
    except ImportError:
        raise ImportError("RedisLoginStore needs redis-py: pip install 'flask-housekey[redis]'") from None
    return redis
