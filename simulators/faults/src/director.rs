//! Counts the steps of a run, says where a fault strikes, and keeps the trace of what happened.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::step::{Fault, Place, Step, Strike};

/// One run's director.
#[derive(Debug)]
pub(crate) struct Director {
    state: Mutex<State>,
    began: Instant,
    holding: AtomicUsize,
}

/// A call that is held back on purpose until this is dropped.
#[derive(Debug)]
pub(crate) struct Holding<'a>(&'a AtomicUsize);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct State {
    armed: bool,
    seen: HashMap<(Place, String), u32>,
    steps: Vec<Step>,
    planned: Vec<Strike>,
    struck: Vec<Strike>,
    trace: Vec<String>,
    broken: Vec<String>,
}

impl Director {
    /// With the strikes to come.
    pub(crate) fn new(planned: Vec<Strike>) -> Self {
        Self {
            state: Mutex::new(State {
                planned,
                ..State::default()
            }),
            began: Instant::now(),
            holding: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is held back from now on.
    pub(crate) fn hold(&self) -> Holding<'_> {
        self.holding.fetch_add(1, Ordering::SeqCst);
        Holding(&self.holding)
    }

    /// Whether one is.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding.load(Ordering::SeqCst) > 0
    }

    /// From here on steps are counted and faults strike.
    pub(crate) fn arm(&self) {
        self.state().armed = true;
        self.note("---- from here on steps are counted");
    }

    /// Faults have struck; what follows is only let run on.
    pub(crate) fn disarm(&self) {
        self.state().armed = false;
    }

    /// A step is about to be taken; what strikes there, if anything does.
    pub(crate) fn step(&self, place: Place, name: &str) -> Option<Fault> {
        let mut state = self.state();
        if !state.armed {
            return None;
        }
        let nth = {
            let count = state.seen.entry((place, name.to_owned())).or_default();
            *count += 1;
            *count
        };
        let step = Step {
            place,
            name: name.to_owned(),
            nth,
        };
        let at = self.began.elapsed().as_millis();
        state.trace.push(format!("{at:>6} ms  {step}"));
        state.steps.push(step.clone());
        let position = state.planned.iter().position(|strike| strike.step == step)?;
        let strike = state.planned.remove(position);
        let fault = strike.fault.clone();
        state.trace.push(format!("{at:>6} ms  >>>> {}", fault.name()));
        state.struck.push(strike);
        Some(fault)
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, words: impl AsRef<str>) {
        let at = self.began.elapsed().as_millis();
        self.state().trace.push(format!("{at:>6} ms  {}", words.as_ref()));
    }

    /// A promise was broken, whatever the world looks like in the end.
    pub(crate) fn broken(&self, words: String) {
        self.note(format!("BROKEN: {words}"));
        self.state().broken.push(words);
    }

    /// Whether a SIGKILL has struck: what it hits while it starts cannot stop in order.
    pub(crate) fn has_killed(&self) -> bool {
        self.state().struck.iter().any(|strike| {
            matches!(
                strike.fault,
                Fault::KilledBefore
                    | Fault::KilledAfter
                    | Fault::KilledAfterAnswer
                    | Fault::ReplicaKilledAfter
            )
        })
    }

    /// Promises that were broken.
    pub(crate) fn promises_broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    /// The steps that were taken.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// Strikes whose step was never reached.
    pub(crate) fn missed(&self) -> Vec<Strike> {
        self.state().planned.clone()
    }

    /// What happened.
    pub(crate) fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }
}
