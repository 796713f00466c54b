//! Runs the judgement over companies and counts what is false, what is found and how soon.

use std::collections::{BTreeMap, HashSet};

use company_model::{Company, Dice, Event, Kind, Plant, Reach, is_weekend, later};
use jiff::civil::{Date, date};

use crate::{
    baseline::calendar::Calendar,
    classes::{Class, DROPS, LENGTHS, POSSIBLE, POSSIBLE_PRODUCTS, size_class},
    judgement::{Judge, Judged, Place, ProductJudged, SUITE, Usage, WINDOWS, is_fringe},
    reference::Reference,
};

/// The first day of every company; what is counted begins thirteen weeks later.
pub(crate) const FIRST: Date = date(2024, 1, 8);
const WARM_UP: i64 = 7 * 14;
/// Days that are counted: two years.
const DAYS: i64 = 730;
/// A drop is still the planted one's when it is told so many days after its end.
const AFTERWARDS: i64 = 4;

/// What a run told, each at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Department { index: usize, product: usize, is_slow: bool },
    Company(usize),
    Part(usize),
}

/// A company with all that was told of it.
pub(crate) struct Run {
    pub(crate) company: Company,
    pub(crate) told: Vec<(Date, Told)>,
    /// What the plain judge tells of departments, each at its beginning.
    plain: Vec<(Date, usize, usize)>,
    pub(crate) reference: Reference,
    /// How far off each message of a department was, in the order of `told`.
    off: Vec<String>,
    /// Of each plant, what was seen of it while it lasted.
    seen: Vec<Seen>,
    /// How far days lie off where nothing was planted, by size, product and window.
    pub(crate) scores: BTreeMap<(usize, usize, usize), Vec<f64>>,
}

/// What was seen of a plant while it lasted.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The lowest deviation of each window.
    lowest: [f64; WINDOWS.len()],
    /// Days on which there was one.
    days: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { lowest: [f64::INFINITY; WINDOWS.len()], days: 0 }
    }
}

impl Seen {
    fn take(&mut self, judged: &ProductJudged) {
        self.days += usize::from(judged.deviations[0].is_some());
        for (lowest, deviation) in self.lowest.iter_mut().zip(judged.deviations) {
            *lowest = deviation.map_or(*lowest, |deviation| deviation.min(*lowest));
        }
    }
}

fn calendar(company: &Company, kind: &Kind) -> Calendar {
    if !kind.has_calendar {
        return Calendar::default();
    }
    Calendar { holidays: company.days.off.clone(), workdays: company.days.made_up.clone() }
}

/// Lets a company live for two years and judges each of its days.
pub(crate) fn run(kind: &Kind, seed: u64, plants: impl FnOnce(&Company) -> Vec<Plant>) -> Run {
    let mut company = Company::new(*kind, seed, FIRST);
    company.plants = plants(&company);
    let places = company
        .departments
        .iter()
        .map(|department| Place { id: department.id.as_str().into(), parent: department.parent })
        .collect();
    let mut judge = Judge::new(calendar(&company, kind), places);
    let mut standing: HashSet<Told> = HashSet::new();
    let mut told = Vec::new();
    let mut reference = Reference::new(company.departments.len());
    let mut plain_standing: HashSet<(usize, usize)> = HashSet::new();
    let mut plain = Vec::new();
    let mut off = Vec::new();
    let mut seen = vec![Seen::default(); company.plants.len()];
    let mut scores: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for day in 0..WARM_UP + DAYS {
        let day = later(FIRST, day);
        let figures = company.day(day);
        let fired: HashSet<(usize, usize)> =
            reference.day(day, &figures, &company).into_iter().collect();
        let rows: Vec<(usize, Usage)> = figures
            .iter()
            .enumerate()
            // One that is late is taken as one that does not come: the harder case.
            .filter(|(_, row)| row.late == 0)
            .map(|(index, row)| {
                let usage = Usage { users: Some(row.users), products: row.figures.map(Some) };
                (index, usage)
            })
            .collect();
        let judged = judge.day(day, &rows);
        let now = all(&judged);
        if day >= later(FIRST, WARM_UP) {
            let begins = fired.iter().filter(|of| !plain_standing.contains(of));
            plain.extend(begins.map(|&(index, product)| (day, index, product)));
            look(&company, day, &judged, &mut seen, &mut scores);
        }
        if company.days.is_worked(day) {
            plain_standing = fired;
        }
        // Of a department that does not come today nothing is known.
        let absent = |told: &Told| matches!(told, Told::Department { index, .. } if !rows.iter().any(|(i, _)| i == index));
        let before: Vec<Told> = standing.iter().copied().collect();
        for gone in before.into_iter().filter(|told| !now.contains(told) && !absent(told)) {
            standing.remove(&gone);
        }
        for new in now {
            if standing.insert(new) && day >= later(FIRST, WARM_UP) {
                off.push(describe(&judged, &new));
                told.push((day, new));
            }
        }
    }
    Run { company, told, plain, reference, off, seen, scores }
}

