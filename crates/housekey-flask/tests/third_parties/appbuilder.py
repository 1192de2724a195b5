"""Flask-AppBuilder: its login page, its permissions, its logout."""

import flask_housekey.as_flask_login  # noqa: F401
from flask import Flask
from flask_appbuilder import AppBuilder, BaseView, expose, has_access
from flask_appbuilder.utils.legacy import get_sqla_class
from flask_login import current_user

from walk import close_browser, fill_in, ours

app = Flask(__name__)
app.config.update(
    SECRET_KEY="27d0a4c5e18f",
    SQLALCHEMY_DATABASE_URI="sqlite://",
    FAB_ADD_SECURITY_API=False,
    RATELIMIT_ENABLED=False,
)
db = get_sqla_class()(app)


class Rooms(BaseView):
    default_view = "all"

    @expose("/all")
    @has_access
    def all(self):
        return current_user.username


def walk():
    ours()
    with app.app_context():
        builder = AppBuilder(app, db.session)
        builder.add_view(Rooms, "Rooms")
        security = builder.sm
        for name, role in (("mia", "Admin"), ("noa", "Public")):
            role = security.find_role(role)
            assert security.add_user(name, "A", "B", f"{name}@example.com", role, password="a long password")
    client = app.test_client()
    assert client.get("/rooms/all").status_code == 302
    fill_in(client, "/login/", username="mia", password="wrong")
    assert client.get("/rooms/all").status_code == 302
    assert fill_in(client, "/login/", username="mia", password="a long password").status_code == 302
    assert client.get("/rooms/all").text == "mia"
    assert "mia" in client.get("/users/list/").text
    other = app.test_client()
    fill_in(other, "/login/", username="noa", password="a long password")
    refused = other.get("/users/list/")
    assert refused.status_code == 403, refused.status_code
    client.get("/logout/")
    assert client.get("/rooms/all").status_code == 302
    # It remembers nobody; a session that has gone is a login that has.
    fill_in(client, "/login/", username="mia", password="a long password")
    close_browser(client)
    assert client.get("/rooms/all").status_code == 302


walk()
