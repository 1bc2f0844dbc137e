//! A tree of tens of thousands is read page by page.

use serde_json::{Value, json};
use tower_activity::{ActivityLog, Describe, Outcome};

use crate::web::support::{get, router};

#[tokio::test]
async fn a_tree_is_read_page_by_page_in_order_of_start() {
    let log = ActivityLog::open(":memory:").unwrap();
    let root = log.start(Describe::job("import"));
    for n in 0..5 {
        let step = Describe::tool(format!("step {n}")).parent(&root);
        let step = log.start(step);
        match n {
            3 => step.end(Outcome::failed("denied")),
            _ => step.end(Outcome::success()),
        }
    }
    let id = root.id().unwrap();
    root.end(Outcome::success());
    log.start(Describe::tool("of another tree"))
        .end(Outcome::success());
    log.flush().await.unwrap();
    let app = router(&log);

    let whole = get(&app, &format!("/api/activities/{id}")).await.json();
    let all: Vec<&Value> = whole["tree"].as_array().unwrap().iter().collect();
    assert_eq!((all.len(), &whole["tree_size"]), (6, &json!(6)));
    let without = get(&app, &format!("/api/activities/{id}?tree=none"))
        .await
        .json();
    assert_eq!(
        (&without["tree"], &without["tree_size"]),
        (&json!([]), &json!(6))
    );
    assert_eq!(without["name"], "import");

    let child = all[2]["id"].as_str().unwrap();
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/activities/{child}/tree?limit=4{cursor}");
        let page = get(&app, &path).await.json();
        assert_eq!(page["total"], 6);
        paged.extend(page["activities"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged.iter().collect::<Vec<_>>(), all);

    let path = format!("/api/activities/{id}/tree?q=status:failed");
    let failed = get(&app, &path).await.json();
    assert_eq!(failed["total"], 1);
    assert_eq!(failed["activities"][0]["name"], "step 3");
    let unknown = "0199e5a2-7c00-7000-8000-000000000000";
    get(&app, &format!("/api/activities/{unknown}/tree"))
        .await
        .problem(404, "not_found");
    let wrong = get(&app, &format!("/api/activities/{id}?tree=half")).await;
    assert!(wrong.problem(400, "invalid").contains("`all` or `none`"));
}
