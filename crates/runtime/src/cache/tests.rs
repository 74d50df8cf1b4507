//! The cache under concurrency, damage and folders that cannot be used.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

fn key(source: &str) -> Key {
    Key::new(source, &["-arch=sm_90a".to_owned()], "13.0")
}

/// What the cache gives, and whether it had to be made.
fn get(cache: &Cache, key: &Key, made: &[u8]) -> (Vec<u8>, bool) {
    let mut asked = false;
    let bytes = cache.get_or_make(key, || {
        asked = true;
        Ok::<_, Infallible>(made.to_vec())
    });
    (bytes.unwrap(), asked)
}

#[test]
fn keys_differ_in_every_part_and_in_nothing_else() {
    let of = |source: &str, options: &[&str], version: &str| {
        let options: Vec<_> = options.iter().map(|&o| o.to_owned()).collect();
        Key::new(source, &options, version)
    };
    let one = of("ab", &["c", "d"], "e");
    assert_eq!(one, of("ab", &["c", "d"], "e"));
    for other in [
        of("aB", &["c", "d"], "e"),
        of("a", &["bc", "d"], "e"),
        of("ab", &["cd"], "e"),
        of("ab", &["c", "d"], "f"),
        of("ab", &["c", "d", "e"], ""),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn what_is_made_is_kept_and_what_fails_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(&folder.path().join("deep/er"));
    let failed = cache.get_or_make(&key("a"), || Err::<Vec<u8>, _>("no"));
    assert_eq!(failed, Err("no"));
    assert_eq!(get(&cache, &key("a"), b"one"), (b"one".to_vec(), true));
    assert_eq!(get(&cache, &key("a"), b"two"), (b"one".to_vec(), false));
    assert_eq!(get(&cache, &key("b"), b"two"), (b"two".to_vec(), true));
    let left = fs::read_dir(folder.path().join("deep/er")).unwrap();
    let names: Vec<_> = left.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|n| n.ends_with(".cubin") || n.ends_with(".lock")), "{names:?}");
}

#[test]
fn a_damaged_entry_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path());
    get(&cache, &key("a"), b"content");
    let entry = path(folder.path(), &key("a"));
    let good = fs::read(&entry).unwrap();
    for damaged in [&good[..good.len() - 1], &good[..20], b"", b"something else entirely"] {
        fs::write(&entry, damaged).unwrap();
        assert_eq!(get(&cache, &key("a"), b"content"), (b"content".to_vec(), true));
        assert_eq!(fs::read(&entry).unwrap(), good, "the entry is repaired");
    }
}

#[test]
fn folders_that_cannot_be_used_only_cost_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let occupied = folder.path().join("occupied");
    fs::create_dir_all(path(&occupied, &key("a"))).unwrap();
    // Even root cannot write under these, whatever the permissions.
    let unwritable = Path::new("/proc/self/fdinfo");
    for cache in [
        Cache { folder: None },
        Cache::in_folder(&file),
        Cache::in_folder(&file.join("below")),
        Cache::in_folder(&occupied),
        Cache::in_folder(unwritable),
    ] {
        for _ in 0..2 {
            assert_eq!(get(&cache, &key("a"), b"x"), (b"x".to_vec(), true), "{cache:?}");
        }
    }
}

#[test]
fn of_many_threads_one_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, made, start) =
        (Cache::in_folder(folder.path()), AtomicUsize::new(0), Barrier::new(16));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                start.wait();
                let bytes = cache.get_or_make(&key("a"), || {
                    made.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(50));
                    Ok::<_, Infallible>(vec![7; 100_000])
                });
                assert_eq!(bytes, Ok(vec![7; 100_000]));
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

/// The body of the processes that the next test starts: this test binary with the
/// folder in a variable. Without it there is nothing to do.
#[test]
fn in_a_process_of_its_own() {
    let Some(folder) = std::env::var_os("TILEC_TEST_CACHE") else { return };
    let folder = PathBuf::from(folder);
    let cache = Cache::in_folder(&folder.join("cache"));
    let bytes = cache.get_or_make(&key("shared"), || {
        let marker = folder.join(format!("made-by-{}", std::process::id()));
        fs::write(marker, "").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        Ok::<_, Infallible>(vec![3; 10_000])
    });
    assert_eq!(bytes, Ok(vec![3; 10_000]));
}

fn start_process(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cache::tests::in_a_process_of_its_own"])
        .env("TILEC_TEST_CACHE", folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn makers(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("made-by-")).count()
}

#[test]
fn of_many_processes_one_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let processes: Vec<_> = (0..6).map(|_| start_process(folder.path())).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(makers(folder.path()), 1);
}

#[test]
fn a_process_that_is_killed_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = start_process(folder.path());
    while makers(folder.path()) == 0 {
        assert_eq!(process.try_wait().unwrap(), None, "it ended before it began to make");
        std::thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let cache = Cache::in_folder(&folder.path().join("cache"));
    let start = std::time::Instant::now();
    assert_eq!(get(&cache, &key("shared"), b"mine"), (b"mine".to_vec(), true));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_holder_that_hangs_is_not_waited_for_forever() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x.lock");
    let held = lock::hold(&place, Duration::ZERO);
    assert!(held.is_some());
    assert!(lock::hold(&place, Duration::from_millis(20)).is_none());
    drop(held);
    assert!(lock::hold(&place, Duration::ZERO).is_some());
}

#[test]
fn the_environment_says_where() {
    let check = |variables: &[(&str, &str)], expected: Option<&str>| {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let cache = Cache::from_variables(&|name| variables.get(name).map(OsString::from));
        assert_eq!(cache.folder.as_deref(), expected.map(Path::new), "{variables:?}");
    };
    let everything = [("TILEC_CACHE", "t"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
    check(&everything, Some("t"));
    check(&everything[1..], Some("/x/tilec"));
    check(&everything[2..], Some("/h/.cache/tilec"));
    check(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")], Some("/h/.cache/tilec"));
    check(&[("TILEC_CACHE", ""), ("HOME", "/h")], None);
    check(&[], None);
}
