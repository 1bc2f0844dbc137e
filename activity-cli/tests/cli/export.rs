//! `activity export`: to files and pipes, and resumed.

use crate::fixture::Fixture;

#[test]
fn an_export_is_written_and_resumed() {
    let fixture = Fixture::with_calls();
    let file = fixture.folder.path().join("out.jsonl");
    let name = file.to_str().unwrap();
    let ran = fixture.run(&["export", "-o", name]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    let said = "6 records exported; continue with --after ";
    let after = ran.stderr.strip_prefix(said).unwrap().trim_end();
    assert!(after.ends_with(".6"), "{after}");
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(first.lines().count(), 6);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let log = fixture.log();
    log.start(tower_activity::Describe::job("later"))
        .end(tower_activity::Outcome::success());
    log.shutdown().wait().unwrap();
    fixture.run(&["export", "-o", name, "--after", after]);
    let both = std::fs::read_to_string(&file).unwrap();
    let later = both.strip_prefix(&first).unwrap();
    assert!(
        later.contains("\"name\":\"later\"") && later.lines().count() == 1,
        "{later}"
    );
}

#[test]
fn formats_and_filters_are_applied() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "deployment", "v3"]);
    let lines = |args: &[&str]| {
        let ran = fixture.run(&[&["export"], args].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let failed = lines(&["--format", "csv", "status:failed"]);
    assert!(
        failed[0].starts_with("id,") && failed[1].contains(",netflix_login,failed,"),
        "{failed:?}"
    );
    let events = lines(&["--events", "--format", "cloudevents", "type:deployment"]);
    assert!(
        events.len() == 1 && events[0].starts_with("{\"specversion\":\"1.0\""),
        "{events:?}"
    );
}

#[test]
fn invalid_arguments_create_no_file() {
    let fixture = Fixture::with_calls();
    let check = |args: &[&str], code, said: &str| {
        let ran = fixture.run(&[&["export", "-o", "out"], args].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(code), ""),
            "{args:?}"
        );
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!fixture.folder.path().join("out").exists());
    };
    check(
        &["--format", "parquet"],
        2,
        "use `jsonl`, `csv` or `cloudevents`",
    );
    check(&["type:deployment"], 2, "activities have no `type:`");
    check(&["--after=-1"], 2, "--after");
    check(&["--store", "nowhere.db"], 1, "no store at");
}

/// Opening it for writing would have truncated it.
#[test]
fn a_file_of_the_log_itself_is_refused_as_output() {
    let fixture = Fixture::with_calls();
    let folder = fixture.folder.path();
    let store = fixture.path();
    let link = folder.join("link");
    std::fs::hard_link(&store, &link).unwrap();
    let beside = |suffix| format!("{}{suffix}", store.display());
    // While a log is open, it has all of its files.
    let log = fixture.log();
    let outputs = ["", "-wal", "-shm"].map(beside);
    let locks = std::fs::read_dir(beside("-instances")).unwrap();
    let locks = locks.map(|lock| lock.unwrap().path().display().to_string());
    let outputs: Vec<String> = outputs
        .into_iter()
        .chain([link.display().to_string()])
        .chain(locks)
        .collect();
    assert!(outputs.len() >= 5, "{outputs:?}");
    for output in &outputs {
        for command in [
            &["export", "-o", output][..],
            &["export", "--after", "1", "-o", output],
            &["recording", "0000", "-o", output],
        ] {
            let ran = fixture.run(command);
            assert_eq!(ran.code, Some(2), "{command:?}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("it belongs to the log"),
                "{command:?}: {}",
                ran.stderr
            );
        }
    }
    log.shutdown().wait().unwrap();
    std::fs::remove_file(link).unwrap();
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    let ran = fixture.run(&["backup", &outputs[0]]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
}
