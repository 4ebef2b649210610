//! The options behind a tool's name, read as `getopt_long` does: letters may share a dash, long names may be cut short, and what is no
//! option may stand anywhere.

/// An option.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) letter: char,
    pub(super) long: Option<&'static str>,
    /// It has a value.
    pub(super) valued: bool,
}

impl Known {
    /// A letter that stands for itself.
    pub(super) const fn letter(letter: char) -> Self {
        Known { letter, long: None, valued: false }
    }

    pub(super) const fn long(letter: char, long: &'static str) -> Self {
        Known { letter, long: Some(long), valued: false }
    }
}

/// What was given.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The letters of the options, with their values.
    options: Vec<(char, String)>,
    /// What is no option.
    pub(super) operands: Vec<String>,
}

impl Given {
    pub(super) fn has(&self, letter: char) -> bool {
        self.value(letter).is_some()
    }

    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.options.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

/// The usage is to be shown, and why if nobody asked for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Option<String>);

/// The letter by which help is asked for.
const HELP: char = 'h';

pub(super) fn read(tool: &str, arguments: Vec<String>, known: &[Known]) -> Result<Given, Refused> {
    let refused = |why: String| Refused(Some(format!("{tool}: {why}")));
    let mut given = Given::default();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let long = argument.strip_prefix("--").filter(|_| known.iter().any(|known| known.long.is_some()));
        if argument == "--" {
            given.operands.extend(rest);
            break;
        } else if let Some(long) = long {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let option = find(name, known).map_err(refused)?;
            let full = option.long.unwrap_or_default();
            let value = match value {
                Some(_) if !option.valued => {
                    return Err(refused(format!("option '--{full}' doesn't allow an argument")));
                }
                Some(value) => value.to_owned(),
                None if option.valued => {
                    rest.next().ok_or_else(|| refused(format!("option '--{full}' requires an argument")))?
                }
                None => String::new(),
            };
            given.put(option, value)?;
        } else if argument.len() > 1 && argument.starts_with('-') {
            let mut letters = argument[1..].chars();
            while let Some(letter) = letters.next() {
                let option = known.iter().find(|known| known.letter == letter);
                let option = option.ok_or_else(|| refused(format!("invalid option -- '{letter}'")))?;
                let mut value = String::new();
                if option.valued {
                    value.extend(letters.by_ref());
                    if value.is_empty() {
                        let lacks = || refused(format!("option requires an argument -- '{letter}'"));
                        value = rest.next().ok_or_else(lacks)?;
                    }
                }
                given.put(option, value)?;
            }
        } else {
            given.operands.push(argument);
        }
    }
    Ok(given)
}

impl Given {
    fn put(&mut self, option: &Known, value: String) -> Result<(), Refused> {
        if option.letter == HELP {
            return Err(Refused(None));
        }
        self.options.push((option.letter, value));
        Ok(())
    }
}

/// The option of that long name, or the only one that begins so.
fn find<'k>(name: &str, known: &'k [Known]) -> Result<&'k Known, String> {
    let begins = |known: &&Known| known.long.is_some_and(|long| long.starts_with(name));
    let found: Vec<&Known> = known.iter().filter(begins).collect();
    match found[..] {
        [] => Err(format!("unrecognized option '--{name}'")),
        [only] => Ok(only),
        _ => match found.iter().find(|known| known.long == Some(name)) {
            Some(exact) => Ok(exact),
            None => {
                let names = found.iter().filter_map(|known| known.long).map(|long| format!(" '--{long}'"));
                Err(format!("option '--{name}' is ambiguous; possibilities:{}", names.collect::<String>()))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 4] = [
        Known::long('h', "help"),
        Known::long('0', "print0"),
        Known::long('p', "pretty"),
        Known { letter: 'd', long: Some("delimiter"), valued: true },
    ];

    fn of(arguments: &str) -> Result<(String, Vec<String>), Option<String>> {
        let arguments = arguments.split(' ').map(str::to_owned).collect();
        let given = read("tool", arguments, &KNOWN).map_err(|Refused(why)| why)?;
        let options = given.options.iter().map(|(letter, value)| format!("{letter}{value} ")).collect();
        Ok((options, given.operands))
    }

    #[test]
    fn options_may_stand_anywhere_before_two_dashes() {
        assert_eq!(of("a -0d, - b -- -0"), Ok(("0 d, ".into(), vec!["a".into(), "-".into(), "b".into(), "-0".into()])));
        assert_eq!(of("--del=x=y -d z --print"), Ok(("dx=y dz 0 ".into(), vec![])));
        assert_eq!(of("--delimiter z -dab"), Ok(("dz dab ".into(), vec![])));
    }

    #[test]
    fn what_is_wrong_is_said_as_the_c_library_does() {
        let wrong = |text: &str| Err(Some(format!("tool: {text}")));
        assert_eq!(of("-h -Z"), Err(None));
        assert_eq!(of("--h"), Err(None));
        assert_eq!(of("-0Z -h"), wrong("invalid option -- 'Z'"));
        assert_eq!(of("--nope"), wrong("unrecognized option '--nope'"));
        assert_eq!(of("--pr"), wrong("option '--pr' is ambiguous; possibilities: '--print0' '--pretty'"));
        assert_eq!(of("a -d"), wrong("option requires an argument -- 'd'"));
        assert_eq!(of("--delimiter"), wrong("option '--delimiter' requires an argument"));
        assert_eq!(of("--print0=3"), wrong("option '--print0' doesn't allow an argument"));
        let none = read("tool", vec!["--builddir".into()], &[Known::letter('x')]);
        assert_eq!(none.map(|given| given.operands), Err(Refused(Some("tool: invalid option -- '-'".into()))));
    }
}
