//! What becomes of each row, a file for each table.

mod login_auth_django;
mod remember_devise;
mod remember_spring;
mod session_store_django;
mod sessions_revocation_other;
mod store_conformance_scs;

pub(super) use login_auth_django::login_auth_django;
pub(super) use remember_devise::remember_devise;
pub(super) use remember_spring::remember_spring;
pub(super) use session_store_django::session_store_django;
pub(super) use sessions_revocation_other::sessions_revocation_other;
pub(super) use store_conformance_scs::store_conformance_scs;
