//! Which return addresses are safe, and how one is put into a login URL.
//!
//! After logging in, people want to be where they were going. The address travels through the browser, so anybody
//! can write it: a link to `/login?next=//evil.example` is an open redirect unless it is refused. The rule follows the
//! cases that Django, Flask-Security, Rails, Devise and others collected:
//!
//! 1. At most 2,048 characters, none of them a control character, and no backslash before the query. (Browsers read a
//!    backslash as a slash there, but not in the query.)
//! 2. A path of this site: it begins with exactly one `/`.
//! 3. The same after percent-decoding the path: no `//` and no `/\` at the beginning, no control characters inside, and not
//!    both a doubled slash and a `.` or `..` anywhere: together they may resolve to a `//` at the beginning.
//! 4. Or an absolute `http` or `https` URL whose origin the application has listed, without user information.
//! 5. Where the program is mounted below a prefix: a path below it, without a `.` or `..` in the decoded path.
//!
//! It is checked when the address is written and again when it is used.

mod login_url;
mod mount;
mod safe;
mod view;

pub(crate) use login_url::query_value;
pub use login_url::{build_login_url, login_url, make_next_param};
pub(crate) use mount::Mount;
pub(crate) use safe::{check_view, for_location};
pub(crate) use view::LoginView;
