//! A throw-away authority, and a certificate of it for the loopback; made by openssl, good for a month.

use std::path::Path;
use std::process::Command;

use crate::repo::write;
use crate::servers::process::output;

/// `ca.crt`, `server.crt` and `server.key` in `dir`.
pub(super) fn make(dir: &Path) -> Result<(), String> {
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=pxmeta-test-authority \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign",
    )?;
    openssl(dir, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost")?;
    write(&dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")?;
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.crt",
    )?;
    // Nobody can make another one.
    std::fs::remove_file(dir.join("ca.key")).map_err(|e| format!("{}: {e}", dir.display()))
}

fn openssl(dir: &Path, arguments: &str) -> Result<(), String> {
    output(Command::new("openssl").args(arguments.split_whitespace()).current_dir(dir)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::process::private_directory;

    #[test]
    fn the_certificate_is_of_the_authority_and_names_the_loopback() {
        let dir = std::env::temp_dir().join(format!("pxmeta-certificates-{}", std::process::id()));
        private_directory(&dir).unwrap();
        make(&dir).unwrap();
        openssl(&dir, "verify -CAfile ca.crt -verify_hostname localhost server.crt").unwrap();
        openssl(&dir, "verify -CAfile ca.crt -verify_ip 127.0.0.1 server.crt").unwrap();
        assert!(openssl(&dir, "verify -CAfile ca.crt -verify_hostname example.com server.crt").is_err());
        assert!(!dir.join("ca.key").exists());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
