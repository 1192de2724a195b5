"""The package: names, forks, and third parties that import `flask_login`."""

import inspect
import os
import pathlib
import subprocess
import sys

import flask_housekey
import flask_login
import pytest
from conftest import site


def test_every_public_name_of_flask_login_is_here_and_is_called_the_same_way():
    modules = ("", ".config", ".login_manager", ".mixins", ".signals", ".test_client", ".utils", ".__about__")
    for module in modules:
        theirs = sys.modules["flask_login" + module] if module else flask_login
        ours = __import__("flask_housekey" + module, fromlist=["*"])
        made_there = [
            name
            for name, value in vars(theirs).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == theirs.__name__
        ]
        constants = [name for name in vars(theirs) if name.isupper()] if module == ".config" else []
        names = getattr(theirs, "__all__", None) or made_there + constants
        for name in names:
            assert hasattr(ours, name), f"{module}.{name}"
            their, our = getattr(theirs, name), getattr(ours, name)
            if inspect.isfunction(their):
                pairs = zip(parameters(our), parameters(their))
                assert len(parameters(our)) >= len(parameters(their))
                # One more may be left out, and what had to be given may be left out here.
                for (our_name, our_kind, our_default), (*same, default) in pairs:
                    assert [our_name, our_kind] == same, name
                    assert default in (our_default, inspect.Parameter.empty), name
            if name.isupper():
                assert our == their, name
    assert set(flask_login.__all__) <= set(flask_housekey.__all__)


def parameters(function):
    """The parameters of a function: their names, kinds and defaults."""
    found = inspect.signature(function).parameters.values()
    return [(it.name, it.kind, it.default) for it in found]


PRIVATE = {
    "utils": [
        "_cookie_digest",
        "_create_identifier",
        "_get_user",
        "_secret_key",
        "_user_context_processor",
        "expand_login_view",
    ],
    "signals": ["_signals", "_user_loaded_from_header"],
}


def test_private_names_that_programs_reach_for_are_here_too():
    for module, names in PRIVATE.items():
        for name in names:
            assert hasattr(sys.modules[f"flask_login.{module}"], name), name
            assert hasattr(sys.modules[f"flask_housekey.{module}"], name), name
    theirs, ours = flask_login.LoginManager(), flask_housekey.LoginManager()
    for name in set(dir(theirs)):
        # These two are rules.
        if name in ("_load_user_from_remember_cookie", "_session_protection_failed"):
            continue
        assert name in dir(ours), name
    for name, value in vars(theirs).items():
        if isinstance(value, (str, type(None), dict)):
            assert getattr(ours, name) == value, name


def test_what_is_deprecated_warns_and_works():
    app = site()
    manager = app.login_manager
    with app.app_context():
        with pytest.deprecated_call():
            manager._login_disabled = True
        with pytest.deprecated_call():
            assert manager._login_disabled
    assert app.config["LOGIN_DISABLED"]
    with pytest.deprecated_call():
        flask_housekey.user_loaded_from_header
    with pytest.deprecated_call():
        flask_housekey.signals.user_loaded_from_header
    with pytest.raises(AttributeError):
        flask_housekey.no_such_name
    with pytest.deprecated_call():
        manager.header_loader(lambda header: app.users.get(header))
    with pytest.deprecated_call():
        flask_housekey.LoginManager().setup_app(site())
    heard = []
    signal = flask_housekey.signals._user_loaded_from_header
    with signal.connected_to(lambda sender, user: heard.append(user.id)):
        assert app.test_client().get("/who", headers={"Authorization": "2"}).text == "2"
    assert heard == ["2"]


def run(program, **environment):
    environment = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FORK = """
import os, sys, threading
sys.path.insert(0, {tests!r})
from conftest import site
app = site()
assert len(os.listdir("/proc/self/task")) == 1, "a thread was started by importing"
if {used}:
    client = app.test_client()
    client.get("/login/1?remember")
    assert client.get("/who").text == "1"
assert len(os.listdir("/proc/self/task")) == 1, "a thread was started by a request"
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        client = app.test_client()
        client.get("/login/2?remember")
        ok = client.get("/who").text == "2"
        client.delete_cookie("session")
        ok = ok and client.get("/who").text == "2"
        os._exit(0 if ok else 1)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("well")
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted as Linux shows them")
@pytest.mark.parametrize("used", [False, True])
def test_a_worker_that_is_forked_after_import_or_after_requests_works(used):
    tests = str(pathlib.Path(__file__).parent)
    assert run(FORK.format(tests=tests, used=used)) == "well\n"


def test_packages_that_import_flask_login_can_have_this_one():
    program = """
import flask_housekey.as_flask_login
import flask_login, flask_login.utils
from flask_login.login_manager import LoginManager
from flask_login.signals import user_logged_in
import flask_housekey
assert flask_login is flask_housekey and flask_login.utils is flask_housekey.utils
assert LoginManager is flask_housekey.LoginManager
print("the same")
"""
    assert run(program) == "the same\n"


def test_a_program_that_has_flask_login_already_is_warned():
    program = """
import sys, types, warnings
sys.modules["flask_login"] = types.ModuleType("flask_login")
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import flask_housekey.as_flask_login
assert "was imported before" in str(told[0].message)
print("told")
"""
    assert run(program) == "told\n"
