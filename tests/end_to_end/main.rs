//! End to end: the built binary between real clients (our own, curl, openssl) and a backend that records every byte.
//!
//! A module is a topic. Rules are those embedded in the binary unless the module says otherwise.

mod attacks;
mod certificates;
mod churn;
mod commands;
mod crs;
mod customers;
mod fleet;
mod floods;
mod foreign_clients;
mod gate;
mod kills;
mod overlays;
mod records;
mod reload;
mod support;
mod tls;
mod tls_report;
mod trust;
mod uploads;
mod upstream;
