//! One run: a journey with its strikes, let run on, and compared with the undisturbed one.

use std::{path::Path, sync::Arc};

use anyhow::Context;

use crate::{
    director::Director,
    journey::{self, Journey},
    picture::Picture,
    step::{Fault, Step, Strike},
    world::{Job, Rest, World},
};

/// What an undisturbed run came to.
#[derive(Clone, Debug)]
pub(crate) struct Undisturbed {
    /// The journey.
    pub(crate) journey: Journey,
    /// Its steps.
    pub(crate) steps: Vec<Step>,
    /// The world in the end.
    pub(crate) picture: Picture,
    /// Records that are refused anyway.
    pub(crate) refused: Vec<i64>,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Records that stand twice.
    pub(crate) duplicates: Vec<String>,
    /// Records that are missing.
    pub(crate) losses: Vec<String>,
    /// Records that hold something else.
    pub(crate) changes: Vec<String>,
    /// What never came to an end.
    pub(crate) stuck: Option<String>,
    /// Promises that were broken on the way.
    pub(crate) broken: Vec<String>,
    /// How often a person had to press Export again, after reading why.
    pub(crate) pressed_again: usize,
    /// The strike's step was not reached.
    pub(crate) missed: bool,
    /// The harness itself failed.
    pub(crate) harness: Option<String>,
    /// What happened.
    pub(crate) trace: Vec<String>,
    /// The service's log.
    pub(crate) log: String,
}

impl Verdict {
    /// Whether all promises were kept.
    pub(crate) fn is_good(&self) -> bool {
        self.duplicates.is_empty()
            && self.losses.is_empty()
            && self.changes.is_empty()
            && self.stuck.is_none()
            && self.broken.is_empty()
            && self.harness.is_none()
    }

    /// What is wrong, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut list =
            |what: &str, all: &[String]| problems.extend(all.iter().map(|one| format!("{what}: {one}")));
        list("twice", &self.duplicates);
        list("lost", &self.losses);
        list("wrong", &self.changes);
        list("broken", &self.broken);
        problems.extend(self.stuck.iter().map(|left| format!("stuck: {left}")));
        problems.extend(self.harness.iter().map(|error| format!("harness: {error}")));
        problems
    }
}

/// Plays a journey without any fault.
pub(crate) async fn undisturbed(job: &Job, journey: Journey) -> anyhow::Result<Undisturbed> {
    let director = Arc::new(Director::new(Vec::new()));
    let world = World::new(job, Arc::clone(&director), 1).await?;
    let rest = journey.play(&world).await?;
    world.check().await?;
    let picture = Picture::of(&world).await?;
    let refused = journey::failed(&world).await?;
    let log = world.log();
    world.end(job).await?;
    let mut broken = director.promises_broken();
    // Of all records one is meant to be refused: the vendor whose name is too long.
    if refused.len() != usize::from(journey == Journey::Vendor) {
        broken.push(format!("records that are refused without any fault: {refused:?}"));
    }
    anyhow::ensure!(
        rest == Rest::Done && broken.is_empty(),
        "the undisturbed run of {} is not in order: {rest:?} {broken:?}\n{}\n{log}",
        journey.name(),
        director.trace().join("\n")
    );
    Ok(Undisturbed {
        journey,
        steps: director.steps(),
        picture,
        refused,
    })
}

/// Plays a journey with these strikes.
pub(crate) async fn disturbed(job: &Job, undisturbed: &Undisturbed, strikes: &[Strike]) -> Verdict {
    let director = Arc::new(Director::new(strikes.to_vec()));
    let mut verdict = match play(job, undisturbed, strikes, &director).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict {
            harness: Some(format!("{error:#}")),
            ..Verdict::default()
        },
    };
    verdict.broken = director.promises_broken();
    verdict.missed = director.missed().len() == strikes.len();
    verdict.trace = director.trace();
    verdict
}

async fn play(
    job: &Job,
    undisturbed: &Undisturbed,
    strikes: &[Strike],
    director: &Arc<Director>,
) -> anyhow::Result<Verdict> {
    let two = strikes.iter().any(|strike| {
        matches!(
            strike.fault,
            Fault::TwoReplicas | Fault::ReplicaKilledAfter | Fault::RollingRestart
        )
    });
    let world = World::new(job, Arc::clone(director), if two { 2 } else { 1 })
        .await
        .context("the world was not set up")?;
    let mut verdict = Verdict::default();
    let mut rest = undisturbed.journey.play(&world).await?;
    director.disarm();
    world.mended().await?;
    // A person reads what failed and presses the button again; twice, if the first press met the fault.
    for _ in 0..2 {
        let pressed = journey::press_again(&world, &undisturbed.refused).await?;
        if pressed == 0 {
            break;
        }
        verdict.pressed_again += pressed;
        rest = world.rests().await?;
    }
    if let Rest::Stuck(left) = rest {
        verdict.stuck = Some(left);
    }
    world.check().await?;
    let difference = undisturbed.picture.compare(&Picture::of(&world).await?);
    verdict.duplicates = difference.duplicates;
    verdict.losses = difference.losses;
    verdict.changes = difference.changes;
    verdict.log = world.log();
    world.end(job).await?;
    Ok(verdict)
}

/// Writes down what is needed to see a failure again.
pub(crate) fn write_failure(
    directory: &Path,
    name: &str,
    journey: Journey,
    strikes: &[Strike],
    verdict: &Verdict,
) -> anyhow::Result<std::path::PathBuf> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join(format!("{name}.txt"));
    let again: Vec<String> = strikes
        .iter()
        .map(|strike| format!("--strike '{strike}'"))
        .collect();
    let text = format!(
        "Again: cargo run --release -p fault-sweep -- faults --journey {} {}\n\n{}\n\n{}\n\nThe service's log:\n{}\n",
        journey.name(),
        again.join(" "),
        verdict.problems().join("\n"),
        verdict.trace.join("\n"),
        verdict.log
    );
    std::fs::write(&path, text)?;
    Ok(path)
}
