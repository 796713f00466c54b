#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_exporter_fuzz::web_configuration(data));