fn describe(judged: &Judged, told: &Told) -> String {
    let Told::Department { index, product, .. } = told else { return String::new() };
    let of = judged.departments.iter().find(|(of, _)| of == index);
    of.map_or(String::new(), |(_, products)| {
        let off: Vec<String> = products[*product]
            .deviations
            .iter()
            .map(|off| off.map_or("–".to_owned(), |off| format!("{off:.1}")))
            .collect();
        let expected = products[*product].expected.unwrap_or_default();
        format!("{} of {expected:.0} expected", off.join("/"))
    })
}

/// Remembers the deviations of a day.
fn look(
    company: &Company,
    day: Date,
    judged: &Judged,
    seen: &mut [Seen],
    scores: &mut BTreeMap<(usize, usize, usize), Vec<f64>>,
) {
    for (index, products) in &judged.departments {
        for (plant, seen) in company.plants.iter().zip(&mut *seen) {
            if plant.department == *index && (plant.first..=plant.last).contains(&day) {
                let product =
                    if let Reach::Product(product) = plant.reach { product } else { SUITE };
                seen.take(&products[product]);
            }
        }
        let happened = company.events.iter().rev().take_while(|(of, _)| *of > later(day, -14));
        let is_quiet = happened.into_iter().all(|(_, event)| match event {
            Event::Storm => false,
            Event::Outing(of) => of != index,
            Event::Reorganisation(from, to) => from != index && to != index,
        });
        let Some(size) = size_class(company.people(*index)) else { continue };
        if !company.plants.is_empty() || !is_quiet || is_weekend(day) {
            continue;
        }
        for (at, &product) in POSSIBLE_PRODUCTS.iter().enumerate() {
            for (window, deviation) in products[product].deviations.iter().enumerate() {
                let of = scores.entry((size, at, window)).or_default();
                of.extend(deviation.iter());
            }
        }
    }
}

fn all(judged: &Judged) -> Vec<Told> {
    let mut told = Vec::new();
    for (product, company) in judged.company.iter().enumerate() {
        if company.fell {
            told.push(Told::Company(product));
        }
        if company.part > 0 {
            told.push(Told::Part(product));
        }
    }
    for (index, products) in &judged.departments {
        for (product, judged) in products.iter().enumerate() {
            for (is_slow, fell) in [(false, judged.fell), (true, judged.slow)] {
                if fell.is_some() {
                    told.push(Told::Department { index: *index, product, is_slow });
                }
            }
        }
    }
    told
}

impl Run {
    /// Whether something true stands behind a message.
    pub(crate) fn is_true(&self, day: Date, told: &Told) -> bool {
        let near = |first: Date, last: Date| day >= first && day <= later(last, AFTERWARDS);
        let happened = |wanted: &dyn Fn(&Event) -> bool| {
            self.company.events.iter().any(|(of, event)| near(*of, *of) && wanted(event))
        };
        let by_plant = |wanted: &dyn Fn(&Plant) -> bool| {
            self.company.plants.iter().any(|plant| near(plant.first, plant.last) && wanted(plant))
        };
        let is_wide = |plant: &Plant| matches!(plant.reach, Reach::Company(_) | Reach::Everything);
        match told {
            Told::Department { index, .. } => {
                happened(&|event| match event {
                    Event::Outing(of) => self.are_kin(*index, *of),
                    Event::Storm => true,
                    Event::Reorganisation(..) => false,
                }) || by_plant(&|plant| is_wide(plant) || self.are_kin(*index, plant.department))
            }
            Told::Company(_) => by_plant(&is_wide),
            Told::Part(_) => by_plant(&is_wide) || happened(&|event| *event == Event::Storm),
        }
    }

    /// Whether one is the other, or below it or above.
    fn are_kin(&self, one: usize, other: usize) -> bool {
        let is_above = |above: usize, mut at: usize| loop {
            if at == above {
                return true;
            }
            match self.company.departments[at].parent {
                Some(parent) => at = parent,
                None => return false,
            }
        };
        is_above(one, other) || is_above(other, one)
    }

