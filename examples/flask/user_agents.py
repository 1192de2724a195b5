"""User agents in plain words. They are the client's own claim."""

import re

# In this order: nearly every browser also says Chrome or Safari.
BROWSERS = [
    ("Edge", r"Edg(A|iOS|e)?/"),
    ("Opera", r"OP(R|T|X|iOS)/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Safari/"),
]
PLATFORMS = [
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("Mac", r"Macintosh"),
    ("Chromebook", r"CrOS"),
    ("Linux", r"Linux"),
]


def heading(user_agent):
    """Firefox on Windows, A program called curl, An unknown browser."""
    text = user_agent or ""
    if text and not text.startswith(("Mozilla/", "Opera/")):
        name = re.match(r"[\w.-]{1,32}", text, re.ASCII)
        return f"A program called {name[0]}" if name else "An unknown program"
    browser = next((name for name, pattern in BROWSERS if re.search(pattern, text)), None)
    platform = next((name for name, pattern in PLATFORMS if re.search(pattern, text)), None)
    if browser == "Safari" and platform in ("Android", "Chromebook", "Linux"):
        # GNOME Web and others call themselves Safari, whose engine they have.
        return f"A WebKit browser on {platform}"
    if browser and platform:
        return f"{browser} on {platform}"
    return browser or (f"An unknown browser on {platform}" if platform else "An unknown browser")
