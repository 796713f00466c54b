//! What `docs/store.md` says of the store, tried with `sqlite3` on one that the exporter filled.

use std::process::Command;

use crate::{
    program::{Program, directory},
    world::{SECRET, World, metrics_when},
};

const PAGE: &str = include_str!("../../docs/store.md");

#[test]
fn every_query_of_the_page_has_an_answer_and_every_table_is_explained() {
    let world = World::new(12);
    let files = directory(&[]);
    let path = files.path().to_str().unwrap();
    let mut exporter = Program::exporter(
        &[
            "serve",
            "--config.file=conf.yml",
            "--web.listen-address=127.0.0.1:0",
            &format!("--storage.path={path}"),
        ],
        &[("conf.yml", &world.configuration()), ("secret", SECRET)],
    );
    let url = exporter.listens();
    let success = "feishu_exporter_collection_success{tenant=\"acme\",source=\"baselines\"}";
    metrics_when(&url, success, |success| success == 1.0);

    // The exporter goes on meanwhile.
    let file = files.path().join("history.db");
    let sqlite = |query: &str| {
        let mut command = Command::new("sqlite3");
        command.args(["-readonly", "-header"]).arg(&file).arg(query);
        let output = command.output().expect("sqlite3 is there: use tests/run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{query}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let blocks: Vec<&str> =
        PAGE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 2);
    for query in blocks {
        assert!(sqlite(query).lines().count() > 1, "no row: {query}");
    }
    let tables = sqlite("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
    for table in tables.lines().skip(1) {
        assert!(PAGE.contains(&format!("`{table}`")), "{table} is not explained");
    }
}
