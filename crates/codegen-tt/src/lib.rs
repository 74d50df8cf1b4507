//! tile IR to Tensix C++. Empty until the tile IR exists: the driver says so to whoever
//! asks for the target.
