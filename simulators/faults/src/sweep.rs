//! `faults`: which runs are played, side by side, and what is printed.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::bail;
use clap::Args;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    journey::Journey,
    run::{self, Undisturbed, Verdict},
    step::{Fault, Place, Strike, faults_of},
    table::Table,
    world::Job,
};

/// Every n-th run of the whole sweep is in the small one.
const SMALL: usize = 29;

/// Play journeys with a fault at every step, or with several at random.
#[derive(Args, Debug)]
pub(crate) struct Faults {
    /// This journey only; may be given more than once.
    #[arg(long)]
    journey: Vec<Journey>,
    /// Random runs with several faults each, instead of the sweep.
    #[arg(long)]
    runs: Option<u32>,
    /// Seed of the random runs, or of the first of them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fixed small part of the sweep, for continuous integration.
    #[arg(long)]
    small: bool,
    /// Only steps or faults whose name contains this.
    #[arg(long)]
    only: Vec<String>,
    /// Exactly this run: `STEP=FAULT`, as a failure's file names it; may be given more than once.
    #[arg(long, value_parser = str::parse::<Strike>)]
    strike: Vec<Strike>,
    /// Stop after so many failures.
    #[arg(long, default_value_t = 50)]
    most_failures: usize,
    /// Worlds at once.
    #[arg(long, default_value_t = jobs())]
    jobs: usize,
    /// Where clusters, logs and the traces of failures are kept.
    #[arg(long, default_value = "target/faults")]
    directory: PathBuf,
    /// Print the trace of every run.
    #[arg(long)]
    trace: bool,
}

/// Most of a run is waiting.
fn jobs() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get() * 3)
}

/// A run to play.
#[derive(Clone, Debug)]
struct Planned {
    name: String,
    group: String,
    undisturbed: Arc<Undisturbed>,
    strikes: Vec<Strike>,
}

impl Faults {
    /// Plays, prints; `true` if every promise was kept in every run.
    pub(crate) async fn run(self) -> anyhow::Result<bool> {
        let began = Instant::now();
        // Two sweeps would crash each other's PostgreSQL.
        std::fs::create_dir_all(&self.directory)?;
        let alone = std::fs::File::create(self.directory.join("sweep.lock"))?;
        if alone.try_lock().is_err() {
            bail!(
                "another sweep runs in {}; give this one its own --directory",
                self.directory.display()
            );
        }
        let journeys: Vec<Journey> = if self.journey.is_empty() {
            Journey::ALL.to_vec()
        } else {
            self.journey.clone()
        };
        let mut starting = tokio::task::JoinSet::new();
        for number in 0..self.jobs.max(1) {
            let root = self.directory.clone();
            starting.spawn(async move { Job::start(&root, number).await });
        }
        let mut jobs = Vec::new();
        while let Some(job) = starting.join_next().await {
            jobs.push(Arc::new(job??));
        }
        let mut undisturbed = Vec::new();
        for (n, journey) in journeys.iter().enumerate() {
            let (job, journey) = (Arc::clone(&jobs[n % jobs.len()]), *journey);
            // One at a time: what an undisturbed run does must not depend on what runs beside it.
            let played = run::undisturbed(&job, journey).await?;
            println!(
                "{:<11} {:>4} steps: {}; {} records compared",
                journey.name(),
                played.steps.len(),
                by_place(&played),
                played.picture.len()
            );
            undisturbed.push(Arc::new(played));
        }
        let planned = self.plan(&undisturbed)?;
        println!("{} runs, {} at once", planned.len(), jobs.len());
        let (table, failures) = self.play(&jobs, planned).await?;
        for job in jobs {
            if let Some(job) = Arc::into_inner(job) {
                job.stop().await?;
            }
        }
        println!();
        table.print();
        println!(
            "{} in {} min {} s",
            if failures == 0 {
                "Every promise was kept in every run,".to_owned()
            } else {
                format!(
                    "{failures} runs broke a promise (see {}),",
                    self.directory.join("failures").display()
                )
            },
            began.elapsed().as_secs() / 60,
            began.elapsed().as_secs() % 60
        );
        Ok(failures == 0)
    }

