"""The page where people see where they are signed in, and end what they do not know: a blueprint, to be copied."""

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
    # It ends logins of the current user only, whatever number a form sends.
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
    """A user agent in words that a person understands."""
    return heading(user_agent)


@signed_in.app_template_filter("ago")
def ago(time):
    """How long ago that was, as people say it."""
    passed = datetime.now(timezone.utc) - time
    for length, unit in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        count = passed // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
