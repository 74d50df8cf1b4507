//! Kernels of the examples and the cases, each with a grid of emulated Tensix cores and sizes.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use tilec::program::Program;
use tilec_ir::tensor::Role;
use tilec_ir::{Diagnostic, Kernel, launch};
use tilec_tensix_emu::Options;

use super::tensix::{Fault, try_on, with_grid};

pub(crate) const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];

/// Columns and rows of cores, which kernels take in turn.
const GRIDS: [[u32; 2]; 4] = [[1, 1], [2, 3], [3, 1], [4, 4]];

/// What sizes without a default are, in turn: those of rows and columns, of sums, of batches.
const SIDES: [i64; 4] = [33, 65, 1, 31];
const DEPTHS: [i64; 4] = [65, 300, 129, 31];
const BATCHES: [i64; 4] = [2, 1, 3, 2];

/// Kernels whose sizes are tied to each other, and sizes that keep the ties.
const TIED: [(&str, &[(&str, i64)]); 6] = [
    ("grouped_biased", &[("T", 33), ("G", 5), ("L", 7)]),
    ("pieces", &[("M", 33), ("N", 65), ("C", 5), ("L", 13)]),
    ("staged", &[("M", 33), ("N", 66), ("C", 6), ("L", 11), ("S", 5)]),
    ("carried", &[("M", 31), ("N", 66), ("C", 6), ("L", 11), ("S", 5), ("P", 7)]),
    ("three", &[("M", 5), ("N", 78), ("B", 2), ("C", 3), ("L", 13), ("S", 4)]),
    ("grid", &[("M", 9), ("N", 78), ("B", 2), ("C", 3), ("L", 13), ("S", 4)]),
];

/// Spellings of layers of experts.
const SPELLINGS: &str = "tests/cases/grouped/same";

/// A file of programs.
pub(crate) struct Source {
    /// Below the repository's root.
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) program: Program,
}

/// Nothing if all is well; the reasons if a kernel is refused; what is wrong.
pub(crate) type Said = Result<Option<String>, String>;

/// A kernel on a chip.
#[derive(Clone)]
pub(crate) struct Trial<'a> {
    pub(crate) source: &'a Source,
    pub(crate) kernel: &'a Kernel,
    pub(crate) chip: &'static str,
    /// Which of the grids and sizes it takes.
    pub(crate) turn: usize,
}

impl Source {
    /// What these files say.
    pub(crate) fn all(files: Vec<PathBuf>) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).expect("programs are text");
            let file = path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
            let program = Program::check(&text);
            Self { file, text, program }
        };
        files.into_iter().map(source).collect()
    }

    /// Its kernels on both chips, two turns apart.
    pub(crate) fn trials(&self) -> Vec<Trial<'_>> {
        let mut trials = vec![];
        for kernel in &self.program.module.kernels {
            // Its own turn, whichever kernels there are besides.
            let names = self.file.bytes().chain(kernel.name.bytes());
            let first = names.map(usize::from).sum::<usize>();
            let both = CHIPS.into_iter().zip([first, first + 2]);
            trials.extend(both.map(|(chip, turn)| Trial { source: self, kernel, chip, turn }));
        }
        trials
    }
}

impl<'a> Trial<'a> {
    /// The same with all grids and sizes.
    pub(crate) fn at_every_turn(self) -> [Self; 4] {
        [0, 1, 2, 3].map(|turn| Trial { turn, ..self.clone() })
    }

    /// The reasons if the kernel is refused.
    pub(crate) fn run(&self) -> Said {
        let set = self.sizes();
        let set = set
            .ok_or_else(|| format!("no sizes fit {} of {}", self.kernel.name, self.source.file))?;
        self.run_at(&set)
    }

    pub(crate) fn run_at(&self, set: &[(String, i64)]) -> Said {
        let Source { file, text, program } = self.source;
        let what = format!("{file}, {} on {}", self.kernel.name, self.chip);
        let set: Vec<_> = set.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        let chip = with_grid(self.chip, GRIDS[self.turn % 4]);
        // Trials run side by side.
        let options = Options { threads: 1, ..Options::default() };
        let source = (text.as_str(), &program.module);
        let tried = catch_unwind(|| try_on(source, &self.kernel.name, &chip, &set, &options));
        match tried.map_err(|_| format!("{what} with {set:?} panics"))? {
            Ok(()) => Ok(None),
            Err(Fault::Wrong(fault)) => Err(format!("{what} with {set:?}: {fault}")),
            Err(Fault::Refused(found)) => {
                let reasons = found.iter().map(|reason| reason_at(text, reason));
                let reasons = reasons.collect::<Option<Vec<_>>>();
                let reasons = reasons.ok_or_else(|| format!("{what} with {set:?}: {found:#?}"))?;
                Ok(Some(reasons.concat()))
            }
        }
    }

    /// Sizes that keep the kernel's facts; the first ones from this turn on.
    fn sizes(&self) -> Option<Vec<(String, i64)>> {
        let turns = (0..4).map(|more| self.sizes_of(|at| self.turn + more + at));
        let tied = TIED.iter().filter(|(name, _)| *name == self.kernel.name);
        let owned = |set: &&[(&str, i64)]| -> Vec<_> {
            set.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
        };
        turns.chain(tied.map(|(_, set)| owned(set))).find(|set| self.keep(set))
    }

    /// The sizes with one of them 0, for two where the kernel's facts allow that; of spellings
    /// of layers of experts, which are many steps, for one.
    pub(crate) fn empty(&self) -> Vec<Vec<(String, i64)>> {
        let set = self.sizes().unwrap_or_default();
        let most = if self.source.file.starts_with(SPELLINGS) { 1 } else { 2 };
        let without = |at: usize| {
            let mut set = set.clone();
            set[at].1 = 0;
            set
        };
        let turns = (0..set.len()).map(|at| (at + self.turn / 4) % set.len());
        turns.map(without).filter(|set| self.keep(set)).take(most).collect()
    }

    /// Whether sizes keep the kernel's facts.
    fn keep(&self, set: &[(String, i64)]) -> bool {
        let inputs = vec![None; self.kernel.tensors_of(Role::Input).count()];
        launch::bind(self.kernel, &inputs, &tilec::tensix::bound(self.kernel, set)).is_ok()
    }

    fn sizes_of(&self, turn: impl Fn(usize) -> usize) -> Vec<(String, i64)> {
        let unbound = self.kernel.sizes.iter().filter(|(_, size)| size.default.is_none());
        let size = |(at, name): (usize, &str)| match name {
            "K" => DEPTHS[turn(at) % 4],
            "B" | "G" | "H" => BATCHES[turn(at) % 4],
            _ => SIDES[turn(at) % 4],
        };
        let names = unbound.map(|(_, one)| one.name.clone()).enumerate();
        names.map(|(at, name)| (name.clone(), size((at, &name)))).collect()
    }
}

/// Where and why, if it is said where and how else.
fn reason_at(text: &str, reason: &Diagnostic) -> Option<String> {
    let place = reason.labels.first()?.span.start;
    reason.help.as_ref()?;
    let line = text.bytes().take(place as usize).filter(|&byte| byte == b'\n').count() + 1;
    Some(format!("    line {line}: {}\n", reason.message))
}
