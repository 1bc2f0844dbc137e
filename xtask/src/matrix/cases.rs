//! The programs of the matrix.

/// A program that uses a log beside another crate.
pub(super) struct Case {
    /// The name of the program's package.
    pub(super) name: &'static str,
    /// Its source in `xtask/matrix`, without `.rs`.
    pub(super) program: &'static str,
    /// The label in the table if no version is read from the lock file.
    pub(super) beside: &'static str,
    /// The package whose resolved version the table shows, and the words before it.
    pub(super) shown: Option<(&'static str, &'static str)>,
    /// A package that is updated to a given version before the build: otherwise cargo resolves the newest major version that
    /// the library accepts, even if the program uses another.
    pub(super) precise: Option<(&'static str, &'static str)>,
    /// The rest of the library's line in the dependencies.
    pub(super) ours: &'static str,
    /// The other lines of the dependencies.
    pub(super) theirs: &'static str,
    pub(super) env: &'static [(&'static str, &'static str)],
    /// A package that `pkg-config` must find.
    pub(super) needs: Option<&'static str>,
    pub(super) fits: Fits,
}

/// The expected result of a program.
pub(super) enum Fits {
    Yes,
    /// Depends on the machine: success, or this message.
    Maybe(&'static str),
    /// Refused at run time with this message.
    No(&'static str),
    /// Does not compile, with this message.
    NotBuilt(&'static str),
}

/// A case with the defaults of most programs.
pub(super) const CASE: Case = Case {
    name: "",
    program: "",
    beside: "",
    shown: None,
    precise: None,
    ours: "features = [\"sqlite\"]",
    theirs: "",
    env: &[],
    needs: None,
    fits: Fits::Yes,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "rusqlite-oldest",
        program: "rusqlite",
        shown: Some(("rusqlite", "rusqlite, the oldest:")),
        theirs: "rusqlite = \"=0.32.1\"",
        ..CASE
    },
    Case {
        name: "rusqlite-newest",
        program: "rusqlite",
        shown: Some(("rusqlite", "rusqlite, the newest:")),
        theirs: "rusqlite = \"0.43\"",
        ..CASE
    },
    Case {
        name: "sqlx-08-sqlite",
        program: "sqlx_sqlite",
        shown: Some(("sqlx", "sqlx (sqlite)")),
        theirs: "sqlx = { version = \"0.8\", features = [\"sqlite\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "sqlx-09-sqlite",
        program: "sqlx_sqlite",
        shown: Some(("sqlx", "sqlx (sqlite)")),
        theirs: "sqlx = { version = \"0.9\", features = [\"sqlite\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "sqlx-08-postgres",
        program: "sqlx_postgres",
        shown: Some(("sqlx", "sqlx (postgres)")),
        theirs: "sqlx = { version = \"0.8\", features = [\"postgres\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "sqlx-09-postgres",
        program: "sqlx_postgres",
        shown: Some(("sqlx", "sqlx (postgres)")),
        theirs: "sqlx = { version = \"0.9\", features = [\"postgres\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "diesel-2-sqlite",
        program: "diesel_sqlite",
        shown: Some(("diesel", "diesel (sqlite)")),
        theirs: "diesel = { version = \"2\", features = [\"sqlite\"] }",
        ..CASE
    },
    Case {
        name: "sea-orm-1-sqlite",
        program: "sea_orm_sqlite",
        shown: Some(("sea-orm", "sea-orm (sqlx-sqlite)")),
        theirs: "sea-orm = { version = \"1\", features = [\"sqlx-sqlite\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "sea-orm-2-sqlite",
        program: "sea_orm_sqlite",
        shown: Some(("sea-orm", "sea-orm (sqlx-sqlite)")),
        theirs: "sea-orm = { version = \"2\", features = [\"sqlx-sqlite\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "r2d2-sqlite",
        program: "r2d2",
        shown: Some(("r2d2_sqlite", "r2d2_sqlite")),
        theirs: "r2d2 = \"0.8\"\nr2d2_sqlite = \"0.35\"",
        ..CASE
    },
    Case {
        name: "tokio-rusqlite-08",
        program: "tokio_rusqlite",
        shown: Some(("tokio-rusqlite", "tokio-rusqlite")),
        theirs: "tokio-rusqlite = \"0.8\"",
        ..CASE
    },
    Case {
        name: "without-a-store",
        program: "no_store",
        shown: Some(("sqlx", "no store, and sqlx (sqlite)")),
        ours: "default-features = false, features = [\"http\"]",
        theirs: "sqlx = { version = \"0.7\", features = [\"sqlite\", \"runtime-tokio\"] }",
        ..CASE
    },
    Case {
        name: "sqlite-of-the-system",
        program: "alone",
        beside: "the system's SQLite",
        ours: "default-features = false, features = [\"sqlite\"]",
        // Since 0.41, programs cannot be linked with a SQLite older than 3.44.
        theirs: "rusqlite = { version = \"0.40\", default-features = false }",
        needs: Some("sqlite3"),
        fits: Fits::Maybe("a log needs 3.43.0 or newer"),
        ..CASE
    },
    // Last: its SQLite is rebuilt with other flags.
    Case {
        name: "sqlite-without-fts5",
        program: "alone",
        beside: "a SQLite without FTS5",
        env: &[("LIBSQLITE3_FLAGS", "-USQLITE_ENABLE_FTS5")],
        fits: Fits::No("without FTS5, a log needs 3.43.0 or newer with FTS5"),
        ..CASE
    },
];
