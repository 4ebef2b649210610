//! What must hold of tokens and jobs at every moment.

use super::job_plan::name;
use super::job_state::{Machine, Stage};

/// A law of the jobserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobLaw {
    /// As long as nobody was killed there are as many tokens as jobs, at every moment.
    Conserved,
    /// There are never more tokens than jobs, whoever was killed.
    NoneTooMany,
    /// Never more commands work at once than there are jobs (and tokens that were made up).
    Bounded,
    /// When nothing can happen but that work ends, nobody waits for a token while fewer commands work than may.
    NoIdleToken,
    /// When nothing runs beneath the server any more, there are as many tokens as jobs, whoever was killed; and of those that were made up
    /// none is left.
    Recovered,
    /// As long as nobody was killed: when nothing can happen but that work ends, no made-up token with which a process has ended is left: its parent has
    /// looked for it, and not made its own anew.
    Paid,
    /// Whatever has happened, all can come to their end.
    NoDeadlock,
    /// Nobody fails because of what another one does.
    Unharmed,
}

impl JobLaw {
    /// All of them.
    pub const ALL: [JobLaw; 8] = [
        JobLaw::Conserved,
        JobLaw::NoneTooMany,
        JobLaw::Bounded,
        JobLaw::NoIdleToken,
        JobLaw::Recovered,
        JobLaw::Paid,
        JobLaw::NoDeadlock,
        JobLaw::Unharmed,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            JobLaw::Conserved => "conserved",
            JobLaw::NoneTooMany => "none-too-many",
            JobLaw::Bounded => "bounded",
            JobLaw::NoIdleToken => "no-idle-token",
            JobLaw::Recovered => "recovered",
            JobLaw::Paid => "paid",
            JobLaw::NoDeadlock => "no-deadlock",
            JobLaw::Unharmed => "unharmed",
        }
    }

    /// What is wrong at this moment, if something is. (Of a deadlock, that nothing can happen: that nothing *leads to the end* only
    /// those know who have seen all moments.)
    pub(super) fn broken(self, machine: &Machine<'_>) -> Option<String> {
        let (jobs, tokens) = (i32::from(machine.tree.jobs), machine.tokens());
        let state = &machine.state;
        let counted = || {
            let left = if state.left > 0 { format!(", and {} made up", state.left) } else { String::new() };
            Some(format!("of tokens there are {tokens}, for {jobs} jobs{left}"))
        };
        match self {
            JobLaw::Conserved if state.kills == machine.tree.kills && tokens != jobs => counted(),
            JobLaw::NoneTooMany if tokens > jobs => counted(),
            JobLaw::Bounded => {
                let cheats: u8 = state.processes.iter().map(|process| process.cheats).sum();
                let (working, may) = (machine.working(), usize::from(machine.tree.jobs + cheats + state.left));
                (working > may).then(|| format!("{working} commands work, where {may} may"))
            }
            JobLaw::NoIdleToken => {
                let settled = machine.moves().iter().all(|next| next.is_outside());
                let waits = (0..machine.nodes.len()).find(|&who| machine.wants_token(who))?;
                let working = machine.working();
                (settled && working < usize::from(machine.tree.jobs))
                    .then(|| format!("{} waits for a token, and of {jobs} jobs {working} are done", name(waits)))
            }
            JobLaw::Recovered => {
                let settled = machine.moves().iter().all(|next| next.is_outside());
                let alone =
                    state.processes[1..].iter().all(|process| matches!(process.stage, Stage::Unborn | Stage::Gone));
                (settled && alone && (tokens != jobs || state.left > 0)).then(counted).flatten()
            }
            JobLaw::Paid => {
                let settled = machine.moves().iter().all(|next| next.is_outside());
                (settled && state.kills == machine.tree.kills && state.left > 0).then(counted).flatten()
            }
            JobLaw::NoDeadlock => (machine.moves().is_empty() && !has_ended(machine))
                .then(|| "nothing can happen any more, and not all have come to their end".into()),
            JobLaw::Unharmed => state.harmed.map(|who| format!("{} fails because of another", name(usize::from(who)))),
            _ => None,
        }
    }
}

pub(super) fn has_ended(machine: &Machine<'_>) -> bool {
    machine.state.processes[0].stage == Stage::Ended
}
