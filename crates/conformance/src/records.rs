//! What the edge wrote about a request: the rules that matched, found by the client's port and the request id.
//!
//! Every stage has a connection of its own, so the access line that names its address is the one about it, whether or not an
//! answer came back. The audit event with the same id has the rules and, as the run asks for them, expanded messages.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::Journal;
use serde_json::Value;

/// How long the lines of a request may take after its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much later than the access line the audit event may come. Requests that the gate refuses may have none.
const GRACE: Duration = Duration::from_millis(400);

/// A rule that matched and is logged.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    /// `[id ".."] [msg ".."] [data ".."]`, as ModSecurity's error log has it.
    pub(crate) line: String,
}

/// Both logs of one edge.
pub(crate) struct Records {
    state: Mutex<State>,
}

struct State {
    access: Journal,
    audit: Journal,
    by_client: HashMap<String, Vec<Value>>,
    by_id: HashMap<String, Value>,
}

impl Records {
    /// Reads `access.log` and `audit.log` in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let state = State {
            access: Journal::new(&dir.join("access.log")),
            audit: Journal::new(&dir.join("audit.log")),
            by_client: HashMap::new(),
            by_id: HashMap::new(),
        };
        Self { state: Mutex::new(state) }
    }

    /// Drops what is known of an address that an earlier connection had.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) fn forget(&self, client: SocketAddr) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.look()?;
        state.by_client.remove(&client.to_string());
        Ok(())
    }

    /// The access lines of the requests that came from this address; none when the edge wrote nothing about it.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) fn lines(&self, client: SocketAddr) -> io::Result<Vec<Value>> {
        let client = client.to_string();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.look()?;
                if let Some(lines) = state.by_client.remove(&client) {
                    return Ok(lines);
                }
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(Vec::new())
    }

    /// The logged rules of the requests that came from this address. `None` when the edge wrote nothing about it.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) fn rules(&self, client: SocketAddr) -> io::Result<Option<Vec<Rule>>> {
        let client = client.to_string();
        let begun = Instant::now();
        let mut line_seen = None;
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.look()?;
                if let Some(lines) = state.by_client.get(&client) {
                    let seen = *line_seen.get_or_insert_with(Instant::now);
                    let complete = lines.iter().all(|line| state.by_id.contains_key(id_of(line)));
                    if complete || seen.elapsed() > GRACE {
                        let rules = lines.iter().flat_map(|line| state.rules_of(line)).collect();
                        state.by_client.remove(&client);
                        return Ok(Some(rules));
                    }
                }
            }
            if begun.elapsed() > PATIENCE {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl State {
    fn look(&mut self) -> io::Result<()> {
        for line in self.access.fresh()? {
            if let Some(client) = line["client"].as_str() {
                self.by_client.entry(client.to_owned()).or_default().push(line);
            }
        }
        for event in self.audit.fresh()? {
            self.by_id.insert(id_of(&event).to_owned(), event);
        }
        Ok(())
    }

    /// The rules that the access line names, with the texts that the audit event has for them. The event lists bookkeeping rules
    /// with `nolog` too; go-ftw reads the error log, where those do not stand.
    fn rules_of(&self, line: &Value) -> Vec<Rule> {
        let ids = line["waf"]["rules"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        let logged: Vec<u64> = ids.collect();
        let event = self.by_id.get(id_of(line));
        let entries = event.and_then(|event| event["rules"].as_array());
        let mut rules: Vec<Rule> = entries
            .into_iter()
            .flatten()
            .filter_map(rule)
            .filter(|rule| logged.contains(&rule.id) || logged.len() >= ACCESS_LINE_RULES)
            .collect();
        let bare = logged.into_iter().filter(|id| !rules.iter().any(|rule| rule.id == *id));
        let bare: Vec<Rule> = bare.map(|id| Rule { id, line: format!("[id \"{id}\"]") }).collect();
        rules.extend(bare);
        rules
    }
}

/// Rule ids that an access line has room for; those of a longer list stand in the audit event alone.
const ACCESS_LINE_RULES: usize = 64;

fn id_of(record: &Value) -> &str {
    record["request_id"].as_str().unwrap_or_default()
}

fn rule(rule: &Value) -> Option<Rule> {
    if rule["logged"] == Value::Bool(false) {
        return None;
    }
    let id = rule["id"].as_u64()?;
    let text = |name: &str| escaped(rule[name].as_str().unwrap_or_default());
    let (message, data) = (text("message"), text("log_data"));
    Some(Rule { id, line: format!("[id \"{id}\"] [msg \"{message}\"] [data \"{data}\"]") })
}

/// Control characters as ModSecurity writes them: an entry of its log is one line.
fn escaped(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars() {
        if letter.is_ascii_control() {
            line.push_str(&format!("\\x{:02x}", u32::from(letter)));
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_by_address_and_id_and_nolog_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("access.log"),
            "{\"request_id\":\"a\",\"client\":\"127.0.0.1:9\",\"waf\":{\"rules\":[1,3]}}\n{\"request_id\":\"b\",\"client\":\"127.0.0.1:8\",\"waf\":{\"rules\":[7]}}\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("audit.log"),
            "{\"request_id\":\"a\",\"rules\":[{\"id\":1,\"logged\":true,\"message\":\"m\",\"log_data\":\"d\\n\"},{\"id\":2,\"logged\":false}]}\n",
        )
        .unwrap();
        let records = Records::new(dir.path());
        let rules = records.rules("127.0.0.1:9".parse().unwrap()).unwrap().unwrap();
        assert_eq!(rules.iter().map(|rule| rule.id).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(rules[0].line, "[id \"1\"] [msg \"m\"] [data \"d\\x0a\"]");
        let rules = records.rules("127.0.0.1:8".parse().unwrap()).unwrap().unwrap();
        assert_eq!(rules[0].id, 7);
    }
}
