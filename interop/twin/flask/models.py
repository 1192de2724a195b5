"""The users table, which the Rust twin shares."""

import hashlib

from flask import current_app
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(UserMixin, db.Model):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)

    @staticmethod
    def load(login_id):
        """The user of a session. A login from before a password change is not valid any more."""
        if not current_app.twin.fragment_ids:
            return db.session.get(User, login_id)
        user = db.session.get(User, login_id.rpartition(".")[0])
        return user if user is not None and user.get_id() == login_id else None

    @property
    def is_active(self):
        return self.active

    def get_id(self):
        if not current_app.twin.fragment_ids:
            return self.id
        fragment = hashlib.sha256(self.password_hash.encode()).hexdigest()[:16]
        return f"{self.id}.{fragment}"

    def set_password(self, password):
        self.password_hash = generate_password_hash(password, method=current_app.twin.password_method)

    def has_password(self, password):
        return check_password_hash(self.password_hash, password)
