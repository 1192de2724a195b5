"""The page that shows users where they are logged in, and lets them end logins that they do not recognise: a blueprint to copy."""

from datetime import datetime, timedelta, timezone

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_housekey import end_login, end_other_logins, fresh_login_required, logins

from user_agents import heading

signed_in = Blueprint("signed_in", __name__, url_prefix="/account/logins")


@signed_in.get("/")
@fresh_login_required
def page():
    return render_template("logins.html", logins=logins())


@signed_in.post("/<login_id>/end")
@fresh_login_required
def end(login_id):
    # It ends only the current user's logins, whatever id a form sends.
    if end_login(login_id):
        flash("That login is over.")
    else:
        flash("That login was over already.")
    return redirect(url_for(".page"), 303)


@signed_in.post("/end-others")
@fresh_login_required
def end_others():
    ended = end_other_logins()
    flash("You were signed in nowhere else." if ended == 0 else f"Signed out everywhere else: {ended}.")
    return redirect(url_for(".page"), 303)


@signed_in.app_template_filter("program")
def program(user_agent):
    """A user agent in plain words."""
    return heading(user_agent)


@signed_in.app_template_filter("ago")
def ago(time):
    """How long ago that was, in plain words."""
    passed = datetime.now(timezone.utc) - time
    for length, unit in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        count = passed // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
