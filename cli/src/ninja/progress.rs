//! What a person or a program sees of a build, as ninja shows it: a line of status for each command (`NINJA_STATUS` says how it begins), and behind it
//! what the command wrote, as a whole. On a terminal the line is written over.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use alacarte_frontends::commands::{CommandEvent, Stage, clock, colours_are_shown, terminal_width, without_colours};
use alacarte_stores::{FileKey, bytes_of};
use console::{AnsiCodeIterator, measure_text_width, truncate_str};
use thiserror::Error;

use super::sentences::Started;

/// How much is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// What commands write, and nothing else.
    Quiet,
    /// A line of status as well.
    #[default]
    Normal,
    /// The whole command in that line.
    Verbose,
}

/// A status line that cannot be written.
#[derive(Debug, Error)]
#[error("NINJA_STATUS has %{0}, which stands for nothing: there are %f %t %s %r %u %p %o %c %e %w %E %W %P and %%")]
pub struct UnknownPlaceholder(char);

/// What the line of status counts.
#[derive(Debug, Default)]
struct Counts {
    total: usize,
    started: usize,
    running: usize,
    finished: usize,
    /// When the last commands ended, the newest last.
    recent: Vec<Instant>,
}

/// The line of status, and all that is shown between two of them.
#[derive(Debug)]
pub struct Progress {
    format: String,
    detail: Detail,
    /// The line can be written over.
    terminal: bool,
    coloured: bool,
    begin: Instant,
    counts: Counts,
    /// The commands that were expected to run and did not yet.
    expected: HashSet<FileKey>,
    /// Why commands run, in sentences that are shown with their lines.
    pub reasons: HashMap<FileKey, Vec<String>>,
    /// Something stands on the line.
    open: bool,
    /// A command has the terminal: this is what is to be shown after it.
    held: Option<Vec<u8>>,
    /// How the last command ended that failed.
    pub failure: Option<u8>,
    /// How much time is left, if it is known how long some command took before.
    pub left: Option<Duration>,
}

/// So many commands tell how fast they end at the moment.
const RECENT: usize = 16;

impl Progress {
    /// On standard output; `NINJA_STATUS` says how the line begins.
    pub fn new(detail: Detail) -> Result<Self, UnknownPlaceholder> {
        let format = std::env::var("NINJA_STATUS").unwrap_or_else(|_| "[%f/%t] ".into());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = io::stdout().is_terminal() && !dumb;
        let progress = Progress {
            format,
            detail,
            terminal: terminal && detail != Detail::Verbose,
            coloured: colours_are_shown(terminal),
            begin: Instant::now(),
            counts: Counts::default(),
            expected: HashSet::new(),
            reasons: HashMap::new(),
            open: false,
            held: None,
            failure: None,
            left: None,
        };
        progress.status()?;
        Ok(progress)
    }

    /// A build begins. These commands are expected to run.
    pub fn expect(&mut self, commands: HashSet<FileKey>) {
        self.counts = Counts::default();
        self.begin = Instant::now();
        self.expect_more(commands);
    }

    /// The build goes on. These commands are expected to run, and no others.
    pub fn expect_more(&mut self, commands: HashSet<FileKey>) {
        self.counts.total = self.counts.finished + commands.len();
        self.expected = commands;
    }

    /// Whether no command has been counted as run.
    pub fn is_idle(&self) -> bool {
        self.counts.finished == 0
    }

    /// A key is made for this reason, unless another is known.
    pub fn give_reason(&mut self, started: &Started) {
        self.reasons.entry(started.key.clone()).or_insert_with(|| vec![started.in_our_words()]);
    }

    /// A key need not be made.
    pub fn spared(&mut self, key: &FileKey) {
        self.counts.total -= usize::from(self.expected.remove(key));
    }

