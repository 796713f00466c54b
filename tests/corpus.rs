//! The corpus of the fuzz targets, each input by its target, as an ordinary test; `fuzz/README.md`
//! tells how to look for more.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a crate of its own as well")]
mod fuzz;

use std::{
    fs, panic,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Also those of other threads.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn nothing_in_the_corpus_breaks_anything() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(info);
    }));
    for (name, target) in fuzz::TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&corpus).unwrap_or_else(|why| panic!("{corpus:?}: {why}")) {
            let path = entry.expect("it can be listed").path();
            let data = fs::read(&path).expect("it can be read");
            // What a fuzzer does first: the input, and what is left of it when it is cut.
            for cut in [data.len(), data.len() / 2, 0] {
                target(&data[..cut]);
                assert_eq!(PANICS.load(Ordering::SeqCst), 0, "{}, {cut} bytes", path.display());
            }
            inputs += 1;
        }
        assert!(inputs >= 3, "the corpus of {name} has {inputs} inputs");
    }
}
