//! Drops that are planted, so that it is known which there are.

use jiff::civil::Date;

use crate::calendar::later;

/// What a planted drop reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One product of a department.
    Product(usize),
    /// All products of a department.
    All,
    /// A product of all departments.
    Company(usize),
    /// The whole company.
    Everything,
}

/// A planted drop.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// The department; of a company-wide one any.
    pub department: usize,
    /// What it reaches.
    pub reach: Reach,
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// The share that is gone on the last day.
    pub drop: f64,
    /// Whether it grows from day to day until it is that large.
    pub is_slow: bool,
}

/// What is left of each product of a department on that day.
pub(crate) fn factors(plants: &[Plant], department: usize, day: Date) -> [f64; 8] {
    let mut left = [1.0; 8];
    for plant in plants.iter().filter(|plant| (plant.first..=plant.last).contains(&day)) {
        let mine = plant.department == department;
        let drop = if plant.is_slow { plant.drop * progress(plant, day) } else { plant.drop };
        match plant.reach {
            Reach::Product(product) if mine => left[product] *= 1.0 - drop,
            Reach::All if mine => left.iter_mut().for_each(|left| *left *= 1.0 - drop),
            Reach::Company(product) => left[product] *= 1.0 - drop,
            Reach::Everything => left.iter_mut().for_each(|left| *left *= 1.0 - drop),
            _ => {}
        }
    }
    left
}

/// How much of a slow decline is there: all of it after three quarters of its days.
fn progress(plant: &Plant, day: Date) -> f64 {
    let days = |from: Date, to: Date| f64::from((to - from).get_days());
    let whole = 0.75 * days(plant.first, later(plant.last, 1));
    (days(plant.first, day) / whole).min(1.0)
}
