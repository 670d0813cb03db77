//! The commands, one file each: its arguments and one function that carries it out.

pub(crate) mod cert;
pub(crate) mod check;
pub(crate) mod customer;
pub(crate) mod demo_backend;
pub(crate) mod register;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod tls;
pub(crate) mod version;
