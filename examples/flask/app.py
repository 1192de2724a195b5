"""A small site whose members log in, and see and end their logins. Run it with `flask run`; log in as mia, "correct horse"."""

import os
import secrets
from datetime import timedelta

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_housekey import (
    CsrfGuard,
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    login_exempt,
    login_failed,
    login_user,
    logout_user,
    next_url,
)
from werkzeug.security import check_password_hash, generate_password_hash

from signed_in import signed_in

# The members' site in Rust looks the same. Copy its folder `static` along with this one.
app = Flask(__name__, static_folder="../members/static")
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),
    SESSION_COOKIE_SAMESITE="Lax",
    REMEMBER_COOKIE_SAMESITE="Lax",
    HOUSEKEY_LOGIN_STORE="sqlite:///logins.db",
    HOUSEKEY_IDLE_TIMEOUT=timedelta(hours=12),
    HOUSEKEY_FRESH_WITHIN=timedelta(minutes=30),
    HOUSEKEY_REMEMBER_FORMAT="rotating",
    HOUSEKEY_REQUIRE_LOGIN=True,
    HOUSEKEY_ANSWER_AS="negotiated",
)
login_manager = LoginManager(app)
login_manager.login_view = login_manager.refresh_view = "sign_in"
app.register_blueprint(signed_in)
# Forms of other sites cannot change anything here.
CsrfGuard(app)


class Member(UserMixin):
    """Stands for a row of your users table."""

    def __init__(self, id, name, password):
        self.id, self.name = id, name
        self.password_hash = generate_password_hash(password)

    def session_auth_hash(self):
        """A new password ends all logins."""
        return self.password_hash


MEMBERS = {"1": Member("1", "mia", "correct horse")}
# Stands in for the hash of an unknown member, so that the time of the answer does not reveal which names exist.
NOBODY = Member("", "", secrets.token_hex())


@login_manager.user_loader
def load_member(user_id):
    return MEMBERS.get(user_id)


@app.get("/")
def home():
    return render_template("home.html")


@app.get("/sign-in")
def sign_in():
    return render_template("sign-in.html", next=next_url("", claimed=request.args.get("next")))


@app.post("/sign-in")
@login_exempt
def check_password():
    name, password = request.form.get("name", ""), request.form.get("password", "")
    member = next((member for member in MEMBERS.values() if member.name == name), NOBODY)
    if not check_password_hash(member.password_hash, password) or member is NOBODY:
        login_failed(None if member is NOBODY else member)
        page = render_template("sign-in.html", name=name, wrong=True, next=next_url("", claimed=request.form.get("next")))
        return page, 401
    if member == current_user:
        confirm_login()
    else:
        login_user(member, remember="remember" in request.form)
    return redirect(next_url(url_for("home")), 303)


@app.post("/sign-out")
def sign_out():
    logout_user()
    flash("You are signed out.")
    return redirect(url_for("sign_in"), 303)
