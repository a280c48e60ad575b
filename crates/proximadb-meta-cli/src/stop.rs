//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::talk::Talk;

/// Exit code of a clean stop.
pub(crate) const STOPPED: u8 = 130;

/// Whether a stop was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Takes the two signals over. Call it inside the runtime.
    pub(crate) fn listen(talk: Talk) -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            asked.send_replace(true);
            talk.say("stopping when what is in flight is done; once more stops at once");
            either(&mut interrupt, &mut terminate).await;
            std::process::exit(STOPPED.into());
        });
        Ok(Self(stop))
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when a stop is asked for.
    pub(crate) async fn requested(&self) {
        let mut stop = self.0.clone();
        // The sender lives as long as the process: an error cannot come, and would mean that nobody can ask any more.
        if stop.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
