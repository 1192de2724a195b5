"""The pages. The Rust twin has the same ones (twin/pages.rs), at the same addresses with the same answers."""

import secrets
from datetime import datetime, timedelta, timezone
from uuid import UUID

from flask import (
    Blueprint,
    current_app,
    flash,
    get_flashed_messages,
    jsonify,
    redirect,
    request,
    session,
)
from flask_login import (
    confirm_login,
    current_user,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from flask_login.config import SESSION_KEYS
from markupsafe import Markup
from sqlalchemy.exc import IntegrityError

from models import User, db

site = Blueprint("site", __name__)

#: Keys that are not the application's own: Flask-Login's, Flask's, and those that only the Rust twin writes.
LOGIN_KEYS = SESSION_KEYS | {"_permanent", "_flashes", "_fresh_at", "_auth_hash"}


@site.get("/")
def home():
    """For everybody. Uses neither the current user nor the session."""
    return "welcome\n"


@site.get("/whoami")
def whoami():
    values = {key: value for key, value in session.items() if key not in LOGIN_KEYS}
    serializer = current_app.session_interface.serializer
    return jsonify(
        user_id=current_user.id if current_user.is_authenticated else None,
        name=current_user.name if current_user.is_authenticated else None,
        fresh=login_fresh(),
        remembered=login_remembered(),
        permanent=session.permanent,
        # Tagged, as in the cookie, so that a tuple can be told from a list; and as Python shows it.
        session={key: serializer.tag(value) for key, value in values.items()},
        python={key: repr(value) for key, value in values.items()},
    )


@site.post("/signup")
def sign_up():
    user = User(id=request.form["id"], name=request.form.get("name", ""), active=True)
    user.set_password(request.form["password"])
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        return "this id is taken\n", 409
    return "welcome\n", 201


@site.get("/login")
def login():
    return jsonify(page="login", next=safe_next(request.args.get("next") or session.get("next")))


@site.post("/login")
def log_in():
    form = request.form
    user = db.session.get(User, form["id"])
    if user is None or not user.has_password(form["password"]):
        return "wrong id or password\n", 401
    seconds = form.get("duration", type=int)
    logged_in = login_user(
        user,
        remember="remember" in form,
        duration=timedelta(seconds=seconds) if seconds else None,
        force="force" in form,
        fresh="stale" not in form,
    )
    if not logged_in:
        return "this account is not active\n", 403
    return go_on()


@site.post("/logout")
def log_out():
    logout_user()
    return redirect("/", code=303)


@site.get("/confirm")
def confirm():
    return jsonify(page="confirm", next=safe_next(request.args.get("next") or session.get("next")))


@site.post("/confirm")
@login_required
def confirm_password():
    if not current_user.has_password(request.form["password"]):
        return "wrong password\n", 401
    confirm_login()
    return go_on()


@site.post("/password")
@login_required
def change_password():
    if not current_user.has_password(request.form["password"]):
        return "wrong password\n", 401
    remembered = login_remembered()
    current_user.set_password(request.form["new"])
    db.session.commit()
    # The id may have changed with the password. This browser stays logged in.
    login_user(current_user._get_current_object(), remember=remembered)
    return redirect("/", code=303)


@site.get("/members")
@login_required
def members():
    return jsonify(page="members", user_id=current_user.id)


@site.get("/vault")
@fresh_login_required
def vault():
    return jsonify(page="vault", user_id=current_user.id)


@site.post("/active")
def set_active():
    """What an administrator would do. This site does not have one."""
    user = db.get_or_404(User, request.form["id"])
    user.active = request.form["active"] == "on"
    db.session.commit()
    return "done\n"


@site.post("/flash")
def add_flash():
    text = request.form["message"]
    flash(Markup(text) if "markup" in request.form else text, request.form.get("category", "message"))
    return "done\n"


@site.get("/flashes")
def flashes():
    return jsonify(get_flashed_messages(with_categories=True))


@site.post("/permanent")
def permanent():
    session.permanent = request.form["permanent"] == "on"
    return "done\n"


@site.get("/csrf")
def csrf():
    if "csrf_token" not in session:
        session["csrf_token"] = secrets.token_hex(20)
    return session["csrf_token"]


@site.post("/cart")
def add_to_cart():
    session["cart"] = session.get("cart", []) + [request.form["item"]]
    return jsonify(session["cart"])


@site.post("/values")
def write_values():
    """Everything that Flask can put into a session and read back."""
    session["a tuple"] = (1, "zwei", (None, 3.5))
    session["bytes"] = b"\x00\xff\xfebytes"
    session["markup"] = Markup("<b>bold</b> &amp; <i>brave</i>")
    session["a uuid"] = UUID("12345678-1234-5678-1234-567812345678")
    session["a date"] = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    session["looks tagged"] = {" t": "but is a dict"}
    session["nested"] = {"list": [(1,), {"deep": b"er"}], "empty": {}, "none": None}
    session["numbers"] = [2**70, -1, 1e16, 1e-07, 604800.0, True]
    session["text"] = 'Zoë 佐藤 😀 " \\ / \x7f \u2028 <&>'
    return "done\n"


@site.post("/odd-values")
def write_odd_values():
    """What Python's JSON allows and others refuse."""
    session["not a number"] = [float("nan"), float("inf"), -0.0]
    session["half a pair"] = "\ud83d"
    return "done\n"


@site.post("/session/<key>")
def set_value(key):
    session[key] = request.form["value"]
    return "done\n"


@site.post("/session/<key>/remove")
def remove_value(key):
    session.pop(key, None)
    return "done\n"


def go_on():
    """To where the user was going before they had to confirm the login."""
    kept = session.pop("next", None)
    target = request.form.get("next") or request.args.get("next") or kept
    return redirect(safe_next(target) or "/", code=303)


def safe_next(target):
    """A path of this site that is neither of the two pages which would lead straight back, or nothing."""
    is_path = target and target.startswith("/") and not target.startswith("//")
    if not is_path or "\\" in target or not target.isprintable():
        return None
    return None if target.partition("?")[0] in ("/login", "/confirm") else target
