//! The binary `feishu-exporter`.

fn main() {}
