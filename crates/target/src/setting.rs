//! The settings that a tile block may hold: `settings.toml`, parsed once.
//!
//! [`check_setting`] says whether a setting exists in a family, may stand at its
//! key, and takes its value. Whether it fits the region that its equation ends in
//! is for the passes to say, once regions are known.

use std::fmt::Write;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::chip::Family;

/// One setting of one family or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name, left of the `=`.
    pub name: String,
    /// The families that know it.
    pub families: Vec<Family>,
    /// The keys that it may stand at.
    pub scope: Scope,
    /// What it does, without a full stop.
    pub meaning: String,
    /// Whether it may change results, within the bound that its meaning gives.
    #[serde(default)]
    pub license: bool,
    integer: Option<Integers>,
    #[serde(default)]
    words: Vec<String>,
}

/// The keys of a tile block that a setting may stand at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The name of an equation.
    Equation,
    /// The name of the kernel.
    Kernel,
}

/// The values that a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts<'a> {
    /// Some integers.
    Integers(Integers),
    /// Some words.
    Words(&'a [String]),
}

/// A range of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integers {
    /// The smallest.
    pub least: i64,
    /// The largest.
    pub most: i64,
    /// What all of them are a multiple of.
    pub multiple_of: i64,
}

/// A value as written in a tile block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Integer(i64),
    /// A word.
    Word(&'a str),
}

/// Why a setting cannot stand where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the reasons.
    pub kind: RefusalKind,
    /// The reason as a sentence without a full stop.
    pub message: String,
    /// What could stand there instead.
    pub help: String,
}

/// The reasons for refusing a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The family has no such setting.
    Unknown,
    /// It belongs to the kernel and stands at an equation, or the other way round.
    Scope,
    /// It does not take this value.
    Value,
}

impl Setting {
    /// The values that it takes.
    #[must_use]
    pub fn accepts(&self) -> Accepts<'_> {
        match self.integer {
            Some(range) => Accepts::Integers(range),
            None => Accepts::Words(&self.words),
        }
    }

    /// The values that it takes, in words: `a multiple of 8 from 8 to 512`.
    #[must_use]
    pub fn accepted(&self) -> String {
        match self.accepts() {
            Accepts::Integers(Integers { least, most, multiple_of: 1 }) => {
                format!("a number from {least} to {most}")
            }
            Accepts::Integers(Integers { least, most, multiple_of }) => {
                format!("a multiple of {multiple_of} from {least} to {most}")
            }
            Accepts::Words(words) => words.join(" or "),
        }
    }

    fn takes(&self, value: Value<'_>) -> bool {
        match (self.accepts(), value) {
            (Accepts::Integers(range), Value::Integer(value)) => range.contains(value),
            (Accepts::Words(words), Value::Word(word)) => words.iter().any(|w| w == word),
            (Accepts::Integers(_), Value::Word(_)) | (Accepts::Words(_), Value::Integer(_)) => {
                false
            }
        }
    }
}

impl Integers {
    fn contains(self, value: i64) -> bool {
        (self.least..=self.most).contains(&value) && value % self.multiple_of == 0
    }
}

/// The settings of a family, in the order of the table.
pub fn settings(family: Family) -> impl Iterator<Item = &'static Setting> {
    all().iter().filter(move |setting| setting.families.contains(&family))
}

/// Checks one setting of a tile block.
///
/// # Errors
/// When the family has no such setting, it may not stand at this key, or it does
/// not take this value.
pub fn check_setting(
    family: Family,
    scope: Scope,
    name: &str,
    value: Value<'_>,
) -> Result<&'static Setting, Refusal> {
    let Some(setting) = settings(family).find(|setting| setting.name == name) else {
        return Err(unknown(family, scope, name));
    };
    if setting.scope != scope {
        return Err(misplaced(setting));
    }
    if !setting.takes(value) {
        return Err(Refusal {
            kind: RefusalKind::Value,
            message: format!("`{name}` does not take this value"),
            help: format!("`{name}` is {}", setting.accepted()),
        });
    }
    Ok(setting)
}

