//! The bucket that tests use: where it is, what one must know, and its objects past the archive.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// What `cargo xtask servers up s3` exports: `http://KEY:SECRET@HOST:PORT/BUCKET`.
const VARIABLE: &str = "PXMETA_TEST_S3_URL";

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    scheme: String,
    host: String,
    key: String,
    secret: String,
    pub name: String,
}

impl Bucket {
    /// The one that the environment names.
    ///
    /// # Panics
    /// When it names none: a test that needs a bucket fails without one.
    #[must_use]
    pub fn of_environment() -> Self {
        let url = std::env::var(VARIABLE);
        let url = url.unwrap_or_else(|_| panic!("{VARIABLE} is not set: eval \"$(cargo xtask servers up s3)\""));
        Self::parse(&url).unwrap_or_else(|| panic!("{VARIABLE} is not http://KEY:SECRET@HOST:PORT/BUCKET"))
    }

    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (credentials, rest) = rest.rsplit_once('@')?;
        let (key, secret) = credentials.split_once(':')?;
        let (host, name) = rest.split_once('/')?;
        let [scheme, host, key, secret, name] = [scheme, host, key, secret, name].map(str::to_owned);
        Some(Self { scheme, host, key, secret, name })
    }

    /// The variables that lead to it.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("{}://{}", self.scheme, self.host)),
            ("AWS_ALLOW_HTTP", (self.scheme == "http").to_string()),
            ("AWS_ACCESS_KEY_ID", self.key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.clone()),
        ]
    }

    /// A location in it that no other test uses.
    #[must_use]
    pub fn location(&self, test: &str) -> String {
        format!("s3://{}/{test}/{}", self.name, std::process::id())
    }

    /// Sends a request past the archive. Its signature is none: the stand-in takes it. Status line and body of the answer.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let head = format!(
            "{method} /{}{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
             Signature=none\r\n\r\n",
            self.name,
            self.host,
            body.len(),
            self.key,
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[..end]).lines().next().unwrap().to_owned();
        (status, answer[end + 4..].to_vec())
    }

    /// The keys below a location.
    #[must_use]
    pub fn keys(&self, location: &str) -> Vec<String> {
        let prefix = location.strip_prefix(&format!("s3://{}/", self.name)).unwrap();
        let (status, body) = self.send("GET", &format!("?list-type=2&prefix={}", prefix.replace('/', "%2F")), b"");
        assert!(status.contains("200"), "{status}");
        let body = String::from_utf8(body).unwrap();
        body.split("<Key>").skip(1).map(|k| k.split("</Key>").next().unwrap().to_owned()).collect()
    }
}
