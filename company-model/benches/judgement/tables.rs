//! The tables of `cargo bench`: what is false, what is found and how soon.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "these are counts of alerts")]

use std::{collections::BTreeMap, ops::RangeInclusive, thread};

use company_model::{KINDS, Kind};

use crate::{
    classes::{Class, DROPS, LENGTHS, POSSIBLE, POSSIBLE_PRODUCTS, SIZES},
    judgement::WINDOWS,
    measure::{self, Counts},
};

/// By size, product and window or length.
type Key = (usize, usize, usize);

/// Prints everything of these seeds, and of the kinds of company that have a word in their names.
pub(crate) fn print(seeds: RangeInclusive<u64>, word: &str) {
    println!(
        "{:<28} {:>6} {:>6} {:>6}  by cause",
        "false a company-year", "median", "mean", "worst"
    );
    let mut scores: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    let mut possible: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    for kind in KINDS.iter().filter(|kind| kind.name.contains(word)) {
        print_false(kind, &seeds, &mut scores, &mut possible);
    }
    print_scores(&mut scores);
    print_possible(&mut possible);
    let mut found: BTreeMap<Class, Counts> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    let mut slow = Counts::default();
    let (mut company, mut messages, mut beside) = (Counts::default(), Counts::default(), 0);
    for kind in KINDS[..4].iter().filter(|kind| kind.name.contains(word)) {
        for run in in_parallel(&seeds, |seed| measure::run_with_drops(kind, 100 + seed)) {
            for (class, counts) in run.found {
                found.entry(class).or_default().add(counts);
            }
            for (why, count) in run.missed {
                *missed.entry(why).or_default() += count;
            }
            messages.add(run.messages);
            beside += run.beside;
        }
        for (of_slow, of_company) in in_parallel(&seeds, |seed| measure::run_rare(kind, 200 + seed))
        {
            slow.add(of_slow);
            company.add(of_company);
        }
    }
    print_found(&found);
    print_missed(&missed);
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
fn in_parallel<T: Send>(seeds: &RangeInclusive<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let half = |after: u64| {
        let run = &run;
        let (first, last) = (seeds.start() + after, *seeds.end());
        move || (first..=last).step_by(2).map(run).collect::<Vec<T>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(half(1));
        let mut all = half(0)();
        all.extend(other.join().expect("a run does not panic"));
        all
    })
}

fn print_false(
    kind: &Kind,
    seeds: &RangeInclusive<u64>,
    scores: &mut BTreeMap<Key, Vec<f64>>,
    possible: &mut BTreeMap<Key, Vec<f64>>,
) {
    let (mut departments, mut company, mut plainly) = (Vec::new(), Vec::new(), 0);
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut details = Vec::new();
    for run in in_parallel(seeds, |seed| measure::run(kind, seed, |_| Vec::new())) {
        for (of_departments, of_company) in run.false_by_year() {
            departments.push(of_departments);
            company.push(of_company);
        }
        for (cause, count) in run.false_causes() {
            *causes.entry(cause).or_default() += count;
        }
        details.extend(run.false_details());
        plainly += run.false_plainly();
        for (of, drops) in run.reference.possible(&run.company) {
            possible.entry(of).or_default().extend(drops);
        }
        for (of, run_scores) in run.scores {
            scores.entry(of).or_default().extend(run_scores);
        }
    }
    let plainly = plainly as f64 / departments.len() as f64;
    for (what, mut years) in [("departments", departments), ("company", company)] {
        years.sort_unstable();
        let mean = years.iter().sum::<usize>() as f64 / years.len() as f64;
        let (median, worst) = (years[years.len() / 2], years[years.len() - 1]);
        let causes = if what == "company" {
            String::new()
        } else {
            format!("{causes:?}; the plain judge {plainly:.1}")
        };
        println!("{:<28} {median:>6} {mean:>6.2} {worst:>6}  {what} {causes}", kind.name);
    }
    details.iter().for_each(|detail| println!("    {detail}"));
}

/// The scale on which days are judged: where nothing happens it has a standard deviation of one.
fn print_scores(scores: &mut BTreeMap<Key, Vec<f64>>) {
    println!(
        "\nstandard deviation of what is said where nothing happens, and its lowest of 10,000"
    );
    println!("by window (1, 3, 5, 10 days of data)");
    for (size, people) in SIZES.iter().enumerate() {
        for (product, of) in POSSIBLE_PRODUCTS.iter().enumerate() {
            print!("{people:>4} {:<6}", company_model::PRODUCTS[*of]);
            for window in 0..WINDOWS.len() {
                let Some(of) = scores.get_mut(&(size, product, window)) else { continue };
                of.sort_by(f64::total_cmp);
                // Between 16 and 84 % lie two standard deviations.
                let deviation =
                    (of[of.len() - 1 - of.len() * 4 / 25] - of[of.len() * 4 / 25]) / 2.0;
                print!(" | {deviation:.2} {:>5.1}", of[of.len() / 10_000]);
            }
            println!();
        }
    }
}

fn print_possible(possible: &mut BTreeMap<Key, Vec<f64>>) {
    println!("\nwhat is possible here, in the middle of departments (%, 1, 3 and 10 days)");
    for (size, people) in SIZES.iter().enumerate() {
        for (product, of) in POSSIBLE_PRODUCTS.iter().enumerate() {
            print!("{people:>4} {:<6}", company_model::PRODUCTS[*of]);
            for length in 0..LENGTHS.len() {
                let Some(drops) = possible.get_mut(&(size, product, length)) else { continue };
                drops.sort_by(f64::total_cmp);
                print!(" {:>4.0}", 100.0 * drops[drops.len() / 2]);
            }
            println!();
        }
    }
}

fn print_missed(missed: &BTreeMap<(usize, usize, usize, String), usize>) {
    println!("\ndrops that are just possible and were not found, by how far off they were seen");
    for (size, people) in SIZES.iter().enumerate() {
        for (product, of) in POSSIBLE_PRODUCTS.iter().enumerate() {
            print!("{people:>4} {:<6}", company_model::PRODUCTS[*of]);
            for (length, days) in LENGTHS.iter().enumerate() {
                print!(" | {days:>2} d");
                for ((s, p, l, why), count) in missed {
                    if (*s, *p, *l) == (size, product, length) {
                        print!(" {why}: {count}");
                    }
                }
            }
            println!();
        }
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
    let mut all = Counts::default();
    found.values().for_each(|counts| all.add(*counts));
    println!(
        "all: {}; the plain judge {}",
        all.percent(),
        Counts { found: all.plainly, ..all }.percent()
    );
    for (name, of) in totals {
        let mut by: BTreeMap<usize, Counts> = BTreeMap::new();
        for (class, counts) in found.iter().filter(|(class, _)| class.drop < DROPS.len()) {
            by.entry(of(class)).or_default().add(*counts);
        }
        let percents: Vec<String> = by.values().map(Counts::percent).collect();
        let delay: Vec<String> =
            by.values().map(|c| format!("{:.1}", c.days as f64 / c.found.max(1) as f64)).collect();
        let plainly: Vec<String> =
            by.values().map(|c| Counts { found: c.plainly, ..*c }.percent()).collect();
        println!(
            "{name}: {}; the plain judge {}; days: {}",
            percents.join(" "),
            plainly.join(" "),
            delay.join(" ")
        );
    }
}
