//! The comparison on a spreadsheet.
//!
//! Every step is played as a new process would: the sheet is read, the journal replayed, the targets (all cells
//! that no other formula refers to) brought up to date. The check recomputes every formula from scratch.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use alacarte_core::{Build, BuildError, Cause, Power, Report, Schedules, Tasks};
use alacarte_frontends::spreadsheet::{Cell, CellRef, References, Scalar, Sheet, SheetStore, SheetTasks};
use alacarte_rebuilders::Perpetual;
use alacarte_schedulers::{Suspending, Topological};
use alacarte_stores::{Log, SharedCache};

use super::edit_script::{self, EditStep, ScriptError};
use super::{Built, CompareError, CompareOptions, Progress, StepOutcome};
use crate::systems::MenuCell;

const SHEET: &str = include_str!("../../workloads/spreadsheet/budget.csv");
const SCRIPT: &str = include_str!("../../workloads/spreadsheet/budget.edits.json");

/// A sheet and its script.
#[derive(Debug, Clone)]
pub struct SheetWorkload {
    name: String,
    sheet: Sheet,
    steps: Vec<EditStep>,
}

impl SheetWorkload {
    /// The sheet that comes with the program.
    pub(super) fn embedded() -> Result<Self, CompareError> {
        let sheet = Sheet::parse("budget.csv", SHEET).map_err(unreadable)?;
        Ok(SheetWorkload { name: "budget.csv".into(), sheet, steps: edit_script::parse("budget.edits.json", SCRIPT)? })
    }

    /// A sheet that a program has made.
    pub(super) fn of(name: &str, sheet: &str, edits: &str) -> Result<Self, CompareError> {
        let sheet = Sheet::parse(name, sheet).map_err(unreadable)?;
        let workload = SheetWorkload { name: name.into(), sheet, steps: edit_script::parse(name, edits)? };
        workload.fits()?;
        Ok(workload)
    }

    /// Whether there is something to compute, and each edit can be made: known before anything is played.
    fn fits(&self) -> Result<(), CompareError> {
        if !self.sheet.cells().any(|(_, cell)| matches!(cell, Cell::Formula(_))) {
            return Err(CompareError::Workload(format!("{}: there is no formula in this sheet", self.name)));
        }
        let mut played = self.sheet.clone();
        Ok(self.steps.iter().filter(|step| step.not_made.is_none()).try_for_each(|step| edit(&mut played, step))?)
    }

