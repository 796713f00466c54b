//! Which format and which encoding a scrape asks for (RFC 9110, section 12.5).
//!
//! There is always an answer: what cannot be understood gets 0.0.4, never 406.

/// Weights in thousandths, as RFC 9110 allows three decimals.
type Weight = u16;

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics {
        /// Whether the client named an escaping scheme (Prometheus 3 does), so that the answer
        /// must name one too. Our names need no escaping, so that every scheme gives them.
        escaping: bool,
    },
}

impl Format {
    /// Chooses by the Accept header.
    ///
    /// OpenMetrics is given to clients that name it (or `application/*`) with at least the weight
    /// of plain text, in version 1.0.0 or without a version. A bare `*/*` means 0.0.4, which more
    /// readers understand.
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let mut open_metrics = Best::default();
        let mut text = Best::default();
        let mut escaping = false;
        for range in ranges(accept) {
            let version = range.parameter("version");
            match range.name.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                    escaping |= range.parameter("escaping").is_some();
                    open_metrics.offer(2, range.weight);
                }
                "application/*" => open_metrics.offer(1, range.weight),
                "text/plain" if matches!(version, None | Some("0.0.4")) => {
                    text.offer(2, range.weight);
                }
                "text/*" => text.offer(1, range.weight),
                "*/*" => text.offer(0, range.weight),
                _ => {}
            }
        }
        if open_metrics.weight > 0 && open_metrics.weight >= text.weight {
            Self::OpenMetrics { escaping }
        } else {
            Self::Text
        }
    }

    /// The value of Content-Type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics { escaping: false } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            Self::OpenMetrics { escaping: true } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        }
    }
}

/// Whether the Accept-Encoding header takes gzip and does not prefer the plain body.
#[must_use]
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut gzip = Best::default();
    let mut identity = 0;
    for range in ranges(accept_encoding) {
        match range.name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip.offer(1, range.weight),
            "*" => gzip.offer(0, range.weight),
            "identity" => identity = range.weight,
            _ => {}
        }
    }
    gzip.weight > 0 && gzip.weight >= identity
}

/// The weight of the most specific range that matches.
#[derive(Default)]
struct Best {
    specificity: u8,
    weight: Weight,
}

impl Best {
    fn offer(&mut self, specificity: u8, weight: Weight) {
        if specificity > self.specificity {
            *self = Self { specificity, weight };
        } else if specificity == self.specificity {
            self.weight = self.weight.max(weight);
        }
    }
}

/// One element of an Accept header.
struct Range<'a> {
    name: &'a str,
    parameters: &'a str,
    weight: Weight,
}

impl<'a> Range<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }
}

/// The elements of an Accept header; those with a weight that is none are left out.
fn ranges(header: Option<&str>) -> impl Iterator<Item = Range<'_>> {
    header.unwrap_or_default().split(',').filter_map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let weight = match parameter(parameters, "q") {
            Some(q) => weight(q)?,
            None => 1000,
        };
        Some(Range { name: name.trim(), parameters, weight })
    })
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// Reads `1`, `0.8` or `1.000` as thousandths.
fn weight(q: &str) -> Option<Weight> {
    let (whole, decimals) = q.split_once('.').unwrap_or((q, ""));
    if !matches!(whole, "0" | "1") || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{whole}{decimals:0<3}").get(..4)?.parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Format = Format::OpenMetrics { escaping: false };
    const OPEN_ESCAPED: Format = Format::OpenMetrics { escaping: true };

    #[test]
    fn the_format_is_the_one_that_the_client_prefers() {
        // The first two are what Prometheus 2.42 sends without and with native histograms, the
        // third is Prometheus 3's, the fourth a browser's.
        for (accept, format) in [
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OPEN_ESCAPED,
            ),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
            ("nonsense", Format::Text),
            ("application/json", Format::Text),
            ("application/vnd.google.protobuf", Format::Text),
            ("text/plain", Format::Text),
            ("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.8", Format::Text),
            ("text/plain;q=0.8, application/openmetrics-text;q=0.8", OPEN),
            ("text/plain;version=1.0.0, application/openmetrics-text;q=0.1", OPEN),
            ("application/openmetrics-text", OPEN),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.5", OPEN),
            ("application/openmetrics-text;version=1.0.0;escaping=underscores", OPEN_ESCAPED),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0, application/*", Format::Text),
            ("application/openmetrics-text;q=0.000, */*", Format::Text),
            ("application/openmetrics-text;q=nan", Format::Text),
            ("application/openmetrics-text;q=1.001", Format::Text),
            ("application/openmetrics-text;q=0.5, */*;q=0.9", Format::Text),
            ("application/*", OPEN),
            ("application/*, */*", OPEN),
            ("text/*;q=0.4, application/*;q=0.3", Format::Text),
            (";;;,,,q=", Format::Text),
        ] {
            assert_eq!(Format::negotiate(Some(accept)), format, "{accept}");
        }
        assert_eq!(Format::negotiate(None), Format::Text);
    }

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        for (accept, gzip) in [
            ("gzip", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("gzip, deflate, br", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("identity;q=0.5, *;q=0.8", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("identity", false),
            ("identity, gzip;q=0.5", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(Some(accept)), gzip, "{accept}");
        }
        assert!(!accepts_gzip(None));
    }
}