    /// A command started or ended.
    pub fn command(&mut self, event: &CommandEvent<'_>) {
        match event.stage {
            Stage::Started => {
                self.start(event.key);
                if event.console || self.terminal {
                    self.line_of(event.key, event.shown, event.command);
                }
                if event.console {
                    self.new_line(b"");
                    self.held = Some(Vec::new());
                }
            }
            Stage::Ended { success, code, output } => {
                self.finish();
                if event.console {
                    let held = self.held.take().unwrap_or_default();
                    self.write(&held);
                } else {
                    self.line_of(event.key, event.shown, event.command);
                }
                // (The line of a command that has ended counts it still.)
                self.counts.running -= 1;
                if !success {
                    self.failure = Some(code);
                    let outputs: Vec<&str> = event.outputs.iter().map(|output| output.as_str()).collect();
                    let (red, plain) = if self.coloured { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
                    let outputs = outputs.join(" ");
                    let failed = format!("{red}FAILED: [code={code}] {plain}{outputs} \n{}\n", event.command);
                    self.new_line(&bytes_of(&failed));
                }
                if !output.is_empty() {
                    let output = if self.coloured { output.into() } else { without_colours(output) };
                    self.new_line(&output);
                }
            }
            _ => {}
        }
    }

    /// A key was brought back: it counts as run if it was not there already, so that its command was expected to run.
    pub fn restored(&mut self, key: &FileKey, shown: &str, command: &str) {
        if self.expected.contains(key) {
            self.count(key, shown, command);
        }
    }

    /// Counts as run what would have run, or did not have to.
    pub fn count(&mut self, key: &FileKey, shown: &str, command: &str) {
        self.start(key);
        if self.terminal {
            self.line_of(key, shown, command);
        }
        self.finish();
        self.line_of(key, shown, command);
        self.counts.running -= 1;
    }

    fn start(&mut self, key: &FileKey) {
        self.counts.started += 1;
        self.counts.running += 1;
        self.expected.remove(key);
        // (One that nobody expected is one more; one that runs a second time, too.)
        self.counts.total = self.counts.total.max(self.counts.started + self.expected.len());
    }

    fn finish(&mut self) {
        self.counts.finished += 1;
        self.counts.recent.push(Instant::now());
        if self.counts.recent.len() > RECENT {
            self.counts.recent.remove(0);
        }
    }

    /// A line that stays.
    pub fn say(&mut self, line: &str) {
        self.new_line(&bytes_of(&format!("{line}\n")));
    }

    /// Nothing is written over any more.
    pub fn end(&mut self) {
        let held = self.held.take().unwrap_or_default();
        self.write(&held);
        self.new_line(b"");
    }

    fn line_of(&mut self, key: &FileKey, shown: &str, command: &str) {
        if let Some(reasons) = self.reasons.get(key).filter(|_| self.held.is_none()).cloned() {
            self.new_line(b"");
            for reason in reasons {
                let _ = io::stderr().write_all(&bytes_of(&format!("ninja explain: {reason}\n")));
            }
        }
        if self.detail == Detail::Quiet {
            return;
        }
        let what = if self.detail == Detail::Verbose { command } else { shown };
        // (That it can be written was seen when it was first read.)
        let line = self.status().unwrap_or_default() + what;
        if self.terminal {
            let line = line.lines().next().unwrap_or_default();
            let line = terminal_width().map_or(line.to_owned(), |width| elided(line, width));
            self.write(&bytes_of(&format!("\r{line}\x1b[K")));
            self.open = true;
        } else {
            self.write(&bytes_of(&(line + "\n")));
        }
    }

    /// How the line begins now.
    fn status(&self) -> Result<String, UnknownPlaceholder> {
        let Counts { total, started, running, finished, recent } = &self.counts;
        let elapsed = self.begin.elapsed();
        let percent = if *total > 0 { 100 * finished / total } else { 0 };
        // (Where nobody knows how long any command takes, all of them take the same.)
        let by_number = || elapsed.mul_f64((total - finished.min(total)) as f64 / *finished as f64);
        let left = self.left.or_else(|| (*finished > 0).then(by_number));
        let passed = left.map_or(0.0, |left| 100.0 * elapsed.as_secs_f64() / (elapsed + left).as_secs_f64().max(1e-9));
        let rate = |count: usize, time: Duration| match count as f64 / time.as_secs_f64() {
            rate if rate.is_finite() && count > 0 => format!("{rate:.1}"),
            _ => "?".into(),
        };
        let mut line = String::new();
        let mut format = self.format.chars();
        while let Some(character) = format.next() {
            if character != '%' {
                line.push(character);
                continue;
            }
            line += &match format.next() {
                Some('%') => "%".into(),
                Some('f') => finished.to_string(),
                Some('t') => total.to_string(),
                Some('s') => started.to_string(),
                Some('r') => running.to_string(),
                Some('u') => (total - started.min(total)).to_string(),
                Some('p') => format!("{percent:3}%"),
                Some('P') => format!("{:3}%", passed as u32),
                Some('o') => rate(*finished, elapsed),
                Some('c') => rate(recent.len().saturating_sub(1), recent.first().map_or(elapsed, Instant::elapsed)),
                Some('e') => format!("{:.3}", elapsed.as_secs_f64()),
                Some('E') => left.map_or("?".into(), |left| format!("{:.3}", left.as_secs_f64())),
                Some('w') => clock(elapsed),
                Some('W') => left.map_or("?".into(), clock),
                other => return Err(UnknownPlaceholder(other.unwrap_or(' '))),
            };
        }
        Ok(line)
    }

    /// Writes something that begins a line.
    fn new_line(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.open) {
            self.write(b"\n");
        }
        self.write(bytes);
        self.open = !matches!(bytes.last(), None | Some(b'\n'));
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(held) = &mut self.held {
            return held.extend_from_slice(bytes);
        }
        // A reader that went away is no reason to stop a build.
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }
}