    /// Somebody's sheet. Its edits are those of the script that was named, or that lies beside it (`x.edits.json` beside
    /// `x.csv`); else they are chosen by the seed.
    pub(super) fn at(path: &Path, options: &CompareOptions) -> Result<Self, CompareError> {
        let sheet = Sheet::read(path).map_err(unreadable)?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if !sheet.cells().any(|(_, cell)| matches!(cell, Cell::Formula(_))) {
            return Err(CompareError::Workload(format!("{}: there is no formula in this sheet", path.display())));
        }
        let beside = Some(path.with_extension("edits.json")).filter(|beside| beside.is_file());
        let steps = match options.edits.as_ref().or(beside.as_ref()) {
            Some(file) => edit_script::read(file)?,
            None => edits(&sheet, options.seed),
        };
        let workload = SheetWorkload { name, sheet, steps };
        workload.fits()?;
        Ok(workload)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its script.
    pub fn steps(&self) -> &[EditStep] {
        &self.steps
    }

    /// What a topological scheduler says of the sheet if it cannot order it: a cell is dynamic, or written references make a
    /// circle.
    pub(super) fn unordered(&self) -> Option<String> {
        let tasks = match SheetTasks::new(self.sheet.clone()).into_static() {
            Ok(tasks) => tasks,
            Err(dynamic) => return Some(dynamic.to_string()),
        };
        let formulas: Vec<CellRef> = tasks.formulas().collect();
        let store = SheetStore::new(&self.sheet);
        let mut build = Build::new(tasks, store).with_scheduler(Topological::new()).with_rebuilder(Perpetual);
        let error = build.run(&formulas).err()?;
        let cycle = error.failures.iter().find(|failure| matches!(failure.cause, Cause::Cycle { .. }))?;
        // (What no scheduler builds is told by the build from scratch, once.)
        from_scratch(&self.sheet).is_ok().then(|| format!("{}: a topological scheduler finds {cycle}", self.name))
    }

    pub(super) fn play(
        &mut self,
        combinations: &[MenuCell<'_>],
        options: &CompareOptions,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<StepOutcome>, CompareError> {
        let expected = self.reference(options, progress)?;
        let mut outcomes = Vec::new();
        for &combination in combinations {
            let mut player = Player::new(self, combination, options.cache.as_deref())?;
            for (step, expected) in self.steps.iter().zip(&expected) {
                if options.stop.is_raised() {
                    return Err(CompareError::Stopped);
                }
                outcomes.push(player.step(step, expected)?);
                progress(&Progress { workload: &self.name, combination: Some(combination), step: &step.name });
            }
        }
        Ok(outcomes)
    }

    /// What every formula must be after each step: computed in a build that has nothing to remember.
    fn reference(
        &self,
        options: &CompareOptions,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Values>, CompareError> {
        let mut sheet = self.sheet.clone();
        let mut expected = Vec::new();
        for step in &self.steps {
            if options.stop.is_raised() {
                return Err(CompareError::Stopped);
            }
            if step.not_made.is_some() {
                expected.push(Values::new());
                continue;
            }
            edit(&mut sheet, step)?;
            let values = from_scratch(&sheet).map_err(|problem| CompareError::Reference {
                workload: self.name.clone(),
                place: step.place(),
                problem,
            })?;
            expected.push(values);
            progress(&Progress { workload: &self.name, combination: None, step: &step.name });
        }
        Ok(expected)
    }
}

type Values = Vec<(CellRef, Scalar)>;

/// The values of all formulas, computed in a build that has nothing to remember; or what failed of itself.
fn from_scratch(sheet: &Sheet) -> Result<Values, String> {
    let tasks = SheetTasks::new(sheet.clone());
    let formulas: Vec<CellRef> = tasks.formulas().collect();
    let build = Build::new(tasks, SheetStore::new(sheet));
    let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(Perpetual);
    build.run(&formulas).map_err(|error| {
        let causes = error.failures.iter().filter(|failure| !failure.cause.is_consequence());
        causes.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    Ok(formulas.into_iter().filter_map(|cell| Some((cell, build.get(cell)?))).collect())
}

fn unreadable(error: impl std::fmt::Display) -> CompareError {
    CompareError::Workload(error.to_string())
}

/// Types what the step says into the sheet.
fn edit(sheet: &mut Sheet, step: &EditStep) -> Result<(), ScriptError> {
    let unfit = |problem: String| ScriptError::Unfit { place: step.place(), problem };
    let of_files = ["touch", "file", "replace", "with", "append"];
    if let Some(said) = step.says().into_iter().find(|said| of_files.contains(said)) {
        let can = "a step says `cell` with `to`, `delete` (a cell whose value is lost), or `fresh`";
        return Err(unfit(format!("a sheet has cells, and no `{said}`: {can}")));
    }
    let place = |cell: &String| cell.parse::<CellRef>().map_err(|error| unfit(format!("{cell}: {error}")));
    let (column, row) = sheet.cells().fold((0, 0), |(column, row), (at, _)| (column.max(at.column), row.max(at.row)));
    let lie = format!("the cells of this sheet lie between A1 and {}", CellRef::new(column, row));
    if let Some(cell) = &step.delete
        && sheet.get(place(cell)?).is_none()
    {
        return Err(unfit(format!("{cell} is empty: {lie}")));
    }
    if let (Some(cell), Some(to)) = (&step.cell, &step.to) {
        let at = place(cell)?;
        // (A new cell belongs to the sheet if it lies among the others or beside them, or if a formula reads it.)
        if (at.column > column + 1 || at.row > row + 1) && !is_read(sheet, at) {
            return Err(unfit(format!("{cell} is not of this sheet, and no formula reads it: {lie}")));
        }
        sheet.set(at, to).map_err(|error| unfit(error.to_string()))?;
    }
    Ok(())
}

/// Whether a formula may read this cell.
fn is_read(sheet: &Sheet, at: CellRef) -> bool {
    sheet.cells().any(|(_, cell)| match cell {
        Cell::Value(_) => false,
        Cell::Formula(formula) => match formula.references() {
            References::Static(cells) => cells.contains(&at),
            References::Dynamic => true,
        },
    })
}

/// One combination, playing.
struct Player<'w> {
    workload: &'w SheetWorkload,
    combination: MenuCell<'w>,
    sheet: Sheet,
    scratch: tempfile::TempDir,
    /// Where values and traces lie that builds share.
    cache: SharedCache,
}

impl<'w> Player<'w> {
    fn new(workload: &'w SheetWorkload, combination: MenuCell<'w>, cache: Option<&Path>) -> Result<Self, CompareError> {
        let scratch = tempfile::tempdir().map_err(|source| CompareError::Scratch {
            action: "make",
            place: "a scratch directory".into(),
            source,
        })?;
        let cache = SharedCache::new(cache.map_or_else(|| scratch.path().join("cache"), Path::to_owned));
        Ok(Player { workload, combination, sheet: workload.sheet.clone(), scratch, cache })
    }

    fn step(&mut self, step: &EditStep, expected: &Values) -> Result<StepOutcome, CompareError> {
        let built = if step.not_made.is_none() { Some(self.play(step, expected)?) } else { None };
        Ok(StepOutcome {
            workload: self.workload.name.clone(),
            scheduler: self.combination.scheduler,
            rebuilder: self.combination.rebuilder,
            system: self.combination.system(),
            step: step.name.clone(),
            edit: step.edit(),
            not_made: step.not_made.clone(),
            built,
        })
    }

    fn play(&mut self, step: &EditStep, expected: &Values) -> Result<Built, CompareError> {
        edit(&mut self.sheet, step)?;
        let journal = self.scratch.path().join("journal");
        if step.fresh && journal.exists() {
            let place = journal.display().to_string();
            fs::remove_file(&journal).map_err(|source| CompareError::Scratch { action: "remove", place, source })?;
        }
        let tasks = SheetTasks::new(self.sheet.clone());
        let begin = Instant::now();
        let (result, values, journal_bytes) = match self.combination.is_ordered() {
            true => match tasks.into_static() {
                Ok(tasks) => self.build(tasks, step, &journal),
                Err(dynamic) => (Err(dynamic.to_string()), Vec::new(), 0),
            },
            false => self.build(tasks, step, &journal),
        };
        let wall_ms = begin.elapsed().as_micros() as f64 / 1000.0;
        let (report, mut problem) = match result {
            Ok(report) => (report, None),
            Err(error) => (Report::default(), Some(error)),
        };
        if problem.is_none() {
            problem = self.difference(&values, expected, &self.wanted());
        }
        Ok(Built {
            ran: report.ran.len() as u64,
            restored: report.restored.len() as u64,
            kept: report.kept,
            restarts: report.restarts,
            fetches: report.fetches,
            wall_ms,
            wall_ms_spread: 0.0,
            journal_bytes,
            correct: problem.is_none(),
            problem,
        })
    }

    /// The cells that must be right: all formulas, or only the targets.
    fn wanted(&self) -> Vec<CellRef> {
        let formulas: Vec<CellRef> = SheetTasks::new(self.sheet.clone()).formulas().collect();
        if self.combination.is_shallow() { targets(&self.sheet, &formulas) } else { formulas }
    }

    /// Builds the targets with nothing in memory but what the journal and the cache hold.
    fn build<P: Power>(
        &self,
        tasks: SheetTasks<P>,
        step: &EditStep,
        journal: &Path,
    ) -> (Result<Report, String>, Values, u64)
    where
        SheetTasks<P>: Tasks<CellRef, Scalar, Power = P>,
    {
        let nothing = |error: String| (Err(error), Vec::new(), 0);
        let (scheduler, rebuilder) = (self.combination.scheduler(), self.combination.of_sheets());
        let log = match Log::open(journal) {
            Ok(log) => log,
            Err(error) => return nothing(error.to_string()),
        };
        let formulas: Vec<CellRef> = tasks.formulas().collect();
        let targets = targets(tasks.sheet(), &formulas);
        let store = SheetStore::new(tasks.sheet());
        let mut build = Build::new(tasks, store)
            .with_scheduler(scheduler)
            .with_rebuilder(rebuilder)
            .with_journal(log)
            .with_cache(self.cache.traces());
        let edited = touch(&mut build, step);
        let result = match edited {
            Ok(()) => build.run(&targets).map_err(|error: BuildError<CellRef>| error.to_string()),
            Err(error) => Err(error),
        };
        let values = formulas.iter().filter_map(|&cell| Some((cell, build.get(cell)?))).collect();
        let bytes = alacarte_core::Journal::bytes(build.journal());
        (result, values, bytes)
    }

    /// Where the cells that must be right differ from those of a build from scratch.
    fn difference(&self, values: &Values, expected: &Values, wanted: &[CellRef]) -> Option<String> {
        let found: HashMap<_, _> = values.iter().cloned().collect();
        let wanted: HashSet<_> = wanted.iter().copied().collect();
        expected.iter().filter(|(cell, _)| wanted.contains(cell)).find_map(|(cell, expected)| match found.get(cell) {
            Some(value) if value == expected => None,
            Some(value) => Some(format!("{cell} is {value}, but {expected} from scratch")),
            None => Some(format!("{cell} has no value, but {expected} from scratch")),
        })
    }
}

/// What a step does to the store rather than to the sheet.
fn touch<P, T, S, R, J>(
    build: &mut Build<CellRef, Scalar, T, SheetStore, S, R, J>,
    step: &EditStep,
) -> Result<(), String>
where
    P: Power,
    T: Tasks<CellRef, Scalar, Power = P>,
    S: Schedules<P>,
    R: alacarte_core::Rebuilder<CellRef, Scalar>,
    J: alacarte_core::Journal<CellRef, Scalar>,
{
    if let Some(cell) = &step.delete {
        let at: CellRef = cell.parse().map_err(|error| format!("{cell}: {error}"))?;
        build.remove(at).map_err(|error| error.to_string())?;
    }
    // Typing a field again, equal or not, is what a file's new modification time is: make sees it.
    if let Some(cell) = &step.cell
        && matches!(step.to.as_deref(), Some(field) if !field.starts_with('='))
    {
        let at: CellRef = cell.parse().map_err(|error| format!("{cell}: {error}"))?;
        build.touch(at).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The formulas to which no other formula refers; all of them if these do not lead to all others, or if that cannot be
/// known.
fn targets(sheet: &Sheet, formulas: &[CellRef]) -> Vec<CellRef> {
    let mut references = HashMap::new();
    for &at in formulas {
        let Some(Cell::Formula(formula)) = sheet.get(at) else { continue };
        match formula.references() {
            References::Static(cells) => references.insert(at, cells),
            References::Dynamic => return formulas.to_vec(),
        };
    }
    let referred: HashSet<CellRef> = references.values().flatten().copied().collect();
    let roots: Vec<CellRef> = formulas.iter().copied().filter(|cell| !referred.contains(cell)).collect();
    let mut reached = HashSet::new();
    let mut todo = roots.clone();
    while let Some(cell) = todo.pop() {
        if reached.insert(cell) {
            todo.extend(references.get(&cell).into_iter().flatten());
        }
    }
    // Formulas that refer to each other in a circle, perhaps in branches that are never taken together.
    if formulas.iter().all(|cell| reached.contains(cell)) { roots } else { formulas.to_vec() }
}

/// A script for a sheet that has none: which cells it edits is chosen by the seed.
fn edits(sheet: &Sheet, seed: u64) -> Vec<EditStep> {
    let cells = |formula: bool| -> Vec<CellRef> {
        let wanted = sheet.cells().filter(|(_, cell)| match cell {
            Cell::Formula(_) => formula,
            Cell::Value(value) => !formula && matches!(value, Scalar::Number(_)),
        });
        wanted.map(|(at, _)| at).collect()
    };
    let (numbers, formulas) = (cells(false), cells(true));
    let pick = |from: &[CellRef], salt: u64| {
        let random = alacarte_core::Fingerprint::of_integer(seed.wrapping_mul(31).wrapping_add(salt)).0;
        (!from.is_empty()).then(|| from[(random % from.len() as u64) as usize])
    };
    let field = |at: CellRef| sheet.get(at).map(|cell| cell.to_field()).unwrap_or_default();
    let number = |at: CellRef, change: f64| match sheet.get(at) {
        Some(Cell::Value(Scalar::Number(number))) => {
            // A number may be so large that a small change is none.
            let change = if number + change == *number { change * number.abs() } else { change };
            Scalar::number(number + change).to_string()
        }
        _ => field(at),
    };
    let typed = |name: &str, at: Option<CellRef>, to: &dyn Fn(CellRef) -> String| {
        let Some(at) = at else { return EditStep::impossible(name, "the sheet has no typed number that could change") };
        EditStep { cell: Some(at.to_string()), to: Some(to(at)), ..EditStep::named(name) }
    };
    let formula = |name: &str, salt: u64, step: &dyn Fn(CellRef, EditStep) -> EditStep| match pick(&formulas, salt) {
        Some(at) => step(at, EditStep::named(name)),
        None => EditStep::impossible(name, "the sheet has no formula"),
    };
    vec![
        EditStep::named("clean"),
        EditStep::named("nothing changed"),
        typed("touched, equal", pick(&numbers, 1), &field),
        typed("number changed slightly", pick(&numbers, 2), &|at| number(at, 1e-9)),
        typed("number changed", pick(&numbers, 3), &|at| number(at, 1.0)),
        typed("number changed more", pick(&numbers, 4), &|at| number(at, 2.0)),
        typed("number changed back", pick(&numbers, 4), &field),
        formula("result deleted", 5, &|at, step| EditStep { delete: Some(at.to_string()), ..step }),
        formula("formula changed", 6, &|at, step| EditStep {
            cell: Some(at.to_string()),
            to: Some(format!("{}+1", field(at))),
            ..step
        }),
        EditStep { fresh: true, ..EditStep::named("fresh checkout") },
    ]
}
