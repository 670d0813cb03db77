//! Tables of figures: a row for each request, a column for each engine, ratios to libmodsecurity.

use std::fmt;

use super::{
    build::Kind,
    peer::{Peer, Timing},
};

/// Figures of one request, in the order of the engines; the first engine is what all are measured by.
pub(super) struct Row {
    name: String,
    figures: Vec<f64>,
    /// First engine over this one.
    ratios: Vec<f64>,
}

impl Row {
    /// Medians of the rounds: of the figures, and of the ratios within a round.
    pub(super) fn of(name: &str, timings: &[Vec<Timing>]) -> Self {
        let figures = timings.iter().map(|rounds| median(rounds.iter().map(|timing| timing.0))).collect();
        let first = timings.first().map_or(&[][..], Vec::as_slice);
        let ratio = |rounds: &Vec<Timing>| median(first.iter().zip(rounds).map(|(base, own)| base.0 / own.0));
        Self { name: name.to_owned(), figures, ratios: timings.iter().map(ratio).collect() }
    }
}

/// One table.
pub(super) struct Table {
    title: String,
    engines: Vec<Kind>,
    rows: Vec<Row>,
}

impl Table {
    /// CPU time.
    pub(super) fn new(level: u8, varied: bool, peers: &[Peer], rows: Vec<Row>) -> Self {
        let corpus = if varied { "every transaction different" } else { "fixed corpus" };
        let title = format!("paranoia {level}, {corpus}, CPU microseconds a transaction");
        Self { title, engines: peers.iter().map(|peer| peer.kind).collect(), rows }
    }

    /// Instructions.
    pub(super) fn instructions(level: u8, names: &[&str], columns: &[(Kind, Vec<u64>)]) -> Self {
        let row = |(index, name): (usize, &&str)| {
            let figures: Vec<f64> =
                columns.iter().map(|(_, counts)| counts.get(index).copied().unwrap_or(0) as f64).collect();
            let first = figures.first().copied().unwrap_or(0.0);
            let ratios = figures.iter().map(|own| first / own).collect();
            Row { name: (*name).to_owned(), figures, ratios }
        };
        Self {
            title: format!("paranoia {level}, fixed corpus, instructions a transaction"),
            engines: columns.iter().map(|(kind, _)| *kind).collect(),
            rows: names.iter().enumerate().map(row).collect(),
        }
    }

    /// The smallest ratio of ours, and the geometric mean over the requests.
    pub(super) fn summary(&self) -> Option<String> {
        let ours = self.engines.iter().position(|kind| *kind == Kind::Portcullis)?;
        let (smallest, mean) = self.ratios(ours)?;
        Some(format!("smallest {}x, geometric mean {}x", short(smallest), short(mean)))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let engines: Vec<String> = self.engines.iter().map(ToString::to_string).collect();
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| serde_json::json!({ "request": row.name, "figures": row.figures, "ratios": row.ratios }))
            .collect();
        serde_json::json!({ "title": self.title, "engines": engines, "rows": rows })
    }

    fn ratios(&self, engine: usize) -> Option<(f64, f64)> {
        let ratios: Vec<f64> = self.rows.iter().filter_map(|row| row.ratios.get(engine).copied()).collect();
        let smallest = ratios.iter().copied().reduce(f64::min)?;
        let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        Some((smallest, (logarithms / ratios.len() as f64).exp()))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.title)?;
        write!(formatter, "{:16}", "request")?;
        for engine in &self.engines {
            write!(formatter, "{engine:>26}")?;
        }
        writeln!(formatter)?;
        for row in &self.rows {
            write!(formatter, "{:16}", row.name)?;
            for (index, (figure, ratio)) in row.figures.iter().zip(&row.ratios).enumerate() {
                let ratio = if index == 0 { String::new() } else { format!(" {:>8}x", short(*ratio)) };
                write!(formatter, "{:>26}", format!("{}{ratio}", short(*figure)))?;
            }
            writeln!(formatter)?;
        }
        write!(formatter, "{:16}", "geometric mean")?;
        for index in 0..self.engines.len() {
            let mean = self.ratios(index).filter(|_| index > 0).map(|(_, mean)| format!("{}x", short(mean)));
            write!(formatter, "{:>26}", mean.unwrap_or_default())?;
        }
        writeln!(formatter)
    }
}

/// Three digits that count.
fn short(figure: f64) -> String {
    let decimals = if figure >= 100.0 {
        0
    } else if figure >= 10.0 {
        1
    } else {
        2
    };
    format!("{figure:.decimals$}")
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.as_slice() {
        [] => f64::NAN,
        figures if figures.len() % 2 == 1 => figures[middle],
        figures => (figures[middle - 1] + figures[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(figures: &[f64]) -> Vec<Timing> {
        figures.iter().copied().map(Timing).collect()
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine was ten times as slow in the second round, for all.
        let row = Row::of("a", &[timings(&[100.0, 1000.0, 100.0]), timings(&[1.0, 10.0, 2.0])]);
        assert_eq!(row.ratios, [1.0, 100.0]);
        assert_eq!(row.figures, [100.0, 2.0]);
    }

    #[test]
    fn the_last_line_has_its_form() {
        let rows = vec![
            Row::of("a", &[timings(&[100.0]), timings(&[1.0])]),
            Row::of("b", &[timings(&[400.0]), timings(&[1.0])]),
        ];
        let engines = vec![Kind::Libmodsecurity, Kind::Portcullis];
        let table = Table { title: "t".to_owned(), engines, rows };
        assert_eq!(table.summary().unwrap(), "smallest 100x, geometric mean 200x");
        assert!(table.to_string().contains("400x"), "{table}");
    }
}
