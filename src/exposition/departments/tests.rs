use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::{
    day::{Day, Zone},
    judgement::{Fell, PRODUCT_COUNT, ProductJudged, SUITE},
    usage::{FigureSet, RateScale},
};

mod incremental;

const DAY: Day = date(2026, 11, 22);

fn index_of(field: &str) -> usize {
    FIGURES.iter().position(|f| f.api_field == field).unwrap()
}

fn figures(values: &[(&str, f64)]) -> Figures {
    let mut figures = Figures::none();
    for &(field, value) in values {
        figures.set(index_of(field), value);
    }
    figures
}

fn department(id: &str, name: &str) -> DepartmentDay {
    DepartmentDay {
        geo: Geo::Local,
        department_id: id.into(),
        department: name.into(),
        path: "".into(),
        day: DAY,
        rows: vec![(Version::Total, figures(&[("total_user_num", 10.0)]))],
    }
}

fn tenant(name: &str, departments: Vec<DepartmentDay>) -> TenantView {
    TenantView {
        name: name.into(),
        figures: FigureSet::all(),
        scale: None,
        geos: vec![GeoView { geo: Geo::Local, zone: Zone::shanghai(), workday: None }],
        departments: departments.into_iter().map(Arc::new).collect(),
        department_up: Vec::new(),
        department_failures: BTreeMap::new(),
        places: BTreeMap::new(),
        labels: Arc::default(),
        samples: Vec::new(),
        judged: Vec::new(),
        baselines: BTreeMap::new(),
    }
}

fn text_of(tenants: &[TenantView]) -> String {
    text(&render(tenants, u64::MAX, &Body::default()).body)
}

fn text(body: &Body) -> String {
    super::super::text(body)
}

/// A sample as a parser reads it that shares nothing with the writer.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

fn label(sample: &Sample, name: &str) -> Option<String> {
    sample.labels.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

/// Reads samples character by character, as the grammar of the text format has them.
fn parse(text: &str) -> Vec<Sample> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    let lines = text.split_terminator('\n').filter(|line| !line.starts_with('#'));
    let samples: Vec<Sample> = lines.map(parse_line).collect();
    for (i, sample) in samples.iter().enumerate() {
        let same = |s: &Sample| s.name == sample.name && s.labels == sample.labels;
        assert!(!samples[..i].iter().any(same), "{sample:?} occurs twice");
    }
    samples
}

fn parse_line(line: &str) -> Sample {
    let mut chars = line.chars();
    let name: String = chars.by_ref().take_while(|&c| c != '{').collect();
    let mut labels = Vec::new();
    loop {
        let label: String = chars.by_ref().take_while(|&c| c != '=').collect();
        assert_eq!(chars.next(), Some('"'), "{line}");
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("\\{other} is no escape: {line}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((label, value));
        match chars.next() {
            Some(',') => {}
            Some('}') => break,
            other => panic!("{other:?} after a label: {line}"),
        }
    }
    let value = chars.as_str().strip_prefix(' ').unwrap().parse().unwrap();
    Sample { name, labels, value }
}

/// Two tenants with everything that can occur.
fn everything() -> Vec<TenantView> {
    let rates =
        figures(&[("total_user_num", 40.0), ("active_user_rate", 85.71), ("vc_duration", 261.0)]);
    let mut engineering = department("od-2", "研发 \"R&D\"\\\n🚀");
    engineering.path = "总部/研发".into();
    engineering.rows = vec![
        (Version::Named("旗舰版".into()), figures(&[("total_user_num", 4.0)])),
        (Version::Named("企业版".into()), figures(&[("total_user_num", 36.0)])),
        (Version::Total, rates),
    ];
    let abroad = DepartmentDay { geo: Geo::Sg, day: date(2026, 11, 21), ..engineering.clone() };
    let mut acme = tenant("acme", vec![department("sales", ""), abroad, engineering]);
    acme.scale = Some(RateScale::Percent);
    acme.geos[0].workday = Some(false);
    acme.geos.push(GeoView { geo: Geo::Sg, zone: Zone::utc(), workday: Some(true) });
    acme.department_up = vec![
        (Geo::Sg, "od-2".into(), false),
        (Geo::Local, "sales".into(), true),
        (Geo::Local, "od-2".into(), true),
    ];
    let refused = Failure { class: "permission", code: Some(1_051_002) };
    let unreached = Failure { class: "network", code: None };
    acme.department_failures =
        [((Geo::Sg, Arc::from("od-2")), refused), ((Geo::Sg, Arc::from("od-3")), unreached)].into();
    let mut globex = tenant("globex", vec![department("od-2", "Sales")]);
    globex.figures = FigureSet::none();
    globex.figures.insert(index_of("total_user_num"));
    vec![acme, globex]
}

#[test]
fn the_text_is_the_golden_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/departments.prom");
    let rendered = text_of(&everything());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert_eq!(rendered, golden, "run with UPDATE_GOLDEN=1 to accept the new text");
}

