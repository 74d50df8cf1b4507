//! Arrays to pages of tiles and back, as [`Buffer`] says.
//!
//! ```text
//! row-major elements --order of the dimensions--> matrices --32x32--> tiles --format--> pages
//! ```
//!
//! 32-bit elements that lie as 16-bit integers are two of them: their halves are one dimension
//! more, the last one. An element whose bytes are those of its format is carried unchanged. A float in a wider
//! or shared-exponent format is converted: exactly to `Float32`, to the nearest (ties to
//! even) otherwise.

mod element;
mod tile;

use tilec_manifest::tensix::{Buffer, Format};

use element::Element;

/// The pages of a buffer that holds an array; `elements` are its bytes, row-major and
/// little-endian. What lies outside of the array is 0.
///
/// # Panics
/// If the bytes are not those of the buffer's shape and element type: the caller has made
/// both from one array.
#[must_use]
pub fn tilize(buffer: &Buffer, elements: &[u8]) -> Vec<u8> {
    let (element, map) = (element(buffer), Map::of(buffer));
    assert_eq!(elements.len(), map.len() * element.bytes(), "the bytes of {}", buffer.tensor);
    let mut pages = Vec::new();
    for place in map.places() {
        let mut bits = [0; 1024];
        map.each(place, |at, source| bits[at] = element.read(elements, source));
        tile::encode(buffer.format, element, &bits, &mut pages);
    }
    pages
}

/// The bytes of the array that lies in a buffer's pages: the inverse of [`tilize`].
///
/// # Panics
/// If the pages are not as many as the buffer's shape asks for.
#[must_use]
pub fn untilize(buffer: &Buffer, pages: &[u8]) -> Vec<u8> {
    let (element, map) = (element(buffer), Map::of(buffer));
    let page_bytes = buffer.format.tile_bytes() as usize;
    assert_eq!(pages.len(), map.places().count() * page_bytes, "the pages of {}", buffer.name);
    let mut elements = vec![0; map.len() * element.bytes()];
    for (place, page) in map.places().zip(pages.chunks_exact(page_bytes)) {
        let bits = tile::decode(buffer.format, element, page);
        map.each(place, |at, target| element.write(&mut elements, target, bits[at]));
    }
    elements
}

/// What is laid out: elements, or halves of them.
fn element(buffer: &Buffer) -> Element {
    if lies_in_halves(buffer) { Element::U16 } else { Element::of(&buffer.element) }
}

fn lies_in_halves(buffer: &Buffer) -> bool {
    buffer.format == Format::UInt16 && Element::of(&buffer.element).bytes() == 4
}

/// Where each element of each matrix lies in the array.
struct Map {
    /// The position of the first element of each matrix, row and column, from that of the
    /// array, the row and so on.
    offsets: [Vec<usize>; 3],
}

/// A matrix, a row of tiles and a column of tiles.
type TilePlace = [usize; 3];

impl Map {
    fn of(buffer: &Buffer) -> Self {
        let offsets = [&buffer.batch, &buffer.rows, &buffer.columns];
        let halves = lies_in_halves(buffer).then_some(2);
        let shape: Vec<_> = buffer.shape.iter().copied().chain(halves).collect();
        Self { offsets: offsets.map(|dimensions| offsets_along(&shape, dimensions)) }
    }

    /// How many elements there are.
    fn len(&self) -> usize {
        self.offsets.iter().map(Vec::len).product()
    }

    /// All tiles, in the order of pages.
    fn places(&self) -> impl Iterator<Item = TilePlace> + use<> {
        let [batch, rows, columns] = [0, 1, 2].map(|axis| self.offsets[axis].len());
        let [rows, columns] = [rows.div_ceil(32), columns.div_ceil(32)];
        (0..batch * rows * columns)
            .map(move |at| [at / columns / rows, at / columns % rows, at % columns])
    }

    /// Calls `f` with the position in the tile, in the order of faces, and that in the
    /// array of each of the tile's elements that the array has.
    fn each(&self, [matrix, row, column]: TilePlace, mut f: impl FnMut(usize, usize)) {
        let [batch, rows, columns] = &self.offsets;
        for (r, row) in rows.iter().skip(32 * row).take(32).enumerate() {
            for (c, column) in columns.iter().skip(32 * column).take(32).enumerate() {
                let face = r / 16 * 2 + c / 16;
                f(face * 256 + r % 16 * 16 + c % 16, batch[matrix] + row + column);
            }
        }
    }
}

/// The positions in a row-major array along some of its dimensions, the last fastest.
fn offsets_along(shape: &[u64], dimensions: &[u32]) -> Vec<usize> {
    let size = |dimension: usize| usize::try_from(shape[dimension]).expect("arrays are in memory");
    let mut offsets = vec![0];
    for &dimension in dimensions {
        let dimension = dimension as usize;
        let stride: usize = (dimension + 1..shape.len()).map(size).product();
        let along = |&base: &usize| (0..size(dimension)).map(move |at| base + at * stride);
        offsets = offsets.iter().flat_map(along).collect();
    }
    offsets
}
