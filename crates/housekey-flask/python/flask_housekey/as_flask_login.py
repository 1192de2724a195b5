"""Makes this package stand in for `flask_login` in other packages: import it before them.

    import flask_housekey.as_flask_login
    from flask_admin import Admin
"""

import sys
import warnings

import flask_housekey

from . import __about__, config, login_manager, mixins, signals, test_client, utils

if sys.modules.get("flask_login", flask_housekey) is not flask_housekey:
    warnings.warn(
        "flask_login was imported before flask_housekey.as_flask_login: what has it already goes on with it, beside"
        " flask_housekey. Import flask_housekey.as_flask_login first.",
        stacklevel=2,
    )
sys.modules["flask_login"] = flask_housekey
for _module in (__about__, config, login_manager, mixins, signals, test_client, utils):
    _name = _module.__name__.removeprefix("flask_housekey")
    sys.modules["flask_login" + _name] = _module
