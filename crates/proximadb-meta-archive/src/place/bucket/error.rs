//! What an answer of a bucket means: kinds, and words without anything secret.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};
use proximadb_meta_core::{Error, ErrorKind, Retry};

/// Codes of S3 that say that it does not know who asks.
const STRANGERS: &[&str] = &[
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidClientTokenId",
    "TokenRefreshRequired",
    "AuthorizationHeaderMalformed",
];
/// Codes that ask for less.
const TOO_MUCH: &[&str] = &["SlowDown", "TooManyRequests", "RequestLimitExceeded", "ThrottlingException"];
const CREDENTIALS: &str = "credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";

/// The error of a request: what was done to what.
pub(super) fn failed(what: &str, place: &str, bucket: &str, e: &object_store::Error) -> Error {
    let code = element(e, "Code").unwrap_or_default();
    let (kind, hint) = kind(e, &code);
    let message = if code == "NoSuchBucket" {
        format!("there is no bucket {bucket:?}")
    } else {
        format!("cannot {what} {place}: {}", words(e))
    };
    let error = Error::new(kind, message).with_retry(match kind {
        ErrorKind::Unavailable | ErrorKind::Throttled => Retry::Safe,
        _ => Retry::Never,
    });
    if hint.is_empty() { error } else { error.with_hint(hint) }
}

fn kind(e: &object_store::Error, code: &str) -> (ErrorKind, &'static str) {
    use object_store::Error as Store;
    if STRANGERS.contains(&code) {
        return (ErrorKind::Unauthenticated, CREDENTIALS);
    }
    if TOO_MUCH.contains(&code) {
        return (ErrorKind::Throttled, "do it again later");
    }
    match e {
        Store::NotFound { .. } if code == "NoSuchBucket" => {
            (ErrorKind::NotFound, "make the bucket first, or see whether AWS_REGION and AWS_ENDPOINT_URL are right")
        }
        Store::NotFound { .. } => (ErrorKind::NotFound, ""),
        Store::Unauthenticated { .. } => (ErrorKind::Unauthenticated, CREDENTIALS),
        Store::PermissionDenied { .. } => {
            (ErrorKind::PermissionDenied, "a backup needs s3:PutObject, a restore s3:GetObject and s3:ListBucket")
        }
        Store::NotSupported { .. } | Store::NotImplemented { .. } => (ErrorKind::Unsupported, ""),
        _ => match http_error(e).map(HttpError::kind) {
            Some(HttpErrorKind::Connect | HttpErrorKind::Timeout) => (
                ErrorKind::Unavailable,
                "see whether AWS_ENDPOINT_URL and the network are right; without credentials in \
                                          the variables AWS_* the metadata service of the machine is asked for them",
            ),
            _ => (ErrorKind::Unavailable, ""),
        },
    }
}

/// An error and its causes, outermost first.
fn chain<'a>(e: &'a object_store::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let first: &'a (dyn StdError + 'static) = e;
    std::iter::successors(Some(first), |e: &&'a (dyn StdError + 'static)| (*e).source())
}

fn http_error(e: &object_store::Error) -> Option<&HttpError> {
    chain(e).find_map(|e| e.downcast_ref())
}

/// What went wrong, without the requests and answers that the crate puts into its texts: they hold signatures and keys.
pub(super) fn words(e: &object_store::Error) -> String {
    if let Some(code) = element(e, "Code") {
        let message = element(e, "Message").unwrap_or_default();
        return format!("{code} ({message})");
    }
    if http_error(e).is_some() {
        // The innermost cause: the words of the system or of TLS.
        return chain(e).last().map(ToString::to_string).unwrap_or_default();
    }
    match e {
        object_store::Error::Generic { source, .. } if source.source().is_none() => cut(&source.to_string()),
        object_store::Error::NotFound { .. } => "there is no such object".to_owned(),
        object_store::Error::PermissionDenied { .. } => "access denied".to_owned(),
        object_store::Error::Unauthenticated { .. } => "not authenticated".to_owned(),
        other => status(other).unwrap_or_else(|| "the answer is not understood".to_owned()),
    }
}

/// `503 Service Unavailable`, where that is all that is known.
fn status(e: &object_store::Error) -> Option<String> {
    let text = e.to_string();
    let (_, rest) = text.rsplit_once("status code: ")?;
    let words = rest.split([':', '<', '\n']).next()?;
    Some(format!("the answer is {}", cut(words.trim())))
}

/// The text of an XML element in the answer: S3's errors are flat.
fn element(e: &object_store::Error, name: &str) -> Option<String> {
    let text = e.to_string();
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    Some(cut(inside))
}

/// At most 200 characters, none of them a control character.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
