//! Companies made from a seed, at the level of days: how many people of each department used each
//! product. What the judgement of activity is measured on.
//!
//! It shares nothing with the exporter or its simulator. Everything that makes activity hard to
//! judge is here: chance, days that differ for all or for one department, calendars, seasons,
//! people who come, go and move, a storm, data that come late, departments that include others.

mod calendar;
mod dice;
mod kinds;
mod plants;

use jiff::civil::{Date, date};

pub use self::{
    calendar::{Country, Days, is_weekend, later},
    dice::Dice,
    kinds::{KINDS, Kind},
    plants::{Plant, Reach},
};

/// The products, in the order of a row's figures.
pub const PRODUCTS: [&str; 8] =
    ["suite", "im", "docs", "calendar", "vc", "tasks", "email", "search"];
/// The index of emails, which are counted where people are in the others.
pub const EMAIL: usize = 6;

/// The share of people who use a product on a working day, how far departments lie apart in it, the
/// noise of a day (of the logarithm of the odds; for emails of the logarithm), and of a department's
/// taste for it over weeks.
const USE: [(f64, f64, f64, f64); 8] = [
    (0.88, 0.35, 0.16, 0.010),
    (0.84, 0.40, 0.18, 0.012),
    (0.42, 0.45, 0.20, 0.020),
    (0.35, 0.45, 0.22, 0.020),
    (0.24, 0.45, 0.26, 0.025),
    (0.20, 0.55, 0.25, 0.025),
    (4.00, 0.60, 0.30, 0.030),
    (0.30, 0.40, 0.20, 0.020),
];

/// A department.
#[derive(Clone, Debug)]
pub struct Department {
    /// Its id.
    pub id: String,
    /// The department that it is part of, by index.
    pub parent: Option<usize>,
    /// Whether its figures count the people of those below it.
    pub includes: bool,
    people: f64,
    share: [f64; 8],
    weekend: f64,
    weekday: [[f64; 7]; 8],
    noise: f64,
    mood: [f64; 8],
    taste: [f64; 8],
    month_end: f64,
    interns: f64,
    site: usize,
    late: f64,
    summer: f64,
    fringe: f64,
}

/// A department's day.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Members.
    pub users: f64,
    /// The figure of each of [`PRODUCTS`].
    pub figures: [f64; 8],
    /// Days after the others' at which it comes.
    pub late: u8,
}

/// What happened that nobody planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A department was away together.
    Outing(usize),
    /// Half of the people of one department went to another.
    Reorganisation(usize, usize),
    /// A site was closed by a storm.
    Storm,
}

/// A company whose days come one after the other.
#[derive(Clone, Debug)]
pub struct Company {
    kind: Kind,
    /// Its departments.
    pub departments: Vec<Department>,
    /// Its calendar.
    pub days: Days,
    /// What was planted.
    pub plants: Vec<Plant>,
    /// What happened otherwise, with its day.
    pub events: Vec<(Date, Event)>,
    dice: Dice,
    shock: f64,
    closed: Option<(usize, Date)>,
}

impl Company {
    /// The company of a kind and seed, from a day on.
    #[must_use]
    pub fn new(kind: Kind, seed: u64, first: Date) -> Self {
        let mut dice = Dice::new(seed ^ (kind.departments as u64) << 32);
        let mut departments: Vec<Department> =
            (0..kind.departments).map(|index| Department::new(index, &kind, &mut dice)).collect();
        if kind.includes {
            // Trees of a parent and a handful of children; one parent in four has a parent too.
            let mut parent = None;
            for (index, department) in departments.iter_mut().enumerate() {
                if index % 6 == 0 {
                    department.includes = true;
                    department.parent = (index % 24 == 6).then(|| index - 6);
                    parent = Some(index);
                } else {
                    department.parent = parent;
                }
            }
        }
        let year = first.year();
        Self {
            days: Days::of(kind.country, year - 1..=year + 4),
            kind,
            departments,
            plants: Vec::new(),
            events: Vec::new(),
            dice,
            shock: 0.0,
            closed: None,
        }
    }