#[test]
fn the_same_state_in_another_order_gives_the_same_bytes() {
    let mut shuffled = everything();
    shuffled[0].departments.reverse();
    shuffled[0].department_up.reverse();
    shuffled[0].geos.reverse();
    assert_eq!(text_of(&shuffled), text_of(&everything()));
}

#[test]
fn each_family_is_whole_and_has_its_head_once() {
    let text = text_of(&everything());
    let mut heads = HashSet::new();
    let mut current = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split_once(' ').unwrap().0;
            assert!(heads.insert(current), "{current} has two heads");
        } else {
            let named = line.trim_start_matches("# TYPE ").trim_start_matches("# UNIT ");
            assert!(
                named.strip_prefix(current).is_some_and(|rest| rest.starts_with([' ', '{'])),
                "{line} is not of {current}"
            );
        }
    }
}

#[test]
fn help_is_the_same_in_both_formats() {
    let helps = FIGURES.iter().map(crate::catalogue::Figure::help_text);
    let others = [DAY_TIMESTAMP.help, WORKDAY.help, DEPARTMENT_INFO.help, DEPARTMENT_UP.help];
    for help in helps.chain(others.map(str::to_owned)) {
        assert!(!help.contains(['"', '\\', '\n']), "one text serves both formats: {help}");
    }
}

#[test]
fn nothing_to_serve_is_an_empty_text() {
    for tenants in [vec![], vec![tenant("acme", vec![])]] {
        let rendered = render(&tenants, 0, &Body::default());
        assert_eq!(text(&rendered.body), "");
        assert_eq!(rendered.body.series, 0);
        assert_eq!(rendered.left_out, LeftOut::Nothing);
    }
}

#[test]
fn a_number_that_is_not_finite_has_no_sample() {
    let mut broken = department("a", "A");
    broken.rows = vec![(
        Version::Total,
        figures(&[("suite_dau", f64::NAN), ("im_dau", f64::INFINITY), ("docs_dau", 0.0)]),
    )];
    let rendered = render(&[tenant("acme", vec![broken])], u64::MAX, &Body::default());
    let names: Vec<String> = parse(&text(&rendered.body)).into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["feishu_department_docs_dau", DAY_TIMESTAMP.name, DEPARTMENT_INFO.name]);
    assert_eq!(rendered.body.series, 3);
}

#[test]
fn of_two_days_of_a_department_the_newer_is_served_then_the_first() {
    let day = |day, name: &str| DepartmentDay { day, ..department("a", name) };
    let older = || day(date(2026, 11, 21), "older");
    let (first, second) = (|| day(DAY, "first"), || day(DAY, "second"));
    for departments in [
        vec![older(), first(), second()],
        vec![first(), second(), older()],
        vec![first(), older(), second()],
    ] {
        for sample in parse(&text_of(&[tenant("acme", departments)])) {
            assert_eq!(label(&sample, "department").as_deref(), Some("first"), "{sample:?}");
        }
    }
}

#[test]
fn ids_and_versions_that_are_cut_to_the_same_label_are_the_same() {
    let long = |end: &str| format!("{}{end}", "部".repeat(1400));
    let mut department = department(&long("1"), &long(""));
    department.rows = vec![
        (Version::Named(long("a").into()), figures(&[("suite_dau", 1.0)])),
        (Version::Named(long("b").into()), figures(&[("suite_dau", 2.0)])),
        (Version::Named(TOTAL_VERSION.into()), figures(&[("suite_dau", 3.0)])),
        (Version::Total, figures(&[("suite_dau", 4.0)])),
    ];
    let other = DepartmentDay { department_id: long("2").into(), ..department.clone() };
    let samples = parse(&text_of(&[tenant("acme", vec![department, other])]));
    let dau: Vec<f64> = samples
        .iter()
        .filter(|s| s.name == "feishu_department_suite_dau")
        .map(|s| s.value)
        .collect();
    assert_eq!(dau, [4.0, 1.0]);
    assert_eq!(label(&samples[0], "department_id").unwrap().len(), 510);
}

