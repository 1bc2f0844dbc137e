//! A project: a folder with its owner, its database and its endpoints.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use crate::{Endpoint, Error, Result, database::Database};

/// An existing project of a user who may use it.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
}

impl Project {
    pub(crate) fn create(root: &Path, name: &str, owner: &str) -> Result<Self> {
        let folder = folder(root, name)?;
        fs::create_dir_all(root)?;
        fs::create_dir(&folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::Invalid(format!("there is a project {name:?} already"))
            }
            _ => error.into(),
        })?;
        fs::write(folder.join("owner"), owner)?;
        Ok(Project { folder })
    }

    /// Opens the project of this name, if it is the user's. Others do not learn that it exists.
    pub(crate) fn open(root: &Path, name: &str, user: &str) -> Result<Self> {
        let folder = folder(root, name)?;
        match fs::read_to_string(folder.join("owner")) {
            Ok(owner) if owner == user => Ok(Project { folder }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Err(Error::NoProject(name.to_owned())),
        }
    }

    pub(crate) fn database(&self) -> Result<Database> {
        Database::open(&self.file())
    }

    pub(crate) fn add(&self, endpoints: &[Endpoint<'_>]) -> Result<()> {
        self.change(endpoints, |known, route| match known {
            true => Err(Error::Invalid(format!("there is a {route} already"))),
            false => Ok(()),
        })
    }

    pub(crate) fn modify(&self, endpoints: &[Endpoint<'_>]) -> Result<()> {
        self.change(endpoints, |known, route| match known {
            true => Ok(()),
            false => Err(Error::Invalid(format!("there is no {route}"))),
        })
    }

    /// Changes all of these, or none.
    fn change(
        &self,
        endpoints: &[Endpoint<'_>],
        check: impl Fn(bool, &str) -> Result<()>,
    ) -> Result<()> {
        let mut all = self.endpoints()?;
        let database = self.database()?;
        for Endpoint { route, sql } in endpoints {
            check(all.contains_key(*route), route)?;
            database.understands(sql)?;
            all.insert((*route).to_owned(), (*sql).to_owned());
        }
        let text = serde_json::to_string_pretty(&all).map_err(io::Error::from)?;
        Ok(fs::write(self.folder.join("endpoints.json"), text)?)
    }

    fn endpoints(&self) -> Result<BTreeMap<String, String>> {
        match fs::read(self.folder.join("endpoints.json")) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_err(io::Error::from)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the project as text into a folder.
    pub(crate) fn source(&self) -> Result<PathBuf> {
        let source = self.folder.join("source");
        fs::create_dir_all(&source)?;
        fs::write(source.join("schema.sql"), self.database()?.schema()?)?;
        let text = serde_json::to_string_pretty(&self.endpoints()?).map_err(io::Error::from)?;
        fs::write(source.join("endpoints.json"), text)?;
        Ok(source)
    }

    /// Copies the database beside those of earlier versions. Returns its version.
    pub(crate) fn deploy(&self) -> Result<u32> {
        const COPY: &str = "VACUUM INTO ?1";

        let production = self.folder.join("production");
        fs::create_dir_all(&production)?;
        let file = |version: u32| production.join(format!("{version}.db"));
        let version = (1..).find(|version| !file(*version).exists()).unwrap_or(1);
        let database = Connection::open_with_flags(self.file(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.execute(COPY, [file(version).to_string_lossy()])?;
        Ok(version)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("project.db")
    }
}

/// The folder of the project of this name.
fn folder(root: &Path, name: &str) -> Result<PathBuf> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(fine) {
        let what = format!("{name:?} is not a project name: use a-z, 0-9 and hyphens");
        return Err(Error::Invalid(what));
    }
    Ok(root.join(name))
}
