//! The columns beside a plain list of days.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
};

use super::*;

/// A day as a list holds it.
#[derive(Clone, Copy, Debug)]
struct Plain {
    point: Point,
    users: f32,
    is_dropped: bool,
}

impl Plain {
    fn is_usual(&self) -> bool {
        self.point.is_ordinary && !self.is_dropped
    }

    fn residual(&self) -> f32 {
        self.point.judged.residual
    }
}

/// What is to come out, worked out the plain way.
#[derive(Default)]
struct Reference {
    days: Vec<Plain>,
    usual_since: i32,
}

impl Reference {
    fn push(&mut self, point: Point, users: f32) {
        self.days.retain(|of| of.point.day > point.day - HISTORY_DAYS);
        self.days.push(Plain { point, users, is_dropped: false });
    }

    fn since(&mut self, day: i32) -> impl Iterator<Item = &mut Plain> {
        self.days.iter_mut().filter(move |of| of.point.day >= day)
    }

    fn settle_since(&mut self, day: i32) {
        self.usual_since = day;
        for of in self.since(day) {
            of.is_dropped = false;
            of.point.judged.residual = f32::NAN;
            of.point.judged.slow_residual = f32::NAN;
        }
    }

    fn usual(&self, day: i32, weeks: impl Iterator<Item = i32>, since: i32) -> Option<Usual> {
        let on = |day: i32| self.days.iter().find(|of| of.point.day == day && of.is_usual());
        let days = weeks.map(|week| day - 7 * week).take_while(|day| *day >= since);
        let found: Vec<_> = days.filter_map(on).take(USUAL_DAYS).collect();
        if found.len() < USUAL_DAYS_MIN {
            return None;
        }
        let mut values: Vec<f64> = found.iter().map(|of| f64::from(of.point.value)).collect();
        let users = found.iter().map(|of| f64::from(of.users)).filter(|users| users.is_finite());
        let mut users: Vec<f64> = users.collect();
        Some(Usual { value: middle(&mut values)?, users: middle(&mut users) })
    }

    fn largest_lately(&self, day: i32) -> f64 {
        let lately = self.days.iter().filter(|of| of.point.day > day - LATELY_DAYS);
        lately.filter(|of| of.is_usual()).map(|of| f64::from(of.point.value)).fold(0.0, f64::max)
    }

    /// The residuals from which the spread is learned, the newest first.
    fn settled(&self, day: i32) -> Vec<u32> {
        let of_kind = self.days.iter().rev().filter(|of| of.is_usual() && !of.residual().is_nan());
        let of_kind = of_kind.filter(|of| is_weekend(of.point.day) == is_weekend(day));
        let unsettled = if is_weekend(day) { UNSETTLED_WEEKEND_DAYS } else { UNSETTLED_DAYS };
        of_kind.skip(unsettled).map(|of| of.residual().to_bits()).collect()
    }

    fn judged(&self) -> Vec<(i32, [u32; 4], Option<[u32; 2]>)> {
        let own = self.days.iter().rev().filter(|of| of.point.is_own && !of.residual().is_nan());
        own.map(|of| told(of.point.day, of.point.value, of.point.judged)).collect()
    }
}

/// A judged day to the bit.
fn told(day: i32, value: f32, judged: Judged) -> (i32, [u32; 4], Option<[u32; 2]>) {
    let Judged { expected, residual, variance, slow_residual, former } = judged;
    let slow = (!slow_residual.is_nan()).then_some([slow_residual, former].map(f32::to_bits));
    (day, [value, expected, residual, variance].map(f32::to_bits), slow)
}

#[derive(Clone, Debug)]
enum Step {
    /// So many days later: value, users, judged, compared with long ago, ordinary, own.
    Day(i32, f32, Option<f32>, bool, bool, bool, bool),
    /// So many days back.
    Dropped(i32),
    Settled(i32),
}

fn step() -> impl Strategy<Value = Step> {
    let later = prop_oneof![30 => Just(1), 3 => 2..9_i32, 1 => 20..150_i32];
    let users = prop_oneof![1 => Just(None), 6 => (1.0..2.0_f32).prop_map(Some)];
    let day = (later, 0.0..900.0_f32, users, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_flat_map(|(later, value, users, judged, slow, ordinary)| {
            any::<bool>()
                .prop_map(move |own| Step::Day(later, value, users, judged, slow, ordinary, own))
        });
    prop_oneof![40 => day, 2 => (0..30_i32).prop_map(Step::Dropped), 1 => (0..30_i32).prop_map(Step::Settled)]
}

proptest::proptest! {
    #[test]
    fn columns_tell_what_a_plain_list_of_days_tells(steps in vec(step(), 1..260)) {
        let (mut track, mut members) = (Track::default(), Users::default());
        let mut reference = Reference::default();
        let mut today = 9_000;
        for step in steps {
            match step {
                Step::Day(later, value, users, is_judged, is_slow, is_ordinary, is_own) => {
                    today += later;
                    let of = |times: f32, is: bool| if is { value * times } else { f32::NAN };
                    let judged = Judged {
                        expected: of(1.25, is_judged),
                        residual: of(-0.001, is_judged),
                        variance: of(0.01, is_judged),
                        slow_residual: of(-0.002, is_judged && is_slow),
                        former: of(1.5, is_judged && is_slow),
                    };
                    let point = Point { day: today, value, judged, is_ordinary, is_own };
                    let users = users.unwrap_or(f32::NAN);
                    members.push(today, [users]);
                    track.push(point);
                    reference.push(point, users);
                }
                Step::Dropped(back) => {
                    track.dropped_since(today - back);
                    reference.since(today - back).for_each(|of| of.is_dropped = true);
                }
                Step::Settled(back) => {
                    track.settle_since(today - back);
                    reference.settle_since(today - back);
                }
            }
            let judged: Vec<_> =
                track.judged().map(|of| told(of.day, of.value, of.judged)).collect();
            proptest::prop_assert_eq!(judged, reference.judged());
            for day in today + 1..today + 8 {
                let since = reference.usual_since;
                let usual = reference.usual(day, 1..=USUAL_WEEKS, since);
                proptest::prop_assert_eq!(track.usual(day, &members), usual);
                let former = reference.usual(day, FORMER_WEEKS, i32::MIN);
                proptest::prop_assert_eq!(track.former(day, &members), former);
                proptest::prop_assert_eq!(
                    track.largest_lately(day).to_bits(),
                    reference.largest_lately(day).to_bits()
                );
                let settled: Vec<u32> = track.settled(day).map(f32::to_bits).collect();
                proptest::prop_assert_eq!(settled, reference.settled(day));
            }
        }
    }
}