    /// Members of a department by itself, as it is now.
    #[must_use]
    pub fn people(&self, index: usize) -> f64 {
        self.departments[index].people
    }

    /// The rows of the next day.
    pub fn day(&mut self, day: Date) -> Vec<Row> {
        self.happen(day);
        self.shock = 0.5 * self.shock + 0.012 * self.dice.normal();
        let mut rows: Vec<Row> =
            (0..self.departments.len()).map(|index| self.row(index, day)).collect();
        // Children come after their parents.
        for index in (0..rows.len()).rev() {
            if let Some(parent) = self.departments[index].parent {
                let row = rows[index];
                rows[parent].users += row.users;
                for (of_parent, of_child) in rows[parent].figures.iter_mut().zip(row.figures) {
                    *of_parent += of_child;
                }
            }
        }
        rows
    }

    fn happen(&mut self, day: Date) {
        let count = self.departments.len();
        let is_worked = self.days.is_worked(day);
        #[expect(clippy::cast_precision_loss, reason = "companies are small")]
        let per_department = count as f64 / 260.0;
        for department in &mut self.departments {
            // Somebody leaves, somebody joins.
            let change = self.dice.normal() * 0.08 * department.people.sqrt() * 0.3;
            department.people = (department.people + change).max(3.0);
            for (product, taste) in department.taste.iter_mut().enumerate() {
                *taste = 0.995 * *taste + USE[product].3 * 0.45 * self.dice.normal();
            }
            let (month, of_month) = (day.month(), day.day());
            if (month, of_month) == (7, 1) {
                department.people *= 1.0 + department.interns;
            } else if (month, of_month) == (9, 1) {
                department.people /= 1.0 + department.interns;
            }
        }
        if is_worked && count > 1 && self.dice.happens(0.25 * per_department) {
            let (from, to) = (self.dice.below(count), self.dice.below(count));
            if from != to && self.departments[from].people > 16.0 {
                let share = self.dice.between(0.2, 0.6);
                let moved = (self.departments[from].people * share).floor();
                self.departments[from].people -= moved;
                self.departments[to].people += moved;
                self.events.push((day, Event::Reorganisation(from, to)));
            }
        }
        if is_worked && self.dice.happens(0.3 * per_department) {
            self.events.push((day, Event::Outing(self.dice.below(count))));
        }
        if is_worked && count >= 40 && matches!(day.month(), 7..=9) && self.dice.happens(0.008) {
            self.closed = Some((self.dice.below(4), later(day, self.dice.below(2) as i64)));
            self.events.push((day, Event::Storm));
        }
        if self.closed.is_some_and(|(_, last)| day > last) {
            self.closed = None;
        }
    }

    fn row(&mut self, index: usize, day: Date) -> Row {
        let there = self.there(index, day);
        let plants = plants::factors(&self.plants, index, day);
        let is_working = self.days.is_worked(day);
        let dice = &mut self.dice;
        let department = &mut self.departments[index];
        let users = department.people.round();
        let of_week = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        let late = if dice.happens(department.late) { 1 } else { 0 };
        let shared = 0.6 * dice.normal();
        let mut figures = [0.0; 8];
        for (product, figure) in figures.iter_mut().enumerate() {
            let (_, _, noise, _) = USE[product];
            let mood = &mut department.mood[product];
            let own = 0.8 * dice.normal() + shared;
            *mood = 0.35 * *mood + 0.94 * own;
            let of_weekday = if is_working && of_week > 4 {
                department.weekday[product][0]
            } else {
                department.weekday[product][of_week]
            };
            let rest = if is_working {
                1.0
            } else {
                // On a weekend each product has its own share of those who look in.
                department.weekend * [1.0, 0.95, 0.6, 0.35, 0.3, 0.4, 0.5, 0.6][product]
            };
            let is_month_end = later(day, 3).month() != day.month();
            let month_end = if is_month_end { 1.0 + department.month_end } else { 1.0 };
            let unsteady = if is_working || department.weekend > 0.5 { 1.0 } else { 2.5 };
            let change = noise * department.noise * unsteady * *mood
                + department.taste[product]
                + if product == EMAIL { self.shock } else { 2.0 * self.shock };
            let there = there * plants[product];
            if product == EMAIL {
                let mean =
                    users * department.share[product] * of_weekday * rest * month_end * there;
                // A few people write most of it, each in bursts.
                *figure = 4.0 * dice.poisson(mean * change.exp() / 4.0);
                if dice.happens(0.004) {
                    *figure += users * 2.0;
                }
                *figure = figure.round();
            } else {
                let share = department.share[product] * of_weekday;
                let odds = (share / (1.0 - share)).ln() + change;
                let share = 1.0 / (1.0 + (-odds).exp());
                let push = if product == 2 { month_end } else { 1.0 };
                *figure = dice.binomial(users, (share * rest * there * push).min(0.995));
            }
        }
        Row { users, figures, late }
    }

