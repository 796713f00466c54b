//! The judgement of activity, measured on companies whose truth is known.
//!
//! `cargo bench -p company-model` prints the tables of `docs/alerts.md`, over the seeds 1 to 10, or to
//! the one that is given (`-- 3`), or from one to another (`-- 11 20`), of all kinds of company or of
//! those whose names have a word in them (`-- 11 20 kind=UTC`); `cargo test -p company-model` holds a few companies to them.
//!
//! The rooms of the exporter that judge are compiled in by path: they need no other, and optimised
//! (see the profiles in the workspace's `Cargo.toml`) they judge a company's year in a second, while
//! the exporter around them takes minutes to optimise.

#[path = "../../../src/baseline/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the exporter uses the rest")]
mod baseline;
#[path = "../../../src/catalogue/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the exporter uses the rest")]
mod catalogue;
#[path = "../../../src/day.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the exporter uses the rest")]
mod day;
#[path = "../../../src/judgement/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the exporter uses the rest")]
mod judgement;
#[path = "../../../src/usage/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the exporter uses the rest")]
mod usage;

mod classes;
mod measure;
mod reference;
mod tables;

use company_model::KINDS;

const SEEDS: u64 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--bench") {
        let numbers: Vec<u64> = arguments.iter().filter_map(|seed| seed.parse().ok()).collect();
        let seeds = match numbers[..] {
            [] => 1..=SEEDS,
            [last] => 1..=last,
            [first, last, ..] => first..=last,
        };
        let kinds = arguments.iter().find_map(|argument| argument.strip_prefix("kind="));
        tables::print(seeds, kinds.unwrap_or_default());
        return;
    }
    nothing_false_is_told();
    what_can_be_found_is();
    a_drop_of_the_whole_company_is_one_message();
}

fn nothing_false_is_told() {
    for name in ["China, 72 departments", "China, with children", "a geo of 24 departments"] {
        let kind = KINDS.iter().find(|kind| kind.name == name).expect("a kind of that name");
        let run = measure::run(kind, 7, |_| Vec::new());
        assert!(run.told.len() > 5, "{name}: outings and storms are told");
        for (departments, company) in run.false_by_year() {
            assert!(departments <= 1, "{name}: {:?}", run.false_causes());
            assert_eq!(company, 0, "{name}: {:?}", run.false_causes());
        }
    }
}

fn what_can_be_found_is() {
    let found = measure::run_with_drops(&KINDS[0], 107);
    let mut clear = measure::Counts::default();
    for (class, counts) in &found.found {
        // Half of the people of a department of 50 and more gone for three days and longer.
        let is_clear = class.size > 0 && class.product == 0 && class.length > 0;
        if is_clear && (1..classes::DROPS.len()).contains(&class.drop) {
            clear.add(*counts);
        }
    }
    assert!(clear.all >= 20, "{clear:?}");
    assert!(10 * clear.found >= 9 * clear.all, "{clear:?}");
    let messages = found.messages;
    assert!(4 * messages.found <= 5 * messages.all, "one message for one cause: {messages:?}");
}

fn a_drop_of_the_whole_company_is_one_message() {
    let (slow, company) = measure::run_rare(&KINDS[1], 207);
    assert_eq!(company.found, company.all);
    assert!(2 * slow.found >= slow.all, "{slow:?}");
}
