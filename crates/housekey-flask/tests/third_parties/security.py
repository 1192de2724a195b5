"""Flask-Security-Too: its login form with "remember me", its guards, its fresh logins and its logout."""

import flask_housekey.as_flask_login  # noqa: F401
from flask import Flask
from flask_login import current_user
from flask_security import (
    RoleMixin,
    Security,
    SQLAlchemyUserDatastore,
    UserMixin,
    auth_required,
    hash_password,
    roles_required,
)
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy

from walk import close_browser, fill_in, ours

app = Flask(__name__)
app.config.update(
    SECRET_KEY="27d0a4c5e18f",
    SECURITY_PASSWORD_SALT="3f58b1",
    SECURITY_PASSWORD_HASH="pbkdf2_sha512",
    SECURITY_PASSWORD_SINGLE_HASH=["pbkdf2_sha512"],
    SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SQLALCHEMY_DATABASE_URI="sqlite://",
)
db = SQLAlchemy(app)
fsqla_v3.FsModels.set_db_info(db)


class Role(db.Model, fsqla_v3.FsRoleMixin):
    pass


class User(db.Model, fsqla_v3.FsUserMixin):
    pass


datastore = SQLAlchemyUserDatastore(db, User, Role)
app.security = Security(app, datastore)


@app.get("/page")
@auth_required("session")
def page():
    return current_user.email


@app.get("/fresh")
@auth_required("session", within=lambda: 60)
def fresh():
    return current_user.email


@app.get("/staff")
@roles_required("staff")
def staff():
    return "staff"


def walk():
    ours()
    with app.app_context():
        db.create_all()
        datastore.create_role(name="staff")
        for email, roles in (("mia@example.com", ["staff"]), ("noa@example.com", [])):
            datastore.create_user(email=email, password=hash_password("a long password"), roles=roles)
        db.session.commit()
    client = app.test_client()
    assert client.get("/page").status_code == 302
    assert fill_in(client, "/login", email="mia@example.com", password="wrong password").status_code == 200
    assert client.get("/page").status_code == 302
    entered = fill_in(client, "/login?next=/page", email="mia@example.com", password="a long password", remember="y")
    assert (entered.status_code, entered.location) == (302, "/page"), entered.text
    assert client.get("/page").text == "mia@example.com"
    assert client.get("/staff").status_code == 200
    close_browser(client)
    assert client.get("/page").text == "mia@example.com"
    other = app.test_client()
    fill_in(other, "/login", email="noa@example.com", password="a long password")
    assert other.get("/page").text == "noa@example.com"
    assert other.get("/staff").status_code in (302, 403)
    client.post("/logout")
    assert client.get("/page").status_code == 302
    assert client.get_cookie("remember_token") is None
    assert other.get("/page").text == "noa@example.com"
    # A user who is no longer active is out.
    with app.app_context():
        datastore.deactivate_user(datastore.find_user(email="noa@example.com"))
        db.session.commit()
    assert other.get("/page").status_code == 302


walk()
