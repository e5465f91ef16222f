//! The recorder with plain programs, then with servers: what is synced must stay, what is not must go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventflow_stack::{Folder, Postgres, PostgresSettings, Process, Redis, RedisSettings, Reply, Spec};

use super::{Cut, Recorder};

const WAIT: Duration = Duration::from_mins(1);

struct Place {
    folder: Folder,
    recorder: Recorder,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::create("power-cut").expect("a folder is made");
        fs::create_dir(folder.path().join("data")).expect("a folder is made");
        let recorder = Recorder::prepare(folder.path()).expect("the recorder works here");
        Self { folder, recorder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a script of the shell in the data folder, recorded.
    fn run(&self, script: &str) {
        let spec = Spec::new("/bin/sh").args(["-ec", script]).dir(self.data());
        let environment = self.recorder.environment();
        let spec = environment
            .iter()
            .fold(spec, |spec, (name, value)| spec.env(name, value));
        let process = Process::start(&spec).expect("a shell starts");
        let status = process.wait(WAIT).expect("the script ends");
        assert!(status.success(), "{script}: {status}: {}", process.tail(20));
    }

    fn cut(&self) -> Cut {
        self.recorder.cut(&self.data()).expect("the cut is made")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.data().join(name)).expect("the file is there")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.data().join(name), text).expect("the file is written");
    }
}

/// A script that writes `text` to `file` from byte `seek` on.
fn dd(text: &str, file: &str, seek: usize, how: &str) -> String {
    format!("printf %s '{text}' | dd of={file} bs=1 seek={seek} conv=notrunc{how} status=none; ")
}

#[test]
fn what_was_synced_stays_and_what_came_later_goes() {
    let place = Place::new();
    place.run(&dd("durable", "file", 0, ",fsync"));
    place.run(&dd(" gone", "file", 7, ""));
    assert_eq!(place.read("file"), "durable gone");
    let cut = place.cut();
    assert_eq!(place.read("file"), "durable");
    assert_eq!((cut.watched, cut.files, cut.bytes), (1, 1, 5));
    assert_eq!(place.cut(), Cut::default(), "nothing has happened since");
}

#[test]
fn a_data_sync_counts_as_much() {
    let place = Place::new();
    place.run(&dd("durable", "file", 0, ",fdatasync"));
    let cut = place.cut();
    assert_eq!((place.read("file").as_str(), cut.watched, cut.files), ("durable", 1, 0));
}

#[test]
fn what_is_overwritten_in_place_comes_back() {
    let place = Place::new();
    place.write("file", "0123456789");
    place.run(&(dd("ab", "file", 2, "") + &dd("cdef", "file", 3, "")));
    assert_eq!(place.read("file"), "01acdef789");
    place.cut();
    assert_eq!(place.read("file"), "0123456789");
}

#[test]
fn only_the_last_complete_sync_counts() {
    let place = Place::new();
    place.run(&(dd("one", "file", 0, ",fsync") + &dd("two", "file", 0, ",fsync") + &dd("six", "file", 0, "")));
    place.cut();
    assert_eq!(place.read("file"), "two");
}

#[test]
fn sizes_come_back() {
    let place = Place::new();
    place.write("emptied", "all of it");
    place.write("shrunk", "a longer text");
    place.write("grown", "short");
    place.run(": > emptied; truncate -s 3 shrunk; truncate -s 4000 grown; printf x >> grown");
    assert_eq!(
        (place.read("emptied").as_str(), place.read("shrunk").as_str()),
        ("", "a l")
    );
    let cut = place.cut();
    assert_eq!(place.read("emptied"), "all of it");
    assert_eq!(place.read("shrunk"), "a longer text");
    assert_eq!(place.read("grown"), "short");
    assert_eq!(cut.files, 3);
}

#[test]
fn a_large_file_comes_back_whole() {
    let place = Place::new();
    let text = "0123456789abcdef".repeat(10_000);
    place.write("file", &text);
    place.run("dd if=/dev/zero of=file bs=100000 count=2 conv=notrunc status=none");
    assert_ne!(place.read("file"), text);
    place.cut();
    assert_eq!(place.read("file"), text);
}

#[test]
fn a_file_is_found_under_its_new_name_and_a_new_one_is_empty() {
    let place = Place::new();
    place.write("old", "before");
    place.run(&(dd("gone", "old", 0, "") + "mv old new; " + &dd("never synced", "fresh", 0, "")));
    place.cut();
    assert_eq!(place.read("new"), "before");
    assert_eq!(place.read("fresh"), "");
}

#[test]
fn a_file_that_takes_the_place_of_a_deleted_one_is_another() {
    let place = Place::new();
    // File systems give the number of a deleted file to the next one.
    let mut script = dd("unsynced", "deleted", 0, "") + "rm deleted; ";
    for n in 0..8 {
        script += &dd("durable", &format!("new{n}"), 0, ",fsync");
    }
    place.run(&script);
    place.cut();
    for n in 0..8 {
        assert_eq!(place.read(&format!("new{n}")), "durable");
    }
}

