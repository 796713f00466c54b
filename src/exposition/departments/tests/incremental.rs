//! A body made after another is what a body made from nothing is, and its text is what a plain
//! writer of one string gives.

use proptest::prelude::*;

use super::*;

/// A tenant with enough departments for several parts: `figure` by department and version.
fn company(figures: &[(u32, f64)]) -> TenantView {
    let departments = figures.iter().map(|&(number, value)| {
        let mut day = department(&format!("od-{number:032x}"), &format!("部门 {number}"));
        for (version, row) in &mut day.rows {
            assert_eq!(*version, Version::Total);
            (0..FIGURE_COUNT).for_each(|index| row.set(index, value));
        }
        let mut named = day.rows[0].clone();
        named.0 = Version::Named("企业版".into());
        day.rows.push(named);
        day
    });
    tenant("acme", departments.collect())
}

/// The samples of the figures, written without parts, labels made once or anything else clever.
fn plainly(view: &TenantView) -> String {
    let mut out = String::new();
    for (index, figure) in FIGURES.iter().enumerate() {
        let mut days: Vec<_> = view.departments.iter().collect();
        days.sort_by_key(|day| day.department_id.clone());
        for day in days {
            for (version, figures) in &day.rows {
                let version = match version {
                    Version::Total => "all",
                    Version::Named(name) => name,
                };
                if let Some(value) = figures.sample(index, view.scale) {
                    out += &format!(
                        "{}{{tenant=\"{}\",geo=\"local\",department_id=\"{}\",department=\"{}\",\
                         product_version=\"{version}\"}} {value}\n",
                        figure.metric, view.name, day.department_id, day.department
                    );
                }
            }
        }
    }
    out
}

fn figure_lines(text: &str) -> String {
    let is_figure = |line: &&str| FIGURES.iter().any(|f| line.split('{').next() == Some(f.metric));
    text.lines().filter(|line| !line.starts_with('#')).filter(is_figure).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        },
    )
}

#[test]
fn one_changed_department_leaves_most_parts_as_they_are() {
    let mut figures: Vec<(u32, f64)> = (0..1500).map(|number| (number, 7.0)).collect();
    let before = render(&[company(&figures)], u64::MAX, &Body::default()).body;
    figures[700].1 = 123_456.0;
    figures.push((9_999, 1.0));
    let view = company(&figures);
    let after = render(std::slice::from_ref(&view), u64::MAX, &before).body;
    assert_eq!(figure_lines(&text(&after)), plainly(&view));
    let kept = after.parts.iter().filter(|part| before.parts.contains(part)).count();
    assert!(after.parts.len() > 100, "{} parts", after.parts.len());
    // Two departments changed, in two of the six or so parts of each figure.
    assert!(kept * 2 > after.parts.len(), "{kept} of {} parts were kept", after.parts.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_change_gives_what_a_plain_writer_gives(
        before in proptest::collection::btree_map(0u32..400, 0u32..2000, 0..300),
        after in proptest::collection::btree_map(0u32..400, 0u32..2000, 0..300),
    ) {
        let figures = |map: &std::collections::BTreeMap<u32, u32>| -> Vec<(u32, f64)> {
            map.iter().map(|(number, value)| (*number, f64::from(*value))).collect()
        };
        let first = render(&[company(&figures(&before))], u64::MAX, &Body::default()).body;
        let view = company(&figures(&after));
        let made = render(std::slice::from_ref(&view), u64::MAX, &first).body;
        prop_assert_eq!(figure_lines(&text(&made)), plainly(&view));
        let anew = render(&[view], u64::MAX, &Body::default()).body;
        prop_assert_eq!(&made.deflated, &anew.deflated);
        prop_assert_eq!((made.crc32, made.plain_len, made.series), (anew.crc32, anew.plain_len, anew.series));
    }
}