/// A line that fits, without its middle if it is too long: the end of a path says more than what it begins with. Colours take no place, and stay.
fn elided(line: &str, width: usize) -> String {
    let all = measure_text_width(line);
    if all <= width {
        return line.to_owned();
    }
    let room = width.saturating_sub(3);
    let (begin, end) = (room / 2, all - (room - room / 2));
    let (mut kept, mut at, mut left_out) = (String::new(), 0, false);
    for (text, is_colour) in AnsiCodeIterator::new(line) {
        if is_colour {
            kept += text;
            continue;
        }
        let mut letter = [0; 4];
        for character in text.chars() {
            let next = at + measure_text_width(character.encode_utf8(&mut letter));
            if next <= begin || at >= end {
                kept.push(character);
            } else if !std::mem::replace(&mut left_out, true) {
                kept += "...";
            }
            at = next;
        }
    }
    // (On what is narrower than three dots, not even these stand.)
    truncate_str(&kept, width, "").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(format: &str) -> Progress {
        Progress {
            format: format.into(),
            detail: Detail::Normal,
            terminal: false,
            coloured: false,
            begin: Instant::now(),
            counts: Counts { total: 8, started: 4, running: 2, finished: 2, recent: Vec::new() },
            expected: HashSet::new(),
            reasons: HashMap::new(),
            open: false,
            held: None,
            failure: None,
            left: None,
        }
    }

    #[test]
    fn each_placeholder_has_its_number() {
        let line = |format| progress(format).status().expect("it is known");
        assert_eq!(line("[%f/%t] %s %r %u %% %p "), "[2/8] 4 2 4 %  25% ");
        assert_eq!((line("%w"), line("%c")), ("00:00".into(), "?".into()));
        assert_eq!(clock(Duration::from_secs(3_671)), "1:01:11");
        assert!(progress("%x").status().is_err() && progress("50%").status().is_err());
    }

    #[test]
    fn the_time_left_is_what_is_known_of_commands_or_else_by_their_number() {
        let mut progress = progress("%W %P");
        progress.begin = Instant::now() - Duration::from_secs(60);
        assert_eq!(progress.status().expect("it is known"), "03:00  25%");
        progress.left = Some(Duration::from_secs(20));
        assert_eq!(progress.status().expect("it is known"), "00:20  75%");
        (progress.left, progress.counts.finished) = (None, 0);
        assert_eq!(progress.status().expect("it is known"), "?   0%");
    }

    #[test]
    fn what_is_spared_is_counted_no_more() {
        let mut progress = progress("%t");
        progress.expect(["a", "b"].map(FileKey::from).into());
        progress.spared(&"a".into());
        progress.spared(&"a".into());
        progress.spared(&"c".into());
        assert_eq!(progress.status().expect("it is known"), "1");
    }

    #[test]
    fn a_long_line_keeps_its_beginning_and_its_end() {
        assert_eq!(elided("[1/2] short", 80), "[1/2] short");
        assert_eq!(elided("[1/2] cc -c /a/very/long/path/to/a/file.c", 20), "[1/2] cc.../a/file.c");
        assert_eq!(elided("[1/2] just as long", 18), "[1/2] just as long");
        assert_eq!(elided("\x1b[31mred, and so on to the end\x1b[0m", 11), "\x1b[31mred,... end\x1b[0m");
        // A letter that takes two places and has only one is left out.
        assert_eq!(elided("漢字漢字漢字", 10), "漢...漢字");
        assert_eq!(elided("abcdef", 2), "..");
    }
}
