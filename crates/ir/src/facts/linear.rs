//! Whether linear inequalities contradict each other, decided exactly.
//!
//! Given columns `h_1, h_2, ..` (each a constant and coefficients of unknowns,
//! meaning `h >= 0`), they cannot all hold if some combination with weights
//! `w >= 0` cancels every unknown and leaves a negative constant (Farkas). The
//! weights are sought by the simplex method on that cone, in integers, with
//! Bland's rule so that it ends. Running out of bits or of work is "no".

use crate::poly::gcd;

/// The most numbers in a tableau.
const MAX_ENTRIES: usize = 100_000;

/// A statement `constant + sum of coefficient * unknown >= 0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) constant: i64,
    /// Unknowns in ascending order.
    pub(super) coefficients: Vec<(usize, i64)>,
}

/// Steps on single numbers that one answer may take: a few milliseconds.
pub(super) const WORK: usize = 800_000;

/// Whether the statements contradict each other (for sure). `work` counts the
/// steps of all that is asked for one answer.
pub(super) fn contradiction(mut columns: Vec<Column>, unknowns: usize, work: &mut usize) -> bool {
    prune(&mut columns, unknowns);
    if columns.iter().any(|c| c.coefficients.is_empty() && c.constant < 0) {
        return true;
    }
    // Without a negative constant no combination of weights has one.
    if columns.iter().all(|c| c.constant >= 0) {
        return false;
    }
    let unknowns = renumber(&mut columns);
    if unknowns * columns.len() > MAX_ENTRIES {
        return false;
    }
    Tableau::new(&columns, unknowns, work)
        .is_some_and(|mut tableau| tableau.has_ray().unwrap_or(false))
}

/// Drops statements that hold an unknown which nothing can cancel.
fn prune(columns: &mut Vec<Column>, unknowns: usize) {
    let (mut up, mut down) = (vec![0usize; unknowns], vec![0usize; unknowns]);
    let count = |up: &mut [usize], down: &mut [usize], column: &Column, add: bool| {
        for &(unknown, coefficient) in &column.coefficients {
            let side = if coefficient > 0 { &mut *up } else { &mut *down };
            side[unknown] = if add { side[unknown] + 1 } else { side[unknown] - 1 };
        }
    };
    columns.iter().for_each(|column| count(&mut up, &mut down, column, true));
    loop {
        let before = columns.len();
        columns.retain(|column| {
            let keep = column.coefficients.iter().all(|&(u, _)| up[u] > 0 && down[u] > 0);
            if !keep {
                count(&mut up, &mut down, column, false);
            }
            keep
        });
        if columns.len() == before {
            return;
        }
    }
}

/// Numbers the unknowns that are left without gaps; says how many there are.
fn renumber(columns: &mut [Column]) -> usize {
    let mut left: Vec<_> = columns.iter().flat_map(|c| &c.coefficients).map(|&(u, _)| u).collect();
    left.sort_unstable();
    left.dedup();
    for (unknown, _) in columns.iter_mut().flat_map(|c| &mut c.coefficients) {
        *unknown = left.partition_point(|u| u < unknown);
    }
    left.len()
}

/// Equations `row * weights = 0`, one per unknown, each solved for the weight
/// of its basic column; `gain` is minus the constant that the weights leave.
struct Tableau<'a> {
    rows: Vec<Vec<i64>>,
    basic: Vec<usize>,
    gain: Vec<i64>,
    work: &'a mut usize,
}

impl<'a> Tableau<'a> {
    /// Any basis will do to start from: all weights are 0 there.
    fn new(columns: &[Column], unknowns: usize, work: &'a mut usize) -> Option<Self> {
        let gain = columns.iter().map(|c| narrow(-i128::from(c.constant)));
        let gain = gain.collect::<Option<_>>()?;
        let mut rows = vec![vec![0; columns.len()]; unknowns];
        for (at, column) in columns.iter().enumerate() {
            for &(unknown, coefficient) in &column.coefficients {
                rows[unknown][at] = narrow(coefficient.into())?;
            }
        }
        rows.retain(|row| row.iter().any(|&x| x != 0));
        let mut tableau = Self { rows, basic: Vec::new(), gain, work };
        let mut row = 0;
        while row < tableau.rows.len() {
            // Small pivots keep numbers small.
            let candidates = tableau.rows[row].iter().enumerate().filter(|&(_, &x)| x != 0);
            match candidates.min_by_key(|&(at, &x)| (x.unsigned_abs(), at)).map(|(at, _)| at) {
                Some(column) => {
                    tableau.pivot(row, column)?;
                    tableau.basic.push(column);
                    row += 1;
                }
                None => {
                    tableau.rows.remove(row);
                }
            }
        }
        Some(tableau)
    }