fn unknown(family: Family, scope: Scope, name: &str) -> Refusal {
    let elsewhere = all().iter().find(|setting| setting.name == name);
    let mut message = format!("chips of the {} family have no setting `{name}`", family.name());
    if let Some(setting) = elsewhere {
        let families: Vec<_> = setting.families.iter().map(|family| family.name()).collect();
        write!(message, "; {} chips do", families.join(", ")).expect("a String takes all text");
    }
    let known: Vec<_> = settings(family).filter(|s| s.scope == scope).map(|s| &*s.name).collect();
    Refusal {
        kind: RefusalKind::Unknown,
        message,
        help: format!("the settings that may stand here are {}", known.join(", ")),
    }
}

fn misplaced(setting: &Setting) -> Refusal {
    let name = &setting.name;
    let (message, help) = match setting.scope {
        Scope::Kernel => (
            format!("`{name}` is a setting for the whole kernel, not for one equation"),
            "give it under the name of the kernel",
        ),
        Scope::Equation => (
            format!("`{name}` is a setting for one equation, not for the whole kernel"),
            "give it under the name of the equation that it tunes",
        ),
    };
    Refusal { kind: RefusalKind::Scope, message, help: help.to_owned() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    format: u32,
    setting: Vec<Setting>,
}

fn all() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let table: Table = toml::from_str(include_str!("../settings.toml"))
            .expect("the embedded table of settings is well-formed");
        assert_eq!(table.format, 1, "the table of settings is of another format");
        table.setting
    });
    &SETTINGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use Family::{Ada, Ampere, Blackwell, Hopper, Tensix};
    use Scope::{Equation, Kernel};
    use Value::{Integer, Word};

    #[track_caller]
    fn check(at: (Family, Scope), name: &str, value: Value<'_>, expected: Option<&str>) {
        let said = check_setting(at.0, at.1, name, value).err();
        assert_eq!(said.as_ref().map(|refusal| &*refusal.message), expected, "{name} {value:?}");
    }

    #[test]
    fn settings_are_taken_or_refused_with_a_sentence() {
        let value = Some("`m` does not take this value");
        check((Hopper, Equation), "m", Integer(128), None);
        check((Hopper, Equation), "m", Integer(129), value);
        check((Hopper, Equation), "m", Integer(0), value);
        check((Hopper, Equation), "m", Integer(i64::MIN), value);
        check((Hopper, Equation), "m", Word("many"), value);
        check((Hopper, Equation), "promote", Word("never"), None);
        check((Hopper, Kernel), "launches", Word("one"), None);
        check(
            (Hopper, Equation),
            "launches",
            Word("one"),
            Some("`launches` is a setting for the whole kernel, not for one equation"),
        );
        check(
            (Hopper, Kernel),
            "stages",
            Integer(4),
            Some("`stages` is a setting for one equation, not for the whole kernel"),
        );
        check(
            (Hopper, Equation),
            "storage",
            Word("bfp8"),
            Some("chips of the hopper family have no setting `storage`; tensix chips do"),
        );
        check(
            (Tensix, Equation),
            "warps",
            Integer(4),
            Some(
                "chips of the tensix family have no setting `warps`; hopper, ampere, ada, blackwell chips do",
            ),
        );
    }

    #[test]
    fn every_setting_takes_something_and_stands_once_per_family() {
        for family in [Hopper, Ampere, Ada, Blackwell, Tensix] {
            for setting in settings(family) {
                let same = settings(family).filter(|other| other.name == setting.name).count();
                assert_eq!(same, 1, "{} twice in {}", setting.name, family.name());
                let probe = match setting.accepts() {
                    Accepts::Integers(range) => Integer(range.most),
                    Accepts::Words(words) => Word(words.first().expect("a word")),
                };
                check((family, setting.scope), &setting.name, probe, None);
            }
        }
    }

    #[test]
    fn precision_licenses_are_the_documented_four() {
        let licenses: Vec<_> = all().iter().filter(|s| s.license).map(|s| &*s.name).collect();
        assert_eq!(licenses, ["promote", "tf32", "fp8", "storage"]);
    }
}
