//! The register of customers, its authority and development certificates.

mod development;
mod keys;
mod register;
mod registrar;
mod support;
