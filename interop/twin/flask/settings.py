"""What the environment says, checked at start. The Rust twin reads the same names (twin/settings.rs)."""

import os
from dataclasses import dataclass
from datetime import timedelta


class SettingError(Exception):
    """A missing or wrong setting, and how to fix it."""


@dataclass
class Settings:
    port: int
    #: How passwords are hashed, as a Werkzeug method.
    password_method: str
    #: Whether a user's id ends with a fragment of the password's hash, so that a new password ends all logins.
    fragment_ids: bool
    #: Values that go into Flask's configuration unchanged.
    config: dict


def read_settings(environ=os.environ):
    config = {
        "SECRET_KEY": required(environ, "SECRET_KEY", "the key that both twins share"),
        "SQLALCHEMY_DATABASE_URI": "sqlite:///" + database(environ),
        "SESSION_PROTECTION": choice(
            environ, "SESSION_PROTECTION", {"off": None, "basic": "basic", "strong": "strong"}, "basic"
        ),
    }
    fallbacks = environ.get("SECRET_KEY_FALLBACKS")
    if fallbacks:
        config["SECRET_KEY_FALLBACKS"] = fallbacks.split(",")
    for name in ("PERMANENT_SESSION_LIFETIME", "REMEMBER_COOKIE_DURATION"):
        if name in environ:
            config[name] = timedelta(seconds=number(environ, name, 1))
    for name in (
        "SESSION_REFRESH_EACH_REQUEST",
        "REMEMBER_COOKIE_REFRESH_EACH_REQUEST",
        "USE_SESSION_FOR_NEXT",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "REMEMBER_COOKIE_SECURE",
        "REMEMBER_COOKIE_HTTPONLY",
    ):
        if name in environ:
            config[name] = choice(environ, name, {"on": True, "off": False})
    for name in ("SESSION_COOKIE_SAMESITE", "REMEMBER_COOKIE_SAMESITE"):
        if name in environ:
            config[name] = choice(environ, name, {"Strict": "Strict", "Lax": "Lax", "None": "None"})
    for name in (
        "FORCE_HOST_FOR_REDIRECTS",
        "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_DOMAIN",
        "SESSION_COOKIE_PATH",
        "REMEMBER_COOKIE_NAME",
        "REMEMBER_COOKIE_DOMAIN",
        "REMEMBER_COOKIE_PATH",
    ):
        if name in environ:
            config[name] = required(environ, name, "leave it out for the default")
    return Settings(
        port=number(environ, "PORT", 1, 65535),
        password_method=password_method(environ),
        fragment_ids=choice(environ, "USER_IDS", {"plain": False, "fragment": True}, "plain"),
        config=config,
    )


def required(environ, name, what):
    value = environ.get(name)
    if not value:
        raise SettingError(f"{name} is missing: {what}")
    return value


def number(environ, name, least, most=400 * 24 * 60 * 60):
    text = required(environ, name, f"a number from {least} to {most}")
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SettingError(f"{name} is {text!r}, and must be a number from {least} to {most}")
    return int(text)


def choice(environ, name, values, default=None):
    text = environ.get(name, default)
    if text not in values:
        raise SettingError(f"{name} is {text!r}, and must be one of {', '.join(values)}")
    return values[text]


def database(environ):
    path = os.path.abspath(required(environ, "DATABASE", "the SQLite file that both twins share"))
    if not os.path.isdir(os.path.dirname(path)):
        raise SettingError(f"DATABASE is {path}, and there is no such folder")
    return path


def password_method(environ):
    text = environ.get("PASSWORD_METHOD", "scrypt")
    iterations = text.removeprefix("pbkdf2:sha256:")
    if text != "scrypt" and not (iterations != text and iterations.isascii() and iterations.isdigit()):
        raise SettingError(f"PASSWORD_METHOD is {text!r}, and must be scrypt or pbkdf2:sha256:ITERATIONS")
    return text