#[test]
fn two_tenants_of_one_name_are_not_mixed() {
    let tenants =
        [tenant("a", vec![department("1", "x")]), tenant("a", vec![department("1", "y")])];
    for sample in parse(&text_of(&tenants)) {
        assert_eq!(label(&sample, "department").as_deref(), Some("x"));
    }
}

#[test]
fn departments_of_one_name_are_told_apart_by_id() {
    let samples = parse(&text_of(&[tenant(
        "acme",
        vec![department("2", "Sales"), department("1", "Sales")],
    )]));
    let ids: Vec<String> = samples.iter().filter_map(|s| label(s, "department_id")).collect();
    assert_eq!(ids, ["1", "2", "1", "2", "1", "2"]);
}

#[test]
fn the_info_tells_the_newest_name_in_any_geo() {
    let at_home = DepartmentDay { day: date(2026, 11, 20), ..department("od-1", "old name") };
    let abroad =
        DepartmentDay { geo: Geo::Sg, path: "a/b".into(), ..department("od-1", "new name") };
    let text = text_of(&[tenant("acme", vec![at_home, abroad])]);
    assert!(
        text.contains(
            "feishu_department_info{tenant=\"acme\",department_id=\"od-1\",department=\"new name\",\
             department_path=\"a/b\",open_department_id=\"od-1\"} 1\n"
        ),
        "{text}"
    );
}

#[test]
fn past_the_limit_versions_are_left_out_and_totals_are_not() {
    let tenants = everything();
    let whole = render(&tenants, u64::MAX, &Body::default()).body.series;
    let left_out = render(&tenants, whole, &Body::default()).left_out;
    assert_eq!(left_out, LeftOut::Nothing, "the limit itself is allowed");
    for limit in [0, whole - 1] {
        let rendered = render(&tenants, limit, &Body::default());
        assert_eq!(rendered.left_out, LeftOut::Versions);
        let samples = parse(&text(&rendered.body));
        assert_eq!(samples.len() as u64, rendered.body.series);
        assert_eq!(rendered.body.series, whole - 4, "two versions in two geos had one figure each");
        let versions: HashSet<_> =
            samples.iter().filter_map(|s| label(s, "product_version")).collect();
        assert_eq!(versions, HashSet::from([TOTAL_VERSION.to_owned()]));
    }
}

/// A department with its baseline of the activated users of two days.
fn with_baseline() -> TenantView {
    let mut tenant = tenant("acme", vec![department("od-1", "name")]);
    let usual = figures(&[("suite_dau", 4.0)]);
    tenant
        .baselines
        .insert((Geo::Local, "od-1".into()), Arc::new(Baseline::over(&[usual.clone(), usual])));
    tenant
}

#[test]
fn a_baseline_stands_beside_its_figure_with_the_labels_of_the_total() {
    let text = text_of(&[with_baseline()]);
    let labels = "{tenant=\"acme\",geo=\"local\",department_id=\"od-1\",department=\"name\",\
                  product_version=\"all\"}";
    assert!(text.contains(&format!("feishu_department_suite_dau_baseline{labels} 4\n")), "{text}");
}

#[test]
fn a_figure_that_is_not_published_has_no_baseline_either() {
    let mut tenant = with_baseline();
    tenant.figures = FigureSet::none();
    assert!(!text_of(&[tenant]).contains("_baseline"));
}

#[test]
fn past_the_limit_baselines_go_before_versions() {
    let mut tenants = everything();
    tenants.push(with_baseline());
    let other = tenants.last_mut().unwrap();
    other.name = "other".into();
    other.judged.push(Arc::new(judged_day("od-1", |_| ())));
    let whole = render(&tenants, u64::MAX, &Body::default()).body.series;
    let rendered = render(&tenants, whole - 1, &Body::default());
    assert_eq!(rendered.left_out, LeftOut::Baselines);
    // The baseline, and of the judgement what was expected, two windows and that there is no drop.
    assert_eq!(rendered.body.series, whole - 1 - 4);
    let text = text(&rendered.body);
    assert!(!text.contains("_baseline") && !text.contains("_activity_"), "{text}");
    assert!(text.contains("product_version=\"旗舰版\""), "{text}");
    assert_eq!(render(&tenants, whole - 6, &Body::default()).left_out, LeftOut::Versions);
}