    /// Whether weights exist that gain without end.
    fn has_ray(&mut self) -> Option<bool> {
        loop {
            let Some(entering) = self.gain.iter().position(|&g| g > 0) else { return Some(false) };
            let blocking = (0..self.rows.len()).filter(|&row| self.rows[row][entering] > 0);
            let Some(row) = blocking.min_by_key(|&row| self.basic[row]) else { return Some(true) };
            self.pivot(row, entering)?;
            self.basic[row] = entering;
        }
    }

    /// Solves `row` for `column` and takes it out of all other rows.
    fn pivot(&mut self, row: usize, column: usize) -> Option<()> {
        if self.rows[row][column] < 0 {
            self.rows[row].iter_mut().for_each(|x| *x = -*x);
        }
        let solved = std::mem::take(&mut self.rows[row]);
        let support: Vec<_> = (0..solved.len()).filter(|&at| solved[at] != 0).collect();
        let small = is_small(&solved);
        let pivot = Pivot { row: &solved, support: &support, column, small };
        let others = self.rows.iter_mut().chain([&mut self.gain]);
        for other in others.filter(|other| !other.is_empty() && other[column] != 0) {
            eliminate(other, &pivot)?;
            *self.work += solved.len() * if small { 1 } else { 8 };
        }
        *self.work += self.rows.len() + solved.len();
        self.rows[row] = solved;
        (*self.work <= WORK).then_some(())
    }
}

/// The row that is solved, with where it is not zero.
struct Pivot<'a> {
    row: &'a [i64],
    support: &'a [usize],
    column: usize,
    small: bool,
}

/// Whether products of two such numbers, and their differences, fit 64 bits.
fn is_small(row: &[i64]) -> bool {
    row.iter().all(|x| x.unsigned_abs() < 1 << 31)
}

/// `row * pivot[column] - pivot * row[column]`, over the common factor.
fn eliminate(row: &mut [i64], pivot: &Pivot<'_>) -> Option<()> {
    let (p, q) = (pivot.row[pivot.column], row[pivot.column]);
    if !pivot.small || !is_small(row) {
        return eliminate_wide(row, pivot);
    }
    if p != 1 {
        row.iter_mut().for_each(|x| *x *= p);
    }
    pivot.support.iter().for_each(|&at| row[at] -= pivot.row[at] * q);
    if !is_small(row) {
        let common = row.iter().fold(0, |g, x| gcd(x.unsigned_abs(), g));
        let common = i64::try_from(common.max(1)).ok()?;
        row.iter_mut().for_each(|x| *x /= common);
    }
    row.iter().all(|&x| narrow(x.into()).is_some()).then_some(())
}

fn eliminate_wide(row: &mut [i64], pivot: &Pivot<'_>) -> Option<()> {
    let (p, q) = (i128::from(pivot.row[pivot.column]), i128::from(row[pivot.column]));
    let wide: Vec<i128> =
        row.iter().zip(pivot.row).map(|(&x, &y)| i128::from(x) * p - i128::from(y) * q).collect();
    let common = common_factor(&wide)?;
    for (x, wide) in row.iter_mut().zip(wide) {
        *x = narrow(wide / common)?;
    }
    Some(())
}

/// Within 62 bits, so that differences of products stay within 127.
fn narrow(wide: i128) -> Option<i64> {
    i64::try_from(wide).ok().filter(|x| x.unsigned_abs() < 1 << 62)
}

fn common_factor(wide: &[i128]) -> Option<i128> {
    let mut common = 0u128;
    for x in wide.iter().map(|x| x.unsigned_abs()).filter(|&x| x != 0) {
        let (mut a, mut b) = (x, common);
        while b != 0 {
            if let (Ok(a64), Ok(b64)) = (u64::try_from(a), u64::try_from(b)) {
                (a, b) = (u128::from(gcd(a64, b64)), 0);
            } else {
                (a, b) = (b, a % b);
            }
        }
        common = a;
        if common == 1 {
            break;
        }
    }
    i128::try_from(common.max(1)).ok()
}
