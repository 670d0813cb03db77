//! Requests go through a worker in step.
//!
//! The way of a request takes several times what a processor's first caches hold: whoever walks it alone fetches all of it anew. So those
//! that wait for a worker are read one after the other, then judged one after the other, and so on: what a part of the way takes is in
//! the caches but once for all of them, and a backend that sleeps is woken once.
//!
//! Whoever comes to a stage first leads: it gives its worker away, turn by turn, as long as others come to the same stage, who wait for
//! it and go when it goes. Nobody waits for time to pass: a worker that has nothing else to do comes back at once, and who is alone goes
//! on after one turn. Bounded: by turns, by time, and by the number of those that go together.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    task::yield_now,
};

/// Where requests gather. Not when the answer is out: what others wait for, and the record, would be late.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// In front of the rules' phases 1 and 2.
    Inspection,
    /// In front of the way to the backend.
    Forwarding,
    /// In front of the judgement over an answer, or of its passing on.
    Answer,
}

impl Stage {
    /// In the order of a request's way.
    pub(crate) const ALL: [Self; 3] = [Self::Inspection, Self::Forwarding, Self::Answer];
}

/// So often the first of a stage gives its worker away.
const MOST_TURNS: usize = 8;

/// After so long it does not do so again: a turn may be long where others bring long bodies.
const MOST_TIME: Duration = Duration::from_millis(2);

/// So many follow the first of a stage: their data have to stay in the second cache.
const MOST_FOLLOWERS: usize = 63;

type Open = [Option<Arc<Gathering>>; Stage::ALL.len()];

thread_local! {
    /// Those of this worker to which others may come, by stage. A thread is taken to serve one runtime.
    static OPEN: RefCell<Open> = const { RefCell::new([const { None }; Stage::ALL.len()]) };
}

fn with_open<T>(stage: Stage, what: impl FnOnce(&mut Option<Arc<Gathering>>) -> T) -> T {
    OPEN.with_borrow_mut(|[inspection, forwarding, answer]| match stage {
        Stage::Inspection => what(inspection),
        Stage::Forwarding => what(forwarding),
        Stage::Answer => what(answer),
    })
}

/// Those that go through a stage together.
#[derive(Debug, Default)]
struct Gathering {
    followers: AtomicUsize,
    /// The first one has gone on.
    gone: AtomicBool,
    wakes: Arc<Notify>,
}

/// Goes on with the others that come to this stage.
pub(crate) async fn gather(stage: Stage) {
    match Place::of(stage) {
        Place::First(leading) => leading.wait().await,
        Place::Behind(first_has_gone) => first_has_gone.await,
        Place::Late => {}
    }
}

enum Place {
    First(Leading),
    Behind(OwnedNotified),
    /// The first has gone on just now.
    Late,
}

impl Place {
    fn of(stage: Stage) -> Self {
        with_open(stage, |open| {
            if let Some(place) = open.as_ref().and_then(|gathering| gathering.follow()) {
                return place;
            }
            let leading = Leading::behind(open.as_deref(), stage);
            *open = Some(Arc::clone(&leading.gathering));
            Self::First(leading)
        })
    }
}

impl Gathering {
    /// A place behind the first, unless it has gone or there are enough.
    fn follow(&self) -> Option<Place> {
        if self.gone.load(Ordering::SeqCst) || self.followers.load(Ordering::SeqCst) >= MOST_FOLLOWERS {
            return None;
        }
        // Whoever asks to be woken is, from now on. Only then it is safe to ask whether there is anything to wait for: the first may be
        // with another worker by now.
        let woken = Arc::clone(&self.wakes).notified_owned();
        self.followers.fetch_add(1, Ordering::SeqCst);
        Some(if self.gone.load(Ordering::SeqCst) { Place::Late } else { Place::Behind(woken) })
    }
}

/// The first of a stage. The others go on when it does, and when it is given up.
struct Leading {
    gathering: Arc<Gathering>,
    stage: Stage,
    /// Turns in which nobody came after which it goes on.
    patience: usize,
}

impl Leading {
    /// Behind those that were there last. A task that gave its worker away may come back in front of what the worker found meanwhile:
    /// where others come, one turn without them is no sign that none will.
    fn behind(last: Option<&Gathering>, stage: Stage) -> Self {
        let others_come = last.is_some_and(|last| last.followers.load(Ordering::SeqCst) > 0);
        Self { gathering: Arc::default(), stage, patience: if others_come { 2 } else { 1 } }
    }

    async fn wait(self) {
        let began = Instant::now();
        let (mut followers, mut patience) = (0, self.patience);
        for _ in 0..MOST_TURNS {
            yield_now().await;
            let now = self.gathering.followers.load(Ordering::SeqCst);
            patience = if now > followers { self.patience } else { patience - 1 };
            let goes = patience == 0 || now >= MOST_FOLLOWERS;
            if goes || began.elapsed() >= MOST_TIME || !self.is_where_it_began() {
                break;
            }
            followers = now;
        }
    }

    /// Whether this is still the worker to which others come. What another one has to do is nothing they should wait for.
    fn is_where_it_began(&self) -> bool {
        with_open(self.stage, |open| open.as_ref().is_some_and(|open| Arc::ptr_eq(open, &self.gathering)))
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.gathering.gone.store(true, Ordering::SeqCst);
        self.gathering.wakes.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        task::{Context, Waker},
        thread,
    };

