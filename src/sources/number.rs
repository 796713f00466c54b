//! Feishu's numbers: what counts as one, and in which unit it is published.

use crate::{
    catalogue::Unit,
    feishu::Scalar,
    sources::RejectedValues,
    usage::{Figures, tidy},
};

/// A scalar that is not a usable number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Sets the figure from the scalar that Feishu sent. An absent one stays absent.
///
/// A number may come as number or as string. A fraction where a count is due, and counts beyond
/// 2^63, are numbers; negative values, digit groups, hexadecimal and a `%` outside rates are not.
pub(super) fn set(
    figures: &mut Figures,
    index: usize,
    unit: Unit,
    scalar: &Scalar<'_>,
) -> Result<(), Malformed> {
    // A full-width sign comes from Chinese keyboards.
    if let (Unit::Ratio, Scalar::Text(text)) = (unit, scalar)
        && let Some(percent) = text.strip_suffix(['%', '％'])
    {
        figures.set_ratio(index, tidy(decimal(percent.trim_end())? / 100.0));
        return Ok(());
    }
    if let Some(value) = plain(scalar)? {
        let value = if unit == Unit::Minutes { tidy(value * 60.0) } else { value };
        figures.set(index, Some(value).filter(|v| v.is_finite()).ok_or(Malformed)?);
    }
    Ok(())
}

/// A plain number; none if Feishu left it out.
pub(super) fn plain(scalar: &Scalar<'_>) -> Result<Option<f64>, Malformed> {
    match scalar {
        Scalar::Absent => Ok(None),
        Scalar::Number(number) => decimal(number).map(Some),
        Scalar::Text(text) => decimal(text).map(Some),
        Scalar::Bool(_) | Scalar::Other => Err(Malformed),
    }
}

/// A plain number; what is malformed is counted under its field.
pub(super) fn counted(
    scalar: &Scalar<'_>,
    field: &'static str,
    rejected: &mut RejectedValues,
) -> Option<f64> {
    plain(scalar).unwrap_or_else(|Malformed| {
        *rejected.entry(field).or_default() += 1;
        None
    })
}

fn decimal(text: &str) -> Result<f64, Malformed> {
    // Rust also parses "inf" and "nan", which are no figures.
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let value: f64 = text.parse().ok().filter(|_| plain).ok_or(Malformed)?;
    match value.is_finite() && value >= 0.0 {
        // Adding zero turns -0 into 0.
        true => Ok(value + 0.0),
        false => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Scalar<'static> {
        match text.trim() {
            "" => Scalar::Absent,
            text => Scalar::Text(text.to_owned()),
        }
    }

    fn read(unit: Unit, scalar: &Scalar<'_>) -> Result<Option<f64>, Malformed> {
        let mut figures = Figures::none();
        set(&mut figures, 0, unit, scalar).map(|()| figures.raw(0))
    }

    #[test]
    fn numbers_and_strings_of_numbers_are_figures() {
        let cases = [
            ("2", 2.0),
            ("0", 0.0),
            (" 7 ", 7.0),
            ("0.00", 0.0),
            ("1.5", 1.5),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("1e3", 1000.0),
            ("-0", 0.0),
            ("007", 7.0),
        ];
        for (written, value) in cases {
            assert_eq!(read(Unit::Users, &text(written)), Ok(Some(value)), "{written:?}");
            assert_eq!(read(Unit::Users, &Scalar::Number(written.trim())), Ok(Some(value)));
        }
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for written in [
            "-1", "12,345", "0x10", "5%", "NaN", "inf", "Infinity", "1e999", "1 2", "12人", "１２",
            "--", "1_000", "e5", ".",
        ] {
            assert_eq!(read(Unit::Users, &text(written)), Err(Malformed), "{written:?}");
        }
        for scalar in [Scalar::Bool(true), Scalar::Other] {
            assert_eq!(read(Unit::Users, &scalar), Err(Malformed));
        }
    }

    #[test]
    fn absent_is_neither_zero_nor_malformed() {
        assert_eq!(read(Unit::Users, &Scalar::Absent), Ok(None));
        assert_eq!(read(Unit::Ratio, &text("  ")), Ok(None));
    }

    #[test]
    fn minutes_become_seconds() {
        assert_eq!(read(Unit::Minutes, &text("4.35")), Ok(Some(261.0)));
        assert_eq!(read(Unit::Minutes, &Scalar::Number("90")), Ok(Some(5400.0)));
        assert_eq!(read(Unit::Minutes, &text("5%")), Err(Malformed));
        assert_eq!(read(Unit::Minutes, &text("1e308")), Err(Malformed));
    }

    #[test]
    fn a_percent_sign_makes_a_rate_a_ratio() {
        for written in ["85.71%", "85.71 %", "85.71％"] {
            let mut figures = Figures::none();
            set(&mut figures, 2, Unit::Ratio, &text(written)).unwrap();
            assert_eq!((figures.raw(2), figures.had_percent_sign(2)), (Some(0.8571), true));
        }
        assert_eq!(read(Unit::Ratio, &text("0.85")), Ok(Some(0.85)));
        assert_eq!(read(Unit::Ratio, &text("%")), Err(Malformed));
        assert_eq!(read(Unit::Ratio, &text("-5%")), Err(Malformed));
    }
}
