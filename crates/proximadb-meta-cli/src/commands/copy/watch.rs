//! Looking on while a copy goes on: progress on stderr, and Ctrl-C.

use proximadb_meta_transfer::copy::{CopyCounts, Phase, Watch};

use crate::commands::pair::Manner;
use crate::stop::Stop;
use crate::talk::{Progress, Talk};

pub(super) struct Eye {
    talk: Talk,
    stop: Stop,
    total: Option<u64>,
    progress: Option<Progress>,
    written: Option<CopyCounts>,
}

impl Eye {
    pub(super) fn new(how: &Manner, total: Option<u64>) -> Self {
        Self { talk: how.talk, stop: how.stop.clone(), total, progress: None, written: None }
    }

    /// Takes the line of progress away. What was written, as it was told last, if writing began.
    pub(super) fn end(mut self) -> Option<CopyCounts> {
        self.progress = None;
        self.written
    }
}

impl Watch for Eye {
    fn begins(&mut self, phase: Phase) {
        self.progress = None;
        self.progress = match phase {
            Phase::Plan => Some(self.talk.progress_of("planned", self.total)),
            Phase::Write => {
                self.written = Some(CopyCounts::default());
                Some(self.talk.progress_of("copied", self.total))
            }
            _ => None,
        };
    }

    fn at(&mut self, counts: &CopyCounts) {
        if let Some(written) = &mut self.written {
            *written = *counts;
        }
        if let Some(progress) = &mut self.progress {
            progress.at(counts.seen());
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }
}
