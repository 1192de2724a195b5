"""Flask-Admin: views that only some may see, with the login of its own example."""

import flask_housekey.as_flask_login  # noqa: F401
import flask_admin
from flask import Flask, redirect, request, url_for
from flask_admin import expose, helpers
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from wtforms import BooleanField, PasswordField, StringField, form, validators

from walk import close_browser, ours

app = Flask(__name__)
app.config.update(SECRET_KEY="27d0a4c5e18f", SQLALCHEMY_DATABASE_URI="sqlite://")
# Where it is installed, Flask-Admin wants it.
Babel(app)
db = SQLAlchemy(app)
login_manager = LoginManager(app)


class User(db.Model, UserMixin):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(100), unique=True)
    password = db.Column(db.String(100))


@login_manager.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


class LoginForm(form.Form):
    name = StringField(validators=[validators.InputRequired()])
    password = PasswordField(validators=[validators.InputRequired()])
    remember = BooleanField()


class Members(ModelView):
    column_list = ["name"]

    def is_accessible(self):
        return current_user.is_authenticated

    def inaccessible_callback(self, name, **kwargs):
        return redirect(url_for("admin.login", next=request.url))


class Index(flask_admin.AdminIndexView):
    @expose("/")
    def index(self):
        if not current_user.is_authenticated:
            return redirect(url_for(".login"))
        return super().index()

    @expose("/login", methods=("GET", "POST"))
    def login(self):
        form = LoginForm(request.form)
        if helpers.validate_form_on_submit(form):
            user = db.session.scalar(db.select(User).filter_by(name=form.name.data))
            if user is not None and user.password == form.password.data:
                login_user(user, remember=form.remember.data)
        if current_user.is_authenticated:
            return redirect(url_for(".index"))
        return "log in"

    @expose("/logout")
    def logout(self):
        logout_user()
        return redirect(url_for(".index"))


admin = flask_admin.Admin(app, "Members", index_view=Index())
admin.add_view(Members(User, db))


def walk():
    ours()
    with app.app_context():
        db.create_all()
        db.session.add(User(name="mia", password="tea"))
        db.session.commit()
    client = app.test_client()
    assert client.get("/admin/").location == "/admin/login"
    assert client.get("/admin/user/").location.startswith("/admin/login?next=")
    assert client.post("/admin/login", data={"name": "mia", "password": "coffee"}).text == "log in"
    assert client.post("/admin/login", data={"name": "mia", "password": "tea", "remember": "y"}).location == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert "mia" in client.get("/admin/user/").text
    close_browser(client)
    assert "mia" in client.get("/admin/user/").text
    made = client.post("/admin/user/new/", data={"name": "noa", "password": "milk"})
    assert made.status_code == 302 and "noa" in client.get("/admin/user/").text
    client.get("/admin/logout")
    assert client.get_cookie("remember_token") is None
    assert client.get("/admin/user/").status_code == 302
    assert client.post("/admin/user/delete/", data={"id": "1"}).status_code == 302
    with app.app_context():
        assert db.session.get(User, 1) is not None


walk()
