//! The state of a tree of processes at one moment, and everything that can happen next.
//!
//! A move is as small as a system call: between any two of them another process may have its turn, or be killed.

use std::fmt;

use super::discipline::{Cheating, JobFault, Waiting};
use super::job_plan::{Node, ProcessTree, name};

/// How far a process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Stage {
    /// It has not been started.
    #[default]
    Unborn,
    Alive,
    /// It has come to its end, and its parent has not looked yet.
    Ended,
    /// It was killed, and its parent has not looked yet.
    Killed,
    /// Its parent has seen its end.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Process {
    pub stage: Stage,
    /// Tokens that it owns, and has passed on to no child.
    pub tokens: u8,
    /// So many of them are made up.
    pub cheats: u8,
    /// So many of its children have been started.
    pub started: u8,
    pub locked: bool,
    /// A command works now,
    pub working: bool,
    /// or has done so.
    pub worked: bool,
    /// It has seen a token and is about to read it.
    pub reading: bool,
    /// It has found the pipe empty, and does not look again ([`JobFault::LooksSeldom`]).
    pub tired: bool,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    See,
    Take,
    FindNothing,
    Cheat,
    Start(usize),
    Reap(usize),
    PutBack,
    GiveBack,
    Lock,
    Work,
    Finish,
    Exit,
    Mend,
    Kill,
}

/// What happens to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub who: usize,
    pub act: Act,
}

impl Move {
    /// Whether it comes from outside, when it will: work ends, somebody kills. All else is the protocol's, and comes soon.
    pub fn is_outside(self) -> bool {
        matches!(self.act, Act::Finish | Act::Kill)
    }
}

/// Everything that changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Tokens in the pipe.
    pub pipe: u8,
    /// Tokens in the second pipe: made-up ones, with which processes have ended.
    pub left: u8,
    pub kills: u8,
    /// Whoever reads the empty pipe gets an error.
    pub nonblocking: bool,
    /// A process failed because of another.
    pub harmed: Option<u8>,
    pub processes: Vec<Process>,
}

/// A tree, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Machine<'t> {
    pub tree: &'t ProcessTree,
    pub nodes: Vec<Node>,
    pub state: State,
}

impl<'t> Machine<'t> {
    pub fn new(tree: &'t ProcessTree) -> Self {
        let nodes = tree.nodes();
        let mut processes = vec![Process::default(); nodes.len()];
        processes[0] = Process { stage: Stage::Alive, tokens: 1, ..Process::default() };
        let pipe = tree.jobs - u8::from(!nodes[0].discipline.is(JobFault::ServesOneTooMany));
        let state = State { pipe, left: 0, kills: tree.kills, nonblocking: false, harmed: None, processes };
        Machine { tree, nodes, state }
    }

    fn is(&self, who: usize, fault: JobFault) -> bool {
        self.nodes[who].discipline.is(fault)
    }

    /// Its children that were started and whose end it has not seen.
    pub fn running(&self, who: usize) -> impl Iterator<Item = usize> {
        let children = self.nodes[who].children.iter().copied();
        children.filter(|&child| !matches!(self.state.processes[child].stage, Stage::Unborn | Stage::Gone))
    }

    fn next_child(&self, who: usize) -> Option<usize> {
        self.nodes[who].children.get(usize::from(self.state.processes[who].started)).copied()
    }

    fn is_lock_free(&self) -> bool {
        !self.state.processes.iter().any(|process| process.locked)
    }

    /// It waits for the lock, which somebody has.
    fn waits_for_lock(&self, who: usize) -> bool {
        self.nodes[who].locks && !self.state.processes[who].locked && !self.is_lock_free()
    }

    /// It could go on if it had a token.
    pub fn wants_token(&self, who: usize) -> bool {
        let (process, node) = (&self.state.processes[who], &self.nodes[who]);
        let enough = if self.is(who, JobFault::IgnoresItsOwn) && self.next_child(who).is_some() { 2 } else { 1 };
        if process.stage != Stage::Alive || process.tokens >= enough || self.waits_for_lock(who) {
            return false;
        }
        if node.locks && !process.locked {
            return node.discipline.waiting == Waiting::TokenFirst;
        }
        let goes_on = self.next_child(who).is_some() || node.children.is_empty() && !process.worked;
        let ends = self.running(who).next().is_none() && !self.is(who, JobFault::EndsWithout);
        goes_on || ends
    }