    /// What is false, by cause.
    pub(crate) fn false_causes(&self) -> BTreeMap<&'static str, usize> {
        let mut causes = BTreeMap::new();
        for (day, told) in &self.told {
            if !self.is_true(*day, told) {
                *causes.entry(self.cause(*day, told)).or_default() += 1;
            }
        }
        causes
    }

    /// Every false message of a department, in words.
    pub(crate) fn false_details(&self) -> Vec<String> {
        let mut details = Vec::new();
        for ((day, told), off) in self.told.iter().zip(&self.off) {
            if let Told::Department { index, product, .. } = told
                && !self.is_true(*day, told)
            {
                let (people, cause) = (self.company.people(*index), self.cause(*day, told));
                let product = company_model::PRODUCTS[*product];
                details.push(format!("{day} {index} ({people:.0}) {product}: {cause}, {off}"));
            }
        }
        details
    }

    fn cause(&self, day: Date, told: &Told) -> &'static str {
        let days = Calendar {
            holidays: self.company.days.off.clone(),
            workdays: self.company.days.made_up.clone(),
        };
        match told {
            Told::Company(_) => "company",
            Told::Part(_) => "part",
            Told::Department { is_slow: true, .. } => "slow",
            Told::Department { index, product, .. } => {
                let is_moved = |(of, event): &(Date, Event)| {
                    let lately = *of <= day && day <= later(*of, 35);
                    let here = matches!(event, Event::Reorganisation(from, to) if from == index || to == index);
                    lately && here
                };
                match () {
                    () if self.company.events.iter().any(is_moved) => "reorganisation",
                    () if is_weekend(day) => "weekend",
                    () if is_fringe(day, &days) => "fringe",
                    () if later(day, 3).month() != day.month() => "month end",
                    () if *product == company_model::EMAIL => "email",
                    () => "chance",
                }
            }
        }
    }

    /// How many false ones there are of departments, and of the company.
    pub(crate) fn false_by_year(&self) -> [(usize, usize); 2] {
        let mut years = [(0, 0); 2];
        for (day, told) in &self.told {
            if self.is_true(*day, told) {
                continue;
            }
            let year = usize::from(*day >= later(FIRST, WARM_UP + DAYS / 2));
            match told {
                Told::Department { .. } => years[year].0 += 1,
                Told::Company(_) | Told::Part(_) => years[year].1 += 1,
            }
        }
        years
    }

    /// How long after its beginning a planted drop was found, in days; none if it was not.
    pub(crate) fn found(&self, plant: &Plant) -> Option<i64> {
        let is_of = |told: &Told| match (told, plant.reach) {
            (Told::Department { index, product, .. }, Reach::Product(of)) => {
                *index == plant.department && (*product == of)
            }
            (Told::Department { index, .. }, Reach::All) => *index == plant.department,
            (Told::Company(product), Reach::Company(of)) => *product == of,
            (Told::Company(_), Reach::Everything) => true,
            _ => false,
        };
        let (first, last) = (plant.first, later(plant.last, AFTERWARDS));
        self.told
            .iter()
            .filter(|(day, told)| (first..=last).contains(day) && is_of(told))
            .map(|(day, _)| i64::from((*day - first).get_days()))
            .min()
    }

    /// How long after its beginning the plain judge found a planted drop.
    pub(crate) fn found_plainly(&self, plant: &Plant) -> bool {
        let (first, last) = (plant.first, later(plant.last, AFTERWARDS));
        self.plain.iter().any(|(day, index, product)| {
            let is_of = match plant.reach {
                Reach::Product(of) => *product == of,
                _ => true,
            };
            (first..=last).contains(day) && *index == plant.department && is_of
        })
    }

    /// Messages of the plain judge behind which nothing true stands.
    pub(crate) fn false_plainly(&self) -> usize {
        let is_false = |(day, index, product): &&(Date, usize, usize)| {
            let told = Told::Department { index: *index, product: *product, is_slow: false };
            !self.is_true(*day, &told)
        };
        self.plain.iter().filter(is_false).count()
    }

    /// Why a planted drop was not found.
    fn missed(&self, at: usize) -> String {
        let (plant, seen) = (&self.company.plants[at], &self.seen[at]);
        let lowest = seen.lowest.iter().copied().fold(f64::INFINITY, f64::min);
        let before = self.told.iter().any(|(day, told)| {
            matches!(told, Told::Department { index, .. } if *index == plant.department)
                && *day >= later(plant.first, -40)
                && *day <= later(plant.last, AFTERWARDS)
        });
        match lowest {
            _ if seen.days == 0 => "not judged".to_owned(),
            _ if lowest < -5.4 && before => "told otherwise, or before".to_owned(),
            _ if lowest < -5.4 => "held back".to_owned(),
            _ => format!("at {:.0}", -lowest),
        }
    }

    /// How many messages a planted drop made.
    pub(crate) fn messages(&self, plant: &Plant) -> usize {
        let is_of = |told: &Told| matches!(told, Told::Department { index, .. } if self.are_kin(*index, plant.department));
        let (first, last) = (plant.first, later(plant.last, AFTERWARDS));
        self.told.iter().filter(|(day, told)| (first..=last).contains(day) && is_of(told)).count()
    }
}

