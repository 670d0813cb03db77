//! What a driver does, whatever the engine: reads the corpus, then answers commands with one line of JSON each.
//!
//! Of the standard library and `rustix` alone, as drivers outside of this workspace are built from this very file.

use std::{
    fs,
    hint::black_box,
    io::{self, BufRead, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

/// An engine with its rules loaded.
pub trait Engine {
    /// One whole transaction, phases 1 to 5; it ends at the first intervention, phase 5 runs in any case. Gives the status of a refusal
    /// or 0, and adds the ids of the rules that matched and are logged when they are asked for.
    fn transaction(&mut self, request: &Request, ids: Option<&mut Vec<String>>) -> u16;
}

/// What loading gave.
pub struct Loaded<E> {
    /// The engine.
    pub engine: E,
    /// Name and version.
    pub name: String,
    /// How many rules there are.
    pub rules: usize,
}

/// A request of the corpus with its answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name in commands.
    pub name: Vec<u8>,
    /// `GET`, `POST`
    pub method: Vec<u8>,
    /// Request target.
    pub target: Vec<u8>,
    /// Fields in wire order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Body, empty when there is none.
    pub body: Vec<u8>,
    /// Fields of the answer, whose status is 200.
    pub response_headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Body of the answer.
    pub response_body: Vec<u8>,
    target_slots: Vec<Slot>,
    header_slots: Vec<Vec<Slot>>,
    body_slots: Vec<Slot>,
    response_body_slots: Vec<Slot>,
    sequence: Sequence,
}

/// Bytes that differ from one transaction to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it begins.
    pub offset: usize,
    /// Bytes.
    pub length: usize,
    /// Index into [`ALPHABETS`].
    pub alphabet: usize,
}

/// What slots are filled with, at even and at odd places: digits, hexadecimal digits, Base64url, letters that can be spoken.
pub const ALPHABETS: [[&[u8]; 2]; 4] = [
    [b"0123456789", b"0123456789"],
    [b"0123456789abcdef", b"0123456789abcdef"],
    [BASE64_URL, BASE64_URL],
    [b"bdfgklmnprst", b"aeiou"],
];

const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where the fillings come from: Marsaglia's xorshift with 64 bits, one step for every byte.
#[derive(Clone, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// The sequence of this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(SEED ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Fills slots; one beyond the end of the bytes is left alone.
    pub fn fill(&mut self, bytes: &mut [u8], slots: &[Slot]) {
        for slot in slots {
            let Some(place) = bytes.get_mut(slot.offset..slot.offset + slot.length) else { continue };
            let Some(alphabets) = ALPHABETS.get(slot.alphabet) else { continue };
            for (at, byte) in place.iter_mut().enumerate() {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                let letters = alphabets[at % 2];
                *byte = letters[(self.0 >> 33) as usize % letters.len()];
            }
        }
    }
}

const SEED: u64 = 20_260_728;

impl Request {
    /// A request in which nothing changes, and an answer without fields or body.
    #[must_use]
    pub fn plain(
        name: &str,
        method: &str,
        target: &[u8],
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            method: method.as_bytes().to_vec(),
            target: target.to_vec(),
            header_slots: vec![Vec::new(); headers.len()],
            headers,
            body,
            response_headers: Vec::new(),
            response_body: Vec::new(),
            target_slots: Vec::new(),
            body_slots: Vec::new(),
            response_body_slots: Vec::new(),
            sequence: Sequence::new(0),
        }
    }

    /// Fills every slot anew.
    pub fn fill(&mut self) {
        self.sequence.fill(&mut self.target, &self.target_slots);
        for ((_, value), slots) in self.headers.iter_mut().zip(&self.header_slots) {
            self.sequence.fill(value, slots);
        }
        self.sequence.fill(&mut self.body, &self.body_slots);
        self.sequence.fill(&mut self.response_body, &self.response_body_slots);
    }
}

/// Reads a corpus. Numbers are of four bytes, little-endian. A text is a number, so many bytes, a number and so many slots of three
/// numbers (offset, length, alphabet). Fields are a number and so many pairs of texts. A file is a number and so many requests: name,
/// method, target, fields, body, fields and body of the answer. `None` when the file ends too early.
#[must_use]
pub fn read(file: &[u8]) -> Option<Vec<Request>> {
    let mut reader = Reader(file);
    let count = reader.number()?;
    (0..count).map(|index| reader.request(index as u64)).collect()
}

/// Writes a corpus of requests whose slots are left out.
#[must_use]
pub fn write(requests: &[Request]) -> Vec<u8> {
    let mut file = Vec::new();
    number(&mut file, requests.len());
    for request in requests {
        for text in [&request.name, &request.method, &request.target] {
            text_without_slots(&mut file, text);
        }
        fields_without_slots(&mut file, &request.headers);
        text_without_slots(&mut file, &request.body);
        fields_without_slots(&mut file, &request.response_headers);
        text_without_slots(&mut file, &request.response_body);
    }
    file
}

fn fields_without_slots(file: &mut Vec<u8>, fields: &[(Vec<u8>, Vec<u8>)]) {
    number(file, fields.len());
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        text_without_slots(file, text);
    }
}

fn text_without_slots(file: &mut Vec<u8>, text: &[u8]) {
    number(file, text.len());
    file.extend_from_slice(text);
    number(file, 0);
}

