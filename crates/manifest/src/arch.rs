//! What an emitted source is compiled for, such as `sm_90a`, taken apart.

use std::fmt;

/// An architecture of NVIDIA's, by its compute capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arch {
    /// The generation.
    pub major: u32,
    /// The variant within it; one digit.
    pub minor: u32,
    /// Whether the source uses what only exactly this capability has (`a`).
    pub specific: bool,
}

impl Arch {
    /// Takes `sm_90a` apart; `None` where it is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sm_")?;
        let (digits, specific) = match digits.strip_suffix('a') {
            Some(digits) => (digits, true),
            None => (digits, false),
        };
        let number = digits.parse::<u32>().ok().filter(|_| digits.len() >= 2)?;
        Some(Self { major: number / 10, minor: number % 10, specific })
    }

    /// What to compile for so that a device of this capability runs it: itself, or
    /// the device's own where that is newer and nothing is specific. `None` where
    /// the device cannot run it.
    #[must_use]
    pub fn on(self, major: u32, minor: u32) -> Option<Self> {
        let same = (self.major, self.minor) == (major, minor);
        let newer = !self.specific && (self.major, self.minor) < (major, minor);
        (same || newer).then_some(Self { major, minor, specific: self.specific })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.specific { "a" } else { "" };
        write!(f, "sm_{}{}{suffix}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_run_on_what_is_at_least_them() {
        let on = |arch: &str, major, minor| {
            let arch = Arch::parse(arch).expect("it is an architecture");
            arch.on(major, minor).map(|arch| arch.to_string())
        };
        assert_eq!(on("sm_90a", 9, 0).as_deref(), Some("sm_90a"));
        assert_eq!(on("sm_90a", 10, 0), None);
        assert_eq!(on("sm_80", 9, 0).as_deref(), Some("sm_90"));
        assert_eq!(on("sm_89", 8, 0), None);
        assert_eq!(on("sm_120", 12, 0).as_deref(), Some("sm_120"));
        for wrong in ["", "sm_", "sm_9", "90a", "sm_90b", "compute_90", "sm_99999999999"] {
            assert_eq!(Arch::parse(wrong), None, "{wrong}");
        }
    }
}
