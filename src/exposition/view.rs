//! What is to be rendered of a tenant.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    baseline::Baseline,
    catalogue::Family,
    day::{Day, Zone},
    judgement::{Fell, PRODUCT_COUNT, ProductJudged, WINDOWS},
    labels::OwnLabels,
    usage::{DepartmentDay, FigureSet, Geo, Numbers, RateScale},
};

/// What is served of one tenant.
#[derive(Clone, Debug)]
pub struct TenantView {
    /// Label `tenant`. Of two tenants whose label is the same, the second is not rendered.
    pub name: Arc<str>,
    /// Which figures are published.
    pub figures: FigureSet,
    /// How rates are read; while it is unknown, rates have no samples.
    pub scale: Option<RateScale>,
    /// Where its figures are counted.
    pub geos: Vec<GeoView>,
    /// The departments to be served, each with its day.
    pub departments: Vec<Arc<DepartmentDay>>,
    /// Whether the last request for a department succeeded, where there was one.
    pub department_up: Vec<(Geo, Arc<str>, bool)>,
    /// Why the last request for a department failed, where it did.
    pub department_failures: BTreeMap<(Geo, Arc<str>), Failure>,
    /// What the contact API tells of departments, by id.
    pub places: BTreeMap<Arc<str>, Arc<Place>>,
    /// The operator's own labels of departments.
    pub labels: Arc<OwnLabels>,
    /// What the optional sources tell, in any order.
    pub samples: Vec<Arc<[Sample]>>,
    /// What is judged of the days of departments, in any order.
    pub judged: Vec<Arc<JudgedDay>>,
    /// What departments usually do on the weekday of the day that they serve.
    pub baselines: BTreeMap<(Geo, Arc<str>), Arc<Baseline>>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The label `class`.
    pub class: &'static str,
    /// Feishu's code, if Feishu answered with one.
    pub code: Option<i64>,
}

/// Name and place of a department; what is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name in the wanted language.
    pub name: Option<Arc<str>>,
    /// The parent, in the tenant's id type.
    pub parent_department_id: Option<Arc<str>>,
    /// The id made by the system.
    pub open_department_id: Option<Arc<str>>,
    /// The id chosen by the organisation.
    pub custom_department_id: Option<Arc<str>>,
}

/// One sample of a source beside the statistics.
#[derive(Clone, Debug)]
pub struct Sample {
    /// One of [`crate::catalogue::JUDGEMENT_FAMILIES`] or
    /// [`crate::catalogue::OPTIONAL_FAMILIES`].
    pub family: &'static Family,
    /// The values of its labels after `tenant`.
    pub labels: Box<[Arc<str>]>,
    /// In the unit of the family.
    pub value: f64,
}

/// What is judged of a department's day. Numbers, and no samples of them: these would be ten times
/// as large, for as long as the day is served.
#[derive(Clone, Debug)]
pub struct JudgedDay {
    /// Where it was counted.
    pub geo: Geo,
    /// Which department.
    pub department_id: Arc<str>,
    /// Its name in the statistics.
    pub department: Arc<str>,
    /// Which day.
    pub day: Day,
    /// Of each of [`crate::judgement::PRODUCTS`].
    pub products: ProductsJudged,
}

/// What is said of a department and each product, packed.
#[derive(Clone, Debug)]
pub struct ProductsJudged(Numbers);

/// Numbers of a product: what is expected, the windows, and two drops of three numbers each.
const NUMBERS: usize = 1 + WINDOWS.len() + 2 * 3;

impl From<&[ProductJudged; PRODUCT_COUNT]> for ProductsJudged {
    fn from(products: &[ProductJudged; PRODUCT_COUNT]) -> Self {
        let of_drop = |fell: &Option<Fell>| {
            let fell = fell.as_ref();
            let days = fell.map(|fell| f64::from(fell.days));
            [days, fell.map(|fell| fell.ratio), fell.map(|fell| fell.missing)]
        };
        let numbers = products.iter().flat_map(|product| {
            let ProductJudged { expected, deviations, fell, slow } = product;
            let drops = [of_drop(fell), of_drop(slow)];
            [*expected].into_iter().chain(*deviations).chain(drops.into_iter().flatten())
        });
        Self(numbers.collect())
    }
}

impl ProductsJudged {
    /// What is said of each.
    #[must_use]
    pub fn unpack(&self) -> [ProductJudged; PRODUCT_COUNT] {
        let mut numbers = self.0.iter();
        std::array::from_fn(|_| {
            let mut of_product = [None; NUMBERS];
            of_product.fill_with(|| numbers.next().flatten());
            let [expected, more @ ..] = of_product;
            let (deviations, drops) = more.split_at(WINDOWS.len());
            let drop = |at: usize| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it was one"
                )]
                let days = drops[at]? as u32;
                Some(Fell { days, ratio: drops[at + 1]?, missing: drops[at + 2]? })
            };
            ProductJudged {
                expected,
                deviations: std::array::from_fn(|window| deviations[window]),
                fell: drop(0),
                slow: drop(3),
            }
        })
    }
}

/// One geo of a tenant.
#[derive(Clone, Debug)]
pub struct GeoView {
    /// The geo.
    pub geo: Geo,
    /// The zone in which its days are counted.
    pub zone: Zone,
    /// Whether the newest day served is a working day; absent while none is served.
    pub workday: Option<bool>,
}