/// Plants all over a company, one department at a time rested for ten weeks.
pub(crate) fn plant_everywhere(
    company: &Company,
    seed: u64,
    classes: &mut Vec<Class>,
) -> Vec<Plant> {
    let mut dice = Dice::new(seed ^ 0x51AB);
    let mut plants = Vec::new();
    for department in 0..company.departments.len() {
        let Some(size) = size_class(company.people(department)) else { continue };
        let mut day = WARM_UP + i64::try_from(dice.below(70)).unwrap_or(0);
        while day < WARM_UP + DAYS - 20 {
            let mut first = later(FIRST, day);
            while !company.days.is_worked(first) {
                first = later(first, 1);
            }
            let length = dice.below(3);
            let mut last = first;
            let mut left = LENGTHS[length] - 1;
            while left > 0 {
                last = later(last, 1);
                left -= i64::from(company.days.is_worked(last));
            }
            let product = dice.below(4);
            let (of, possible) = POSSIBLE[size].1[product];
            let drop = dice.below(DROPS.len() + 1);
            let share = DROPS.get(drop).copied().unwrap_or(possible[length]);
            let reach = if of == SUITE { Reach::All } else { Reach::Product(of) };
            plants.push(Plant { department, reach, first, last, drop: share, is_slow: false });
            classes.push(Class { size, product, length, drop });
            day += 70 + i64::try_from(dice.below(20)).unwrap_or(0);
        }
    }
    plants
}

/// How many there were and how many were found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) all: usize,
    pub(crate) found: usize,
    /// Those that the plain judge found.
    pub(crate) plainly: usize,
    /// Days until they were found, summed.
    pub(crate) days: i64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.all += other.all;
        self.found += other.found;
        self.plainly += other.plainly;
        self.days += other.days;
    }

    pub(crate) fn percent(&self) -> String {
        match (100 * self.found).checked_div(self.all) {
            Some(percent) => format!("{percent:>3}"),
            None => "  –".to_owned(),
        }
    }
}

/// What a run with drops all over it found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) found: BTreeMap<Class, Counts>,
    /// Drops that were found, and the messages that they made.
    pub(crate) messages: Counts,
    /// False messages of departments beside them.
    pub(crate) beside: usize,
    /// Why drops that are just possible were not found.
    pub(crate) missed: BTreeMap<(usize, usize, usize, String), usize>,
}

/// Plants drops in single departments.
pub(crate) fn run_with_drops(kind: &Kind, seed: u64) -> Found {
    let mut classes = Vec::new();
    let run = run(kind, seed, |company| plant_everywhere(company, seed, &mut classes));
    let mut found = Found::default();
    for (at, (plant, class)) in run.company.plants.iter().zip(classes).enumerate() {
        let days = run.found(plant);
        let counts = Counts {
            all: 1,
            found: usize::from(days.is_some()),
            plainly: usize::from(run.found_plainly(plant)),
            days: days.unwrap_or_default(),
        };
        if days.is_none() && class.drop == DROPS.len() {
            let key = (class.size, class.product, class.length, run.missed(at));
            *found.missed.entry(key).or_default() += 1;
        }
        found.found.entry(class).or_default().add(counts);
        if days.is_some() {
            found.messages.add(Counts { all: 1, found: run.messages(plant), ..Counts::default() });
        }
    }
    found.beside = run.false_by_year().iter().map(|(departments, _)| departments).sum();
    found
}

/// Plants slow declines and drops of the whole company: how many of each were found.
pub(crate) fn run_rare(kind: &Kind, seed: u64) -> (Counts, Counts) {
    let run = run(kind, seed, |company| {
        let mut dice = Dice::new(seed);
        let mut plants = Vec::new();
        // By half over seven weeks, in a department in ten.
        for department in (0..company.departments.len()).step_by(10) {
            if company.people(department) < 40.0 {
                continue;
            }
            let first = later(FIRST, WARM_UP + i64::try_from(dice.below(500)).unwrap_or(0));
            let (reach, last) = (Reach::All, later(first, 64));
            plants.push(Plant { department, reach, first, last, drop: 0.5, is_slow: true });
        }
        // A day in spring on which hardly anything works, and one on which meetings do not.
        for (first, reach) in
            [(date(2024, 6, 18), Reach::Everything), (date(2025, 3, 18), Reach::Company(4))]
        {
            let (department, last) = (0, first);
            plants.push(Plant { department, reach, first, last, drop: 0.7, is_slow: false });
        }
        plants
    });
    let (mut slow, mut company) = (Counts::default(), Counts::default());
    for plant in &run.company.plants {
        let days = run.found(plant);
        let found = usize::from(days.is_some());
        let days = days.unwrap_or_default();
        let counts = Counts { all: 1, found, days, ..Counts::default() };
        if plant.is_slow { slow.add(counts) } else { company.add(counts) }
    }
    (slow, company)
}
