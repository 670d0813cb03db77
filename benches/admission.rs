//! What it costs to decide whether a request may come in: address lists of a million prefixes, and the whole way of a clean request
//! (client address, lists, three limits), without a customer and with one. Measured in time of the processor, so that a busy machine gives the same figures.

use std::{
    collections::HashMap,
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{
    Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use portcullis_policy::{
    Access, Customer, ForwardedField, Lists, PrefixSet, Trust,
    rates::{KeyHasher, KeyPart, Limit, Limits, MonotonicClock, OwnRate, Prefixes, Quota, Subject},
};

const MILLION: usize = 1_000_000;

/// Time that this thread had a processor.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    fn end(&self, began: Duration) -> Duration {
        self.start() - began
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from((self.next() >> 16) as u32)
    }

    fn v6(&mut self) -> Ipv6Addr {
        Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(self.next()) << 32)
    }
}

/// As they are found in lists of abusers: single addresses, small networks, one in eight of IPv6.
fn prefixes(count: usize) -> Vec<IpNet> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    (0..count)
        .map(|index| match index % 8 {
            0 => Ipv6Net::new(numbers.v6(), 64).map(IpNet::from).expect("a length"),
            1..5 => Ipv4Net::new(numbers.v4(), 32).map(IpNet::from).expect("a length"),
            _ => Ipv4Net::new(numbers.v4(), 24).map(IpNet::from).expect("a length"),
        })
        .map(|prefix| prefix.trunc())
        .collect()
}

fn lists(criterion: &mut Criterion<CpuTime>) {
    let prefixes = prefixes(MILLION);
    let text: String = prefixes.iter().map(|prefix| format!("{prefix}\n")).collect();
    let mut group = criterion.benchmark_group("lists");
    group.sample_size(10);
    group.throughput(Throughput::Elements(MILLION as u64));
    group.bench_function("load a million", |bencher| {
        bencher.iter(|| {
            let lines = text.lines().map(|line| portcullis_config::prefix(line).expect("a prefix"));
            black_box(lines.collect::<PrefixSet>())
        });
    });
    let set: PrefixSet = prefixes.iter().copied().collect();
    let mut numbers = Numbers(42);
    let strangers: Vec<IpAddr> = (0..4096).map(|_| numbers.v4().into()).collect();
    let listed: Vec<IpAddr> = prefixes.iter().step_by(MILLION / 4096).map(IpNet::addr).collect();
    group.sample_size(50);
    group.throughput(Throughput::Elements(1));
    for (name, addresses) in [("ask for strangers", strangers), ("ask for listed", listed)] {
        let mut turn = addresses.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| set.holds(black_box(*turn.next().expect("a cycle"))));
        });
    }
    group.finish();
}

#[derive(Debug)]
struct Uptime(Instant);

impl MonotonicClock for Uptime {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A rate that nothing here comes up to.
fn many() -> Quota {
    let many = 1_000_000.try_into().expect("not zero");
    Quota { requests: many, period: Duration::from_millis(1), burst: many }
}

fn limit(id: &str, key: &[KeyPart]) -> Limit {
    Limit {
        id: id.to_owned(),
        key: key.to_vec(),
        routes: Vec::new(),
        customers: Vec::new(),
        quota: Some(many()),
        concurrent: None,
        keys: 100_000,
        shadow: false,
    }
}

fn admission(criterion: &mut Criterion<CpuTime>) {
    let proxies: PrefixSet = ["10.0.0.0/8", "2001:db8:ffff::/48"].iter().map(|text| net(text)).collect();
    let trust = Trust { proxy_protocol: PrefixSet::default(), proxies, field: ForwardedField::XForwardedFor };
    let everybody =
        Lists { allow: Vec::new(), deny: vec![Arc::new(prefixes(MILLION).into_iter().collect())] };
    let all: Arc<PrefixSet> = Arc::new([net("0.0.0.0/0"), net("::/0")].into_iter().collect());
    let of_route = Lists { allow: vec![Arc::clone(&all)], deny: Vec::new() };
    let access =
        Access { everybody, routes: HashMap::from([("api".to_owned(), of_route)]), ..Access::default() };
    let header = KeyPart::Header("x-api-key".to_owned());
    let clock: Arc<dyn MonotonicClock> = Arc::new(Uptime(Instant::now()));
    let limits = Limits::new(
        vec![
            limit("address", &[KeyPart::Address]),
            limit("route", &[KeyPart::Route, KeyPart::Address]),
            limit("key", &[header]),
        ],
        KeyHasher::new([9; 16], Prefixes { v4: 32, v6: 64 }),
        Arc::clone(&clock),
        None,
    );
    let own_rate = OwnRate::new(many(), clock);
    let mut numbers = Numbers(7);
    let clients: Vec<IpAddr> = (0..1024)
        .map(|_| IpAddr::from(numbers.v4()))
        .filter(|client| access.connection(*client, || Duration::ZERO).is_ok() && !trust.is_proxy(*client))
        .collect();
    let mut group = criterion.benchmark_group("admission");
    for (name, customer) in [
        ("address, lists and three limits", None),
        ("the same of a customer with networks and a rate", Some("acme")),
    ] {
        let mut turn = clients.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let peer = black_box(*turn.next().expect("a cycle"));
                let address = trust.forwarded(peer, &[b"203.0.113.9"]).unwrap_or(peer);
                let of_customer = customer.map(|id| Customer { id, networks: &all });
                let admitted = access.request(address, "api", of_customer, || Duration::ZERO);
                let header = |_: &str| Some(&b"a-key-of-some-customer"[..]);
                let own_rate = customer.map(|_| &own_rate);
                let subject = Subject { address, customer, own_rate, route: "api", header: &header };
                let outcome = limits.take(&subject);
                assert!(admitted.is_ok() && outcome.refused.is_none());
                black_box(outcome)
            });
        });
    }
    group.finish();
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = lists, admission
}
criterion_main!(benches);