#[test]
fn what_lies_elsewhere_is_left_alone() {
    let place = Place::new();
    let elsewhere = Folder::create("elsewhere").expect("a folder is made");
    let file = elsewhere.path().join("file");
    place.run(&format!("printf kept > '{}'", file.display()));
    assert_eq!(place.cut(), Cut::default());
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "kept");
}

#[test]
fn a_folder_with_a_blank_is_refused_with_the_reason() {
    let parent = Folder::create("power-cut").expect("a folder is made");
    let folder = parent.path().join("a blank");
    fs::create_dir(&folder).expect("a folder is made");
    let skipped = Recorder::prepare(&folder).expect_err("refused");
    assert!(skipped.to_string().contains("blank"), "{skipped}");
}

/// Writes `KEYS` keys, each acknowledged, then cuts the power and says how many are left.
fn left_in_redis(appendfsync: &str) -> i64 {
    let place = Place::new();
    let settings = RedisSettings {
        parent: Some(place.data()),
        env: place.recorder.environment().into_iter().collect(),
        ..RedisSettings::default()
    };
    let redis = Redis::start(&settings.set("appendfsync", appendfsync)).expect("Redis starts");
    let mut session = redis.session().expect("Redis can be reached");
    for n in 0..KEYS {
        let reply = session.command(&["SET", &n.to_string(), "value"]);
        assert_eq!(reply.expect("it is acknowledged"), Reply::Text("OK".into()));
    }
    drop(session);
    redis.kill().expect("Redis is killed");
    let cut = place.recorder.cut(redis.folder()).expect("the cut is made");
    assert!(cut.watched > 0, "the recorder has seen nothing");
    redis.restart().expect("Redis starts again");
    match redis.command(&["DBSIZE"]).expect("Redis answers") {
        Reply::Number(left) => left,
        other => panic!("DBSIZE is a number, not {other:?}"),
    }
}

const KEYS: i64 = 2_000;

#[test]
fn redis_that_syncs_always_loses_nothing() {
    assert_eq!(left_in_redis("always"), KEYS);
}

/// The control: if this loses nothing, the recorder is broken.
#[test]
fn redis_that_syncs_every_second_loses_what_it_acknowledged() {
    let left = left_in_redis("everysec");
    assert!(left < KEYS, "{left} of {KEYS} are left");
}

fn postgres(place: &Place, fsync: &str) -> Postgres {
    let settings = PostgresSettings {
        parent: Some(place.data()),
        env: place.recorder.environment().into_iter().collect(),
        ..PostgresSettings::default()
    };
    let settings = settings.set("fsync", fsync).set("checkpoint_timeout", "30s");
    let postgres = Postgres::start(&settings).expect("PostgreSQL starts");
    let sql = |text: &str| postgres.sql("postgres", text).expect("PostgreSQL does it");
    sql("CREATE TABLE kept (n int PRIMARY KEY, text text)");
    sql("INSERT INTO kept SELECT n, repeat('x', 200) FROM generate_series(1, 2000) n");
    sql("CHECKPOINT");
    // Pages that a checkpoint has written, changed again, and written but not synced by whoever needs room.
    sql("UPDATE kept SET text = repeat('y', 200)");
    for n in 1..=ROWS {
        sql(&format!("INSERT INTO kept VALUES (2000 + {n}, 'one commit each')"));
    }
    postgres.kill().expect("PostgreSQL is killed");
    postgres
}

const ROWS: usize = 40;

fn cut_power(place: &Place, postgres: &Postgres) -> Cut {
    place
        .recorder
        .cut(Path::new(&postgres.data()))
        .expect("the cut is made")
}

#[test]
fn postgres_with_fsync_loses_nothing_that_was_committed() {
    let place = Place::new();
    let postgres = postgres(&place, "on");
    let cut = cut_power(&place, &postgres);
    assert!(cut.watched > 0, "the recorder has seen nothing");
    postgres.restart().expect("PostgreSQL recovers");
    let count = "SELECT count(*), count(*) FILTER (WHERE text = repeat('y', 200)) FROM kept";
    let rows = postgres.sql("postgres", count).expect("PostgreSQL answers");
    let expected = [Some((2_000 + ROWS).to_string()), Some("2000".into())];
    assert_eq!(rows, [expected.to_vec()]);
}

/// The control: if this loses nothing, the recorder is broken.
#[test]
fn postgres_without_fsync_loses_what_was_committed_or_does_not_start() {
    let place = Place::new();
    let postgres = postgres(&place, "off");
    let cut = cut_power(&place, &postgres);
    assert!(cut.files > 0, "{cut}");
    if postgres.restart().is_ok() {
        let kept = postgres.sql("postgres", "SELECT count(*) FROM kept");
        let expected = vec![vec![Some((2_000 + ROWS).to_string())]];
        assert_ne!(kept.ok(), Some(expected));
    }
}
