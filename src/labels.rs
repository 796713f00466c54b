//! Labels of the operator's own, such as a team or a cost centre.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;

/// Names with their values.
pub type Labels = BTreeMap<String, String>;

/// Which labels a department has beside ours. Of the same name, that of the department itself wins,
/// then that of the first pattern that matches its path, then that of the tenant.
#[derive(Clone, Debug, Default)]
pub struct OwnLabels {
    /// Of every department.
    pub of_tenant: Labels,
    /// Of the departments whose path `a/b/c` matches.
    pub by_path: Vec<(Regex, Labels)>,
    /// Of single departments, by id.
    pub by_department: HashMap<String, Labels>,
}

impl OwnLabels {
    /// Those of a department, in the order of their names; one whose path is unknown matches no
    /// pattern.
    #[must_use]
    pub fn of(&self, department_id: &str, path: Option<&str>) -> BTreeMap<&str, &str> {
        let by_path = self.by_path.iter().filter(|(of, _)| path.is_some_and(|p| of.is_match(p)));
        let by_path = by_path.map(|(_, labels)| labels);
        let by_department = self.by_department.get(department_id);
        let mut all = BTreeMap::new();
        for labels in by_department.into_iter().chain(by_path).chain([&self.of_tenant]) {
            for (name, value) in labels {
                all.entry(name.as_str()).or_insert(value.as_str());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_label_wins() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let own = OwnLabels {
            of_tenant: labels(&[("company", "acme"), ("team", "all")]),
            by_path: vec![
                (Regex::new("^研发/").unwrap(), labels(&[("team", "rd")])),
                (Regex::new("/测试$").unwrap(), labels(&[("team", "qa"), ("site", "north")])),
            ],
            by_department: HashMap::from([("od-1".to_owned(), labels(&[("site", "south")]))]),
        };
        for (id, path, expected) in [
            ("od-2", None, vec![("company", "acme"), ("team", "all")]),
            (
                "od-2",
                Some("研发/测试"),
                vec![("company", "acme"), ("site", "north"), ("team", "rd")],
            ),
            (
                "od-1",
                Some("销售/测试"),
                vec![("company", "acme"), ("site", "south"), ("team", "qa")],
            ),
        ] {
            assert_eq!(own.of(id, path).into_iter().collect::<Vec<_>>(), expected);
        }
        assert!(OwnLabels::default().of("od-1", Some("a")).is_empty());
    }
}
