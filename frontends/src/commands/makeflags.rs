//! What `MAKEFLAGS` says of a jobserver, and how another one is written into it.

/// The options of make's command line, and behind ` -- ` its variables, which are left out.
pub(super) fn options(flags: &[u8]) -> impl Iterator<Item = &[u8]> {
    flags.split(u8::is_ascii_whitespace).take_while(|word| *word != b"--")
}

/// How many jobs it says, if it says a number.
pub(super) fn said(flags: &[u8]) -> Option<usize> {
    let number = |word: &[u8]| std::str::from_utf8(word.strip_prefix(b"-j")?).ok()?.parse::<usize>().ok();
    // (A pipe holds no more tokens.)
    options(flags).filter_map(number).last().filter(|jobs| *jobs > 0).map(|jobs| jobs.min(usize::from(u16::MAX)))
}

/// The variables before and behind the name of a pipe, see [`with_jobserver`].
pub(super) const DESCRIPTORS_AGAIN: [&str; 2] = ["ALACARTE-A--jobserver-auth=", "ALACARTE-B--jobserver-auth="];

/// Whether a word names a jobserver.
pub(super) fn names_jobserver(word: &[u8]) -> bool {
    DESCRIPTORS_AGAIN.iter().any(|variable| word.starts_with(variable.as_bytes()))
        || word.starts_with(b"--jobserver-auth=")
        || word.starts_with(b"--jobserver-fds=")
}

/// The option that names the jobserver: the last one counts.
pub(super) fn option(flags: &[u8]) -> Option<&[u8]> {
    options(flags).filter(|word| names_jobserver(word)).last()
}

/// Where the pipe lies that has a name in `MAKEFLAGS`, wherever that stands there.
#[cfg(feature = "confined")]
pub(super) fn pipe_named(flags: &std::ffi::OsStr) -> Option<std::path::PathBuf> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let words = flags.as_bytes().split(u8::is_ascii_whitespace);
    let name = words.filter_map(|word| word.strip_prefix(b"--jobserver-auth=fifo:")).next_back()?;
    Some(std::ffi::OsString::from_vec(name.to_vec()).into())
}

/// `MAKEFLAGS` with another jobserver.
///
/// Of several options that name one, make and ninja take the last; make before 4.4 ends if that has a name, and ninja joins none that has
/// no name. But make reads what stands behind ` -- ` as variables, and hands them on as they are, and ninja reads it like all else. So the
/// name stands there, as a variable that nobody reads. (Make before 4.2 knows the second spelling only.)
///
/// Cargo joins either, and hands what it has taken on to makes, so it must not take the name. It takes what stands behind the last
/// `--jobserver-auth=`, also within a word, where ninja does not look: so behind the name stands a variable whose own name ends so. And before it another
/// one, for each make hands its variables on in reverse.
pub(super) fn with_jobserver(flags: &[u8], jobs: usize, (read, write): (i32, i32), name: Option<&[u8]>) -> Vec<u8> {
    let is_jobs = |word: &[u8]| word.strip_prefix(b"-j").is_some_and(|jobs| jobs.iter().all(u8::is_ascii_digit));
    let mut words: Vec<&[u8]> = flags.split(|byte| *byte == b' ').filter(|word| !names_jobserver(word)).collect();
    let behind = words.iter().position(|word| *word == b"--").map_or(Vec::new(), |at| words.split_off(at));
    words.retain(|word| !is_jobs(word));
    // (The first word holds options of a letter each, or nothing.)
    if words.is_empty() {
        words.push(b"");
    }
    let ours = format!("-j{jobs} --jobserver-fds={read},{write} --jobserver-auth={read},{write}");
    words.push(ours.as_bytes());
    words.extend(if behind.is_empty() && name.is_some() { vec![&b"--"[..]] } else { behind });
    let name = name.map(|name| [b"--jobserver-auth=fifo:", name].concat());
    let [before, behind] = DESCRIPTORS_AGAIN.map(|variable| format!("{variable}{read},{write}"));
    words.extend(name.iter().flat_map(|name| [before.as_bytes(), name, behind.as_bytes()]));
    words.join(&b' ')
}
