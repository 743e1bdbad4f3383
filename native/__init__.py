"""The compiled kernels live in `native._kernels`; use them through `primitives.native_backend`.

Importing this package does not load them: where the package was installed without a Rust toolchain there
is no such module, and only `primitives.native_backend` decides what to say about it.
"""
