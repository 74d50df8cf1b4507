//! Sizes on the command line: `NAME=INT`, one or several.

/// Sizes of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Several(Vec<(String, i64)>);

impl Several {
    /// These sizes, and those of `set` that are not among them.
    fn over(&self, set: &[(String, i64)]) -> Vec<(String, i64)> {
        let others = set.iter().filter(|(name, _)| self.0.iter().all(|(own, _)| own != name));
        others.chain(&self.0).cloned().collect()
    }
}

/// The sizes of each launch: those of `set` alone, or each of `several` over them.
pub(crate) fn rows(set: &[(String, i64)], several: &[Several]) -> Vec<Vec<(String, i64)>> {
    if several.is_empty() {
        return vec![set.to_vec()];
    }
    several.iter().map(|sizes| sizes.over(set)).collect()
}

/// Parses `NAME=INT`.
pub(crate) fn one(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=INT, for example `S=8`")?;
    let value = value.trim().parse::<i64>().map_err(|_| format!("`{value}` is not an integer"))?;
    if name.trim().is_empty() {
        return Err("the name of the size is missing before `=`".to_owned());
    }
    if value < 0 {
        return Err(format!("sizes are at least 0, and {value} is not"));
    }
    Ok((name.trim().to_owned(), value))
}

/// Parses `NAME=INT,NAME=INT`.
pub(crate) fn several(text: &str) -> Result<Several, String> {
    text.split(',').map(one).collect::<Result<_, _>>().map(Several)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_put_over_others() {
        let sizes = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
            pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
        };
        let read = several("M=1, K=3").unwrap();
        assert_eq!(
            read.over(&sizes(&[("M", 9), ("N", 2)])),
            sizes(&[("N", 2), ("M", 1), ("K", 3)])
        );
        for wrong in ["", "M", "M=", "=1", "M=1,", "M=-1", "M=1.5"] {
            assert!(several(wrong).is_err(), "{wrong}");
        }
    }
}
