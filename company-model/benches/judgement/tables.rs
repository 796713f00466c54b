//! The tables of `cargo bench`: what is false, what is found and how soon.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "these are counts of alerts")]

use std::{collections::BTreeMap, thread};

use company_model::{KINDS, Kind};

use crate::measure::{self, Class, Counts, DROPS, LENGTHS, POSSIBLE};

/// Prints everything for so many seeds.
pub(crate) fn print(seeds: u64) {
    println!(
        "{:<28} {:>6} {:>6} {:>6}  by cause",
        "false a company-year", "median", "mean", "worst"
    );
    for kind in &KINDS {
        print_false(kind, seeds);
    }
    let mut found: BTreeMap<Class, Counts> = BTreeMap::new();
    let mut slow = Counts::default();
    let (mut company, mut messages, mut beside) = (Counts::default(), Counts::default(), 0);
    for kind in &KINDS[..4] {
        for run in in_parallel(seeds, |seed| measure::run_with_drops(kind, 100 + seed)) {
            for (class, counts) in run.found {
                found.entry(class).or_default().add(counts);
            }
            messages.add(run.messages);
            beside += run.beside;
        }
        for (of_slow, of_company) in in_parallel(seeds, |seed| measure::run_rare(kind, 200 + seed))
        {
            slow.add(of_slow);
            company.add(of_company);
        }
    }
    print_found(&found);
    println!("\nslow declines found: {} of {}", slow.found, slow.all);
    println!(
        "drops of the whole company or of a product in it found: {} of {}",
        company.found, company.all
    );
    println!(
        "messages for a drop that was found: {:.2}",
        messages.found as f64 / messages.all as f64
    );
    println!("false beside planted drops, all runs: {beside}");
}

/// Runs seeds on two threads.
fn in_parallel<T: Send>(seeds: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let half = |from: u64| {
        let run = &run;
        move || (from..seeds).step_by(2).map(run).collect::<Vec<T>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(half(1));
        let mut all = half(0)();
        all.extend(other.join().expect("a run does not panic"));
        all
    })
}

fn print_false(kind: &Kind, seeds: u64) {
    let (mut departments, mut company) = (Vec::new(), Vec::new());
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for run in in_parallel(seeds, |seed| measure::run(kind, seed, |_| Vec::new())) {
        for (of_departments, of_company) in run.false_by_year() {
            departments.push(of_departments);
            company.push(of_company);
        }
        for (cause, count) in run.false_causes() {
            *causes.entry(cause).or_default() += count;
        }
    }
    for (what, mut years) in [("departments", departments), ("company", company)] {
        years.sort_unstable();
        let mean = years.iter().sum::<usize>() as f64 / years.len() as f64;
        let (median, worst) = (years[years.len() / 2], years[years.len() - 1]);
        let causes = if what == "company" { String::new() } else { format!("{causes:?}") };
        println!("{:<28} {median:>6} {mean:>6.2} {worst:>6}  {what} {causes}", kind.name);
    }
}

fn print_found(found: &BTreeMap<Class, Counts>) {
    println!("\nfound, % (−30 −50 −70 −95 | the drop that is just possible), and days until then");
    for (size, (people, products)) in POSSIBLE.iter().enumerate() {
        for (product, (of, possible)) in products.iter().enumerate() {
            print!("{people:>4} {:<6}", company_model::PRODUCTS[*of]);
            for length in 0..LENGTHS.len() {
                print!(" | {:>2} d", LENGTHS[length]);
                for drop in 0..=DROPS.len() {
                    let counts = found.get(&Class { size, product, length, drop });
                    let counts = counts.copied().unwrap_or_default();
                    if drop == DROPS.len() {
                        print!(" |{:>3.0}:", possible[length] * 100.0);
                    }
                    print!(" {}", counts.percent());
                }
            }
            println!();
        }
    }
    type Of = fn(&Class) -> usize;
    let totals: [(&str, Of); 4] = [
        ("by people (20, 50, 200, 800)", |class| class.size),
        ("by product (suite, docs, vc, email)", |class| class.product),
        ("by days (1, 3, 10)", |class| class.length),
        ("by drop (30, 50, 70, 95 %)", |class| class.drop),
    ];
    for (name, of) in totals {
        let mut by: BTreeMap<usize, Counts> = BTreeMap::new();
        for (class, counts) in found.iter().filter(|(class, _)| class.drop < DROPS.len()) {
            by.entry(of(class)).or_default().add(*counts);
        }
        let percents: Vec<String> = by.values().map(Counts::percent).collect();
        let delay: Vec<String> =
            by.values().map(|c| format!("{:.1}", c.days as f64 / c.found.max(1) as f64)).collect();
        println!("{name}: {}; days: {}", percents.join(" "), delay.join(" "));
    }
}
