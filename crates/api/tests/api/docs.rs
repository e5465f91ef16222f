//! The contract that is served, and the pages that show it.

use serde_json::Value;

use crate::rig::{Rig, without_queue};

const ROUTES: [(&str, &str); 19] = [
    ("post", "/events"),
    ("get", "/events"),
    ("get", "/events/{key}"),
    ("get", "/dead-letters"),
    ("get", "/dead-letters/{key}"),
    ("post", "/dead-letters/requeue"),
    ("post", "/dead-letters/discard"),
    ("post", "/dead-letters/restore"),
    ("get", "/dead-letters/jobs/{id}"),
    ("get", "/audit"),
    ("get", "/stats"),
    ("get", "/workers"),
    ("get", "/handlers"),
    ("post", "/handlers/retire"),
    ("post", "/pause"),
    ("post", "/resume"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/health"),
];

#[tokio::test]
async fn the_contract_lists_every_route_and_every_type() {
    let rig = Rig::start(without_queue()).await;
    let contract = rig.client().openapi().await.expect("the contract");
    assert_eq!(contract["openapi"], "3.1.0");
    let paths = contract["paths"].as_object().expect("paths");
    let mut found: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .into_iter()
                .flatten()
                .map(move |(method, _)| (method.as_str(), path.as_str()))
        })
        .collect();
    let mut expected = ROUTES.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let missing: Vec<_> = references(&contract)
        .into_iter()
        .filter(|name| contract["components"]["schemas"][name.as_str()].is_null())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for name in [
        "Problem",
        "EventView",
        "Accepted",
        "BatchResult",
        "Stats",
        "Health",
        "JobView",
    ] {
        assert!(contract["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_contract_says_what_is_refused() {
    let rig = Rig::start(without_queue()).await;
    let contract = rig.client().openapi().await.expect("the contract");
    let schemas = &contract["components"]["schemas"];
    let keys = &schemas["LetterKeys"]["properties"]["keys"];
    assert_eq!(
        (&keys["minItems"], &keys["maxItems"]),
        (&Value::from(1), &Value::from(1000))
    );
    assert_eq!(schemas["NewEvent"]["properties"]["id"]["maxLength"], 255);
    let handler = &schemas["PauseRequest"]["properties"]["handler"];
    assert_eq!(handler["type"], serde_json::json!(["string", "null"]));
    assert!(schemas["RetireRequest"]["properties"]["handler"]["pattern"].is_string());
    for path in ["/events/{key}", "/dead-letters/{key}", "/dead-letters/jobs/{id}"] {
        let parameter = &contract["paths"][path]["get"]["parameters"][0];
        assert_eq!(parameter["schema"]["format"], "uuid", "{path}");
    }
    let bodies = &contract["paths"]["/events"]["post"]["requestBody"]["content"];
    let one = &bodies["application/cloudevents+json"]["schema"]["$ref"];
    assert_eq!(one, "#/components/schemas/CloudEvent");
    assert_eq!(
        &bodies["application/cloudevents-batch+json"]["schema"]["items"]["$ref"],
        one
    );
    assert!(
        schemas["CloudEvent"]
            .to_string()
            .contains(r#""required":["specversion"]"#)
    );
}

#[tokio::test]
async fn every_route_of_the_contract_is_there() {
    let rig = Rig::start(without_queue()).await;
    for (method, path) in ROUTES {
        let path = path.replace("{key}", "7").replace("{id}", "7");
        let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let response = rig
            .http
            .request(method.clone(), rig.url(&path))
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        assert!(!matches!(status, 404 | 405 | 500), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn the_docs_need_no_other_host() {
    let rig = Rig::start(without_queue()).await;
    for path in ["/docs/", "/docs/swagger-initializer.js"] {
        let response = rig.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.expect("text");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path}: {text}"
        );
    }
    let initializer = rig
        .get("/docs/swagger-initializer.js")
        .await
        .text()
        .await
        .expect("text");
    assert!(
        initializer.contains("/openapi.json") && initializer.contains("\"validatorUrl\": \"none\""),
        "{initializer}"
    );
    assert_eq!(
        crate::rig::problem(rig.get("/docs/nothing.js").await).await.slug(),
        "not-found"
    );
    for path in ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"] {
        assert_eq!(rig.get(path).await.status(), 200, "{path}");
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(target)) => target.rsplit('/').next().map(str::to_owned).into_iter().collect(),
                (_, value) => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
