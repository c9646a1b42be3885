//! A small S3 server for the demo and the tests, with fault injection.
