//! The GNU jobserver, as a model: a tree of processes that share some jobs, by tokens in a pipe.
//!
//! Each process owns a token from its start to its end, which its parent has given up. Of what else it does, a [`Discipline`] tells. A
//! [`ProcessTree`] is played move by move, each as small as a system call, and anybody may be killed between two of them. [`every_state`] comes to
//! every state of a small tree, [`judge_interleavings`] plays random ones of larger trees; [`JobLaw`]s are judged at each moment.
//!
//! Nothing here knows a build, a pipe or a process: those are in `frontends`.

mod discipline;
mod explore;
mod job_plan;
mod job_state;
mod law;

pub use discipline::{Cheating, Discipline, JobFault, Waiting};
pub use explore::{
    BrokenJobLaw, RandomTrees, Story, StoryStep, every_state, judge_interleavings, replay_story, smallest_story,
};
pub use job_plan::{PlanScope, ProcessPlan, ProcessTree};
pub use law::JobLaw;