    fn plan(&self, undisturbed: &[Arc<Undisturbed>]) -> anyhow::Result<VecDeque<Planned>> {
        if !self.strike.is_empty() {
            let [only] = undisturbed else {
                bail!("--strike needs one --journey");
            };
            return Ok(VecDeque::from([Planned {
                name: "strike".to_owned(),
                group: "as told".to_owned(),
                undisturbed: Arc::clone(only),
                strikes: self.strike.clone(),
            }]));
        }
        if let Some(runs) = self.runs {
            return Ok((0..u64::from(runs))
                .map(|n| random(undisturbed, self.seed + n))
                .collect());
        }
        let mut planned = Vec::new();
        for journey in undisturbed {
            for step in &journey.steps {
                for fault in faults_of(step) {
                    if fault == Fault::OlderFile && journey.journey.before().is_empty() {
                        continue;
                    }
                    let strike = Strike {
                        step: step.clone(),
                        fault,
                    };
                    let name = strike.to_string();
                    if self.only.iter().all(|only| name.contains(only.as_str())) {
                        planned.push(Planned {
                            name: format!("{}-{}", journey.journey.name(), planned.len()),
                            group: strike.fault.group().to_owned(),
                            undisturbed: Arc::clone(journey),
                            strikes: vec![strike],
                        });
                    }
                }
            }
        }
        if self.small {
            planned = planned.into_iter().step_by(SMALL).collect();
        }
        Ok(planned.into())
    }

    async fn play(&self, jobs: &[Arc<Job>], planned: VecDeque<Planned>) -> anyhow::Result<(Table, usize)> {
        let total = planned.len();
        let queue = Arc::new(Mutex::new(planned));
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<(Planned, Verdict)>();
        let mut players = tokio::task::JoinSet::new();
        for job in jobs {
            let (job, queue, sender) = (Arc::clone(job), Arc::clone(&queue), sender.clone());
            players.spawn(async move {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(next) = next else { return };
                    let verdict = run::disturbed(&job, &next.undisturbed, &next.strikes).await;
                    if sender.send((next, verdict)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut table = Table::default();
        let (mut played, mut failures) = (0, 0);
        while let Some((run, verdict)) = receiver.recv().await {
            played += 1;
            table.count(run.undisturbed.journey, &run.group, &verdict);
            let strikes = run
                .strikes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" + ");
            if self.trace {
                println!("{strikes}\n{}", verdict.trace.join("\n"));
            }
            if !verdict.is_good() {
                failures += 1;
                let at = run::write_failure(
                    &self.directory.join("failures"),
                    &run.name,
                    run.undisturbed.journey,
                    &run.strikes,
                    &verdict,
                )?;
                println!(
                    "FAILED {} {strikes} ({})",
                    run.undisturbed.journey.name(),
                    at.display()
                );
                for problem in verdict.problems().iter().take(5) {
                    println!("       {}", problem.chars().take(400).collect::<String>());
                }
                if failures >= self.most_failures {
                    println!("stopped after {failures} failures");
                    queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
            }
            if played % 100 == 0 {
                println!("{played} of {total} runs, {failures} failures");
            }
        }
        while players.join_next().await.is_some() {}
        Ok((table, failures))
    }
}

/// A run with two to five faults, the same for the same seed.
fn random(undisturbed: &[Arc<Undisturbed>], seed: u64) -> Planned {
    let mut random = StdRng::seed_from_u64(seed);
    let which = random.random_range(0..undisturbed.len());
    let journey = &undisturbed[which];
    let mut strikes: Vec<Strike> = Vec::new();
    for _ in 0..random.random_range(2..=5) {
        let Some(step) = journey.steps.choose(&mut random) else {
            break;
        };
        let mut step = step.clone();
        // A fault makes further steps of the same name; later ones than an undisturbed run has can be struck too.
        step.nth += random.random_range(0..=2);
        let faults = faults_of(&step);
        if let Some(fault) = faults.choose(&mut random)
            && (*fault != Fault::OlderFile || !journey.journey.before().is_empty())
            && strikes.iter().all(|strike| strike.step != step)
        {
            strikes.push(Strike {
                step,
                fault: fault.clone(),
            });
        }
    }
    Planned {
        name: format!("seed-{seed}"),
        group: format!("random, {} faults", strikes.len()),
        undisturbed: Arc::clone(journey),
        strikes,
    }
}

fn by_place(undisturbed: &Undisturbed) -> String {
    let mut counts: BTreeMap<Place, usize> = BTreeMap::new();
    for step in &undisturbed.steps {
        *counts.entry(step.place).or_default() += 1;
    }
    counts
        .iter()
        .map(|(place, count)| format!("{count} {}", place.as_str()))
        .collect::<Vec<_>>()
        .join(", ")
}
