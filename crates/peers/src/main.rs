//! The driver of our engine: `portcullis-peer RULES CORPUS [plain|remembering]`. With `plain` every rule asks every value: the oracle that
//! the compiled engine is compared with. With `remembering` values that come again are remembered.

use std::process::ExitCode;

use portcullis_peers::{driver::serve, ours::load};
use portcullis_waf::{Engine, Options};

/// That of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (rules, corpus, engine, remembers) = match arguments.as_slice() {
        [rules, corpus] => (rules, corpus, Engine::Compiled, false),
        [rules, corpus, plain] if plain == "plain" => (rules, corpus, Engine::Plain, false),
        [rules, corpus, word] if word == "remembering" => (rules, corpus, Engine::Compiled, true),
        _ => {
            eprintln!("usage: portcullis-peer RULES CORPUS [plain|remembering]");
            return ExitCode::FAILURE;
        }
    };
    serve(rules, corpus, |rules| {
        let mut loaded = load(rules, Options { engine, ..Options::default() })?;
        loaded.engine.remembers = remembers;
        Ok(loaded)
    })
}
