//! The commands that end by themselves.

use serde_json::{Value, json};

use crate::{
    outside::{parse, promtool_check_metrics},
    program::{directory, run},
    world::{Demo, SECRET, World, day_of, rows, token},
};

#[test]
fn collect_prints_the_same_figures_in_three_formats() {
    let world = World::new(6);
    let directory =
        directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let collect = |format: &str| {
        let (status, out, err) = run(directory.path(), &["collect", "--format", format]);
        assert_eq!(status, Some(0), "{format}: {err}");
        out
    };
    let plain = collect("prometheus");
    promtool_check_metrics(&plain);
    let plain = parse("text", &plain);
    let open = parse("openmetrics", &collect("openmetrics"));
    let json: Value = serde_json::from_str(&collect("json")).unwrap();
    let departments = json[0]["departments"].as_array().unwrap();
    assert_eq!(departments.len(), world.departments().len());
    let mut compared = 0;
    for department in departments {
        for (version, figures) in department["product_versions"].as_object().unwrap() {
            for (metric, value) in figures.as_object().unwrap() {
                for samples in [&plain, &open] {
                    let same = samples.iter().filter(|s| {
                        s.name == *metric
                            && s.labels["department_id"] == department["department_id"]
                            && s.labels["product_version"] == *version
                    });
                    let values: Vec<f64> = same.map(|s| s.value).collect();
                    assert_eq!(values, [value.as_f64().unwrap()], "{metric} {version}");
                }
                compared += 1;
            }
        }
    }
    let figures = plain.iter().filter(|s| s.labels.contains_key("product_version")).count();
    assert_eq!(compared, figures);
}

#[test]
fn collect_takes_the_day_that_it_is_given() {
    let world = World::new(4);
    let directory =
        directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let (status, out, err) = run(directory.path(), &["collect"]);
    assert_eq!(status, Some(0), "{err}");
    let latest = parse("text", &out)
        .iter()
        .find(|s| s.name == "feishu_department_statistics_day_timestamp_seconds")
        .map(|s| day_of(s.value))
        .unwrap();
    let day = latest.checked_sub(jiff::ToSpan::days(30)).unwrap();
    let (status, out, err) =
        run(directory.path(), &["collect", "--format=json", "--date", &day.to_string()]);
    assert_eq!(status, Some(0), "{err}");
    let collected: Value = serde_json::from_str(&out).unwrap();
    let token = token(&world.api, SECRET);
    for department in collected[0]["departments"].as_array().unwrap() {
        assert_eq!(department["day"], day.to_string());
        let id = department["department_id"].as_str().unwrap();
        let rows = rows(&world.api, &token, id, day);
        let total = rows.iter().find(|row| row["product_version"] == "全部产品版本").unwrap();
        assert_eq!(
            department["product_versions"]["all"]["feishu_department_users"].as_f64(),
            total["total_user_num"].as_f64(),
        );
    }
}

#[test]
fn collect_is_status_1_if_a_department_failed_and_prints_the_others() {
    let world = World::new(6);
    let ids = world.departments();
    let refusal = json!({ "error": { "status": 400, "code": 1_051_003, "msg": "no permission" } });
    world.fault(Some(&ids[1]), &refusal);
    let directory =
        directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let (status, out, err) = run(directory.path(), &["collect", "--log.level=error"]);
    assert_eq!(status, Some(1));
    for told in ["feishu-exporter: ", "1051003", &ids[1], "data permission"] {
        assert!(err.contains(told), "{told} is not in: {err}");
    }
    promtool_check_metrics(&out);
    for id in &ids {
        assert_eq!(out.contains(&format!("{id}\",department=")), *id != ids[1], "{id}");
    }
}

#[test]
fn healthcheck_tells_a_running_exporter_from_none() {
    let demo = Demo::start();
    let address = format!("--web.listen-address={}", demo.url.trim_start_matches("http://"));
    let empty = directory(&[]);
    let (status, out, _) = run(empty.path(), &["healthcheck", &address]);
    assert_eq!((status, out), (Some(0), format!("{}/-/healthy is healthy\n", demo.url)));
    demo.stop();
    let (status, _, err) = run(empty.path(), &["healthcheck", &address]);
    assert_eq!(status, Some(1));
    assert!(err.contains("gave no answer"), "{err}");
}

