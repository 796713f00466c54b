//! The real binary as a child process: exit statuses, messages, help.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    thread,
};

/// The binary in an empty directory, with no variable of ours set.
fn exporter(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.starts_with("feishu_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).args(args).envs(env.iter().copied()).output().unwrap()
}

/// Status, standard output, standard error.
fn run(args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    text(exporter(directory.path(), args, env))
}

fn text(output: Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn data(name: &str) -> String {
    format!("{}/tests/data/config/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bad_usage_is_status_2_and_goes_to_standard_error() {
    for args in [
        &["frobnicate"][..],
        &["--log.level=loud"],
        &["--log.level=debug", "check-config"],
        &["serve", "--web.listen-address=10917"],
        &["serve", "--web.max-requests=0"],
        &["serve", "--web.telemetry-path=/"],
        &["collect", "--date=2026-13-01"],
        &["collect", "--date=yesterday"],
        &["collect", "--date=20261101"],
        &["collect", "--format=xml"],
        &["simulate", "--now=yesterday"],
        &["demo", "--departments=0"],
        &["completions", "tcl"],
    ] {
        let (status, out, err) = run(args, &[]);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: "), "{args:?}: {err}");
    }
}

#[test]
fn help_and_version_are_status_0() {
    let (status, out, _) = run(&["--version"], &[]);
    assert_eq!(status, 0);
    assert!(out.starts_with("feishu-exporter 0.1.0 (revision "), "{out}");

    for args in [&["--help"][..], &["-h"], &["help", "serve"], &["check-config", "--help"]] {
        let (status, out, err) = run(args, &[]);
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("Usage: feishu-exporter"), "{args:?}: {out}");
    }
    let (_, out, _) = run(&["--help"], &[]);
    for flag in ["--config.file", "--web.listen-address", "--storage.path", "--log.format"] {
        assert!(out.contains(flag), "{flag}");
    }
}

#[test]
fn a_bad_configuration_is_status_2_with_every_problem_and_no_secret() {
    let file = data("two_mistakes.bad.yml");
    let by_flag = format!("--config.file={file}");
    for (args, env) in [
        (&["check-config", &file][..], &[][..]),
        (&["check-config", &by_flag], &[]),
        (&["check-config", &by_flag, &file], &[]),
        (&["check-config"], &[("FEISHU_EXPORTER_CONFIG_FILE", file.as_str())]),
    ] {
        let (status, out, err) = run(args, env);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}");
        assert!(err.starts_with("feishu-exporter: the configuration has 4 problems:\n"), "{err}");
        assert!(err.contains("two_mistakes.bad.yml:7: tenants[0].collection.interval: "), "{err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn without_any_configuration_the_way_out_is_told() {
    let (status, _, err) = run(&["check-config"], &[]);
    assert_eq!(status, 2);
    for hint in ["feishu-exporter.yml", "--config.file", "FEISHU_APP_ID", "feishu-exporter demo"] {
        assert!(err.contains(hint), "{err}");
    }
    let (status, _, err) = run(&["check-config", "--config.file=none.yml"], &[]);
    assert_eq!(status, 2);
    assert!(err.contains("none.yml: cannot be read: "), "{err}");
}

#[test]
fn check_config_says_what_a_file_means_and_costs() {
    // UPDATE_GOLDEN=1 cargo test --test cli rewrites the texts.
    for name in ["minimal", "every_source"] {
        let (status, out, err) = run(&["check-config", &data(&format!("{name}.ok.yml"))], &[]);
        assert_eq!((status, err.as_str()), (0, ""));
        let told = out.replace(&data(""), "");
        let expected = data(&format!("{name}.ok.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(expected, told).unwrap();
        } else {
            assert_eq!(told, std::fs::read_to_string(expected).unwrap());
        }
    }
}

#[test]
fn the_default_file_is_read_before_the_environment() {
    let env = [
        ("FEISHU_APP_ID", "cli_env"),
        ("FEISHU_APP_SECRET", "hunter2hunter2"),
        ("FEISHU_DEPARTMENTS", "od-1,od-2"),
    ];
    let (status, out, err) = run(&["check-config"], &env);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("app cli_env") && out.contains("departments   2 listed,"), "{out}");
    assert!(!out.contains("hunter2"), "{out}");

    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(data("minimal.ok.yml"), directory.path().join("feishu-exporter.yml")).unwrap();
    let (status, out, _) = text(exporter(directory.path(), &["check-config"], &env));
    assert_eq!(status, 0);
    assert!(out.contains("app cli_a1b2c3"), "{out}");
    assert!(out.contains("warning: environment: FEISHU_APP_ID: is set, but has no"), "{out}");
}

#[test]
fn an_empty_variable_counts_as_not_set_and_a_carriage_return_is_dropped() {
    let file = data("minimal.ok.yml");
    let with_return = format!("{file}\r");
    let names = [
        "FEISHU_EXPORTER_CONFIG_FILE",
        "FEISHU_EXPORTER_STORAGE_PATH",
        "FEISHU_EXPORTER_LOG_LEVEL",
        "FEISHU_EXPORTER_LOG_FORMAT",
        "FEISHU_EXPORTER_WEB_LISTEN_ADDRESS",
        "FEISHU_EXPORTER_WEB_TELEMETRY_PATH",
        "FEISHU_EXPORTER_WEB_MAX_REQUESTS",
    ];
    for empty in ["", " ", "\r", "\u{feff}", "\t\r\n"] {
        let env = names.map(|name| (name, empty));
        let (status, out, err) = run(&["check-config", &file], &env);
        assert_eq!((status, err.as_str()), (0, ""), "{empty:?}");
        // The store is not switched off by it.
        assert!(out.contains("baselines     the median"), "{empty:?}: {out}");
        // Every flag of serve is accepted: what is missed is the file.
        let (status, _, err) = run(&["serve"], &env);
        assert_eq!(status, 2);
        assert!(err.starts_with("feishu-exporter: the configuration has a problem:"), "{err}");
    }
    for (name, value) in [
        ("FEISHU_EXPORTER_CONFIG_FILE", with_return.as_str()),
        ("FEISHU_EXPORTER_LOG_LEVEL", "warn\r"),
        ("FEISHU_EXPORTER_LOG_FORMAT", "\u{feff}json\r\n"),
    ] {
        let mut env = vec![("FEISHU_EXPORTER_CONFIG_FILE", file.as_str())];
        env.push((name, value));
        let (status, out, err) = run(&["check-config"], &env);
        assert_eq!((status, err.as_str()), (0, ""), "{name}={value:?}: {out}");
    }
    let env = [("FEISHU_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:1,\r\n")];
    let (status, _, err) = run(&["serve"], &env);
    assert_eq!(status, 2, "an address of a list may not be empty: {err}");
    assert!(run(&["serve", "--help"], &[("FEISHU_EXPORTER_LOG_LEVEL", "")]).0 == 0);
}

#[test]
fn the_store_is_switched_off_by_none_in_flag_and_variable() {
    let file = data("minimal.ok.yml");
    for (args, env) in [
        (&["--storage.path=none"][..], &[][..]),
        (&["--storage.path="], &[]),
        (&["--storage.path", ""], &[("FEISHU_EXPORTER_STORAGE_PATH", "data")]),
        (&[], &[("FEISHU_EXPORTER_STORAGE_PATH", "none")]),
        (&[], &[("FEISHU_EXPORTER_STORAGE_PATH", "none\r")]),
    ] {
        let args: Vec<&str> =
            ["check-config", &file].into_iter().chain(args.iter().copied()).collect();
        let (status, out, err) = run(&args, env);
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("baselines     none"), "{args:?} {env:?}: {out}");
    }
    for (args, env) in [
        (&["--storage.path=./none"][..], &[][..]),
        (&["--storage.path=data"], &[("FEISHU_EXPORTER_STORAGE_PATH", "none")]),
    ] {
        let args: Vec<&str> =
            ["check-config", &file].into_iter().chain(args.iter().copied()).collect();
        let (_, out, _) = run(&args, env);
        assert!(out.contains("baselines     the median"), "{args:?} {env:?}: {out}");
    }
}

#[test]
fn variables_of_a_tenant_are_cleaned_or_refused_by_the_characters_name() {
    let tenant = |id: &'static str, secret: &'static str, departments: &'static str| {
        [("FEISHU_APP_ID", id), ("FEISHU_APP_SECRET", secret), ("FEISHU_DEPARTMENTS", departments)]
    };
    for departments in [
        "od-1,od-2,od-3",
        "od-1，od-2，od-3",
        "od-1、od-2、od-3",
        "od-1;od-2；od-3",
        "\u{feff}od-1 , od-2\u{200b},\r\nod-3,\r\n",
        "od-1\nod-2\nod-3\n",
    ] {
        let env = tenant("cli_a\r", "\u{feff}hunter2hunter2\r", departments);
        let (status, out, err) = run(&["check-config"], &env);
        assert_eq!((status, err.as_str()), (0, ""), "{departments:?}");
        assert!(out.contains("app cli_a, secret given") && out.contains("  3 listed,"), "{out}");
        assert!(!out.contains("warning"), "{out}");
    }
    for (env, told) in [
        (tenant("cli\u{200b}_a", "x", "od-1"), "FEISHU_APP_ID: holds U+200B ZERO WIDTH SPACE"),
        (tenant("cli＿a", "x", "od-1"), "FEISHU_APP_ID: holds U+FF3F FULLWIDTH LOW LINE"),
        (tenant("cli_a", "hun\u{200b}ter2", "od-1"), "SECRET: holds U+200B ZERO WIDTH SPACE"),
        (tenant("cli_a", "hunter２", "od-1"), "SECRET: holds U+FF12 FULLWIDTH DIGIT TWO"),
        (tenant("cli_a", "x", "od\u{2060}-1"), "DEPARTMENTS: holds U+2060 WORD JOINER"),
        (tenant("cli_a", "x", "od–1"), "DEPARTMENTS: holds U+2013 EN DASH"),
        (tenant("cli_a", "x", "\"od-1\""), "DEPARTMENTS: holds U+0022 QUOTATION MARK"),
        (tenant("cli_a", "x", "od-1 od-2"), "DEPARTMENTS: holds a blank"),
    ] {
        let (status, out, err) = run(&["check-config"], &env);
        assert_eq!((status, out.as_str()), (2, ""), "{env:?}");
        assert!(err.contains(told) && !err.contains("hun"), "{told}: {err}");
    }
}

#[test]
fn an_estimate_above_a_limit_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let ids: String = (0..400).map(|id| format!("      - od-{id}\n")).collect();
    let file = format!(
        "tenants:\n  - app_id: cli_a\n    app_secret: hunter2\n    departments:\n{ids}\
         series_limit: 1000\n"
    );
    std::fs::write(directory.path().join("feishu-exporter.yml"), file).unwrap();
    let (status, out, _) = text(exporter(directory.path(), &["check-config"], &[]));
    assert_eq!(status, 0);
    assert!(
        out.contains("warning: tenant default: about 14709 requests a month are more"),
        "{out}"
    );
    assert!(
        out.contains("warning: about 102441 series are more than series_limit (1000)"),
        "{out}"
    );
}

