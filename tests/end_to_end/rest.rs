//! What a process does that has nothing to do.

use std::{fs, thread, time::Duration};

use crate::{
    program::Program,
    world::{SECRET, World, metrics_of_latest},
};

/// So long is watched at a time: the clock is looked at once in it, or twice.
const WATCHED: Duration = Duration::from_secs(20);
/// Between two threads, one look at the clock is up to six switches with those of its timers.
const SWITCHES_MAX: u64 = 20;

/// How often threads of the process waited for something so far.
fn voluntary_switches(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_thread = |thread: fs::DirEntry| {
        // A thread may end meanwhile.
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse().unwrap())
    };
    threads.map(|thread| of_thread(thread.unwrap())).sum()
}

#[test]
fn a_process_at_rest_wakes_up_to_look_at_the_clock_and_for_nothing_else() {
    let world = World::new(2);
    let files = [("conf.yml", &*world.configuration()), ("secret", SECRET)];
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"],
        &files,
    );
    let url = exporter.listens();
    metrics_of_latest(&url, world.departments().len());
    // The first time something may still be fetched, such as the past.
    let mut counts = Vec::new();
    for _ in 0..4 {
        let before = voluntary_switches(exporter.id());
        thread::sleep(WATCHED);
        counts.push(voluntary_switches(exporter.id()) - before);
        if counts.iter().any(|count| *count <= SWITCHES_MAX) {
            return;
        }
    }
    panic!("voluntary switches in {WATCHED:?} each: {counts:?}");
}