#[test]
fn check_config_says_what_the_example_means_and_what_is_wrong() {
    let example = include_str!("../../feishu-exporter.example.yml");
    let directory = directory(&[
        ("good.yml", example),
        ("bad.yml", &example.replace("base_url:", "base_ur:").replace("2026-10-10", "10.10.")),
    ]);
    let (status, out, err) = run(directory.path(), &["check-config", "good.yml"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("good.yml is valid\n") && out.contains("requests"), "{out}");
    let (status, _, err) = run(directory.path(), &["check-config", "bad.yml"]);
    assert_eq!(status, Some(2));
    for told in ["2 problems", "base_ur", "did you mean", "base_url", "workdays"] {
        assert!(err.contains(told), "{told} is not in: {err}");
    }
}

/// What bash offers after these words, by the function of the script itself.
fn bash_offers(script: &str, words: &[&str]) -> Vec<String> {
    let line = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ");
    let read = format!(
        "{script}\n\
         COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()\n\
         offer=$(complete -p feishu-exporter | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n\
         \"$offer\" feishu-exporter \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let bash = std::process::Command::new("bash").args(["-c", &read]).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    String::from_utf8(bash.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_the_flags_and_values_of_each() {
    let empty = directory(&[]);
    let (status, script, _) = run(empty.path(), &["completions", "bash"]);
    assert_eq!(status, Some(0));
    let offers = |words: &[&str]| bash_offers(&script, words);
    let has = |offered: &[String], wanted: &str| {
        assert!(offered.iter().any(|offer| offer == wanted), "{wanted} is not in {offered:?}");
    };
    has(&offers(&["feishu-exporter", "disc"]), "discover");
    has(&offers(&["feishu-exporter", "--web.l"]), "--web.listen-address");
    let command = feishu_exporter::cli::command();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        let flags = subcommand.get_arguments().filter_map(|argument| argument.get_long());
        for flag in flags.filter(|flag| *flag != "help") {
            let flag = format!("--{flag}");
            has(&offers(&["feishu-exporter", name, &flag[..4.min(flag.len())]]), &flag);
        }
    }
    has(&offers(&["feishu-exporter", "discover", "--format", "y"]), "yaml");
    has(&offers(&["feishu-exporter", "collect", "--log.level", "de"]), "debug");
    has(&offers(&["feishu-exporter", "completions", "z"]), "zsh");
}

/// What one shell makes of lines of which the last word is begun: what it offers, or the line as it
/// completed it. `arguments` have the shell run the file `driver`.
fn completed(shell: &str, arguments: &[&str], driver: &str, lines: &[String]) -> Vec<String> {
    let (status, script, _) = run(directory(&[]).path(), &["completions", shell]);
    assert_eq!(status, Some(0));
    let files = directory(&[("script", &script), ("driver", driver), ("lines", &lines.join("\n"))]);
    let mut command = std::process::Command::new("timeout");
    command.arg("300").args(arguments).current_dir(files.path()).env("HOME", files.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shell} fails: is it there? use tests/run: {said}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Lines with a word that is begun, each with the whole word: commands, flags and values.
fn begun() -> Vec<(String, String)> {
    let mut begun = vec![
        ("feishu-exporter disc".to_owned(), "discover".to_owned()),
        ("feishu-exporter discover --format y".to_owned(), "yaml".to_owned()),
        ("feishu-exporter completions z".to_owned(), "zsh".to_owned()),
    ];
    for subcommand in feishu_exporter::cli::command().get_subcommands() {
        let flags = subcommand.get_arguments().filter_map(|argument| argument.get_long());
        for flag in flags.filter(|flag| *flag != "help") {
            let flag = format!("--{flag}");
            let part = &flag[..flag.len() - 1];
            begun.push((format!("feishu-exporter {} {part}", subcommand.get_name()), flag));
        }
    }
    begun
}

#[test]
fn fish_completes_commands_and_the_flags_and_values_of_each() {
    // clap offers fish no values of arguments without a flag.
    let mut begun = begun();
    begun.retain(|(line, _)| !line.starts_with("feishu-exporter completions"));
    let lines: Vec<String> = begun.iter().map(|(line, _)| line.clone()).collect();
    let driver = "source script\nfor line in (cat lines)\n  \
                  echo (complete -C \"$line\" | cut -f1 | string join ' ')\nend\n";
    let offered = completed("fish", &["fish", "driver"], driver, &lines);
    assert_offered(&begun, &offered);
}

/// Asserts that what a shell offers for each line has the whole word.
#[track_caller]
fn assert_offered(begun: &[(String, String)], offered: &[String]) {
    for ((line, whole), offered) in begun.iter().zip(offered) {
        let is_offered = offered.split(' ').any(|offer| offer.trim_end_matches('=') == whole);
        assert!(is_offered, "{line}: {offered}");
    }
    assert_eq!(offered.len(), begun.len());
}

#[test]
fn elvish_completes_commands_and_the_flags_of_each() {
    // clap offers elvish no values.
    let mut begun = begun();
    begun.retain(|(_, whole)| !["yaml", "zsh"].contains(&whole.as_str()));
    let lines: Vec<String> = begun.iter().map(|(line, _)| line.clone()).collect();
    // It has its editor, and so completions, only at a terminal, which shows more than the answers.
    let driver = "use str\neval (slurp <script)\n\
                  var complete = $edit:completion:arg-completer[feishu-exporter]\n\
                  for line [(str:split \"\\n\" (slurp <lines))] {\n  \
                  var offered = [($complete (str:split ' ' $line) | each {|o| put $o[stem] })]\n  \
                  echo (str:join ' ' $offered) >>said\n}\nexit 0\n";
    let at_terminal = "script -qec 'elvish -rc driver' /dev/null </dev/null >shown && cat said || { cat shown >&2; exit 1; }";
    let offered = completed("elvish", &["sh", "-c", at_terminal], driver, &lines);
    assert_offered(&begun, &offered);
}

#[test]
fn zsh_completes_commands_and_the_flags_and_values_of_each() {
    let begun = begun();
    let lines: Vec<String> = begun.iter().map(|(line, _)| line.clone()).collect();
    // A shell at a terminal of its own, which shows its line when it is asked for it.
    let driver = "cat >inner <<'END'\n\
                  PROMPT=; autoload -U compinit; compinit -u -D; source script\n\
                  setopt no_beep no_auto_list no_auto_menu\n\
                  show() { print -r -- \"LINE<$BUFFER>\"; BUFFER= }\n\
                  zle -N show; bindkey '^X' show\nEND\n\
                  zmodload zsh/zpty\nzpty inner zsh -f -i\nzpty -w inner 'source inner'\n\
                  while IFS= read -r line || [ -n \"$line\" ]; do\n  \
                  zpty -wn inner \"$line\"$'\\t\\x18'\n  \
                  zpty -r inner said '*LINE<*>*' || exit 1\n  \
                  print -r -- ${${said##*LINE<}%%>*}\ndone <lines\nzpty -d inner\n";
    let completed = completed("zsh", &["zsh", "driver"], driver, &lines);
    for ((line, whole), completed) in begun.iter().zip(&completed) {
        let word = completed.split_whitespace().next_back().unwrap_or_default();
        assert_eq!(word.trim_end_matches('='), whole, "{line}: {completed}");
    }
    assert_eq!(completed.len(), begun.len());
}

#[test]
fn discover_says_where_nothing_is_found_and_lists_children_after_their_parent() {
    let world = World::new(30);
    let files = directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let (status, out, _) = run(files.path(), &["discover", "--format=json"]);
    assert_eq!(status, Some(0));
    let listed: Value = serde_json::from_str(&out).unwrap();
    let listed = listed.as_array().unwrap();
    let mut above: Vec<&str> = Vec::new();
    for department in listed {
        let depth = usize::try_from(department["depth"].as_u64().unwrap()).unwrap();
        above.truncate(depth - 1);
        if let Some(parent) = above.last() {
            assert_eq!(department["parent_id"], **parent);
        }
        above.push(department["id"].as_str().unwrap());
    }
    let (status, out, err) =
        run(files.path(), &["discover", "--root=od-nobody", "--log.level=error"]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("od-nobody"), "{err}");
}

#[test]
fn collect_tells_a_failure_once_and_promises_nothing() {
    let world = World::new(4);
    let files = directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", "wrong")]);
    let (status, _, err) = run(files.path(), &["collect"]);
    assert_eq!(status, Some(1));
    assert_eq!(err.matches("10014").count(), 1, "{err}");
    let failure = err.lines().find(|line| !line.starts_with("warning: ")).unwrap();
    assert!(failure.starts_with("feishu-exporter: ") && !err.contains("next try"), "{err}");
}
