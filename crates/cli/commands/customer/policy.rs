//! What a customer may do, as options of `customer add` and `customer set`.

use portcullis_pki::{Customer, Mode, Network, Rate, parse_span};

/// What is not given stays as it is.
#[derive(clap::Args)]
pub(super) struct Policy {
    /// Refused without its certificate, also where one is optional
    #[arg(long, value_name = "BOOL")]
    mtls_only: Option<bool>,
    /// Where it may come from: networks, any number of times; "any" for anywhere
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', value_parser = allowed)]
    allow: Vec<Option<Network>>,
    /// URIs or DNS names in certificates of external authorities that stand for it, any number of times; "none" for none
    #[arg(long, value_name = "NAME")]
    identity: Vec<String>,
    /// How fast it may ask: requests, time and maybe burst (600/1m, 600/1m/50); "none" for as fast as everybody
    #[arg(long, value_name = "N/TIME[/BURST]", value_parser = rate)]
    rate: Option<Unset<Rate>>,
    /// What the rule engine does with a match; "route" for as the route says
    #[arg(long, value_name = "MODE", value_parser = mode)]
    waf_mode: Option<Unset<Mode>>,
    /// Paranoia level whose rules block, 1 to 4; "route" for as the route says
    #[arg(long, value_name = "LEVEL", value_parser = number::<u8>)]
    waf_paranoia: Option<Unset<u8>>,
    /// Paranoia level whose rules are recorded; "route" for as the route says
    #[arg(long, value_name = "LEVEL", value_parser = number::<u8>)]
    waf_detection_paranoia: Option<Unset<u8>>,
    /// Anomaly score at which its requests are refused; "route" for as the route says
    #[arg(long, value_name = "SCORE", value_parser = number::<u32>)]
    waf_inbound_threshold: Option<Unset<u32>>,
    /// Anomaly score at which answers to it are refused; "route" for as the route says
    #[arg(long, value_name = "SCORE", value_parser = number::<u32>)]
    waf_outbound_threshold: Option<Unset<u32>>,
}

/// A value, or none in so many words.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unset<T>(Option<T>);

impl Policy {
    pub(super) fn is_empty(&self) -> bool {
        let Self { mtls_only, allow, identity, rate, waf_mode, waf_paranoia, .. } = self;
        let rest = self.waf_detection_paranoia.is_none()
            && self.waf_inbound_threshold.is_none()
            && self.waf_outbound_threshold.is_none();
        let first = mtls_only.is_none() && allow.is_empty() && identity.is_empty() && rate.is_none();
        first && waf_mode.is_none() && waf_paranoia.is_none() && rest
    }

    pub(super) fn apply(&self, customer: &mut Customer) {
        customer.mtls_only = self.mtls_only.unwrap_or(customer.mtls_only);
        if !self.allow.is_empty() {
            customer.allow = self.allow.iter().copied().flatten().collect();
        }
        if !self.identity.is_empty() {
            customer.identities = self.identity.iter().filter(|name| *name != "none").cloned().collect();
        }
        set(&mut customer.rate, self.rate);
        let waf = &mut customer.waf;
        set(&mut waf.mode, self.waf_mode);
        set(&mut waf.paranoia, self.waf_paranoia);
        set(&mut waf.detection_paranoia, self.waf_detection_paranoia);
        set(&mut waf.inbound_threshold, self.waf_inbound_threshold);
        set(&mut waf.outbound_threshold, self.waf_outbound_threshold);
    }
}

fn set<T: Copy>(place: &mut Option<T>, given: Option<Unset<T>>) {
    if let Some(Unset(value)) = given {
        *place = value;
    }
}

fn allowed(text: &str) -> Result<Option<Network>, String> {
    if text == "any" { Ok(None) } else { Network::parse(text).map(Some) }
}

fn rate(text: &str) -> Result<Unset<Rate>, String> {
    if text == "none" {
        return Ok(Unset(None));
    }
    let problem = || format!("`{text}` is no rate; write 600/1m, or 600/1m/50 with a burst");
    let mut parts = text.split('/');
    let requests = parts.next().and_then(|part| part.parse().ok()).ok_or_else(problem)?;
    let per = parts.next().and_then(|part| parse_span(part).ok()).ok_or_else(problem)?;
    let burst = parts.next().map(|part| part.parse().map_err(|_| problem())).transpose()?;
    match parts.next() {
        None => Ok(Unset(Some(Rate { requests, per, burst }))),
        Some(_) => Err(problem()),
    }
}

fn mode(text: &str) -> Result<Unset<Mode>, String> {
    Ok(Unset(match text {
        "block" => Some(Mode::Block),
        "detect" => Some(Mode::Detect),
        "off" => Some(Mode::Off),
        "route" => None,
        _ => return Err(format!("`{text}` is no mode; block, detect, off and route are")),
    }))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<Unset<T>, String> {
    if text == "route" {
        return Ok(Unset(None));
    }
    text.parse()
        .map(|value| Unset(Some(value)))
        .map_err(|_| format!("`{text}` is no number in range, nor `route`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_written() {
        let Unset(read) = rate("600/1m/50").unwrap();
        let read = read.unwrap();
        assert_eq!((read.requests, read.per.whole_seconds(), read.burst), (600, 60, Some(50)));
        assert_eq!(rate("5/1s").unwrap().0.unwrap().burst, None);
        assert_eq!(rate("none").unwrap(), Unset(None));
        for bad in ["", "600", "600/", "600/1", "x/1m", "600/1m/x", "600/1m/1/1", "-1/1m"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
