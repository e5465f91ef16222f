//! Migrations, roles, and what is claimed at the first start.

use eventflow_core::{Archive, Backend, Fate, Ledger, Registered, WorkerId};
use eventflow_postgres::{Postgres, Schema, migrate};
use eventflow_testkit::build::{admission, pattern, registration, row};
use eventflow_testkit::event;
use std::time::Duration;

use crate::rig::Database;

const ROLES: &str = include_str!("../../../../migrations/postgres/roles.sql");

#[tokio::test]
async fn migrating_three_times_at_once_is_migrating_once() {
    let database = Database::empty().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    assert_eq!(postgres.schema().await.expect("an answer"), Schema::Missing);
    let (a, b, c) = tokio::join!(migrate(&database.url), migrate(&database.url), migrate(&database.url));
    for result in [a, b, c] {
        result.expect("migrated");
    }
    migrate(&database.url).await.expect("and once more");
    assert_eq!(postgres.schema().await.expect("an answer"), Schema::Current);
    database.execute("UPDATE _sqlx_migrations SET success = false").await;
    assert_eq!(postgres.schema().await.expect("an answer"), Schema::Missing);
    database
        .execute("UPDATE _sqlx_migrations SET success = true; \
             INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)")
        .await;
    assert_eq!(postgres.schema().await.expect("an answer"), Schema::Newer);
    assert!(migrate(&database.url).await.is_err());
}

#[tokio::test]
async fn the_first_claim_of_a_setting_holds() {
    let database = Database::migrated().await;
    let postgres = Postgres::connect(&database.options()).expect("the options are good");
    let (a, b) = tokio::join!(
        postgres.claim_setting("partitions", "4"),
        postgres.claim_setting("partitions", "8")
    );
    let (a, b) = (a.expect("an answer"), b.expect("an answer"));
    assert_eq!(a, b);
    assert_eq!(postgres.claim_setting("partitions", "16").await.expect("an answer"), a);
}

#[tokio::test]
async fn the_role_of_the_application_can_do_its_work_and_no_more() {
    let database = Database::empty().await;
    database.execute(ROLES).await;
    migrate(&format!("{}?options[role]=eventflow_migrator", database.url))
        .await
        .expect("the migrator migrates");
    database.execute(ROLES).await;
    let mut options = database.options();
    options.session_setup = vec!["SET ROLE eventflow_app".to_owned()];
    let postgres = Postgres::connect(&options).expect("the options are good");
    assert_eq!(postgres.schema().await.expect("an answer"), Schema::Current);
    let joined = postgres
        .register(registration(WorkerId::new(), &["h"]))
        .await
        .expect("it joins");
    let Registered::Joined(list) = joined else {
        panic!("nothing ties")
    };
    let rows = vec![row(event("h", "x", "1"), Fate::Due(pattern("h")))];
    postgres
        .admit(admission(list.version, rows, None))
        .await
        .expect("it admits");
    postgres.purge(Duration::from_hours(24), 10).await.expect("it purges");
    postgres.inspect(Duration::from_secs(30)).await.expect("it inspects");
    let forbidden = [
        "SET ROLE eventflow_app; DELETE FROM audit",
        "SET ROLE eventflow_app; DROP TABLE events",
        "SET ROLE eventflow_app; UPDATE _sqlx_migrations SET success = false",
    ];
    for sql in forbidden {
        let mut session = database.session().await;
        assert!(sqlx::raw_sql(sql).execute(&mut session).await.is_err(), "{sql}");
    }
}
