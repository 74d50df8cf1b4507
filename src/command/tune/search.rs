//! The search: equation by equation, each with the best settings of those before.
//! Candidates are compiled side by side and measured one after the other; the best
//! is taken once its outputs agree with those of the untuned program.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tilec::cuda::Cuda;
use tilec::licenses::cuda_units;
use tilec::stage::Compilation;
use tilec::tune::{self, Region, Sample, Times};
use tilec_codegen_cuda::Emitted;
use tilec_ir::plan::RegionKind;
use tilec_ir::tensor::{Role, Tiling};
use tilec_ir::tile::{Accumulate, Body, Grid, Program, Side};
use tilec_ir::{Array, Atom, Element, Kernel, Launch, compare};
use tilec_passes::Settings;
use tilec_runtime::time::{Method, measure};
use tilec_target::measured::{Shared, Sums};

use crate::command::gpu::{self, Gpu, Loaded, OnGpu, Origin};
use crate::command::progress::with_progress;
use crate::command::{Stop, tensors};

/// What is searched.
pub(super) struct Search<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) origin: Origin<'a>,
    pub(super) kernel: &'a Kernel,
    pub(super) compilation: &'a Compilation<'a>,
    pub(super) launches: &'a [Launch],
    pub(super) repeats: usize,
    pub(super) most: usize,
    pub(super) seed: u64,
}

/// What was found.
pub(super) struct Tuned {
    /// By equation; none where nothing is faster than what is chosen without them.
    pub(super) settings: Vec<(String, Settings)>,
    /// The sizes of each launch, in words.
    pub(super) labels: Vec<String>,
    /// Times of the untuned program.
    pub(super) before: Times,
    /// Times of the tuned one.
    pub(super) after: Times,
    /// Times of tiles for many rows.
    pub(super) samples: Vec<Sample>,
}

/// A program that is compiled for the GPU.
struct Built {
    program: Program,
    loaded: Loaded,
}

/// A launch with its arrays on the GPU.
struct Placed<'a> {
    launch: &'a Launch,
    on: OnGpu,
}

