//! The command line. Everything else is in the library.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use plumbline::{
    clock::Clock,
    commands::{self, backup, connection, costs, demo, reconcile, settings, sub_jobs, task},
    config::{Serving, Storage},
};

/// Keeps Procore and QuickBooks Desktop true to each other.
///
/// An accountant presses Export in Procore; the purchase order, bill or vendor stands in QuickBooks, exact to the cent,
/// once; the result is back in Procore. Every option is also an environment variable.
#[derive(Debug, Parser)]
#[command(name = "plumbline", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    storage: Storage,

    /// What to log: error, warn, info, debug, or per module (plumbline=debug). Logs go to standard error.
    #[arg(
        long,
        env = "PLUMBLINE_LOG",
        default_value = "warn,plumbline=info",
        help_heading = "Logging",
        global = true
    )]
    log: String,

    /// Log as JSON, one object per line.
    #[arg(
        long,
        env = "PLUMBLINE_LOG_JSON",
        default_value_t = false,
        help_heading = "Logging",
        global = true
    )]
    log_json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: the Web Connector's door, Procore's door, and the workers between them.
    Serve(Serving),
    /// Play the whole journey against stand-ins of Procore and QuickBooks, and compare both sides to the cent.
    Demo(demo::Demo),
    /// Bring the database schema up to date and stop.
    Migrate,
    /// Write the whole state of the service into one file; the service may go on meanwhile.
    Backup(backup::Backup),
    /// Read a backup back into an empty database, and prepare it for the service.
    Restore(backup::Restore),
    /// Add, list, show, pause and repair connections.
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// Print the .qwc file that registers a connection in the QuickBooks Web Connector.
    Qwc(connection::Qwc),
    /// Show and change a connection's settings.
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Show the job costs of synced projects, and the costs that cannot reach Procore.
    Costs(costs::Costs),
    /// List the sub jobs that are linked to jobs in QuickBooks.
    SubJobs(sub_jobs::SubJobs),
    /// Compare the totals of each project in Procore and in QuickBooks.
    Reconcile(reconcile::ReconcileArgs),
    /// List, show and retry tasks.
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Forget that a Procore record is in QuickBooks, once it was deleted there.
    Unlink(commands::unlink::UnlinkArgs),
    /// Offer an estimate of QuickBooks as the budget of a project.
    ImportBudget(commands::import_budget::ImportBudgetArgs),
    /// Tell what a code of QuickBooks or the Web Connector means, and what to do.
    Explain(commands::explain::Explain),
    /// Ask a running service whether it is ready (for container health checks).
    Healthcheck(commands::Healthcheck),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Library code builds TLS clients; the provider is chosen once, here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let quiet = matches!(cli.command, Command::Demo(_));
    commands::start_logging(&cli.log, cli.log_json, quiet);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("plumbline: the runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(serving) => commands::serve(&cli.storage, serving).await,
            Command::Demo(demo) => demo.run(&cli.storage).await,
            Command::Migrate => commands::migrate(&cli.storage).await,
            Command::Backup(backup) => backup.run(&cli.storage).await,
            Command::Restore(restore) => restore.run(&cli.storage, &Clock::System).await,
            Command::Connection(command) => command.run(&cli.storage).await,
            Command::Qwc(qwc) => qwc.run(&cli.storage).await,
            Command::Settings(command) => command.run(&cli.storage).await,
            Command::Costs(costs) => costs.run(&cli.storage).await,
            Command::SubJobs(sub_jobs) => sub_jobs.run(&cli.storage).await,
            Command::Reconcile(reconcile) => reconcile.run(&cli.storage).await,
            Command::Task(command) => command.run(&cli.storage).await,
            Command::Unlink(unlink) => unlink.run(&cli.storage).await,
            Command::ImportBudget(import) => import.run(&cli.storage).await,
            Command::Explain(explain) => explain.run(),
            Command::Healthcheck(check) => check.run().await,
        }
    });
    // What still runs on a thread of its own (a password, a large answer) is answered to nobody any more.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plumbline: {}", commands::chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Half of the processors: a call mostly waits for PostgreSQL, and what it waits for wakes a thread that is awake anyway.
/// Passwords and large answers have threads of their own. `TOKIO_WORKER_THREADS` says otherwise.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        builder.worker_threads(processors.div_ceil(2));
    }
    builder.enable_all().build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
