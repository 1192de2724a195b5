"""What the fuzz targets begin with comes to this door too: it is answered, and is nobody."""

import pathlib
import zlib
from urllib.parse import quote_from_bytes, urljoin, urlsplit

from conftest import KEY, cookies, site
from flask import redirect, session
from flask_housekey import encode_cookie, login_user, next_url
from itsdangerous import URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode

SEEDS = pathlib.Path(__file__).parents[3] / "fuzz" / "seeds"
ALL = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(SEEDS.glob("*/*"))}

#: What a server might pass on, as WSGI has it.
FIELDS = ("HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_ACCEPT", "HTTP_UPGRADE", "REMOTE_ADDR")


def test_there_are_seeds_of_each_target():
    kinds = {name.split("/")[0] for name in ALL}
    assert kinds == {"cookies", "door", "forms", "next", "sessions", "tokens"} and len(ALL) > 100


def expanded(seed):
    """A seed of the target for cookies: small bytes stand for names and values, here for those that nobody was given."""
    texts = [b"e30.aSsO.forged", b".eJw.a.b", b"1|" + b"0" * 128, b"2|x", b"session", b"remember_token", b"x" * 1024]
    for mark, text in enumerate(texts, start=1):
        seed = seed.replace(bytes([mark]), text)
    return b"; ".join(seed.split(b"\n"))


def test_a_seed_is_nobody_wherever_it_stands(kind):
    app = site(kind=kind)
    client = app.test_client(use_cookies=False)
    for name, seed in ALL.items():
        text = seed.decode("latin-1")
        environs = [{"HTTP_COOKIE": f"session={text}"}, {"HTTP_COOKIE": f"remember_token={text}"}, {"HTTP_COOKIE": text}]
        if name.startswith("cookies/"):
            environs.append({"HTTP_COOKIE": expanded(seed).decode("latin-1")})
        environs += [{"HTTP_USER_AGENT": text}, {"HTTP_X_FORWARDED_FOR": text}]
        everywhere = {**dict.fromkeys(FIELDS, text), "HTTP_COOKIE": f"session={text}; remember_token={text}"}
        for environ in [*environs, everywhere]:
            # An exception comes out here.
            answer = client.get("/who", environ_overrides=environ)
            assert (answer.status_code, answer.text) == (200, "None"), (name, environ)
        assert client.get("/fresh", environ_overrides=everywhere).status_code == 401, name
        # And such a visitor can log in.
        answer = client.get("/login/1?remember", environ_overrides=everywhere)
        assert answer.status_code == 200 and "remember_token" in cookies(answer), name


def signed(payload):
    """The payload as a session cookie that the real key has signed."""
    serializer = URLSafeTimedSerializer(
        KEY, salt="cookie-session", signer_kwargs={"key_derivation": "hmac"}
    )
    return serializer.make_signer(serializer.salt).sign(payload).decode("latin-1")


def payloads(seed):
    """What a seed of the target for sessions means as a payload: its first byte says how."""
    kind, rest = seed[:1], seed[1:]
    return {
        b"j": [base64_encode(rest), b"." + base64_encode(zlib.compress(rest))],
        b"z": [b"." + base64_encode(zlib.compress(rest))],
        b"b": [b"." + base64_encode(zlib.compress(b'{"a":"' + rest * 1000 + b'"}'))],
        b"r": [b"." + base64_encode(rest)],
        b"p": [rest],
    }.get(kind, [base64_encode(seed), seed])


def test_what_the_key_has_signed_is_read_or_refused_and_logs_in_only_the_user_that_it_names():
    app = site()
    app.add_url_rule("/keys", "keys", lambda: {"keys": [str(key) for key in session]})
    client = app.test_client(use_cookies=False)
    for name, seed in ALL.items():
        for payload in payloads(seed):
            environ = {"HTTP_COOKIE": f"session={signed(payload)}"}
            named = user_in(payload)
            expected = named if named in app.users else "None"
            assert client.get("/who", environ_overrides=environ).text == expected, name
            assert client.get("/keys", environ_overrides=environ).status_code == 200, name
            assert client.get("/put/value", environ_overrides=environ).status_code == 200, name
        with app.test_request_context():
            token = encode_cookie(seed.decode("latin-1"))
        answer = client.get("/who", environ_overrides={"HTTP_COOKIE": f"remember_token={token}"})
        assert answer.text == "None", name


def user_in(payload):
    """The user that a signed payload names, read without us."""
    try:
        text = URLSafeTimedSerializer(KEY).load_payload(payload)
        return str(text.get("_user_id"))
    except Exception:
        return "None"


def test_a_seed_as_the_way_back_leads_nowhere_else(kind):
    app = site(kind=kind)
    app.login_manager.login_view = "/enter"

    @app.route("/enter", methods=["GET", "POST"])
    def enter():
        login_user(app.users["1"])
        return redirect(next_url())

    client = app.test_client(use_cookies=False)
    for name, seed in ALL.items():
        raw = seed.decode("latin-1")
        queries = ["next=" + quote_from_bytes(seed), raw, f"next={raw}"]
        answers = [client.get("/enter", environ_overrides={"QUERY_STRING": query}) for query in queries]
        answers.append(client.post("/enter", data={"next": raw}))
        # People who have to log in first come back to where they were.
        answers.append(client.get("/guarded", environ_overrides={"QUERY_STRING": raw}))
        for answer in answers:
            assert answer.status_code == 302, name
            target = urlsplit(urljoin("http://localhost/enter", answer.location.replace("\\", "/")))
            assert (target.scheme, target.netloc) == ("http", "localhost"), (name, answer.location)
