//! `cargo xtask new-backend NAME`: a backend crate that compiles at once and shows which cases of the suite still fail.

mod check;
mod manifest;
mod name;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repo::{metadata, root, write};
use name::Name;

/// The files of a backend crate, the same in each. The manifest is made apart.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../templates/backend/README.md")),
    ("docs/setup.md", include_str!("../templates/backend/docs/setup.md")),
    ("docs/performance.md", include_str!("../templates/backend/docs/performance.md")),
    ("docs/troubleshooting.md", include_str!("../templates/backend/docs/troubleshooting.md")),
    ("src/lib.rs", include_str!("../templates/backend/src/lib.rs")),
    ("src/config.rs", include_str!("../templates/backend/src/config.rs")),
    ("src/driver.rs", include_str!("../templates/backend/src/driver.rs")),
    ("src/error.rs", include_str!("../templates/backend/src/error.rs")),
    ("src/plugin.rs", include_str!("../templates/backend/src/plugin.rs")),
    ("tests/conformance.rs", include_str!("../templates/backend/tests/conformance.rs")),
];

/// Where a new crate goes.
enum Place {
    /// Into `crates`, as a member of the workspace.
    Member,
    /// Into a directory of its own, as a workspace of its own, with this clone's crates by path.
    Alone(PathBuf),
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, place) = match arguments.as_slice() {
        ["--check"] => return check::run(),
        [name] => (name, Place::Member),
        [name, "--path", dir] => (name, Place::Alone(PathBuf::from(dir))),
        _ => return Err("new-backend takes a NAME, and --path DIR where it shall not go into crates".to_owned()),
    };
    let name = Name::parse(name)?;
    let dir = generate(&name, &place)?;
    println!("made {}", dir.display());
    let next = match place {
        Place::Member => format!(
            "next:\n  cargo test -p {package} --test conformance      the cases that still fail\n  \
             CONTRIBUTING.md, \"add a backend in seven steps\"   the lists it has to join: cargo xtask tidy names them",
            package = name.package()
        ),
        Place::Alone(_) => format!("next, in {}:\n  cargo test --test conformance", dir.display()),
    };
    println!("{next}");
    Ok(())
}

/// Writes the crate into a directory that is not there yet.
fn generate(name: &Name, place: &Place) -> Result<PathBuf, String> {
    let taken = metadata()?.packages.iter().any(|p| p.name == name.package());
    let (dir, manifest) = match place {
        Place::Member => (root().join("crates").join(name.package()), manifest::member(name)?),
        Place::Alone(dir) => {
            let dir = std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
            let manifest = manifest::alone(name)?;
            (dir, manifest)
        }
    };
    if taken {
        return Err(format!("there is a crate {} already", name.package()));
    }
    if dir.exists() {
        return Err(format!("{} is there already; nothing was written", dir.display()));
    }
    write(&dir.join("Cargo.toml"), &manifest)?;
    for (file, template) in FILES {
        write(&dir.join(file), &name.fill(template))?;
    }
    format_sources(&dir);
    Ok(dir)
}

/// In the style of the place it lies in; the length of the name moves line ends. Without rustfmt the crate is as good, only not as tidy.
fn format_sources(dir: &Path) {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024"]);
    let formatted = command.arg(dir.join("src/lib.rs")).arg(dir.join("tests/conformance.rs")).status();
    if !formatted.is_ok_and(|s| s.success()) {
        eprintln!("rustfmt did not run: format the new crate yourself");
    }
}
