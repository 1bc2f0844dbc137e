//! A back end that builds projects for its users: each has a SQLite database of its own, endpoints that query it, and
//! deployments.
//!
//! Every operation on a project is recorded, whether it succeeds or fails, and none waits for the log.
//! [`Console`] shows users the history of their projects.

mod console;
mod database;
mod error;
mod git;
mod operation;
mod project;

use std::path::{Path, PathBuf};

use serde_json::json;
use tower_activity::{ActivityLog, Event};

pub use self::{
    console::Console,
    error::{Error, Result},
};
use self::{operation::Operation, project::Project};

/// The caller of an operation.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user: String,
    /// The id of the request, if there is one.
    pub request: Option<String>,
}

/// An endpoint of a project, which responds with the rows of a query.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// Such as `GET /orders`.
    pub route: &'a str,
    /// A query that the project's database understands.
    pub sql: &'a str,
}

/// The back end.
#[derive(Debug, Clone)]
pub struct Backend {
    log: ActivityLog,
    folder: PathBuf,
}

impl Backend {
    /// Creates a back end with its projects in this folder and their history in this log.
    pub fn new(log: &ActivityLog, folder: impl Into<PathBuf>) -> Self {
        Backend {
            log: log.clone(),
            folder: folder.into(),
        }
    }

    /// Creates a project and its database.
    ///
    /// # Errors
    ///
    /// If the project exists, the name is invalid, or the folder cannot be written.
    pub fn create_project(&self, caller: &Caller, project: &str) -> Result<()> {
        let on = Operation::new(&self.log, caller, project);
        on.run("create_project", || {
            let made = Project::create(&self.folder, project, &caller.user);
            let made = on.step("project_created", made, |event, _| {
                event
                    .summary(format_args!("{project} is created"))
                    .data(json!({"name": project}))
            })?;
            let database = made.database();
            on.step("database_created", database, |event, _| {
                event
                    .summary("a SQLite database is ready")
                    .data(json!({"engine": "sqlite", "version": rusqlite::version()}))
            })?;
            Ok(())
        })
    }

    /// Runs queries in a project's database, all of them or none. Returns the number of rows.
    ///
    /// # Errors
    ///
    /// If one of them fails: then none has changed anything.
    pub fn run_queries(&self, caller: &Caller, project: &str, queries: &[&str]) -> Result<usize> {
        let on = Operation::new(&self.log, caller, project);
        on.run("run_queries", || {
            let mut database = self.project(caller, project)?.database()?;
            let ran = on.step("queries_executed", database.run(queries), |event, ran| {
                event
                    .count(queries.len() as u64)
                    .summary(counted(queries.len(), "query", "queries") + " executed")
                    .data(json!({"tables": ran.tables, "rows": ran.rows}))
            })?;
            if !ran.created.is_empty() {
                let count = ran.created.len();
                on.step("tables_added", Ok(()), |event, ()| {
                    event
                        .count(count as u64)
                        .summary(counted(count, "table", "tables") + " added")
                        .data(json!({"tables": ran.created}))
                })?;
            }
            Ok(ran.rows)
        })
    }

    /// Adds endpoints. An empty list does nothing, and records no event.
    ///
    /// # Errors
    ///
    /// If a route exists, or a query is invalid: then none is added.
    pub fn add_endpoints(
        &self,
        caller: &Caller,
        project: &str,
        endpoints: &[Endpoint<'_>],
    ) -> Result<()> {
        let on = Operation::new(&self.log, caller, project);
        on.run("add_endpoints", || {
            let project = self.project(caller, project)?;
            match endpoints {
                [] => Ok(()),
                _ => on.step("endpoints_added", project.add(endpoints), |event, ()| {
                    describe_endpoints(event, endpoints, "added")
                }),
            }
        })
    }

    /// Replaces the queries of endpoints.
    ///
    /// # Errors
    ///
    /// If a route does not exist, or a query is invalid: then none is modified.
    pub fn modify_endpoints(
        &self,
        caller: &Caller,
        project: &str,
        endpoints: &[Endpoint<'_>],
    ) -> Result<()> {
        let on = Operation::new(&self.log, caller, project);
        on.run("modify_endpoints", || {
            let project = self.project(caller, project)?;
            match endpoints {
                [] => Ok(()),
                _ => on.step(
                    "endpoints_modified",
                    project.modify(endpoints),
                    |event, ()| describe_endpoints(event, endpoints, "modified"),
                ),
            }
        })
    }

    /// Pushes a project's schema and endpoints to a git repository. Returns the commit.
    ///
    /// # Errors
    ///
    /// If git is missing, or the repository rejects the push.
    pub fn push(&self, caller: &Caller, project: &str, remote: &Path) -> Result<String> {
        let on = Operation::new(&self.log, caller, project);
        on.run("push", || {
            let project = self.project(caller, project)?;
            let pushed = project
                .source()
                .and_then(|source| git::push(&source, remote));
            on.step("github_push", pushed, |event, commit| {
                let short = commit.get(..7).unwrap_or(commit);
                event
                    .summary(format_args!("main is pushed, at {short}"))
                    .data(json!({"commit": commit}))
            })
        })
    }

    /// Copies a project's database to production. Returns the version.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn deploy(&self, caller: &Caller, project: &str) -> Result<u32> {
        let on = Operation::new(&self.log, caller, project).environment("production");
        on.run("deploy", || {
            let project = self.project(caller, project)?;
            on.step("deployment", project.deploy(), |event, version| {
                event
                    .summary(format_args!("version {version} is live"))
                    .data(json!({"version": version}))
            })
        })
    }

    /// Returns the users' view of their projects.
    pub fn console(&self) -> Console<'_> {
        Console::new(&self.log, &self.folder)
    }

    fn project(&self, caller: &Caller, project: &str) -> Result<Project> {
        Project::open(&self.folder, project, &caller.user)
    }
}

fn describe_endpoints(event: Event, endpoints: &[Endpoint<'_>], done: &str) -> Event {
    let routes: Vec<_> = endpoints.iter().map(|endpoint| endpoint.route).collect();
    event
        .count(endpoints.len() as u64)
        .summary(counted(endpoints.len(), "endpoint", "endpoints") + " " + done)
        .data(json!({"endpoints": routes}))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
