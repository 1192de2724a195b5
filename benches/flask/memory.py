"""Whether memory or time grow with the number of requests."""

import os
from itertools import cycle
from statistics import median
from time import thread_time_ns

import flask_housekey

from progress import Progress
from sites import MEMBERS, ask, cookies_after, environ, log_in, site

OK = "200 OK"

#: The number of equal parts that the requests are divided into.
PARTS = 100
#: How much the process may grow after the first tenth, in MiB. An arena of the allocator is one.
GROWTH = 2
#: How much slower the last quarter may be than the one after the first tenth.
SLOWER = 1.15


def traffic(app):
    """Requests of every kind, without end: pages, logins, logouts, remembered visitors, and invented cookies."""
    ids = cycle(MEMBERS[flask_housekey])
    for number, id in enumerate(ids):
        cookies = log_in(app, id)
        yield
        for _ in range(8):
            _expect(app, "/dashboard", cookies, OK)
            yield
        for _ in range(4):
            _expect(app, "/public", cookies, OK)
            yield
        _expect(app, "/read", cookies, OK)
        yield
        for _ in range(2):
            cookies = cookies_after(_expect(app, "/write", cookies, OK), cookies)
            yield
        # The session is gone, the remember token brings it back.
        _expect(app, "/dashboard", {"remember_token": cookies["remember_token"]}, OK)
        yield
        forged = {"session": f"{number:x}.{cookies['session']}", "remember_token": f"{number}|{number:0128x}"}
        _expect(app, "/dashboard", forged, "401 UNAUTHORIZED")
        yield
        status, headers, _ = ask(app, environ("/log-out", cookies, "POST"))
        assert status == OK and not cookies_after(headers, cookies), (status, headers)
        yield


def _expect(app, path, cookies, status):
    answered, headers, _ = ask(app, environ(path, cookies))
    assert answered == status, (path, answered)
    return headers


def measure(requests):
    """Makes this many requests. Returns the resident memory in MiB and the microseconds per request, for each part."""
    app = site(flask_housekey)
    walk = traffic(app)
    each = max(requests // PARTS, 1)
    memory, times = [], []
    progress = Progress()
    for part in range(PARTS):
        began = thread_time_ns()
        for _ in range(each):
            next(walk)
        times.append((thread_time_ns() - began) / each / 1000)
        memory.append(_resident())
        progress.say(f"{(part + 1) * each} of {PARTS * each} requests, {memory[-1]:.1f} MiB")
    progress.end()
    return memory, times


def verdict(memory, times):
    """The results, and which of them are too bad."""
    warm = PARTS // 10
    growth = max(memory[-warm:]) - max(memory[:warm])
    before, after = median(times[warm : PARTS // 4 + warm]), median(times[-PARTS // 4 :])
    seen = (
        f"memory: {max(memory[:warm]):.1f} MiB after a tenth of the requests, {max(memory[-warm:]):.1f} at the end\n"
        f"time: {before:.1f} µs a request in the first quarter after that, {after:.1f} in the last one"
    )
    wrong = []
    if growth > GROWTH:
        wrong.append(f"it grew by {growth:.1f} MiB, more than {GROWTH}")
    if after > before * SLOWER:
        wrong.append(f"it became slower by {after / before - 1:.0%}, more than {SLOWER - 1:.0%}")
    return seen, wrong


def _resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
