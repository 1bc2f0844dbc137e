//! A notebook: a small web application whose requests are recorded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde::{Deserialize, Serialize};
use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe};

/// One note.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
}

#[derive(Debug, Clone)]
struct Notebook {
    notes: Arc<Mutex<BTreeMap<u32, Note>>>,
    log: ActivityLog,
}

/// Creates the application.
pub fn app(log: &ActivityLog) -> Router {
    let notebook = Notebook {
        notes: Arc::default(),
        log: log.clone(),
    };
    Router::new()
        .route("/health", get(async || "well"))
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(read).delete(remove))
        .with_state(notebook)
        .layer(ActivityLayer::http(log).skip_path("/health").denied()) // <- the one line
}

impl Notebook {
    fn notes(&self) -> MutexGuard<'_, BTreeMap<u32, Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list(State(notebook): State<Notebook>) -> Json<BTreeMap<u32, Note>> {
    Json(notebook.notes().clone())
}

async fn add(State(notebook): State<Notebook>, Json(note): Json<Note>) -> (StatusCode, Json<u32>) {
    // Known only now. The request can then be found by its author.
    Activity::current().set_actor(&note.author);
    let mut notes = notebook.notes();
    let id = notes.last_key_value().map_or(1, |(last, _)| last + 1);
    notes.insert(id, note);
    (StatusCode::CREATED, Json(id))
}

async fn read(
    State(notebook): State<Notebook>,
    Path(id): Path<u32>,
) -> Result<Json<Note>, StatusCode> {
    let found = notebook.notes().get(&id).cloned();
    found.map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Moves a note out in a task of its own, which still belongs to the request.
async fn remove(State(notebook): State<Notebook>, Path(id): Path<u32>) -> StatusCode {
    let task = Activity::current().spawn(async move {
        let archive = notebook.log.start(Describe::job("archive"));
        archive.run(|| notebook.notes().remove(&id))
    });
    match task.await {
        Ok(Some(_)) => StatusCode::NO_CONTENT,
        Ok(None) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