#[test]
fn a_day_that_is_not_over_and_one_that_is_none_are_told_before_anybody_is_asked() {
    let file = format!("--config.file={}", data("minimal.ok.yml"));
    let (status, out, err) = run(&["collect", &file, "--date=2999-01-01"], &[]);
    assert_eq!((status, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("--date: 2999-01-01 is not over yet"), "{err}");
    let (_, _, err) = run(&["collect", "--date=yesterday"], &[]);
    assert!(err.contains("YYYY-MM-DD, such as 2026-11-27"), "{err}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_a_warning() {
    let env = [("HTTPS_PROXY", "socks5://user:hunter2@proxy:1080")];
    let (status, out, _) = run(&["check-config", &data("minimal.ok.yml")], &env);
    assert_eq!(status, 0);
    assert!(out.contains("warning: environment: HTTPS_PROXY: names a SOCKS proxy"), "{out}");
    assert!(!out.contains("hunter2"), "{out}");
}

/// Answers one request and returns it.
fn answer_once(answer: &'static [u8]) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..count]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, server)
}

#[test]
fn healthcheck_tells_a_healthy_exporter_from_any_other_answer() {
    let (address, server) = answer_once(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let env = [("FEISHU_EXPORTER_WEB_LISTEN_ADDRESS", address.as_str())];
    let (status, out, _) = run(&["healthcheck"], &env);
    assert_eq!((status, out), (0, format!("http://{address}/-/healthy is healthy\n")));
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /-/healthy HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("Host: {address}\r\n")), "{request}");

    let (address, server) = answer_once(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let url = format!("http://{address}/other");
    let (status, _, err) = run(&["healthcheck", "--url", &url], &[]);
    assert_eq!((status, err), (1, format!("feishu-exporter: {url} answered 503\n")));
    assert!(server.join().unwrap().starts_with("GET /other HTTP/1.1\r\n"));

    // Bound and closed again: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (status, _, err) = run(&["healthcheck", "--web.listen-address", &closed], &[]);
    assert_eq!(status, 1);
    assert!(err.contains("gave no answer"), "{err}");
}

#[test]
fn completions_know_the_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (status, out, _) = run(&["completions", shell], &[]);
        assert_eq!(status, 0, "{shell}");
        for word in ["check-config", "web.listen-address"] {
            assert!(out.contains(word), "{shell} lacks {word}");
        }
    }
}