    use tokio::{runtime::Builder, time::timeout};

    use super::*;

    type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn request() -> Request {
        Box::pin(gather(Stage::Inspection))
    }

    /// Gives it a turn. Says whether it went on.
    fn goes(request: &mut Request) -> bool {
        request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// One that came and waits.
    fn waiting() -> Request {
        let mut request = request();
        assert!(!goes(&mut request));
        request
    }

    /// Repeats a test, each time in a thread where nobody has gathered yet, until the machine was not busy elsewhere for so long meanwhile
    /// that requests went on for that reason.
    fn undisturbed(test: fn(Instant) -> Option<()>) {
        let done = || thread::spawn(move || test(Instant::now())).join().expect("no panic").is_some();
        assert!((0..100).any(|_| done()), "the machine was never free for two milliseconds");
    }

    /// Whether what happened since then counts.
    fn in_time(began: Instant) -> Option<()> {
        (began.elapsed() < MOST_TIME).then_some(())
    }

    #[test]
    fn who_is_alone_goes_on_after_one_turn() {
        for _ in 0..3 {
            assert!(goes(&mut waiting()));
        }
    }

    #[test]
    fn those_that_come_turn_by_turn_go_on_together() {
        undisturbed(|began| {
            let mut first = waiting();
            let mut others = Vec::new();
            for _ in 0..3 {
                others.push(waiting());
                let went = goes(&mut first);
                in_time(began)?;
                assert!(!went && others.iter_mut().all(|other| !goes(other)), "another one had come");
            }
            assert!(goes(&mut first), "nobody came any more");
            assert!(others.iter_mut().all(goes));
            Some(())
        });
    }

    #[test]
    fn where_others_came_a_turn_without_them_is_waited_for() {
        undisturbed(|began| {
            let (mut first, mut second) = (waiting(), waiting());
            while !goes(&mut first) {}
            assert!(goes(&mut second));
            let mut next = waiting();
            let went = goes(&mut next);
            in_time(began)?;
            assert!(!went && goes(&mut next));
            assert!(goes(&mut waiting()), "it was alone");
            Some(())
        });
    }

    #[test]
    fn nobody_waits_for_those_that_keep_coming() {
        undisturbed(|began| {
            let mut first = waiting();
            let mut others = Vec::new();
            for _ in 1..MOST_TURNS {
                others.push(waiting());
                let went = goes(&mut first);
                in_time(began)?;
                assert!(!went);
            }
            others.push(waiting());
            assert!(goes(&mut first) && others.iter_mut().all(goes));
            Some(())
        });
    }

    #[test]
    fn nobody_waits_for_long_turns() {
        let mut first = waiting();
        thread::sleep(MOST_TIME);
        let mut other = waiting();
        assert!(goes(&mut first) && goes(&mut other));
    }

    #[test]
    fn no_more_than_so_many_go_together() {
        let mut first = waiting();
        let mut others: Vec<_> = (0..MOST_FOLLOWERS).map(|_| waiting()).collect();
        let mut next = waiting();
        assert!(goes(&mut first), "the next one leads others");
        assert!(others.iter_mut().all(goes));
        let mut last = waiting();
        while !goes(&mut next) {}
        assert!(goes(&mut last), "it followed the next one");
    }

    #[test]
    fn where_there_are_enough_nobody_else_is_waited_for() {
        let mut first = waiting();
        let mut others: Vec<_> = (0..MOST_FOLLOWERS).map(|_| waiting()).collect();
        assert!(goes(&mut first) && others.iter_mut().all(goes));
    }

    #[test]
    fn whoever_leads_and_is_given_up_leaves_nobody_behind() {
        let first = waiting();
        let mut others = [waiting(), waiting()];
        // One that came and was not looked after yet.
        let Place::Behind(unseen) = Place::of(Stage::Inspection) else { panic!("the first is there") };
        drop(first);
        assert!(others.iter_mut().all(goes));
        assert!(pin!(unseen).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn nobody_waits_for_another_worker() {
        let mut first = waiting();
        let mut other = waiting();
        let elsewhere = thread::spawn(move || goes(&mut first));
        assert!(
            elsewhere.join().expect("no panic"),
            "it would have waited for a worker that others do not come to"
        );
        assert!(goes(&mut other));
    }

    #[test]
    fn stages_are_apart() {
        let mut first = waiting();
        let mut other: Request = Box::pin(gather(Stage::Answer));
        assert!(!goes(&mut other));
        assert!(goes(&mut first) && goes(&mut other));
    }

    #[test]
    fn on_many_workers_everyone_goes_on() {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let all = (0..64).map(|at| {
                tokio::spawn(async move {
                    for _ in 0..200 {
                        for stage in Stage::ALL {
                            gather(stage).await;
                        }
                        if at % 7 == 0 {
                            tokio::time::sleep(Duration::from_micros(10)).await;
                        }
                    }
                })
            });
            for task in all.collect::<Vec<_>>() {
                timeout(Duration::from_secs(60), task)
                    .await
                    .expect("nobody waits for ever")
                    .expect("no panic");
            }
        });
    }
}
