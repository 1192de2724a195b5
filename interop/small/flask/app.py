"""A site whose users log in, with Flask-Login. In Rust: ../main.rs."""

import os
import re

import click
from flask import (
    Blueprint,
    Flask,
    redirect,
    render_template,
    request,
    session,
)
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
login_manager = LoginManager()
login_manager.login_view = "auth.login"


class User(UserMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]


@login_manager.user_loader
def load_user(user_id):
    known = user_id.isdecimal()
    return db.session.get(User, int(user_id)) if known else None


auth = Blueprint("auth", __name__, cli_group=None)

# A path of this site. With `//` and `/\` another host begins.
PATH = re.compile(r"/(?![/\\])[!-~]*")


@auth.get("/login")
def login():
    return render_template("login.html")


@auth.post("/login")
def login_post():
    name = request.form.get("name", "")
    password = request.form.get("password", "")
    user = db.session.scalar(select(User).filter_by(name=name))
    right = user and check_password_hash(user.password_hash, password)
    if not right:
        page = render_template("login.html", name=name, wrong=True)
        return page, 401
    login_user(user, remember="remember" in request.form)
    next_url = request.args.get("next", "")
    if not PATH.fullmatch(next_url):
        next_url = "/dashboard"
    return redirect(next_url, 303)


# By POST, since any link or picture elsewhere can cause a GET.
@auth.post("/logout")
def logout():
    logout_user()
    return redirect("/login", 303)


# This program makes the table and its users.
@auth.cli.command("add-user")
@click.argument("name")
@click.password_option()
def add_user(name, password):
    db.create_all()
    password_hash = generate_password_hash(password)
    db.session.add(User(name=name, password_hash=password_hash))
    db.session.commit()


main = Blueprint("main", __name__)


@main.get("/")
def index():
    return render_template("index.html")


@main.get("/dashboard")
@login_required
def dashboard():
    return render_template("dashboard.html")


# What this side sees of a visitor, to compare the two.
@main.get("/whoami")
def whoami():
    ours = [key for key in session if not key.startswith("_")]
    return {
        "user_id": current_user.get_id(),
        "fresh": login_fresh(),
        "remembered": login_remembered(),
        "session": {key: session[key] for key in ours},
    }


def setting(name):
    if value := os.environ.get(name):
        return value
    raise RuntimeError(f"{name} is missing in the environment")


def create_app():
    app = Flask(__name__, template_folder="../templates")
    app.config["SECRET_KEY"] = setting("SECRET_KEY")
    database = os.path.abspath(setting("DATABASE"))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{database}"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["REMEMBER_COOKIE_SAMESITE"] = "Lax"
    db.init_app(app)
    login_manager.init_app(app)
    app.register_blueprint(auth)
    app.register_blueprint(main)
    return app


if __name__ == "__main__":
    create_app().run(port=int(setting("PORT")))
