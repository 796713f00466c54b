//! `discover`.

use super::*;

#[tokio::test]
async fn discover_lists_what_the_configuration_takes_or_everything() {
    let mut world = world(30).await;
    let all: Vec<_> = world.simulator.departments().into_iter().filter(|d| d.depth > 0).collect();
    let top = all.iter().find(|d| d.depth == 1).unwrap();
    let below = |everything| Below { roots: vec!["0".to_owned()], max_depth: 4, everything };
    let listed = discover(&world.tenant, &below(false), world.clock.clone(), &Watch::default())
        .await
        .unwrap();
    let reached = all.iter().filter(|d| d.depth <= 4).count();
    assert_eq!((listed.departments.len(), listed.left_out, listed.denied), (reached, 0, None));

    world.tenant.discovery = Some(discovery(&[&format!("^{}", regex::escape(&top.path))]));
    let listed = discover(&world.tenant, &below(false), world.clock.clone(), &Watch::default())
        .await
        .unwrap();
    assert!(listed.departments.len() < reached);
    assert_eq!(listed.departments.len() + listed.left_out, reached);
    let listed = discover(&world.tenant, &below(true), world.clock.clone(), &Watch::default())
        .await
        .unwrap();
    assert_eq!((listed.departments.len(), listed.left_out), (reached, 0));

    let below =
        Below { roots: vec![top.open_department_id.clone()], max_depth: 2, everything: true };
    let listed =
        discover(&world.tenant, &below, world.clock.clone(), &Watch::default()).await.unwrap();
    let children: Vec<_> =
        all.iter().filter(|d| d.parent.is_some_and(|p| p > 0 && d.depth == 2)).collect();
    assert!(listed.departments.iter().all(|d| d.parent_department_id == top.open_department_id));
    assert!(listed.departments.len() <= children.len());
}

#[tokio::test]
async fn discover_fails_with_the_walk_and_tells_of_missing_fields() {
    let world = world(4).await;
    let below = Below { roots: vec!["0".to_owned()], max_depth: 4, everything: true };
    let watch = Watch::default();
    let discover = || discover(&world.tenant, &below, world.clock.clone(), &watch);
    world.revoke(&["directory:department.status:read"]);
    let denied = discover().await.unwrap().denied.unwrap();
    assert_eq!(denied.missing_scopes, ["directory:department.status:read"]);
    world.revoke(&["directory:department.base:read", "directory:department.external_id:read"]);
    let error = discover().await.unwrap_err();
    assert!(error.missing_scopes.contains(&"directory:department.base:read".to_owned()));
    world.revoke(&["directory:department:list"]);
    assert_eq!(discover().await.unwrap_err().code, Some(99_991_672));
}
