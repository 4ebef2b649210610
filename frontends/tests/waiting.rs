//! What a command takes up while it waits for its turn, counted by the allocator. (In a program of its own, for nobody else is to allocate meanwhile.)

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::{directory, start};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; around it, numbers are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was held while so many commands waited for one that failed.
fn peak(commands: usize) -> usize {
    let lines: String = (0..commands).map(|number| format!("build o{number}: fail s\n")).collect();
    let at = directory(&[("build.ninja", &format!("rule fail\n  command = false\n{lines}")), ("s", "")]);
    let before = HELD.load(Relaxed);
    let mut process = start(at.path(), "suspending", "verifying-trace");
    PEAK.store(HELD.load(Relaxed), Relaxed);
    process.run().expect_err("it fails");
    PEAK.load(Relaxed) - before
}

#[test]
fn a_command_that_waits_for_its_turn_takes_little_room() {
    peak(100);
    let (few, many) = (peak(500), peak(2500));
    let each = (many - few) / 2000;
    // A command that runs holds ten thousand.
    assert!(each < 3000, "{each} bytes for each command that waits");
}
