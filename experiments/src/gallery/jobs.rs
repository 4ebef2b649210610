//! Scenes of the jobserver: stories that the laboratory's model finds, told by what comes from outside.
//!
//! The model looks for the smallest tree of processes, and the shortest story, in which a law is broken. What came from outside in that
//! story happens once more to processes of another discipline.

use alacarte_conformance::jobserver::{
    Discipline, JobLaw, PlanScope, ProcessPlan, ProcessTree, replay_story, smallest_story,
};

use super::{Panel, Performance, PlayedStep, SceneError, SceneFault, ScenePart};

/// More processes than the stories need.
pub const PROCESSES: usize = 5;

/// What is looked for.
#[derive(Debug)]
pub struct Sought {
    /// The law that is broken.
    pub law: JobLaw,
    /// Whether processes need a lock, and whether some keep to the plain protocol whatever the others do.
    pub scope: PlanScope,
    /// How many are killed.
    pub kills: u8,
    /// What is said of each step.
    pub says: &'static [&'static str],
}

impl Sought {
    /// The smallest story in which the first discipline breaks the law, and what the second does in it.
    pub fn play(
        &self,
        wrong: (ScenePart, Discipline),
        right: (ScenePart, Discipline),
    ) -> Result<Vec<Performance>, SceneError> {
        let tree = |plan, jobs| ProcessTree::new(jobs, wrong.1, plan).beside(Discipline::PLAIN).with_kills(self.kills);
        let trees = |plan: ProcessPlan| [1, 2, 3].map(|jobs| tree(plan.clone(), jobs)).into();
        let story = smallest_story(self.scope, self.law, trees).ok_or(SceneError::NoStory(self.law.name()))?;
        let perform = |(part, discipline)| {
            let tree = story.tree.clone().with_disciplines([discipline, Discipline::PLAIN]);
            let steps = replay_story(&story, &tree, &[self.law]).into_iter().enumerate();
            let steps = steps.map(|(number, scene)| PlayedStep {
                does: scene.does,
                says: self.says.get(number).copied().unwrap_or_default(),
                built: true,
                visits: Vec::new(),
                store: Vec::new(),
                metadata: vec![
                    Panel { title: "moves", lines: scene.then },
                    Panel { title: "tokens", lines: scene.stands.split("; ").map(str::to_owned).collect() },
                ],
                faults: scene
                    .wrong
                    .into_iter()
                    .map(|broken| SceneFault::Jobs { law: broken.law.name(), what: broken.what })
                    .collect(),
            });
            Performance { part, steps: steps.collect() }
        };
        Ok(vec![perform(wrong), perform(right)])
    }
}
