//! `docs/simulator.md` has every kind of fault, each as it is written.

use std::collections::BTreeSet;

use feishu_simulator::Kind;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/simulator.md");

#[test]
fn the_page_shows_every_kind_of_fault_as_it_is_written() {
    let table = PAGE.split("| kind | what happens |").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut shown = BTreeSet::new();
    for row in rows {
        let kind: Value = serde_json::from_str(row).unwrap();
        serde_json::from_value::<Kind>(kind.clone()).unwrap_or_else(|why| panic!("{row}: {why}"));
        let name = kind.as_str().or_else(|| kind.as_object()?.keys().next().map(String::as_str));
        shown.insert(name.unwrap().to_owned());
    }
    // The parser lists the kinds that there are.
    let refusal = serde_json::from_value::<Kind>("no_such_kind".into()).unwrap_err().to_string();
    let kinds = refusal.split("one of ").nth(1).unwrap();
    let kinds: BTreeSet<String> = kinds.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(shown, kinds);
}
