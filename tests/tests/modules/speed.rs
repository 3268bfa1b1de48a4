//! Start-up is independent of the number of installed modules beyond their notes.

use std::time::Duration;

use disklessset::modules::{ModuleRegistry, ModuleState};

use crate::forge::{Place, built, replace_in_note};

/// How many times the reading of the files a listing may take, in a build without optimisation.
const MOST: f64 = 20.0;

/// What this thread has had of a processor: other work on the machine does not count.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec.try_into().unwrap())
}

#[test]
fn a_thousand_modules_are_listed_from_their_notes_in_milliseconds() {
    let place = Place::new();
    let mut content = std::fs::read(built("demo")).unwrap();
    let (mut module, mut class) = ("\"demo\"".to_owned(), "DemoImage".to_owned());
    // What is not read is a hole, else a thousand copies were gigabytes.
    for number in 0..1000 {
        let (next_module, next_class) = (format!("\"m{number:03}\""), format!("Image{number:04}"));
        replace_in_note(&mut content, &module, &next_module);
        replace_in_note(&mut content, &class, &next_class);
        (module, class) = (next_module, next_class);
        let path = place.put(&format!("{}_module.so", module.trim_matches('"')), &content[..8192]);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(content.len() as u64).unwrap();
        copy_tail(&path, &content);
    }
    let (mut best, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        let start = processor_time();
        let registry = ModuleRegistry::scan(place.path());
        best = best.min(processor_time() - start);
        assert_eq!(registry.ready().count(), 1000);
        assert!(registry.entries().iter().all(|entry| entry.state == ModuleState::Ready));
        let start = processor_time();
        read_heads(place.path());
        bare = bare.min(processor_time() - start);
    }
    let ratio = best.as_secs_f64() / bare.as_secs_f64();
    println!("1,000 modules listed from their notes in {best:?} of a processor, {ratio:.1} of reading them");
    // A machine that is slow or busy is slow at both. To load a module costs some fifty times its note.
    assert!(ratio < MOST, "{best:?}, {bare:?}");
}

/// What reading the notes cannot do without, however they are understood.
fn read_heads(directory: &camino::Utf8Path) {
    use std::io::Read;
    let mut head = vec![0; 64 * 1024];
    for entry in directory.read_dir_utf8().unwrap() {
        let mut file = std::fs::File::open(entry.unwrap().path()).unwrap();
        assert!(file.read(&mut head).unwrap() > 0);
    }
}

/// The section headers lie at the end.
fn copy_tail(path: &camino::Utf8Path, content: &[u8]) {
    use std::os::unix::fs::FileExt;
    let sections = u64::from_le_bytes(content[40..48].try_into().unwrap());
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&content[sections as usize..], sections).unwrap();
}
