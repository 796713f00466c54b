//! What departments are called, in three languages.

use super::dice::Dice;

/// A name in each language that the contact API offers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Names {
    /// 中文.
    pub zh_cn: String,
    /// English.
    pub en_us: String,
    /// 日本語.
    pub ja_jp: String,
}

type Triple = [&'static str; 3];

/// What the root is called.
pub(super) fn company() -> Names {
    Names {
        zh_cn: "星河科技".to_owned(),
        en_us: "Galaxy Technology".to_owned(),
        ja_jp: "ギャラクシー技術".to_owned(),
    }
}

/// Where or what for: the first half of a name.
const PREFIXES: &[Triple] = &[
    ["北京", "Beijing", "北京"],
    ["上海", "Shanghai", "上海"],
    ["深圳", "Shenzhen", "深セン"],
    ["杭州", "Hangzhou", "杭州"],
    ["东京", "Tokyo", "東京"],
    ["新加坡", "Singapore", "シンガポール"],
    ["海外", "International", "海外"],
    ["平台", "Platform", "プラットフォーム"],
    ["支付", "Payments", "決済"],
    ["电商", "Commerce", "EC"],
    ["智能硬件", "Devices", "スマートデバイス"],
    ["企业服务", "Enterprise", "法人"],
];

/// What the department does: the second half of a name.
const FUNCTIONS: &[Triple] = &[
    ["研发部", "Engineering", "開発部"],
    ["产品部", "Product", "プロダクト部"],
    ["销售部", "Sales", "営業部"],
    ["市场部", "Marketing", "マーケティング部"],
    ["人力资源部", "People", "人事部"],
    ["财务部", "Finance", "経理部"],
    ["法务部", "Legal", "法務部"],
    ["客户成功部", "Customer Success", "カスタマーサクセス部"],
    ["设计部", "Design", "デザイン部"],
    ["数据部", "Data", "データ部"],
    ["基础架构部", "Infrastructure", "基盤部"],
    ["测试部", "Quality Assurance", "品質保証部"],
    ["运营部", "Operations", "運営部"],
    ["采购部", "Procurement", "調達部"],
    ["行政部", "Administration", "総務部"],
    ["信息安全部", "Security", "情報セキュリティ部"],
    ["供应链部", "Supply Chain", "サプライチェーン部"],
    ["战略部", "Strategy", "戦略部"],
    ["技术支持部", "Support", "サポート部"],
    ["培训部", "Learning", "研修部"],
];

/// Rare names with the characters on which exporters, scripts and dashboards stumble.
const AWKWARD: &[Triple] = &[
    ["增长&商业化部", "Growth & Monetization", "成長&収益化部"],
    ["“北极星”项目部", "\"Polaris\" Project", "「北極星」プロジェクト"],
    ["创新实验室🚀", "Innovation Lab 🚀", "イノベーションラボ🚀"],
    ["C:\\旧系统迁移部", "C:\\ Migration", "C:\\移行部"],
];

/// The name of the `sibling`-th department under its parent. The function alone tells siblings
/// apart until all are used up, then a number does; awkward names always have one.
pub(super) fn compose(dice: &mut Dice, depth: usize, first: usize, sibling: usize) -> Names {
    let prefix = if depth == 1 { &["", "", ""] } else { dice.pick(PREFIXES) };
    let (function, number) = if dice.chance(3) {
        (dice.pick(AWKWARD), format!(" {}", sibling + 1))
    } else if sibling < FUNCTIONS.len() {
        (&FUNCTIONS[(first + sibling) % FUNCTIONS.len()], String::new())
    } else {
        (&FUNCTIONS[(first + sibling) % FUNCTIONS.len()], format!(" {}", sibling + 1))
    };
    let name = |language: usize, space: &str| {
        let space = if prefix[language].is_empty() { "" } else { space };
        format!("{}{space}{}{number}", prefix[language], function[language])
    };
    Names { zh_cn: name(0, ""), en_us: name(1, " "), ja_jp: name(2, "") }
}
