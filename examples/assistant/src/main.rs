//! Two sessions of an assistant: the work of the first is in the prompt of the second.
//!
//! `cargo run -p assistant`. The store is `ACTIVITY_STORE` [default: `activity.db`], the folder `ASSISTANT`
//! [default: `assistant`].

use std::{env, error::Error, fs, io, path::Path, process};

use assistant::Assistant;
use chrono::Utc;
use tower_activity::ActivityLog;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var("ASSISTANT").unwrap_or_else(|_| "assistant".into());
    let log = ActivityLog::from_env()?;
    // Another user in each run, without the history of the others.
    let user = format!("ann-{}", process::id());
    let folder = Path::new(&folder).join(&user);
    let assistant = Assistant::new(&log, &folder, user.as_str());
    let mail = folder.join("mail-server");
    for (name, text) in [
        ("inbox/1.txt", "Lunch on Friday?"),
        ("inbox/2.txt", "The invoice"),
        ("sent/1.txt", "Yes, lunch."),
    ] {
        let path = mail.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&mail))?;
        fs::write(path, text)?;
    }
    fs::create_dir_all(mail.join("drafts"))?;

    let mut first = assistant.session(format!("{user}/1"), Utc::now());
    println!("{}\n", first.prompt());
    first.turn("read my mail", |assistant| assistant.sync("mail", &mail))?;
    first.turn("remember how I like it", |assistant| {
        assistant.remember(
            "tone",
            "short sentences, no flattery, and never more than one question at a time, in any language",
        )
    })?;
    first.turn("write the weekly report", |assistant| {
        assistant.run_deliverable("Weekly report", || {
            let inbox = fs::read_dir(folder.join("mail/inbox"))?.count();
            Ok(format!("# Weekly report\n\n{inbox} letters came.\n"))
        })
    })?;
    let failed = first.turn("write the yearly report", |assistant| {
        assistant.run_deliverable("Yearly report", || {
            Err(io::Error::other("there is no year yet"))
        })
    });
    if failed.is_ok() {
        return Err("a report that cannot be written succeeded".into());
    }
    drop(first);

    // What was just recorded is read at once.
    log.flush().wait()?;
    let second = assistant.session(format!("{user}/2"), Utc::now());
    println!("{}", second.prompt());
    drop(second);
    log.shutdown().wait()?;
    Ok(())
}
