//! The stages of a request, in the order in which they run: plain functions over the snapshot and what is known of the request.

pub(crate) mod address;
pub(crate) mod admit;
mod audit;
pub(crate) mod forward;
pub(crate) mod inspect;
pub(crate) mod limit;
pub(crate) mod record;
pub(crate) mod respond;
