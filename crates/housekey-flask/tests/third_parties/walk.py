"""What the programs here share: a browser, and forms that are filled in as they come."""

import re


def ours():
    """That the third party has flask_housekey where it says flask_login."""
    import sys

    import flask_housekey
    import flask_login

    assert flask_login is flask_housekey
    files = [getattr(module, "__file__", "") for name, module in sys.modules.items() if name.split(".")[0] == "flask_login"]
    assert files and all("flask_housekey" in file for file in files), files


def fill_in(client, path, **fields):
    """Sends the form of a page, with its hidden token."""
    page = client.get(path)
    assert page.status_code == 200, (path, page.status_code)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token, page.text
    return client.post(path, data={"csrf_token": token[1], **fields})


def close_browser(client):
    """The browser forgets its session, and keeps its remember token."""
    client.delete_cookie("session")