    /// The share of a department's people who are there at all.
    fn there(&mut self, index: usize, day: Date) -> f64 {
        let department = &self.departments[index];
        if self.days.off.contains(&day) && !self.days.made_up.contains(&day) {
            // Who looks in on a weekend mostly does not on a holiday.
            return if is_weekend(day) { 0.6 } else { 0.5 };
        }
        let mut there = 1.0;
        if self.days.half.contains(&day) {
            there *= 0.85;
        }
        if let Some((_, share)) = self.days.fringe.iter().find(|(of, _)| *of == day) {
            there *= 1.0 - (1.0 - share) * department.fringe;
        }
        if self.kind.country == Country::Europe {
            // People take turns from the end of June until September, most of them in August.
            let away = f64::from((day - date(day.year(), 8, 8)).get_days()).abs();
            there *= 1.0 - department.summer * (1.4 - away / 35.0).clamp(0.0, 1.0);
        }
        if matches!(day.month(), 1 | 3 | 6) {
            there *= 1.01;
        }
        let is_out = |(of, event): &(Date, Event)| *of == day && *event == Event::Outing(index);
        if self.events.iter().rev().take(20).any(is_out) {
            there *= 0.35;
        }
        if self.closed.is_some_and(|(site, _)| site == department.site) {
            there *= 0.3;
        }
        there.clamp(0.0, 1.1)
    }
}

impl Department {
    fn new(index: usize, kind: &Kind, dice: &mut Dice) -> Self {
        let people = match index % 6 {
            0 if kind.includes => dice.between(4.0, 12.0),
            0 => dice.between(3.0, 14.0),
            1 => dice.between(17.0, 24.0),
            2 => dice.between(40.0, 60.0),
            3 => dice.between(24.0, 120.0),
            4 => dice.between(160.0, 240.0),
            _ if index % 12 == 5 => dice.between(640.0, 800.0),
            _ => dice.between(14.0, 300.0),
        };
        let share = USE.map(|(share, apart, _, _)| {
            if share > 1.0 {
                share * (apart * dice.normal()).exp()
            } else {
                let odds = (share / (1.0_f64 - share)).ln() + apart * dice.normal();
                1.0 / (1.0 + (-odds).exp())
            }
        });
        // Few departments work through the weekend.
        let weekend =
            if dice.happens(0.06) { dice.between(0.6, 1.0) } else { dice.between(0.03, 0.3) };
        let weekday = [(); 8].map(|()| {
            let mut of: [f64; 7] = std::array::from_fn(|_| 1.0 + 0.04 * dice.normal());
            of[4] -= 0.03;
            of
        });
        Self {
            id: format!("od-{index:04}"),
            parent: None,
            includes: false,
            people: people.round(),
            share,
            weekend,
            weekday,
            noise: (0.25 * dice.normal()).exp(),
            mood: [0.0; 8],
            taste: [0.0; 8],
            month_end: if dice.happens(0.15) { dice.between(0.1, 0.5) } else { 0.0 },
            interns: if dice.happens(0.3) { dice.between(0.05, 0.3) } else { 0.0 },
            site: dice.below(4) + if dice.happens(0.3) { 0 } else { 4 },
            late: if dice.happens(0.1) { 0.08 } else { 0.003 },
            summer: dice.between(0.05, 0.35),
            fringe: dice.between(0.7, 1.3),
        }
    }
}
