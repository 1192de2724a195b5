"""What this package is. The names are Flask-Login's."""

__title__ = "flask-housekey"
__description__ = "Flask-Login's API on housekey's rules, which are written in Rust."
__url__ = "none"
__version_info__: tuple[str, ...] = ("0", "1", "0")
__version__ = ".".join(__version_info__)
__author__ = "The housekey contributors"
__author_email__ = "none"
__maintainer__ = __author__
__license__ = "MIT OR Apache-2.0"
__copyright__ = f"(c) 2026 {__author__}"