/// A day of which two windows tell something in the suite.
fn judged_day(id: &str, change: impl FnOnce(&mut ProductJudged)) -> JudgedDay {
    let mut products = [ProductJudged::default(); PRODUCT_COUNT];
    products[SUITE].expected = Some(4.0);
    products[SUITE].deviations = [Some(-0.5), None, Some(1.5), None];
    change(&mut products[SUITE]);
    JudgedDay {
        geo: Geo::Local,
        department_id: id.into(),
        department: "name".into(),
        day: DAY,
        products: (&products).into(),
    }
}

#[test]
fn what_is_judged_has_a_series_for_each_product_and_window_that_tells_something() {
    let mut tenant = tenant("acme", vec![]);
    let fallen = judged_day("od-2", |suite| {
        suite.fell = Some(Fell { days: 3, ratio: 0.25, missing: 12.5 });
        suite.slow = Some(Fell { days: 10, ratio: 0.75, missing: 4.0 });
        suite.expected = Some(f64::NAN);
    });
    // Of two of one department the first counts.
    tenant.judged =
        [fallen, judged_day("od-1", |_| ()), judged_day("od-2", |_| ())].map(Arc::new).to_vec();
    let rendered = render(&[tenant], u64::MAX, &Body::default());
    let text = text(&rendered.body);
    let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let labels = |id: &str| {
        format!(
            "tenant=\"acme\",geo=\"local\",department_id=\"{id}\",department=\"name\",product=\"suite\""
        )
    };
    let (first, second) = (labels("od-1"), labels("od-2"));
    let expected = [
        format!("feishu_department_activity_expected{{{first}}} 4"),
        format!("feishu_department_activity_deviation{{{first},window=\"1\"}} -0.5"),
        format!("feishu_department_activity_deviation{{{first},window=\"5\"}} 1.5"),
        format!("feishu_department_activity_deviation{{{second},window=\"1\"}} -0.5"),
        format!("feishu_department_activity_deviation{{{second},window=\"5\"}} 1.5"),
        format!("feishu_department_activity_drop_length{{{first}}} 0"),
        format!("feishu_department_activity_drop_length{{{second}}} 3"),
        format!("feishu_department_activity_drop_ratio{{{second}}} 0.25"),
        format!("feishu_department_activity_drop_missing{{{second}}} 12.5"),
        format!("feishu_department_activity_decline_ratio{{{second}}} 0.75"),
    ];
    assert_eq!(series, expected);
    assert_eq!(rendered.body.series, expected.len() as u64);
}

#[test]
fn a_unit_is_the_end_of_the_name() {
    for (name, unit) in [
        ("a_seconds", Some("seconds")),
        ("a_ratio", Some("ratio")),
        ("a_bytes", Some("bytes")),
        ("seconds", None),
        ("a_users", None),
        ("kiloseconds", None),
    ] {
        assert_eq!(crate::exposition::text::unit_of(name), unit, "{name}");
    }
}

/// Text as hostile tenants write it.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\\n\r\t ,{}=#]{0,20}",
        Just(" leading and trailing ".to_owned()),
        Just("\\n\\\\\"🙂\u{0}\u{2028}\u{202e}".to_owned()),
        "[a部\"\\\\]{480,520}",
    ]
}

proptest! {
    #[test]
    fn any_text_comes_back_from_a_label(
        tenant_name in hostile(), id in hostile(), name in hostile(), path in hostile(),
        version in hostile(), value in -1e18..1e18,
    ) {
        let mut day = department(&id, &name);
        day.path = path.as_str().into();
        day.rows = vec![(Version::Named(version.as_str().into()), figures(&[("suite_dau", value)]))];
        let rendered = render(&[tenant(&tenant_name, vec![day])], u64::MAX, &Body::default());
        let samples = parse(&text(&rendered.body));
        prop_assert_eq!(samples.len() as u64, rendered.body.series);
        prop_assert_eq!(samples[0].value, value);
        let expected = ["tenant", "geo", "department_id", "department", "product_version"]
            .into_iter()
            .zip([&tenant_name, "local", &id, &name, &version])
            .map(|(name, value)| (name.to_owned(), label_value(value).to_owned()));
        prop_assert_eq!(&samples[0].labels, &expected.collect::<Vec<_>>());
        let told = label(&samples[2], "department_path").unwrap_or_default();
        prop_assert_eq!(told, label_value(&path));
    }
}
