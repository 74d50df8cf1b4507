//! Arenas with typed handles: an `Id<Tensor>` can't be mistaken for an
//! `Id<Var>`, is four bytes, and stays valid as long as its arena lives.

use std::{fmt, hash::Hash, hash::Hasher, marker::PhantomData, ops::Index, ops::IndexMut};

/// A handle to the element of an [`Arena`] that made it.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The handle of the element at `position` of its arena.
    #[must_use]
    pub fn new(position: usize) -> Self {
        let position = u32::try_from(position).expect("arenas are bounded far below 2^32 elements");
        Self(position, PhantomData)
    }

    /// The element's position in its arena.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Elements that are only ever added, in the order of their handles.
#[derive(Clone)]
pub struct Arena<T>(Vec<T>);

impl<T> Arena<T> {
    /// Adds an element and returns its handle.
    pub fn push(&mut self, value: T) -> Id<T> {
        self.0.push(value);
        Id::new(self.0.len() - 1)
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All handles, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = Id<T>> + use<T> {
        (0..self.0.len()).map(Id::new)
    }

    /// All elements with their handles, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Id<T>, &T)> {
        self.0.iter().enumerate().map(|(i, v)| (Id::new(i), v))
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;
    fn index(&self, id: Id<T>) -> &T {
        &self.0[id.index()]
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        &mut self.0[id.index()]
    }
}

impl<T: fmt::Debug> fmt::Debug for Arena<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

// Derives would demand the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
