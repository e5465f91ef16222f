//! What runs already, and what cannot be started.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use eventflow_load::scenario::{Overrides, Role, Route, Scenario};
use eventflow_load::target::{self, Order, TargetError};
use eventflow_stack::{Folder, free_port};
use tokio_util::sync::CancellationToken;

use crate::rig::{Heard, Rig, server, state};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_runs_is_found_and_hurt_on_the_way_to_it_and_left_alone() {
    let owner = Rig::start("dev", "", "").await;
    let api = &owner.running.directs[0];
    let faults = r#"{ id = "lost", at = "500ms", for = "1s", tcp = "drop_reply", route = "api", share = 0.5 }"#;
    let rig = Rig::on(&format!("api = \"{api}\""), faults)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(rig.running.stack.is_none() && rig.running.kind().is_none());
    assert_eq!(rig.running.directs[0], *api);
    assert_ne!(rig.running.apis[0], *api);
    assert_eq!(rig.running.proxies[&Route::Api].len(), 1);
    assert_eq!(rig.running.durability, "disk");
    let heard = Arc::<Heard>::default();
    rig.strike(&heard).await;
    assert!(heard.failed.load(Relaxed) > 0, "{heard:?}");
    rig.drain().await;
    assert_eq!(rig.running.deadlocks().await, None);
    rig.stop().await;
    let member = owner.stack().members(Role::Api).pop().expect("there is one");
    assert_ne!(state(member.server().process().id()), '-');
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_not_there_is_unreachable() {
    let nobody = free_port().expect("a port");
    let error = Rig::on(&format!("api = \"http://{}\"", nobody.address()), "")
        .await
        .err()
        .expect("nobody answers");
    assert!(
        matches!(error, TargetError::Unreachable(_)) && error.code() == 69,
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_says_why_and_what_to_do() {
    let error = Rig::on("stack = \"dev\"\nsettings = { laese = \"3s\" }", "")
        .await
        .err()
        .expect("no such setting");
    assert!(
        matches!(error, TargetError::Refused(_)) && error.code() == 2,
        "{error:?}"
    );
    assert!(error.to_string().contains("did you mean `lease`?"), "{error}");

    let text = "schema = 1\nname = \"x\"\nphases = [{ name = \"steady\", for = \"1s\", rate = \"1/s\" }]\n\
        mix = [{ weight = 1, event = \"a\" }]\n[target]\nstack = \"dev\"\n";
    let scenario = Scenario::parse(text, "x.toml", std::path::Path::new("."), &Overrides::default());
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let out = Folder::create("rig").expect("a folder");
    let order = |server| Order {
        scenario: &scenario,
        out: out.path(),
        api: None,
        token: None,
        server: Some(server),
    };
    let stop = CancellationToken::new();
    let error = target::start(order("/no/such/server".into()), &stop)
        .await
        .expect_err("there is no such binary");
    assert!(
        matches!(error, TargetError::Missing(_)) && error.code() == 2,
        "{error:?}"
    );
    stop.cancel();
    let error = target::start(order(server()), &stop)
        .await
        .expect_err("it is interrupted");
    assert_eq!(error.code(), 130);
}
