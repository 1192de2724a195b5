"""The site that the servers run: who is there, and what a loader and a store must not do.

LOGIN_STORE is the URL of its login store, LOGIN_TABLE what its table or keys are called. With USED_BEFORE, the store has been
used when the server forks.
"""

import os
import threading
import time

from flask import Flask, copy_current_request_context, request
from flask_housekey import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from places import find_store


class User(UserMixin):
    def __init__(self, id):
        self.id = id


class AskingStore:
    """A store that wants to know who asks, which is what the rules are finding out by it."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        method = getattr(self.store, name)

        def asks(*arguments):
            if request.args.get("asking") == "store":
                current_user.get_id()
            return method(*arguments)

        return asks


def make_site(store):
    app = Flask(__name__)
    app.config.update(SECRET_KEY="1c5e08b7a2f94d63", HOUSEKEY_LOGIN_STORE=store)
    manager = LoginManager(app)

    @manager.user_loader
    def load_user(user_id):
        if request.args.get("asking") == "loader":
            return current_user.get_id()
        # Other threads and greenlets go on here.
        time.sleep(0.01 if request.path == "/together" else 0)
        return User(user_id)

    @app.post("/login/<user_id>")
    def login(user_id):
        login_user(User(user_id), remember=True)
        return who()

    @app.post("/logout")
    def logout():
        logout_user()
        return who()

    @app.get("/who")
    def who():
        return {"user": current_user.get_id(), "worker": os.getpid()}

    @app.get("/guarded")
    @login_required
    def guarded():
        return who()

    @app.get("/together")
    def together():
        found = []

        def ask():
            found.append(current_user.get_id())

        threads = [threading.Thread(target=copy_current_request_context(ask)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"user": current_user.get_id(), "found": found}

    @app.get("/async")
    async def asynchronous():
        return who()

    return app


place = os.environ["LOGIN_STORE"], os.environ["LOGIN_TABLE"]
site = make_site(find_store(*place))
asking = make_site(AskingStore(find_store(*place)))
if "USED_BEFORE" in os.environ:
    with site.app_context():
        site.login_manager.delete_expired_logins()
app = DispatcherMiddleware(site, {"/asking": asking})