impl Search<'_> {
    pub(super) fn run(&self) -> Result<Tuned, Stop> {
        let plan = self.compilation.plan();
        let regions = tune::regions(&plan, self.kernel);
        if regions.is_empty() {
            return Err(Stop::Usage(format!(
                "no equation of `{}` takes settings; `tilec explain` says what was recognized",
                self.kernel.name
            )));
        }
        let untuned = self.untuned()?;
        let mut placed = self.place(&untuned.loaded)?;
        let before = self.time(&untuned, &mut placed);
        let mut tuned = Tuned {
            settings: Vec::new(),
            labels: self.launches.iter().map(|launch| self.label(launch)).collect(),
            after: before.clone(),
            before,
            samples: Vec::new(),
        };
        for region in &regions {
            let rows = self.rows(&plan, region);
            let groups = tune::candidates(&plan, region.at, self.gpu.chip, &rows);
            for group in groups {
                if self.region(region, group, &untuned, &mut placed, &mut tuned)? {
                    break;
                }
            }
        }
        Ok(tuned)
    }

    /// The values of `m` of a contraction.
    fn rows(&self, plan: &tilec_ir::plan::Plan, region: &Region) -> Vec<i64> {
        let RegionKind::Contract(contract) = &plan.regions[region.at].kind else {
            return Vec::new();
        };
        let of = |launch: &Launch| {
            let ranges = contract.m.iter().map(|&var| plan.kernel.vars[var].range);
            ranges.map(|range| value(&plan.kernel, launch, range)).product()
        };
        self.launches.iter().map(of).collect()
    }

    fn label(&self, launch: &Launch) -> String {
        let sizes = self.kernel.sizes.iter();
        let sizes = sizes.map(|(id, size)| format!("{}={}", size.name, launch.size(id)));
        sizes.collect::<Vec<_>>().join(", ")
    }

    /// The program as it is without tile blocks for this chip.
    fn untuned(&self) -> Result<Built, Stop> {
        let (program, emitted) = self.emit(&[]).map_err(|d| self.origin.refuse(&d))?;
        let loaded = Loaded::new(&self.gpu.device, &emitted, Duration::ZERO).map_err(gpu::stop)?;
        Ok(Built { program, loaded })
    }

    fn emit(&self, tilings: &[Tiling]) -> Result<(Program, Emitted), Vec<tilec_ir::Diagnostic>> {
        let cuda = self.origin.cuda(&self.kernel.name, self.gpu.chip);
        let cuda = Cuda { tilings: tilings.iter().collect(), ..cuda };
        let program = self.compilation.program(&cuda)?;
        let emitted = cuda.emit(&program);
        Ok((program, emitted))
    }

    fn place(&self, loaded: &Loaded) -> Result<Vec<Placed<'_>>, Stop> {
        let missing = vec![None; self.kernel.tensors_of(Role::Input).count()];
        let place = |launch| {
            let inputs = tensors::complete(self.kernel, launch, missing.clone(), self.seed)?;
            Ok(Placed { launch, on: loaded.place(self.kernel, launch, &inputs)? })
        };
        self.launches.iter().map(place).collect()
    }

    /// The times of a program; what does not run has none.
    fn time(&self, built: &Built, placed: &mut [Placed<'_>]) -> Times {
        let method = Method { warm_up: 2, repeats: self.repeats, ..Method::default() };
        let time = |placed: &mut Placed<'_>| {
            let Built { loaded, .. } = built;
            placed.on.fit(loaded).ok()?;
            let launch = || loaded.launch(&placed.on);
            let times = measure(&self.gpu.device, &loaded.stream, method, launch).ok()?;
            Some(times.median())
        };
        placed.iter_mut().map(time).collect()
    }

    /// Tunes one region with one group of candidates; whether the chip took any.
    fn region(
        &self,
        region: &Region,
        mut group: Vec<Settings>,
        untuned: &Built,
        placed: &mut [Placed<'_>],
        tuned: &mut Tuned,
    ) -> Result<bool, Stop> {
        group.truncate(self.most);
        let built = with_progress("compiling candidates", |progress| {
            self.build_all(region, &group, &tuned.settings, progress)
        });
        let built: Vec<_> =
            group.into_iter().zip(built).filter_map(|(s, b)| Some((s, b?))).collect();
        let count = built.len().max(1) as f64;
        let mut times = with_progress("measuring candidates", |progress| {
            let timed = built.iter().enumerate().map(|(at, (_, built))| {
                progress(at as f64 / count);
                self.time(built, placed)
            });
            timed.collect::<Vec<_>>()
        });
        for ((_, built), times) in built.iter().zip(&times) {
            tuned.samples.extend(samples(&built.program, region, self.launches, times));
        }
        while let Some(best) = tune::best(&times, &tuned.after) {
            if tune::ratio(&times[best], &tuned.after).is_none_or(|ratio| ratio >= 1.0) {
                break;
            }
            let (settings, candidate) = &built[best];
            if self.agrees(untuned, candidate, placed)? {
                tuned.after.clone_from(&times[best]);
                tuned.settings.push((region.name.clone(), settings.clone()));
                break;
            }
            times[best] = vec![None; times[best].len()];
        }
        Ok(!built.is_empty())
    }

    /// Compiles candidates on all processors, in the order of the group.
    fn build_all(
        &self,
        region: &Region,
        group: &[Settings],
        before: &[(String, Settings)],
        progress: &(dyn Fn(f64) + Sync),
    ) -> Vec<Option<Built>> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut made = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(settings) = group.get(at) else { return made };
                made.push((at, self.build(region, settings, before)));
                let done = 1 + done.fetch_add(1, Ordering::Relaxed);
                progress(done as f64 / group.len() as f64);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut all: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| match worker.join() {
                Ok(made) => made,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.flatten().collect()
        });
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, built)| built).collect()
    }

    /// One candidate; `None` where it does not fit the chip.
    fn build(
        &self,
        region: &Region,
        settings: &Settings,
        before: &[(String, Settings)],
    ) -> Option<Built> {
        let tiling = |tensor, settings: &Settings| {
            let kernels = &self.origin.module.kernels;
            let at = kernels.iter().position(|kernel| kernel.name == self.kernel.name)?;
            Some(settings.tiling(at, tensor, self.gpu.chip))
        };
        let named = |(name, settings): &(String, Settings)| {
            let (tensor, _) = self.kernel.tensors.iter().find(|(_, t)| t.name == *name)?;
            tiling(tensor, settings)
        };
        let mut tilings: Vec<_> = before.iter().filter_map(named).collect();
        tilings.push(tiling(region.tensor, settings)?);
        let (program, emitted) = self.emit(&tilings).ok()?;
        let loaded = Loaded::new(&self.gpu.device, &emitted, Duration::ZERO).ok()?;
        self.launches.iter().try_for_each(|launch| loaded.prepare(self.kernel, launch)).ok()?;
        Some(Built { program, loaded })
    }

    /// Whether a candidate computes what the untuned program does, within what is
    /// allowed between any two.
    fn agrees(
        &self,
        untuned: &Built,
        candidate: &Built,
        placed: &mut [Placed<'_>],
    ) -> Result<bool, Stop> {
        for Placed { launch, on } in placed {
            let mut run = |built: &Built| -> Result<Vec<Array>, Stop> {
                on.fit(&built.loaded).map_err(gpu::stop)?;
                Ok(built.loaded.run(self.kernel, launch, on, 0xff)?.0)
            };
            let (expected, actual) = (run(untuned)?, run(candidate)?);
            let outputs = self.kernel.tensors_of(Role::Output).zip(expected.iter().zip(&actual));
            let units = cuda_units(self.kernel, self.gpu.chip);
            for (tensor, (expected, actual)) in outputs {
                let tolerance = compare::tolerance(self.kernel, launch, tensor, &units);
                if !compare::compare(expected, actual, &tolerance).within(&tolerance) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// The times of a program's tiles for many rows, where it has such a tile.
fn samples(program: &Program, region: &Region, launches: &[Launch], times: &Times) -> Vec<Sample> {
    let one = |(launch, time): (&Launch, &Option<f64>)| sample(program, region, launch, (*time)?);
    launches.iter().zip(times).filter_map(one).collect()
}

fn sample(program: &Program, region: &Region, launch: &Launch, seconds: f64) -> Option<Sample> {
    let kernel = &program.plan.kernel;
    let named = |at: usize| {
        let covers = program.plan.regions[at].covers.iter();
        covers
            .map(|&at| &kernel.equations[at])
            .any(|e| kernel.tensors[e.tensor].name == region.name)
    };
    let step = program.steps.iter().find(|step| named(step.region))?;
    let RegionKind::Contract(contract) = &program.plan.regions[step.region].kind else {
        return None;
    };
    let first = &step.variants.first()?.kernel;
    let (Body::Pipeline(pipeline), Grid::Persistent { items, blocks }) = (&first.body, &first.grid)
    else {
        return None;
    };
    if pipeline.swapped || pipeline.split > 1 {
        return None;
    }
    let depth: i64 =
        contract.k.iter().map(|&var| value(kernel, launch, kernel.vars[var].range)).product();
    let clusters = f64::from(blocks / pipeline.cluster.max(1));
    let bytes = Element::of(pipeline.instruction.elements[0]).bytes();
    let bytes = u32::try_from(bytes).ok()?;
    Some(Sample {
        sums: match pipeline.accumulate {
            Accumulate::Scale(_) => Sums::Scaled,
            Accumulate::Promote(_) => Sums::Promoted,
            Accumulate::InPlace => Sums::InPlace,
        },
        bytes,
        m: pipeline.tile[0],
        n: pipeline.tile[1],
        share: match pipeline.multicast? {
            Side::A => Shared::A,
            Side::B => Shared::B,
        },
        waves: (value(kernel, launch, *items) as f64 / clusters).ceil(),
        blocks: (depth as f64 * f64::from(bytes) / 128.0).ceil(),
        seconds,
    })
}

/// An integer over sizes, which a launch that is bound knows.
fn value(kernel: &Kernel, launch: &Launch, int: tilec_ir::IntId) -> i64 {
    let value = kernel.ints.eval(int, &mut |atom| match atom {
        Atom::Size(size) => launch.sizes.get(size.index()).copied(),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    });
    value.unwrap_or(0)
}
