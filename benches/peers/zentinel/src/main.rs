//! The driver of zentinel-modsec: `zentinel-peer RULES CORPUS`.

#[path = "../../../../crates/peers/src/driver.rs"]
mod driver;

use std::{process::ExitCode, str::from_utf8};

use driver::{Engine, Loaded, Request, serve};
use zentinel_modsec::{ModSecurity, Result, Transaction};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules, corpus] = arguments.as_slice() else {
        eprintln!("usage: zentinel-peer RULES CORPUS");
        return ExitCode::FAILURE;
    };
    serve(rules, corpus, |rules| {
        let engine = ModSecurity::from_file(rules).map_err(|error| error.to_string())?;
        let rules = engine.rule_count();
        Ok(Loaded { engine: Zentinel(engine), name: "zentinel-modsec 0.5.0".to_owned(), rules })
    })
}

struct Zentinel(ModSecurity);

impl Engine for Zentinel {
    fn transaction(&mut self, request: &Request, ids: Option<&mut Vec<String>>) -> u16 {
        let mut transaction = self.0.new_transaction();
        let done = phases(&mut transaction, request);
        let logged = transaction.process_logging();
        if let Some(ids) = ids {
            ids.extend(transaction.matched_rules().iter().map(ToString::to_string));
        }
        match (done, logged) {
            (Ok(()), Ok(_)) => transaction.intervention().map_or(0, |refused| refused.status),
            _ => 999,
        }
    }
}

fn phases(transaction: &mut Transaction, request: &Request) -> Result<()> {
    let text = |bytes| from_utf8(bytes).unwrap_or_default();
    transaction.set_client_addr("203.0.113.7", 40_000);
    transaction.set_server_addr("192.0.2.10", 443);
    transaction.process_uri(text(&request.target), text(&request.method), "HTTP/1.1")?;
    if transaction.has_intervention() {
        return Ok(());
    }
    for (name, value) in &request.headers {
        transaction.add_request_header(text(name), text(value))?;
    }
    transaction.process_request_headers()?;
    if transaction.has_intervention() {
        return Ok(());
    }
    if !request.body.is_empty() {
        transaction.append_request_body(&request.body)?;
    }
    transaction.process_request_body()?;
    if transaction.has_intervention() {
        return Ok(());
    }
    for (name, value) in &request.response_headers {
        transaction.add_response_header(text(name), text(value))?;
    }
    transaction.process_response_headers()?;
    if transaction.has_intervention() {
        return Ok(());
    }
    transaction.append_response_body(&request.response_body)?;
    transaction.process_response_body()
}