/// Lengths here are far below four gigabytes.
fn number(file: &mut Vec<u8>, number: usize) {
    file.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number) as usize)
    }

    fn text(&mut self) -> Option<(Vec<u8>, Vec<Slot>)> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let slots = self.number()?;
        let slot =
            |_| Some(Slot { offset: self.number()?, length: self.number()?, alphabet: self.number()? });
        Some((bytes.to_vec(), (0..slots).map(slot).collect::<Option<_>>()?))
    }

    #[expect(clippy::type_complexity, reason = "pairs of bytes and the slots of the values beside them")]
    fn fields(&mut self) -> Option<(Vec<(Vec<u8>, Vec<u8>)>, Vec<Vec<Slot>>)> {
        let count = self.number()?;
        let mut fields = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (name, (value, slots)) = (self.text()?.0, self.text()?);
            fields.0.push((name, value));
            fields.1.push(slots);
        }
        Some(fields)
    }

    fn request(&mut self, index: u64) -> Option<Request> {
        let (name, method) = (self.text()?.0, self.text()?.0);
        let (target, target_slots) = self.text()?;
        let (headers, header_slots) = self.fields()?;
        let (body, body_slots) = self.text()?;
        let (response_headers, _) = self.fields()?;
        let (response_body, response_body_slots) = self.text()?;
        Some(Request {
            name,
            method,
            target,
            headers,
            body,
            response_headers,
            response_body,
            target_slots,
            header_slots,
            body_slots,
            response_body_slots,
            sequence: Sequence::new(index + 1),
        })
    }
}

/// Loads the rules of the file that `load` is given, says what was loaded, and answers commands until there are no more.
pub fn serve<E: Engine>(
    rules: &str,
    corpus: &str,
    load: impl FnOnce(&str) -> Result<Loaded<E>, String>,
) -> ExitCode {
    let requests = match fs::read(corpus) {
        Ok(file) => read(&file).unwrap_or_default(),
        Err(error) => return refuse(&format!("{corpus}: {error}")),
    };
    let (memory, begun) = (resident_kib(), cpu());
    let mut loaded = match load(rules) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error),
    };
    println!(
        "{{\"engine\":\"{}\",\"rules\":{},\"load_ms\":{:.1},\"rss_before_kb\":{memory},\"rss_loaded_kb\":{}}}",
        loaded.name,
        loaded.rules,
        (cpu() - begun).as_secs_f64() * 1e3,
        resident_kib()
    );
    let mut driver = Driver { engine: &mut loaded.engine, requests };
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let answer =
            driver.answer(&line).unwrap_or_else(|| format!("{{\"error\":\"not understood: {line}\"}}"));
        println!("{answer}");
        let _ = io::stdout().flush();
    }
    ExitCode::SUCCESS
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

struct Driver<'a, E> {
    engine: &'a mut E,
    requests: Vec<Request>,
}

impl<E: Engine> Driver<'_, E> {
    fn answer(&mut self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace();
        let command = words.next()?;
        if command == "rss" {
            return Some(format!("{{\"rss_kb\":{}}}", resident_kib()));
        }
        let name = words.next()?;
        let request = self.requests.iter_mut().find(|request| request.name == name.as_bytes())?;
        match command {
            "ids" => {
                let mut ids = Vec::new();
                let status = self.engine.transaction(request, Some(&mut ids));
                Some(format!("{{\"ids\":\"{}\",\"status\":{status}}}", ids.join(" ")))
            }
            "time" => {
                let varied = words.next()? == "varied";
                Some(time(self.engine, request, varied, words.next()?.parse().ok()?))
            }
            "count" => {
                let (warm, counted) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                for _ in 0..warm {
                    black_box(self.engine.transaction(request, None));
                }
                let status = counted_transactions(self.engine, request, counted);
                Some(format!("{{\"n\":{counted},\"status\":{status}}}"))
            }
            _ => None,
        }
    }
}

/// Runs transactions until so many seconds of this process's CPU time are used, at least three. What filling took is measured with the
/// same number of fillings afterwards and taken off. The clock is a system call: it is read less often the more transactions there are.
fn time<E: Engine>(engine: &mut E, request: &mut Request, varied: bool, seconds: f64) -> String {
    let (mut transactions, mut step, mut status) = (0_u64, 3_u64, 0);
    let (begun, wall) = (cpu(), Instant::now());
    loop {
        for _ in 0..step {
            if varied {
                request.fill();
            }
            status = engine.transaction(request, None);
        }
        transactions += step;
        let used = (cpu() - begun).as_secs_f64();
        if used >= seconds {
            break;
        }
        step = if used < seconds / 16.0 { step * 2 } else { 1 + step / 2 };
    }
    let (mut used, wall) = (cpu() - begun, wall.elapsed());
    if varied {
        let begun = cpu();
        for _ in 0..transactions {
            request.fill();
            black_box(&request);
        }
        used = used.saturating_sub(cpu() - begun);
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / transactions as f64;
    format!(
        "{{\"us\":{:.3},\"wall_us\":{:.3},\"n\":{transactions},\"status\":{status}}}",
        micros(used),
        micros(wall)
    )
}

/// The function that callgrind counts: its name is told on valgrind's command line.
#[inline(never)]
fn counted_transactions<E: Engine>(engine: &mut E, request: &Request, transactions: u32) -> u16 {
    let mut status = 0;
    for _ in 0..transactions {
        status = black_box(engine.transaction(black_box(request), None));
    }
    status
}

/// CPU time of this process.
#[must_use]
pub fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Memory in use, in KiB; 0 where there is no /proc.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
