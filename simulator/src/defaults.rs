//! The options of a simulator that was told nothing: an app that has every scope that an endpoint
//! knows, and the manners of the documents' samples.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    calendar::Geo,
    endpoints,
    settings::{
        Empty, LastActive, Options, ParentFigures, Rates, Unavailable, UnknownTimes, UserRows,
    },
};

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            departments: 20,
            huge_department: None,
            now: None,
            app_id: "cli_demo".to_owned(),
            app_secret: "demo-secret".to_owned(),
            scopes: endpoints::all_scopes(),
            forbidden_departments: BTreeSet::new(),
            outside_contact_range: BTreeSet::new(),
            all_staff_range: true,
            geos: Geo::ALL.into(),
            product_versions: ["标准版", "商业版", "旗舰版"].map(str::to_owned).into(),
            total_version: "全部产品版本".to_owned(),
            rates: Rates::default(),
            parent_figures: ParentFigures::default(),
            empty: Empty::default(),
            user_rows: UserRows::default(),
            unknown_times: UnknownTimes::default(),
            last_active: LastActive::default(),
            unknown_departments: Unavailable::default(),
            unreachable_departments: Unavailable::default(),
            shows_deleted: false,
            accepts_in: false,
            knows_enabled_status: true,
            history_days: 400,
            limits: BTreeMap::new(),
            throttle_status: 429,
            requests_per_month: None,
            latency: Duration::ZERO,
        }
    }
}
