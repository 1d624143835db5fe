//! The service under test: real processes of this executable, which a fault kills with SIGKILL and a supervisor starts
//! again, as a container engine would. Their clock is the system's, shifted as the run wants it.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicI64, AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use plumbline::{
    app::{self, Parts},
    clock::Clock,
    commands,
    config::{Serving, Storage},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::{Child, Command},
    sync::Mutex,
};

/// Seals the secrets of a run; worth nothing afterwards.
pub(crate) const SECRET_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// The hidden command that is the service: `plumbline serve`, with a clock that its standard input moves.
#[derive(Args, Debug)]
pub(crate) struct Service {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    serving: Serving,
    /// How wrong the clock is, in microseconds.
    #[arg(long, allow_hyphen_values = true)]
    clock_offset: i64,
}

impl Service {
    /// Serves until SIGTERM, or until whoever started it is gone.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        commands::start_logging("warn,plumbline=info", false, false);
        let offset = std::sync::Arc::new(AtomicI64::new(self.clock_offset));
        let database = commands::open(&self.storage).await?;
        let running = app::start(Parts {
            db: database.pool.clone(),
            vault: commands::vault(&self.storage)?,
            clock: Clock::Shifted(offset.clone()),
            serving: self.serving,
        })
        .await?;
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if let Ok(micros) = line.trim().parse() {
                    offset.store(micros, Ordering::SeqCst);
                }
            }
            // The sweep is gone.
            std::process::exit(0);
        });
        commands::stop_signal().await?;
        running.stop().await;
        database.close().await;
        Ok(())
    }
}

/// How the replicas of a run are started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// One database URL for each replica, through its own relay.
    pub(crate) databases: Vec<String>,
    /// The address the outer world uses: the relay's.
    pub(crate) public_url: String,
    /// Where the logs go.
    pub(crate) log: PathBuf,
}

/// The replicas of a run.
#[derive(Debug)]
pub(crate) struct Services {
    setup: Setup,
    /// Where each listens.
    pub(crate) ports: Vec<u16>,
    children: Vec<Mutex<Option<Child>>>,
    offset: AtomicI64,
}

/// A port below those that the system gives out by itself: while a service is down, nobody else must get its port.
fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two sweeps at once begin at different ports.
    let first = u16::try_from(std::process::id() % 600).unwrap_or_default() * 20;
    for _ in 0..12_000 {
        let port = 18_000 + (first + NEXT.fetch_add(1, Ordering::SeqCst) % 12_000) % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between 18000 and 30000 is free")
}

impl Services {
    /// Starts them and waits until they listen.
    pub(crate) async fn start(setup: Setup) -> anyhow::Result<Self> {
        let mut ports = Vec::new();
        let mut children = Vec::new();
        for _ in &setup.databases {
            ports.push(free_port()?);
            children.push(Mutex::new(None));
        }
        let services = Self {
            setup,
            ports,
            children,
            offset: AtomicI64::new(0),
        };
        for n in 0..services.ports.len() {
            *services.children[n].lock().await = Some(services.spawn(n)?);
        }
        services.ready().await?;
        Ok(services)
    }

    fn spawn(&self, n: usize) -> anyhow::Result<Child> {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.setup.log)?;
        let executable = std::env::current_exe()?;
        Command::new(executable)
            .arg("service")
            .args(["--listen", &format!("127.0.0.1:{}", self.ports[n])])
            .args(["--public-url", &self.setup.public_url])
            .args(["--poll-every", "300", "--body-limit", "16"])
            .args(["--clock-offset", &self.offset.load(Ordering::SeqCst).to_string()])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", &self.setup.databases[n])
            .env("PLUMBLINE_SECRET_KEY", SECRET_KEY)
            .env("PLUMBLINE_DATABASE_CONNECTIONS", "5")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the service did not start")
    }

    /// Waits until every replica listens.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        for (n, port) in self.ports.iter().enumerate() {
            let mut tries = 0;
            while TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
                tries += 1;
                self.start_again(n).await?;
                if tries > 3_000 {
                    bail!(
                        "the service does not listen; its log is {}",
                        self.setup.log.display()
                    );
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// One that could not start (PostgreSQL was away, say) is started again, as a container engine would.
    async fn start_again(&self, n: usize) -> anyhow::Result<()> {
        let mut child = self.children[n].lock().await;
        if let Some(running) = child.as_mut()
            && running.try_wait()?.is_some()
        {
            *child = Some(self.spawn(n)?);
        }
        Ok(())
    }

    /// SIGKILL, and started again at once.
    pub(crate) async fn kill(&self, n: usize) -> anyhow::Result<()> {
        let mut child = self.children[n].lock().await;
        if let Some(mut dead) = child.take() {
            dead.start_kill()?;
            dead.wait().await?;
        }
        *child = Some(self.spawn(n)?);
        Ok(())
    }

    /// SIGTERM; the exit code, and started again. `None`: it did not stop within half a minute and was killed.
    pub(crate) async fn restart(&self, n: usize) -> anyhow::Result<Option<i32>> {
        let mut child = self.children[n].lock().await;
        let mut code = None;
        if let Some(mut stopping) = child.take() {
            if let Some(pid) = stopping.id() {
                Command::new("kill")
                    .args(["-TERM", &pid.to_string()])
                    .status()
                    .await?;
            }
            match tokio::time::timeout(Duration::from_secs(30), stopping.wait()).await {
                Ok(status) => code = status?.code(),
                Err(_) => stopping.kill().await?,
            }
        }
        *child = Some(self.spawn(n)?);
        Ok(code)
    }

    /// Sets the clock of every replica forward, or back.
    pub(crate) async fn advance(&self, seconds: i64) {
        let micros = self.offset.fetch_add(seconds * 1_000_000, Ordering::SeqCst) + seconds * 1_000_000;
        for child in &self.children {
            if let Some(stdin) = child.lock().await.as_mut().and_then(|child| child.stdin.as_mut()) {
                // One that has just died is started with the new time.
                let _ = stdin.write_all(format!("{micros}\n").as_bytes()).await;
            }
        }
    }

    /// Ends all of them.
    pub(crate) async fn end(&self) {
        for child in &self.children {
            if let Some(mut child) = child.lock().await.take() {
                let _ = child.kill().await;
            }
        }
    }
}
