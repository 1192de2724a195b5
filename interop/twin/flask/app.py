"""The application: its extensions, put together."""

from flask import Flask
from flask_login import LoginManager
from sqlalchemy.schema import CreateTable

from models import User, db
from views import site


def create_app(settings):
    app = Flask(__name__)
    app.config.update(settings.config)
    app.twin = settings
    app.register_blueprint(site)

    db.init_app(app)
    with app.app_context(), db.engine.begin() as connection:
        # The Rust twin may be making it right now.
        connection.execute(CreateTable(User.__table__, if_not_exists=True))

    login_manager = LoginManager(app)
    login_manager.login_view = "site.login"
    login_manager.refresh_view = "site.confirm"
    login_manager.user_loader(User.load)
    return app
