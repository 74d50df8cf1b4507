//! `manifest.json` is what docs/manifest.md says: the example on the page and what
//! is emitted are read by the types, in this version and no other field.

use std::fs;
use std::path::Path;

use tilec::cuda::{self, Cuda};
use tilec::program::Program;
use tilec::stage::Compilation;
use tilec_codegen_cuda::Source;
use tilec_manifest::{Manifest, Parameter, VERSION};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.md");
    fs::read_to_string(path).expect("the page exists")
}

fn read(text: &str) -> Manifest {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

/// What `tilec compile` writes: the source and the manifest.
fn emitted(text: &str) -> (String, String) {
    let program = Program::check(text);
    let kernel = program.kernel(None).expect("there is one kernel");
    let compilation = Compilation::new(kernel, &[]).expect("nothing is bound");
    let chip = tilec_target::chip("h200").expect("it has a table");
    let source = Source { file: "test.tile", text };
    let cuda = Cuda::of(&program.module, &kernel.name, chip, source).expect("it is its kernel");
    let emitted = compilation.cuda(&cuda).expect("it can be expressed");
    let file = |ending: &str| {
        let files = cuda::files(emitted.clone());
        let file = files.into_iter().find(|(name, _)| name.ends_with(ending));
        String::from_utf8(file.expect("it is written").1).expect("it is text")
    };
    (file(".cu"), file("manifest.json"))
}

const SOFTMAX: &str = "kernel softmax[M, N](x: f32[M, N], by: f32) -> (y: f32[M, N]) where 1 <= N {\n    \
    top[m] = max[n](x[m, n])\n    \
    y[m, n] = exp((x[m, n] - top[m]) * by) / sum[j](exp((x[m, j] - top[m]) * by))\n}\n";

#[test]
fn the_example_on_the_page_is_a_manifest() {
    let page = page();
    let (_, rest) = page.split_once("```json\n").expect("there is an example");
    let (example, _) = rest.split_once("```").expect("it ends");
    let manifest = read(example);
    assert_eq!(manifest.version, VERSION);
    let resolved = tilec_runtime::resolve::resolve(&manifest, &[1000]).unwrap();
    assert_eq!(resolved.launches[0].grid, [4, 1, 1]);
    assert!(serde_json::from_str::<Manifest>(&example.replace("\"chip\"", "\"ship\"")).is_err());
}

#[test]
fn what_is_emitted_is_of_this_version_and_names_its_source() {
    use sha2::{Digest, Sha256};
    let (source, manifest) = emitted(SOFTMAX);
    let value: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(value["version"], VERSION);
    let manifest = read(&manifest);
    let hash = Sha256::digest(&source).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(manifest.source_sha256, hash);
    let steps = manifest.steps.iter().flat_map(|step| &step.variants);
    for launch in steps.flat_map(|variant| &variant.launches) {
        let declared = format!("{}(", launch.function);
        assert!(source.contains(&declared), "the source has no {declared}");
    }
    for step in &manifest.steps {
        assert!(step.variants.last().is_some_and(|last| last.when.is_empty()), "{step:?}");
    }
}

#[test]
fn every_field_and_word_is_on_the_page() {
    let page = page();
    let (_, manifest) = emitted(SOFTMAX);
    let mut fields = Vec::new();
    names(&serde_json::from_str(&manifest).unwrap(), &mut fields);
    for field in fields {
        assert!(
            page.contains(&format!("`{field}`")) || page.contains(&format!("\"{field}\"")),
            "no {field}"
        );
    }
    for word in ["pointer", "scalar", "size", "tensor_map", "argument", "workspace"] {
        assert!(page.contains(&format!("\"{word}\"")), "no {word}");
    }
    let scalar = serde_json::to_string(&Parameter::Scalar("alpha".to_owned())).unwrap();
    assert_eq!(scalar, "{\"scalar\":\"alpha\"}");
}

/// The names of all fields of all objects.
fn names(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                into.push(name.clone());
                names(value, into);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, into)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
