//! A stand-in for S3: moto, in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, free_port, http, output, ready};
use super::{Place, Started};

/// `http://KEY:SECRET@HOST:PORT/BUCKET`; the bucket is there.
pub(super) const VARIABLE: &str = "PXMETA_TEST_S3_URL";
const PACKAGE: &str = "moto[server]>=5.2,<6";
const BUCKET: &str = "pxmeta-test";

pub(super) fn start(place: &Place) -> Result<Started, String> {
    let environment = install(&place.packages)?;
    let version = output(python(&environment).args(["-c", "import moto; print(moto.__version__)"]))?;
    let server = environment.join("bin").join("moto_server");
    let port = free_port()?;
    let marker = server.display().to_string();
    let mut command = Command::new(&server);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).current_dir(&place.dir);
    let process = Process::start(&mut command, marker, place)?;
    ready(&process, place, || http(port, "GET /moto-api/data.json").is_some_and(|a| a.contains(" 200 ")))?;
    let made = http(port, &format!("PUT /{BUCKET}")).unwrap_or_default();
    if !made.contains(" 200 ") {
        process.end()?;
        return Err(format!("the bucket {BUCKET} cannot be made: {made}"));
    }
    Ok(Started {
        processes: vec![process],
        exports: vec![(VARIABLE.to_owned(), format!("http://test:test@127.0.0.1:{port}/{BUCKET}"))],
        directories: Vec::new(),
        version: format!("moto {version}, a stand-in for S3, at 127.0.0.1:{port}"),
    })
}

/// The environment, installed where it is missing or does not work.
fn install(packages: &Path) -> Result<PathBuf, String> {
    let done = packages.join("moto");
    let works = |at: &Path| output(python(at).args(["-c", "import moto.server"])).is_ok();
    if works(&done) {
        return Ok(done);
    }
    eprintln!("s3: installing {PACKAGE} into {}", done.display());
    std::fs::create_dir_all(packages).map_err(|e| format!("{}: {e}", packages.display()))?;
    // It knows its own path and cannot be renamed into place: one that was cut off is made anew.
    if done.exists() {
        std::fs::remove_dir_all(&done).map_err(|e| format!("{}: {e}", done.display()))?;
    }
    output(Command::new("python3").args(["-m", "venv"]).arg(&done))
        .map_err(|e| format!("python3 with venv is needed: {e}"))?;
    output(python(&done).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]))?;
    Ok(done)
}

fn python(environment: &Path) -> Command {
    Command::new(environment.join("bin").join("python"))
}
