//! Traces on stderr, as many as `-v` is given: what the commands do, what each call on the catalog took, and from `-vv` on what
//! the libraries do inside.

use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

/// Turns traces on. Without `-v` there are none.
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        // A call on the catalog is a span: it is told when it ends, with how it ended.
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}
