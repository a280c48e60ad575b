//! Which door is asked first.

use proximadb_meta_core::MetadataBackendConfig;
use proximadb_meta_core::config::{Door, Sources};

use crate::env::variables;
use crate::fakes::{registry, says};

#[test]
fn the_first_door_that_was_used_holds_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    std::fs::write(&file, "[metadata_storage]\nconnection_string = 'file://from-toml'").unwrap();
    let broken = dir.path().join("broken.toml");
    std::fs::write(&broken, "[").unwrap();
    let ours = variables(&[("PXMETA_URI", "file://from-env")]);
    let wrong = variables(&[("PXMETA_NONSENSE", "1")]);
    let none = variables(&[("HOME", "x"), ("PXMETA_TEST_X", "1")]);
    let cases = [
        (Some("file://from-uri"), &wrong, Some(&*broken), "from-uri", Door::ConnectionString),
        (None, &ours, Some(&*broken), "from-env", Door::Environment),
        (None, &none, Some(&*file), "from-toml", Door::Toml),
        (None, &none, None, "from-default", Door::ConnectionString),
    ];
    for (uri, variables, file, location, door) in cases {
        let sources = Sources { uri, variables: variables.clone(), file, default: "file://from-default" };
        let config = MetadataBackendConfig::resolve(sources, &registry()).unwrap();
        assert_eq!((config.location(), config.door()), (location, door));
    }
}

#[test]
fn a_door_that_is_used_wrongly_is_an_error_and_not_passed_over() {
    let missing = std::path::Path::new("no/such/file.toml");
    let read = |uri, variables, file| {
        let sources = Sources { uri, variables, file, default: "file://x" };
        MetadataBackendConfig::resolve(sources, &registry()).unwrap_err()
    };
    says(&read(Some("x"), vec![], None), &["connection string: it does not begin"], "uri");
    says(&read(None, variables(&[("PXMETA_URL", "x")]), None), &["PXMETA_URI"], "environment");
    says(&read(None, variables(&[("PXMETA_POOL_SIZE", "1")]), None), &["does not say which store"], "options alone");
    says(&read(None, vec![], Some(missing)), &["no/such/file.toml: the file cannot be read"], "file");
}

#[test]
fn references_of_every_door_are_looked_up_in_the_given_variables() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let uri = "dynamodb://eu/t?secret_key=env:KEY_OF_THIS_TEST";
    std::fs::write(&file, format!("[metadata_storage]\nconnection_string = '{uri}'")).unwrap();
    let variables = variables(&[("KEY_OF_THIS_TEST", "hunter2")]);
    for sources in [
        Sources { uri: Some(uri), variables: variables.clone(), ..Sources::default() },
        Sources { file: Some(&file), variables: variables.clone(), ..Sources::default() },
        Sources { default: uri, variables: variables.clone(), ..Sources::default() },
    ] {
        assert!(!format!("{sources:?}").contains("hunter2"));
        let config = MetadataBackendConfig::resolve(sources, &registry()).unwrap();
        let secret = config.option("secret_key").and_then(|v| v.as_secret()).expect("a secret");
        assert_eq!(secret.expose(), "hunter2");
    }
}
