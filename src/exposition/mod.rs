//! Rows to text, text to bytes: what a scrape is answered with. Pure: no clock, no I/O.
//!
//! The series about departments are rendered once per collection, as one text that is valid both
//! as text format 0.0.4 and as OpenMetrics 1.0.0, and are compressed once, of what changed. The exporter's own
//! metrics are a few kilobytes and are rendered for each scrape, in the format it asked for; they
//! follow the departments in the same answer, in the same gzip member.

mod dated;
mod departments;
mod encode;
mod judged;
mod negotiate;
mod own;
mod page;
mod text;
mod view;

pub use dated::{DatedFormat, push_series, push_value};
pub use departments::{LeftOut, Rendered, render};
#[cfg(test)]
pub(crate) use encode::body_of;
pub use encode::{Piece, gzip_pieces, plain_pieces, text};
pub use negotiate::{Format, accepts_gzip};
pub use own::own;
pub use view::{Failure, GeoView, JudgedDay, Place, ProductsJudged, Sample, TenantView};
