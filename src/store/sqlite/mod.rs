//! The embedded store: one SQLite file, several processes, no service to run.
