//! What a process does with its tokens: as make does, as ours do, as redo's do, and what is wrong on purpose.

/// What a process does with its token while it waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Waiting {
    /// It holds the token: the plain protocol knows no locks.
    Holding,
    /// It gives the token back, takes the lock when that is free, and then waits for a token. So does redo.
    LockFirst,
    /// It gives the token back, and takes the lock only when it has a token again. So do ours.
    TokenFirst,
}

/// Whether a process makes up a token that is shown, and would have to wait for one while nothing runs beneath it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cheating {
    /// It waits.
    Never,
    /// It does, whoever has started it, and looks for what its own commands owe. So does redo.
    Always,
    /// It does if all from the server down to it look for what their commands owe. So do ours.
    WhereAllPay,
}

/// Something that is wrong on purpose, for a law to catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobFault {
    /// What was taken out of the pipe is never put back.
    PutsNothingBack,
    /// A token is put back twice.
    PutsBackTwice,
    /// A server puts a token into the pipe for each job, and has its own besides.
    ServesOneTooMany,
    /// The token that a process owns from its start on is not used: each job takes one out of the pipe.
    IgnoresItsOwn,
    /// A command starts without a token.
    StartsWithout,
    /// A process keeps its own token while commands run on others, and has nothing to do with it.
    KeepsItsOwn,
    /// A process that found the pipe empty looks again only when a command of its own has ended.
    LooksSeldom,
    /// A process that saw a token, and finds it gone, sleeps until one comes, whatever its commands do.
    SleepsInRead,
    /// The pipe is made non-blocking, which holds for everybody who has it open.
    MakesNonBlocking,
    /// A process that gave its token back for a lock ends without one.
    EndsWithout,
    /// A server counts the tokens while commands run.
    MendsTooSoon,
    /// A token that was made up is one like any other when the child that had it has ended.
    SharesCheats,
    /// What a process that ended with such a token has left for its parent is not looked at.
    OverlooksCheats,
}

/// What a process does with its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Discipline {
    /// While it waits for a lock.
    pub waiting: Waiting,
    /// A server that has no command running counts the tokens: what is missing it makes anew, what is too much it takes away.
    pub mends: bool,
    /// A command counts as running until all that it started has ended, too.
    pub waits_for_all: bool,
    /// What a process does that is shown.
    pub cheats: Cheating,
    /// It sees a token before it reads it, and has to bear that it is gone by then.
    pub sees_first: bool,
    /// What is wrong with it.
    pub fault: Option<JobFault>,
}

impl Discipline {
    /// The protocol as GNU make describes it.
    pub const PLAIN: Discipline = Discipline {
        waiting: Waiting::Holding,
        mends: false,
        waits_for_all: false,
        cheats: Cheating::Never,
        sees_first: true,
        fault: None,
    };

    /// What `alacarte build` does.
    pub const OURS: Discipline = Discipline {
        waiting: Waiting::TokenFirst,
        mends: true,
        waits_for_all: true,
        cheats: Cheating::WhereAllPay,
        sees_first: false,
        ..Discipline::PLAIN
    };

    /// What redo does.
    pub const REDO: Discipline =
        Discipline { waiting: Waiting::LockFirst, cheats: Cheating::Always, sees_first: false, ..Discipline::PLAIN };

    /// The same, but for what a process does while it waits for a lock.
    #[must_use]
    pub const fn with_waiting(self, waiting: Waiting) -> Self {
        Discipline { waiting, ..self }
    }

    /// The same, but for what a process does that is shown.
    #[must_use]
    pub const fn with_cheats(self, cheats: Cheating) -> Self {
        Discipline { cheats, ..self }
    }

    /// The same, with something wrong.
    #[must_use]
    pub const fn with_fault(self, fault: JobFault) -> Self {
        Discipline { fault: Some(fault), ..self }
    }

    /// Whether it looks for what its commands owe.
    pub(super) fn pays(self) -> bool {
        self.cheats != Cheating::Never
    }

    pub(super) fn is(self, fault: JobFault) -> bool {
        self.fault == Some(fault)
    }
}
