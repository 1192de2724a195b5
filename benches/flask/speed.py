"""How long a request takes, as a multiple of its time on bare Flask."""

from statistics import median
from time import thread_time_ns

import flask_housekey
import flask_login

from progress import Progress
from sites import ask, environ, log_in, site

#: The limit for each case, as a multiple of bare Flask.
LIMITS = {
    "flask_housekey: protected page, its own cookie": 1.55,
    "flask_housekey: protected page, a cookie that Flask compressed": 1.55,
    "flask_housekey: public page with the login's cookies": 1.05,
    "flask_housekey: protected page, the login has a record in SQLite": 1.8,
}

#: The cases that must not take longer than the same on Flask's own session.
BESIDE_FLASK = {
    "flask_housekey: a view that reads the session": "Flask: a view that reads the session",
    "flask_housekey: a view that writes the session": "Flask: a view that writes the session",
}

BARE = "Flask without a session"


class Case:
    """A request that is repeated."""

    def __init__(self, name, app, environ, body):
        self.name = name
        self.wsgi = app.wsgi_app
        self.environ = environ
        status, _, text = ask(app, environ)
        if (status, text) != ("200 OK", body):
            raise SystemExit(f"scripts/bench: {name}: {status}, {text!r}")

    def run(self, calls):
        """The processor time of this thread for one call, in nanoseconds."""
        wsgi, environ = self.wsgi, self.environ
        began = thread_time_ns()
        for _ in range(calls):
            body = wsgi(environ.copy(), _start_response)
            for _ in body:
                pass
            body.close()
        return (thread_time_ns() - began) / calls


def _start_response(status, headers, exc_info=None):
    if exc_info is not None:
        raise exc_info[1]


def cases(folder):
    """The cases to measure. The file of the login records is in this folder."""
    bare, flask = site(key=False), site()
    upstream, housekey = site(flask_login), site(flask_housekey)
    recorded = site(flask_housekey, HOUSEKEY_LOGIN_STORE=f"sqlite:///{folder}/logins.db")
    compressed, plain = log_in(upstream), log_in(housekey)
    assert compressed["session"].startswith("."), "Flask compresses the session of a login"
    assert not plain["session"].startswith(".")
    # Every cookie of the login counts, except in these two: bare Flask has no remember token.
    session = {"session": compressed["session"]}

    def page(name, app, path, cookies, body):
        return Case(name, app, environ(path, cookies), body)

    hello, everybody, seen, noted = "Hello mia", "Hello everybody", "Last seen: 1", "Noted"
    return [
        page(BARE, bare, "/dashboard", None, hello),
        page("Flask: a session that nobody reads", flask, "/public", session, everybody),
        page("Flask: a view that reads the session", flask, "/read", session, seen),
        page("Flask: a view that writes the session", flask, "/write", session, noted),
        page("Flask-Login: protected page", upstream, "/dashboard", compressed, hello),
        page("Flask-Login: public page with the login's cookies", upstream, "/public", compressed, everybody),
        page("flask_housekey: protected page, its own cookie", housekey, "/dashboard", plain, hello),
        page(
            "flask_housekey: protected page, a cookie that Flask compressed",
            housekey,
            "/dashboard",
            compressed,
            hello,
        ),
        page("flask_housekey: public page with the login's cookies", housekey, "/public", plain, everybody),
        page(
            "flask_housekey: protected page, the login has a record in SQLite",
            recorded,
            "/dashboard",
            log_in(recorded),
            hello,
        ),
        page("flask_housekey: a view that reads the session", housekey, "/read", session, seen),
        page("flask_housekey: a view that writes the session", housekey, "/write", session, noted),
    ]


def only(name, calls, folder):
    """A single case, for a profiler."""
    all_of_them = cases(folder)
    chosen = [case for case in all_of_them if name in case.name]
    if len(chosen) != 1:
        names = "\n".join(f"  {case.name}" for case in chosen or all_of_them)
        raise SystemExit(f"scripts/bench: --only {name!r} must name one of\n{names}")
    print(f"{chosen[0].name}: {chosen[0].run(calls) / 1000:.1f} µs")


def measure(repeats, calls, folder):
    """For each case, the median of its time and of its ratio to bare Flask in the same repeat."""
    all_of_them = cases(folder)
    for case in all_of_them:
        case.run(calls)
    progress = Progress()
    times = {case.name: [] for case in all_of_them}
    for repeat in range(repeats):
        # A different case begins each repeat, so that none always has the best place.
        first = repeat % len(all_of_them)
        for case in all_of_them[first:] + all_of_them[:first]:
            times[case.name].append(case.run(calls))
        progress.say(f"{repeat + 1} of {repeats} repeats")
    progress.end()
    bare = times[BARE]
    return {
        name: (median(taken), median(one / of_bare for one, of_bare in zip(taken, bare)))
        for name, taken in times.items()
    }


def table(results):
    """The results for people, in Markdown."""
    lines = ["| | of bare Flask | µs |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {ratio:.2f} | {taken / 1000:.1f} |" for name, (taken, ratio) in results.items()]
    return "\n".join(lines)


def above(results):
    """The cases that take longer than allowed."""
    for name, limit in LIMITS.items():
        ratio = results[name][1]
        if ratio > limit:
            yield f"{name}: {ratio:.3f} of bare Flask, more than {limit}"
    for name, other in BESIDE_FLASK.items():
        ratio, of_other = results[name][1], results[other][1]
        if ratio > of_other:
            yield f"{name}: {ratio:.3f} of bare Flask, more than the {of_other:.3f} of Flask's own session"
