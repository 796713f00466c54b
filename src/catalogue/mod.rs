//! The tables of everything that is published about departments: API field, metric, unit,
//! labels, help. The gauges, `docs/metrics.md`, the dashboards' check and the tests read them.
//!
//! The exporter's own metrics have their table in [`crate::telemetry`].

mod families;
mod figures;

pub use families::*;
pub use figures::{FIGURE_COUNT, FIGURE_LABELS, FIGURES, Figure, TOTAL_VERSION, Unit};

/// Every family beside the figures, in the order in which they are published.
pub fn families() -> impl Iterator<Item = &'static Family> {
    STATISTICS_FAMILIES.iter().chain(JUDGEMENT_FAMILIES).chain(OPTIONAL_FAMILIES)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_snake_case() {
        let mut seen = BTreeSet::new();
        let names = FIGURES
            .iter()
            .flat_map(|f| [Some(f.metric), f.baseline])
            .flatten()
            .chain(families().map(|f| f.name));
        for name in names {
            assert!(seen.insert(name), "{name} is declared twice");
            assert!(name.starts_with("feishu_"), "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
            for reserved in ["_total", "_count", "_sum", "_bucket"] {
                assert!(!name.ends_with(reserved), "{name} is a gauge");
            }
        }
    }

    #[test]
    fn a_name_ends_with_its_base_unit() {
        for figure in &FIGURES {
            for name in [Some(figure.metric), figure.baseline].into_iter().flatten() {
                for unit in ["ratio", "seconds"] {
                    let ends = name.ends_with(&format!("_{unit}"));
                    assert_eq!(ends, figure.unit.base_unit() == Some(unit), "{name}");
                }
            }
        }
    }

    #[test]
    fn every_help_is_a_sentence() {
        for help in FIGURES.iter().map(|f| f.help).chain(families().map(|f| f.help)) {
            assert!(help.ends_with('.') && help.starts_with(char::is_uppercase), "{help}");
        }
    }

    /// The table against the API document's own sample answer: each side lists what the other has.
    #[test]
    fn every_number_of_the_documented_answer_is_a_figure_and_every_figure_is_in_it() {
        let sample: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/feishu/admin_dept_stats.json"))
                .unwrap();
        let identity =
            ["date", "department_id", "department_name", "department_path", "product_version"];
        let documented: BTreeSet<&str> = sample["data"]["items"][0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .filter(|field| !identity.contains(field))
            .collect();
        let published: BTreeSet<&str> = FIGURES.iter().map(|f| f.api_field).collect();
        assert_eq!(documented, published);
    }
}
