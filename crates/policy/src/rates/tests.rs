use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

/// A clock that a test turns.
#[derive(Debug, Default)]
struct Turned(Mutex<Duration>);

impl MonotonicClock for Turned {
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Turned {
    fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

fn quota(requests: u32, period: Duration, burst: u32) -> Quota {
    Quota { requests: requests.try_into().unwrap(), period, burst: burst.try_into().unwrap() }
}

fn limit(id: &str, key: &[KeyPart], quota: Option<Quota>) -> Limit {
    Limit {
        id: id.to_owned(),
        key: key.to_vec(),
        routes: Vec::new(),
        customers: Vec::new(),
        quota,
        concurrent: None,
        keys: 1000,
        shadow: false,
    }
}

fn hasher() -> KeyHasher {
    KeyHasher::new([1; 16], Prefixes { v4: 32, v6: 64 })
}

fn limits(limits: Vec<Limit>) -> (Limits, Arc<Turned>) {
    let clock = Arc::new(Turned::default());
    (Limits::new(limits, hasher(), Arc::clone(&clock) as Arc<dyn MonotonicClock>, None), clock)
}

fn from<'a>(address: &str, customer: Option<&'a str>, route: &'a str) -> Subject<'a> {
    Subject { address: address.parse().unwrap(), customer, own_rate: None, route, header: &|_| None }
}

fn passes(limits: &Limits, subject: &Subject<'_>) -> bool {
    limits.take(subject).refused.is_none()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_burst_then_the_rate() {
    let (limits, clock) = limits(vec![limit("l", &[KeyPart::Address], Some(quota(2, SECOND, 5)))]);
    let (one, other) = (from("192.0.2.1", None, "r"), from("192.0.2.2", None, "r"));
    for left in (0..5).rev() {
        let outcome = limits.take(&one);
        assert!(outcome.refused.is_none());
        assert_eq!(outcome.standings[0].remaining, left);
    }
    let refused = limits.take(&one);
    assert_eq!(refused.refused, Some((Counted::Limit(0), Exceeded::Rate(Duration::from_millis(500)))));
    assert_eq!(
        refused.standings,
        [Standing {
            limit: Counted::Limit(0),
            quota: quota(2, SECOND, 5),
            remaining: 0,
            reset: Duration::from_millis(2500)
        }]
    );
    assert!(passes(&limits, &other), "one key does not touch another");
    clock.turn(Duration::from_millis(499));
    assert!(!passes(&limits, &one));
    clock.turn(Duration::from_millis(1));
    assert!(passes(&limits, &one));
    assert!(!passes(&limits, &one));
}

#[test]
fn limits_hold_where_they_are_said_to() {
    let once = Some(quota(1, SECOND, 1));
    let mut on_route = limit("route", &[], once);
    on_route.routes = vec!["api".to_owned()];
    let mut of_customer = limit("customer", &[KeyPart::Customer], once);
    of_customer.customers = vec!["acme".to_owned(), "other".to_owned()];
    let (limits, _) = limits(vec![on_route, of_customer]);
    assert!(passes(&limits, &from("192.0.2.1", None, "api")));
    assert!(!passes(&limits, &from("192.0.2.2", None, "api")), "one count over all");
    for _ in 0..3 {
        assert!(passes(&limits, &from("192.0.2.1", Some("nobody"), "else")));
        assert!(passes(&limits, &from("192.0.2.1", None, "else")));
    }
    assert!(passes(&limits, &from("192.0.2.1", Some("acme"), "else")));
    let refused = limits.take(&from("192.0.2.9", Some("acme"), "else"));
    assert_eq!(refused.refused.map(|(limit, _)| limit), Some(Counted::Limit(1)));
    assert!(passes(&limits, &from("192.0.2.1", Some("other"), "else")), "customers do not touch each other");
}

#[test]
fn what_stands_behind_a_refusal_is_not_spent() {
    let first = limit("first", &[], Some(quota(1, SECOND, 1)));
    let second = limit("second", &[], Some(quota(1, SECOND, 2)));
    let (limits, clock) = limits(vec![first, second]);
    let subject = from("192.0.2.1", None, "r");
    assert!(passes(&limits, &subject));
    for _ in 0..5 {
        assert!(!passes(&limits, &subject));
    }
    clock.turn(SECOND);
    assert!(passes(&limits, &subject));
}

#[test]
fn a_shadow_counts_and_refuses_nobody() {
    let mut shadow = limit("shadow", &[], Some(quota(1, SECOND, 1)));
    shadow.shadow = true;
    let mut crowded = limit("crowded", &[], None);
    (crowded.concurrent, crowded.shadow) = (Some(1), true);
    let (limits, _) = limits(vec![shadow, crowded]);
    let subject = from("192.0.2.1", None, "r");
    let held = limits.take(&subject);
    assert!(held.shadow.is_empty() && held.refused.is_none() && held.standings.is_empty());
    let outcome = limits.take(&subject);
    assert!(outcome.refused.is_none());
    assert_eq!(outcome.shadow, [0, 1]);
}

#[test]
fn places_are_held_as_long_as_the_outcome() {
    let mut limit = limit("at-once", &[KeyPart::Address], None);
    limit.concurrent = Some(2);
    let (limits, _) = limits(vec![limit]);
    let subject = from("2001:db8::1", None, "r");
    let first = limits.take(&subject);
    let second = limits.take(&from("2001:db8::2", None, "r"));
    assert_eq!(limits.take(&subject).refused, Some((Counted::Limit(0), Exceeded::Concurrency)));
    drop(first);
    assert!(passes(&limits, &subject));
    drop(second);
}

#[test]
fn a_reload_forgets_nothing_that_stays() {
    let kept = || limit("kept", &[], Some(quota(1, SECOND, 1)));
    let changed = |burst| limit("changed", &[], Some(quota(1, SECOND, burst)));
    let (before, clock) = limits(vec![kept(), changed(1)]);
    let subject = from("192.0.2.1", None, "r");
    assert!(passes(&before, &subject));
    let clock: Arc<dyn MonotonicClock> = clock;
    let after = Limits::new(vec![changed(3), kept()], hasher(), Arc::clone(&clock), Some(&before));
    let outcome = after.take(&subject);
    assert_eq!(outcome.standings[0].remaining, 2, "a changed limit begins anew");
    assert_eq!(
        outcome.refused.map(|(limit, _)| limit),
        Some(Counted::Limit(1)),
        "what stays as it was goes on"
    );
    let other = KeyHasher::new([2; 16], Prefixes { v4: 32, v6: 64 });
    assert!(passes(&Limits::new(vec![kept()], other, clock, Some(&before)), &subject));
}

fn of_customer<'a>(id: &'a str, own_rate: &'a OwnRate) -> Subject<'a> {
    Subject { own_rate: Some(own_rate), ..from("192.0.2.1", Some(id), "r") }
}

#[test]
fn who_is_over_its_own_rate_takes_nothing_from_others() {
    let (limits, clock) = limits(vec![limit("all", &[], Some(quota(1, SECOND, 4)))]);
    let clock: Arc<dyn MonotonicClock> = clock;
    let [acme, bolt] = [2, 3].map(|burst| OwnRate::new(quota(1, 60 * SECOND, burst), Arc::clone(&clock)));
    let outcome = limits.take(&of_customer("acme", &acme));
    let counted: Vec<Counted> = outcome.charges.iter().map(|charge| charge.limit).collect();
    assert_eq!(counted, [Counted::Own, Counted::Limit(0)]);
    assert_eq!((outcome.standings[0].limit, outcome.standings[0].remaining), (Counted::Own, 1));
    assert!(passes(&limits, &of_customer("acme", &acme)));
    for _ in 0..10 {
        let refused = limits.take(&of_customer("acme", &acme));
        assert_eq!(refused.refused, Some((Counted::Own, Exceeded::Rate(60 * SECOND))));
        assert!(refused.charges.is_empty() && refused.standings.len() == 1);
    }
    for _ in 0..2 {
        assert!(passes(&limits, &of_customer("bolt", &bolt)), "half of what all share is left");
    }
    let refused = limits.take(&of_customer("bolt", &bolt));
    assert_eq!(refused.refused.map(|(limit, _)| limit), Some(Counted::Limit(0)));
}

#[test]
fn what_others_have_counted_lowers_a_standing() {
    let standing = Standing::new(Counted::Own, quota(2, SECOND, 10), 8);
    let lowered = |by| {
        let mut standing = standing;
        standing.lower(by);
        (standing.remaining, standing.reset)
    };
    assert_eq!(lowered(9), (8, SECOND));
    assert_eq!(lowered(3), (3, Duration::from_millis(3500)));
}

#[test]
fn a_burst_beyond_all_numbers_is_granted_in_part_and_never_in_whole() {
    let day = 86_400 * SECOND;
    for quota in [quota(1, day, 1_000_000), quota(1, u32::MAX * day, 3), quota(u32::MAX, SECOND, u32::MAX)] {
        let (limits, _) = limits(vec![limit("l", &[], Some(quota))]);
        let admitted = (0..1000).take_while(|_| passes(&limits, &from("192.0.2.1", None, "r"))).count();
        assert!((1..=1000).contains(&admitted), "{quota:?}");
    }
}

proptest! {
    /// The contract, over every window between two admissions.
    #[test]
    fn never_more_than_the_contract_over_any_window(
        requests in 1_u32..50,
        period in 1_u64..5000,
        burst in 1_u32..20,
        pauses in proptest::collection::vec(0_u64..400, 1..300),
    ) {
        let quota = quota(requests, Duration::from_millis(period), burst);
        let (limits, clock) = limits(vec![limit("l", &[KeyPart::Address], Some(quota))]);
        let subject = from("192.0.2.1", None, "r");
        let mut admitted: Vec<Duration> = Vec::new();
        for pause in pauses {
            clock.turn(Duration::from_millis(pause));
            if passes(&limits, &subject) {
                admitted.push(clock.elapsed());
            }
        }
        for (first, start) in admitted.iter().enumerate() {
            for (last, end) in admitted.iter().enumerate().skip(first) {
                let earned = (*end - *start).as_nanos() / quota.interval().as_nanos();
                prop_assert!((last - first + 1) as u128 <= u128::from(burst) + earned);
            }
        }
    }

    /// And not less either: who keeps to the rate is never refused.
    #[test]
    fn who_keeps_to_the_rate_is_admitted(requests in 1_u32..50, period in 50_u64..5000, burst in 1_u32..20) {
        let quota = quota(requests, Duration::from_millis(period), burst);
        let (limits, clock) = limits(vec![limit("l", &[], Some(quota))]);
        for _ in 0..100 {
            prop_assert!(passes(&limits, &from("192.0.2.1", None, "r")));
            clock.turn(quota.interval());
        }
    }
    /// Requests at once, whoever comes and goes in whatever order.
    #[test]
    fn never_more_at_once_than_there_are_places(
        most in 1_u32..6,
        steps in proptest::collection::vec((0_usize..3, any::<bool>(), any::<prop::sample::Index>()), 1..200),
    ) {
        let mut limit = limit("at-once", &[KeyPart::Customer], None);
        limit.concurrent = Some(most);
        let (limits, _) = limits(vec![limit]);
        let mut served: [Vec<Outcome>; 3] = Default::default();
        for (who, comes, which) in steps {
            let subject = from("192.0.2.1", Some(["a", "b", "c"][who]), "r");
            if comes {
                let outcome = limits.take(&subject);
                let room = served[who].len() < most as usize;
                prop_assert_eq!(outcome.refused.is_none(), room);
                if room {
                    served[who].push(outcome);
                }
            } else if !served[who].is_empty() {
                let which = which.index(served[who].len());
                served[who].swap_remove(which);
            }
        }
    }

    /// A customer's own rate, under every change of how fast it asks and however often limits are made anew.
    #[test]
    fn a_customer_gets_its_contract_and_no_more(
        requests in 1_u32..50,
        period in 1_u64..5000,
        burst in 1_u32..20,
        pauses in proptest::collection::vec((0_u64..400, any::<bool>()), 1..300),
    ) {
        let quota = quota(requests, Duration::from_millis(period), burst);
        let shared = || vec![limit("all", &[], Some(self::quota(1_000_000, Duration::from_millis(1), 1_000_000)))];
        let (mut limits, turned) = limits(shared());
        let clock: Arc<dyn MonotonicClock> = Arc::clone(&turned) as _;
        let (own, other) = (OwnRate::new(quota, Arc::clone(&clock)), OwnRate::new(quota, Arc::clone(&clock)));
        let mut admitted: Vec<Duration> = Vec::new();
        // What the contract says, in a whole number that is earned and spent.
        let (whole, each) = (quota.window().as_nanos(), quota.interval().as_nanos());
        let (mut credit, mut last) = (whole, Duration::ZERO);
        for (pause, reload) in pauses {
            turned.turn(Duration::from_millis(pause));
            if reload {
                limits = Limits::new(shared(), hasher(), Arc::clone(&clock), Some(&limits));
            }
            credit = whole.min(credit + (clock.elapsed() - last).as_nanos());
            last = clock.elapsed();
            let passed = passes(&limits, &of_customer("acme", &own));
            prop_assert_eq!(passed, credit >= each);
            if passed {
                credit -= each;
                admitted.push(clock.elapsed());
            }
            passes(&limits, &of_customer("bolt", &other));
        }
        for (first, start) in admitted.iter().enumerate() {
            for (last, end) in admitted.iter().enumerate().skip(first) {
                let earned = (*end - *start).as_nanos() / each;
                prop_assert!((last - first + 1) as u128 <= u128::from(burst) + earned);
            }
        }
    }
}
