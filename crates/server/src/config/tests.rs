//! What is accepted, what is refused, and whose word counts.

use super::*;

fn gather(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> Result<Values, ConfigError> {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("eventflow.toml");
    std::fs::write(&path, file.unwrap_or_default()).expect("a file");
    Values::gather(&Sources {
        flags: owned(flags),
        environment: owned(environment),
        file: Some(path),
    })
}

fn check(flags: &[(&str, &str)], role: Role) -> Result<Config, ConfigError> {
    Config::check(&gather(flags, &[], None)?, role)
}

fn refusal(flags: &[(&str, &str)], role: Role) -> String {
    check(flags, role).expect_err("refused").to_string()
}

#[test]
fn the_defaults_are_one_file_on_loopback() {
    let config = check(&[], Role::Dev).expect("good");
    assert_eq!(
        config.backends,
        Backends::Embedded {
            path: ".eventflow/eventflow.db".into()
        }
    );
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.durability, Durability::Disk);
    assert!(config.simulate);
    assert!(!check(&[], Role::Solo).expect("good").simulate);
    assert_eq!(config.retry, RetryPolicy::default());
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let file = Some("lease = \"3s\"\ngrace = \"3s\"\nattempts = 3\n");
    let environment = [("EVENTFLOW_LEASE", "2s"), ("EVENTFLOW_GRACE", "2s"), ("PATH", "/bin")];
    let values = gather(&[("lease", "1s")], &environment, file).expect("good");
    assert_eq!(values.get("lease").text, "1s");
    assert_eq!(values.get("lease").origin, Origin::Flag("lease".into()));
    assert_eq!(values.get("grace").text, "2s");
    assert_eq!(
        values.get("grace").origin,
        Origin::Environment("EVENTFLOW_GRACE".into())
    );
    assert_eq!(values.get("attempts").text, "3");
    assert!(matches!(values.get("attempts").origin, Origin::File(_)));
    assert_eq!(values.get("retention").origin, Origin::Default);
}

#[test]
fn what_belongs_to_efctl_is_ignored_and_what_nobody_knows_is_refused() {
    let environment = [
        ("EVENTFLOW_API", "x"),
        ("EVENTFLOW_TOKEN", "x"),
        ("EVENTFLOW_ADMIN", "x"),
    ];
    assert!(gather(&[], &environment, None).is_ok());
    let error = gather(&[], &[("EVENTFLOW_STORE_URI", "x")], None).expect_err("refused");
    assert!(error.to_string().contains("did you mean `store_url`?"), "{error}");
    let error = gather(&[], &[], Some("laese = \"3s\"")).expect_err("refused");
    assert!(error.to_string().contains("did you mean `lease`?"), "{error}");
    assert!(gather(&[], &[], Some("lease = [1]")).is_err());
    assert!(gather(&[], &[], Some("lease = ")).is_err());
}

#[test]
fn three_pairs_of_urls_are_modes_and_all_others_are_refused() {
    let postgres = ("store_url", "postgres://u@h/d");
    let redis = ("queue_url", "redis://h:6379");
    let mode = |flags: &[(&str, &str)]| check(flags, Role::Solo).map(|config| config.backends);
    assert!(matches!(mode(&[postgres]), Ok(Backends::Postgres { .. })));
    assert!(matches!(mode(&[redis, postgres]), Ok(Backends::Pipeline { .. })));
    assert_eq!(
        mode(&[("store_url", "sqlite://a/b.db")]).expect("good"),
        Backends::Embedded { path: "a/b.db".into() }
    );
    assert_eq!(
        mode(&[("store_url", "sqlite:///a/b.db")]).expect("good"),
        Backends::Embedded { path: "/a/b.db".into() }
    );
    for flags in [
        &[redis][..],
        &[redis, ("store_url", "sqlite://a")],
        &[("store_url", "mysql://h")],
        &[("queue_url", "amqp://h"), postgres],
        &[("store_url", "no url")],
    ] {
        assert!(mode(flags).is_err(), "{flags:?}");
    }
    assert!(refusal(&[], Role::Api).contains("one process"));
    assert!(refusal(&[], Role::Worker).contains("solo"));
}

#[test]
fn a_door_to_the_world_needs_tokens() {
    let world = ("listen", "0.0.0.0:8000");
    assert!(refusal(&[world], Role::Dev).contains("--insecure"));
    assert!(check(&[world, ("insecure", "true")], Role::Dev).is_ok());
    assert!(check(&[world, ("tokens_file", "tokens")], Role::Dev).is_ok());
    assert!(check(&[world, ("store_url", "postgres://h/d")], Role::Worker).is_ok());
}

#[test]
fn a_bad_value_is_refused_by_name() {
    for (name, text) in [
        ("listen", "8000"),
        ("lease", "15"),
        ("lease", "0s"),
        ("attempts", "0"),
        ("attempts", "many"),
        ("partitions", "0"),
        ("partitions", "129"),
        ("max_body", "-1"),
        ("max_body", "1GiB"),
        ("max_data", "2MiB"),
        ("durability", "always"),
        ("durability", "memory"),
        ("simulate", "maybe"),
        ("concurrency", "0"),
        ("backlog_cap", "0"),
    ] {
        assert!(refusal(&[(name, text)], Role::Dev).contains(name), "{name} = {text}");
    }
}

#[test]
fn a_password_is_masked() {
    assert_eq!(masked("postgres://u:secret@h/d"), "postgres://u:****@h/d");
    assert_eq!(masked("redis://:secret@h"), "redis://:****@h");
    assert_eq!(masked("15s"), "15s");
    assert_eq!(
        masked("postgres://h/d?user=u&password=secret&sslmode=require"),
        "postgres://h/d?user=u&password=****&sslmode=require"
    );
    let no_url = masked("postgres://u:secret@h:port/d");
    assert!(!no_url.contains("secret"), "{no_url}");
}

#[test]
fn no_secret_is_quoted_by_an_error_or_by_what_debugs() {
    let url = "postgres://u:hushhush@h/d";
    let error = gather(&[], &[], Some(&format!("lease = \"3s\"\nstore_url = {url}\n"))).expect_err("refused");
    let said = format!("{error} {error:?}");
    assert!(!said.contains("hushhush"), "{said}");
    assert!(said.contains("line 2"), "{said}");
    let flags = [("store_url", url), ("queue_url", "redis://:hushhush@h")];
    let values = gather(&flags, &[], None).expect("good");
    let config = Config::check(&values, Role::Solo).expect("good");
    let sources = Sources {
        flags: vec![("store_url".into(), url.into())],
        environment: vec![("EVENTFLOW_STORE_URL".into(), url.into())],
        file: None,
    };
    for said in [
        format!("{config:?}"),
        format!("{values:?}"),
        format!("{:?}", values.get("store_url")),
        format!("{sources:?}"),
    ] {
        assert!(!said.contains("hushhush"), "{said}");
    }
}

#[test]
fn what_is_no_filter_or_format_of_logs_is_refused_by_name() {
    for (name, text) in [("log", "info,=="), ("log_format", "xml")] {
        assert!(refusal(&[(name, text)], Role::Dev).contains(name), "{name}");
    }
}
