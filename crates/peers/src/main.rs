//! The driver of our engine: `portcullis-peer RULES CORPUS [plain]`. With `plain` every rule asks every value: the oracle that the
//! compiled engine is compared with.

use std::process::ExitCode;

use portcullis_peers::{driver::serve, ours::load};
use portcullis_waf::{Engine, Options};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (rules, corpus, engine) = match arguments.as_slice() {
        [rules, corpus] => (rules, corpus, Engine::Compiled),
        [rules, corpus, plain] if plain == "plain" => (rules, corpus, Engine::Plain),
        _ => {
            eprintln!("usage: portcullis-peer RULES CORPUS [plain]");
            return ExitCode::FAILURE;
        }
    };
    serve(rules, corpus, |rules| load(rules, Options { engine, ..Options::default() }))
}
