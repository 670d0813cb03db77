//! When there is more to do than can be done, who is turned away.
//!
//! What counts is how long work waits for its turn, not how much of it there is. A queue that empties now and then is doing its job;
//! one whose shortest wait over a while is long only adds to every answer (the insight of CoDel, RFC 8289). Then strangers are turned
//! away first, and customers too when even that does not help.

use std::time::Duration;

/// Time over which the shortest wait is looked for.
const WINDOW: Duration = Duration::from_millis(200);

/// How many times the target the shortest wait must be before customers are turned away.
const ALL: u32 = 4;

/// Who is turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Nobody.
    #[default]
    None,
    /// Whoever no customer is known of.
    Strangers,
    /// Everybody.
    All,
}

impl Pressure {
    /// Whether a request goes away unserved; `identified` where a customer is known.
    #[must_use]
    pub fn sheds(self, identified: bool) -> bool {
        match self {
            Self::None => false,
            Self::Strangers => !identified,
            Self::All => true,
        }
    }
}

/// The shortest wait of the running window, and what the last whole one meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    pressure: Pressure,
    shortest: Option<Duration>,
    elapsed: Duration,
}

impl Queue {
    /// Takes in that some piece of work waited so long, `since` after the one before it, and says what that means. `target` is the
    /// wait that is still good.
    pub fn observe(&mut self, waited: Duration, since: Duration, target: Duration) -> Pressure {
        self.shortest = Some(self.shortest.map_or(waited, |shortest| shortest.min(waited)));
        self.elapsed = self.elapsed.saturating_add(since);
        if self.elapsed >= WINDOW {
            let shortest = self.shortest.take().unwrap_or_default();
            self.elapsed = Duration::ZERO;
            self.pressure = if shortest > target.saturating_mul(ALL) {
                Pressure::All
            } else if shortest > target {
                Pressure::Strangers
            } else {
                Pressure::None
            };
        }
        self.pressure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(50);
    const STEP: Duration = Duration::from_millis(20);

    fn after(waits: &[u64]) -> Pressure {
        let mut queue = Queue::default();
        let mut pressure = Pressure::None;
        for wait in waits {
            let wait = Duration::from_millis(*wait);
            pressure = queue.observe(wait, STEP + wait, TARGET);
        }
        pressure
    }

    #[test]
    fn a_queue_that_empties_is_no_overload() {
        assert_eq!(after(&[0; 50]), Pressure::None);
        assert_eq!(after(&[120, 90, 1, 90, 120, 90, 2, 90]), Pressure::None);
    }

    #[test]
    fn a_standing_queue_turns_strangers_away_and_a_longer_one_everybody() {
        assert_eq!(after(&[80; 20]), Pressure::Strangers);
        assert_eq!(after(&[300; 20]), Pressure::All);
        assert_eq!(after(&[5000]), Pressure::All);
    }

    #[test]
    fn it_is_over_when_it_is_over() {
        let mut waits = vec![300; 20];
        waits.extend([0; 20]);
        assert_eq!(after(&waits), Pressure::None);
        let mut waits = vec![300; 20];
        waits.extend([80; 20]);
        assert_eq!(after(&waits), Pressure::Strangers);
    }

    #[test]
    fn strangers_go_first() {
        assert!(!Pressure::None.sheds(false) && !Pressure::None.sheds(true));
        assert!(Pressure::Strangers.sheds(false) && !Pressure::Strangers.sheds(true));
        assert!(Pressure::All.sheds(false) && Pressure::All.sheds(true));
    }
}
