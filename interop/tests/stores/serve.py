"""A Python process with a login store of flask_housekey. It reads questions from standard input, one JSON line each, and
writes the answers, one line each, in any order."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from flask_housekey.postgres_link import engine_from_url
from flask_housekey.stores import (
    Limit,
    LoginRecord,
    RedisLoginStore,
    SqlAlchemyLoginStore,
    SqliteLoginStore,
    Touch,
    Updated,
)

# More than any test asks at once.
THREADS = 40
FIELDS = ("user_id", "version", "created_at", "last_seen_at", "expires_at", "data")
UPDATED = {Updated.DONE: "done", Updated.CONFLICT: "conflict", Updated.GONE: "gone"}


def make(kind, place, name, timeout):
    if kind == "sqlite":
        return SqliteLoginStore(place, name)
    if kind == "redis":
        return RedisLoginStore(place, name, timeout=timeout)
    url = place.replace("postgres://", "postgresql://", 1).replace("postgresql://", f"postgresql+{kind}://", 1)
    return SqlAlchemyLoginStore(engine_from_url(url, timeout), name, timeout=timeout)


def to_json(record):
    return {"id": record.id.hex(), **{name: getattr(record, name) for name in FIELDS}}


def from_json(record):
    return LoginRecord(**{**record, "id": bytes.fromhex(record["id"])})


def create(store, new, replacing, limit):
    created = store.create(from_json(new), [bytes.fromhex(id) for id in replacing], Limit(**limit))
    # FULL, TAKEN, done or crowded.
    what = repr(created).removeprefix("Created.").partition("(")[0].lower()
    return {"what": what, "ended": [id.hex() for id in created.ended]}


def load(store, id, now):
    found = store.load(bytes.fromhex(id), now)
    return None if found is None else to_json(found)


def delete_by_user(store, user_id, except_id, limit):
    kept = None if except_id is None else bytes.fromhex(except_id)
    return [id.hex() for id in store.delete_by_user(user_id, kept, limit)]


METHODS = {
    "create": create,
    "load": load,
    "update": lambda store, changed: UPDATED[store.update(from_json(changed))],
    "touch": lambda store, id, touch: store.touch(bytes.fromhex(id), Touch(**touch)),
    "delete": lambda store, id: store.delete(bytes.fromhex(id)),
    "delete_by_user": delete_by_user,
    "list_by_user": lambda store, *asked: [to_json(record) for record in store.list_by_user(*asked)],
    "delete_expired": lambda store, now, limit: store.delete_expired(now, limit),
}


def main():
    kind, place, name, timeout = sys.argv[1:]
    store = make(kind, place, name, float(timeout))
    lock = threading.Lock()

    def answer(number, method, arguments):
        try:
            said = {"answer": METHODS[method](store, *arguments)}
        except Exception as error:
            said = {"error": f"{error}; {error!r}; {error.__cause__!r}"}
        with lock:
            print(json.dumps({"number": number, **said}), flush=True)

    with ThreadPoolExecutor(THREADS) as threads:
        for line in sys.stdin:
            question = json.loads(line)
            threads.submit(answer, question["number"], question["method"], question["arguments"])


main()
