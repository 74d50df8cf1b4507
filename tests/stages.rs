//! Snapshots of the stages of every example and idiom, and what must hold of
//! each: verified, deterministic, and laid out canonically in the source. LLVM's
//! text is left out: it is the property of its version.

#[path = "support/files.rs"]
mod files;

use tilec::program::Program;
use tilec::stage::{Compilation, Stage};

const STAGES: [(Stage, &str); 3] =
    [(Stage::Tensor, "tensor"), (Stage::Canonical, "canonical"), (Stage::Plan, "plan")];

#[test]
fn every_stage_of_every_program() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/stages");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut taken = vec![];
    let programs = ["examples", "tests/cases/idioms"].into_iter().flat_map(files::tile_files);
    for path in programs {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let program = Program::check(&text);
        assert!(program.diagnostics.is_empty(), "{}: {:#?}", path.display(), program.diagnostics);
        let file = path.file_stem().expect("programs have names").to_string_lossy();
        for kernel in &program.module.kernels {
            let compilation = Compilation::new(kernel, &[]).expect("nothing is bound");
            for (stage, name) in STAGES {
                let text = compilation.text(stage).expect("these stages need no LLVM");
                let snapshot = format!("{file}__{}__{name}", kernel.name);
                taken.push(snapshot.clone());
                settings.bind(|| insta::assert_snapshot!(snapshot, text));
            }
        }
    }
    files::assert_no_stale_snapshots("stages", &taken);
}

#[test]
fn programs_of_the_project_are_laid_out_canonically() {
    for path in ["examples", "tests/cases/idioms"].into_iter().flat_map(files::tile_files) {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let formatted = tilec_frontend::format(&text).expect("programs are correct");
        assert!(formatted == text, "run `tilec fmt {}`", path.display());
    }
}

#[test]
fn the_same_program_gives_the_same_text_twice() {
    for path in files::tile_files("examples") {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let print = || {
            let program = Program::check(&text);
            let texts = program.module.kernels.iter().map(|kernel| {
                Compilation::new(kernel, &[])
                    .expect("nothing is bound")
                    .text(Stage::Canonical)
                    .expect("it has a text")
            });
            texts.collect::<String>()
        };
        assert_eq!(print(), print(), "{}", path.display());
    }
}