    /// The process whose output a person looks at: the first that runs, of that the first that runs, and so on.
    fn is_shown(&self, who: usize) -> bool {
        let mut shown = 0;
        while let Some(child) = self.running(shown).next() {
            shown = child;
        }
        shown == who
    }

    fn may_cheat(&self, who: usize) -> bool {
        let pays = |who: usize| self.nodes[who].discipline.pays();
        match self.nodes[who].discipline.cheats {
            Cheating::Never => false,
            Cheating::Always => true,
            Cheating::WhereAllPay => {
                std::iter::successors(Some(who), |&who| (who > 0).then(|| self.nodes[who].parent)).all(pays)
            }
        }
    }

    /// All that can happen now.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for who in 0..self.nodes.len() {
            if self.state.processes[who].stage == Stage::Alive {
                self.moves_of(who, &mut |act| moves.push(Move { who, act }));
            }
        }
        moves
    }

    fn moves_of(&self, who: usize, can: &mut dyn FnMut(Act)) {
        let (state, node) = (&self.state, &self.nodes[who]);
        let (process, discipline) = (&state.processes[who], node.discipline);
        let idle = self.running(who).next().is_none();
        for child in self.running(who) {
            let ended = matches!(state.processes[child].stage, Stage::Ended | Stage::Killed);
            let alive = |below: usize| state.processes[below].stage == Stage::Alive;
            let all = !discipline.waits_for_all || !self.nodes[child].all.clone().any(alive);
            if ended && all && !(process.reading && self.is(who, JobFault::SleepsInRead)) {
                can(Act::Reap(child));
            }
        }
        if self.wants_token(who) {
            match (state.pipe, process.reading) {
                (0, false) if self.is(who, JobFault::LooksSeldom) && !process.tired => can(Act::FindNothing),
                (0, true) if state.nonblocking => can(Act::Take),
                (0, _) => {}
                _ if process.tired => {}
                (_, false) if discipline.sees_first => can(Act::See),
                _ => can(Act::Take),
            }
            if self.may_cheat(who) && state.pipe == 0 && idle && self.is_shown(who) {
                can(Act::Cheat);
            }
        }
        if node.locks && !process.locked {
            let token = process.tokens >= 1 || discipline.waiting == Waiting::LockFirst;
            if self.is_lock_free() && token {
                can(Act::Lock);
            } else if !self.is_lock_free() && process.tokens >= 1 && discipline.waiting != Waiting::Holding {
                can(Act::GiveBack);
            }
        } else if node.children.is_empty() {
            if process.tokens >= 1 && !process.working && !process.worked {
                can(Act::Work);
            }
        } else {
            let least =
                u8::from(!self.is(who, JobFault::StartsWithout)) + u8::from(self.is(who, JobFault::IgnoresItsOwn));
            if let Some(child) = self.next_child(who).filter(|_| process.tokens >= least) {
                can(Act::Start(child));
            }
            let spare =
                process.tokens >= 2 && !(self.is(who, JobFault::IgnoresItsOwn) && self.next_child(who).is_some());
            let unused = process.tokens >= 1 && self.next_child(who).is_none() && !idle;
            if spare || unused && !self.is(who, JobFault::KeepsItsOwn) {
                can(Act::PutBack);
            }
        }
        let done = node.children.is_empty() && process.worked
            || !node.children.is_empty() && self.next_child(who).is_none() && idle;
        let entered = !node.locks || process.locked;
        // (A server that mends counts before it ends.)
        let counts = who == 0 && discipline.mends;
        if entered && done && (process.tokens == 1 || self.is(who, JobFault::EndsWithout)) && !(counts && self.is_off())
        {
            can(Act::Exit);
        }
        if counts && self.is_off() && (idle || self.is(0, JobFault::MendsTooSoon)) {
            can(Act::Mend);
        }
        if process.working {
            can(Act::Finish);
        }
        if who > 0 && state.kills > 0 {
            can(Act::Kill);
        }
    }

    /// Whether the server, which knows of its own tokens and of those that it gave its commands, misses some, or has made some up.
    fn is_off(&self) -> bool {
        let known = usize::from(self.state.processes[0].tokens) + self.running(0).count();
        let owed = self.state.left + self.state.processes[0].cheats;
        usize::from(self.state.pipe) + known != usize::from(self.tree.jobs + owed)
    }

    /// Puts one of its tokens into the pipe; of one that was made up nothing is left.
    fn put_back(&mut self, who: usize) {
        let (nothing, twice) = (self.is(who, JobFault::PutsNothingBack), self.is(who, JobFault::PutsBackTwice));
        let process = &mut self.state.processes[who];
        process.tokens -= 1;
        if process.cheats > 0 {
            process.cheats -= 1;
            return;
        }
        self.state.pipe += if nothing { 0 } else { 1 + u8::from(twice) };
    }

    /// Has something happen.
    pub fn make(&mut self, Move { who, act }: Move) {
        match act {
            Act::See => self.state.processes[who].reading = true,
            Act::FindNothing => self.state.processes[who].tired = true,
            Act::Take if self.state.pipe == 0 => {
                self.state.harmed = Some(who as u8);
                self.die(who);
            }
            Act::Take => {
                self.state.pipe -= 1;
                let process = &mut self.state.processes[who];
                (process.tokens, process.reading) = (process.tokens + 1, false);
            }
            Act::Cheat => {
                let process = &mut self.state.processes[who];
                (process.tokens, process.cheats) = (process.tokens + 1, process.cheats + 1);
            }
            Act::Start(child) => {
                self.state.nonblocking |= self.is(who, JobFault::MakesNonBlocking);
                let process = &mut self.state.processes[who];
                // What the child owns from its start on, its parent has given up.
                (process.tokens, process.started) = (process.tokens.saturating_sub(1), process.started + 1);
                self.state.processes[child] = Process { stage: Stage::Alive, tokens: 1, ..Process::default() };
            }
            Act::Reap(child) => {
                self.state.processes[child] = Process { stage: Stage::Gone, ..Process::default() };
                let looks = self.nodes[who].discipline.pays() && !self.is(who, JobFault::OverlooksCheats);
                let shares = self.is(who, JobFault::SharesCheats);
                let (left, process) = (&mut self.state.left, &mut self.state.processes[who]);
                // The child's token is made anew, unless it makes up for one that was made up.
                match (looks && *left > 0, process.cheats) {
                    (true, _) => *left -= 1,
                    (false, 0) => process.tokens += 1,
                    (false, _) => {
                        process.cheats -= 1;
                        process.tokens += u8::from(shares);
                    }
                }
                (process.reading, process.tired) = (false, false);
            }
            Act::PutBack | Act::GiveBack => self.put_back(who),
            Act::Lock => {
                let is_command = self.nodes[who].children.is_empty();
                let process = &mut self.state.processes[who];
                process.locked = true;
                // Who has waited for another to do the work finds it done.
                process.worked = is_command && process.tokens == 0;
            }
            Act::Work => self.state.processes[who].working = true,
            Act::Finish => {
                let process = &mut self.state.processes[who];
                (process.working, process.worked) = (false, true);
            }
            Act::Exit => {
                let process = &mut self.state.processes[who];
                self.state.left += process.cheats;
                let orphan = who > 0 && self.state.processes[self.nodes[who].parent].stage != Stage::Alive;
                let process = &mut self.state.processes[who];
                let stage = if orphan { Stage::Gone } else { Stage::Ended };
                // (Of a process that nobody waits for, the token is gone as well.)
                let tokens = if orphan { 0 } else { process.tokens };
                *process = Process { stage, tokens, ..Process::default() };
            }
            Act::Mend => {
                let known = usize::from(self.state.processes[0].tokens) + self.running(0).count();
                self.state.pipe = self.tree.jobs.saturating_sub(known as u8);
                (self.state.left, self.state.processes[0].cheats) = (0, 0);
            }
            Act::Kill => {
                self.state.kills -= 1;
                self.die(who);
            }
        }
    }

    /// A process is no more, nor is what it has started, unless that lives on. The kernel unlocks what it had locked.
    fn die(&mut self, who: usize) {
        self.state.processes[who] = Process { stage: Stage::Killed, ..Process::default() };
        for below in self.nodes[who].all.clone().skip(1) {
            let lives_on = self.tree.orphans
                && (self.state.processes[below].stage == Stage::Alive || self.nodes[below].parent != who);
            if !lives_on {
                self.state.processes[below] = Process { stage: Stage::Gone, ..Process::default() };
            }
        }
        // One whose parent has died before has nobody who waits for it.
        if self.state.processes[self.nodes[who].parent].stage != Stage::Alive {
            self.state.processes[who].stage = Stage::Gone;
        }
    }

    /// Has everything happen that the protocol has happen, until something must come from outside: those who were started last have
    /// their turn first. What it was.
    pub fn settle(&mut self, patience: usize) -> Vec<Move> {
        let mut made = Vec::new();
        while made.len() < patience
            && let Some(next) = self.moves().into_iter().rfind(|next| !next.is_outside())
        {
            self.make(next);
            made.push(next);
        }
        made
    }

    /// How many commands work.
    pub fn working(&self) -> usize {
        self.state.processes.iter().filter(|process| process.working).count()
    }

    /// How many tokens there are: in the pipe, and in the hands of those that live, less those that were made up.
    pub fn tokens(&self) -> i32 {
        let held = |process: &Process| i32::from(process.tokens) - i32::from(process.cheats);
        i32::from(self.state.pipe) - i32::from(self.state.left) + self.state.processes.iter().map(held).sum::<i32>()
    }

    /// A move, in words.
    pub fn told(&self, Move { who, act }: Move) -> String {
        let who = name(who);
        match act {
            Act::See => format!("{who} sees a token in the pipe"),
            Act::Take if self.state.pipe == 0 => {
                format!("{who} reads, finds nothing, and fails: the pipe does not block")
            }
            Act::Take => format!("{who} takes a token out of the pipe"),
            Act::FindNothing => format!("{who} finds no token in the pipe"),
            Act::Cheat => format!("{who}, which is shown, makes a token up"),
            Act::Start(child) => format!("{who} starts {}", name(child)),
            Act::Reap(child) => format!("{who} sees that {} has ended", name(child)),
            Act::PutBack => format!("{who} puts a token back"),
            Act::GiveBack => format!("{who} gives its token back, and waits for the lock"),
            Act::Lock => format!("{who} takes the lock"),
            Act::Work => format!("{who} begins to work"),
            Act::Finish => format!("{who} has done its work"),
            Act::Exit => format!("{who} ends"),
            Act::Mend => format!("{who} counts the tokens, and puts them right"),
            Act::Kill => format!("{who} is killed"),
        }
    }
}

impl fmt::Display for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the pipe", self.state.pipe)?;
        if self.state.left > 0 {
            write!(f, ", {} in the second", self.state.left)?;
        }
        for (number, process) in self.state.processes.iter().enumerate() {
            let doing = match process.stage {
                Stage::Unborn | Stage::Gone => continue,
                Stage::Ended => "has ended",
                Stage::Killed => "was killed",
                Stage::Alive if process.working => "works",
                Stage::Alive if self.waits_for_lock(number) => "waits for the lock",
                Stage::Alive if self.wants_token(number) => "waits for a token",
                Stage::Alive => "waits for its commands",
            };
            write!(f, "; {} {doing}", name(number))?;
            if process.locked {
                write!(f, ", has the lock")?;
            }
            match (process.stage, process.tokens) {
                (Stage::Alive, 1) => write!(f, ", has a token")?,
                (Stage::Alive, tokens @ 2..) => write!(f, ", has {tokens} tokens")?,
                _ => {}
            }
        }
        Ok(())
    }
}
