//! The system calls of a process that changed a folder, from what strace wrote.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// What strace is asked for: every call that can change a file or a folder, with all bytes, and the file of each descriptor.
pub const OPTIONS: [&str; 6] = [
    "-y",
    "-xx",
    "-s",
    "100000000",
    "-e",
    "trace=openat,creat,lseek,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,sendfile,\
     fsync,fdatasync,sync_file_range,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir",
];

/// One system call, or a part of one that others interrupted.
#[derive(Debug)]
pub enum Event {
    /// A file was opened. `writes_at_end`: each write appends.
    Open {
        path: PathBuf,
        descriptor: u32,
        creates: bool,
        truncates: bool,
        writes_at_end: bool,
    },
    Seek {
        descriptor: u32,
        to: usize,
    },
    /// Bytes were written, at an offset or at the descriptor's.
    Write {
        path: PathBuf,
        descriptor: u32,
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: usize,
    },
    /// What was written before a sync began is on the disk when it ended.
    SyncBegin {
        thread: u32,
        path: PathBuf,
    },
    SyncEnd {
        thread: u32,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
}

/// Reads the calls that succeeded, in the order in which they ended.
pub fn events(trace: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut interrupted: HashMap<u32, String> = HashMap::new();
    for line in trace.lines() {
        let (thread, rest) = line.trim_start().split_once(' ').unwrap();
        let (thread, rest) = (thread.parse().unwrap(), rest.trim_start());
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            begin_of_sync(thread, begin, &mut events);
            interrupted.insert(thread, begin.to_owned());
            continue;
        }
        let whole;
        let call = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let (_, end) = resumed.split_once(" resumed>").unwrap();
                whole = format!("{}{end}", interrupted.remove(&thread).unwrap());
                whole.as_str()
            }
            None => {
                begin_of_sync(thread, rest, &mut events);
                rest
            }
        };
        events.extend(event(thread, call));
    }
    assert!(interrupted.is_empty(), "{interrupted:?}");
    events
}

fn begin_of_sync(thread: u32, call: &str, events: &mut Vec<Event>) {
    if let Some(("fsync" | "fdatasync", arguments)) = call.split_once('(') {
        let path = opened(arguments).1;
        events.push(Event::SyncBegin { thread, path });
    }
}

/// Reads a call; `None` if it failed, or if it changes nothing that is kept.
fn event(thread: u32, call: &str) -> Option<Event> {
    let (call, result) = call.rsplit_once(" = ").unwrap();
    let result = result.split(['<', ' ']).next().unwrap();
    let result: usize = result.parse().ok()?;
    let (name, arguments) = call.split_once('(').unwrap();
    let strings = strings(arguments);
    let path = |number: usize| path(&strings[number]);
    Some(match name {
        "openat" => Event::Open {
            path: path(0),
            descriptor: u32::try_from(result).unwrap(),
            creates: arguments.contains("O_CREAT"),
            truncates: arguments.contains("O_TRUNC"),
            writes_at_end: arguments.contains("O_APPEND"),
        },
        "lseek" => Event::Seek {
            descriptor: opened(arguments).0,
            to: result,
        },
        "write" | "pwrite64" => {
            let (descriptor, path) = opened(arguments);
            let mut bytes = strings.into_iter().next().unwrap();
            bytes.truncate(result);
            let offset = || last(arguments);
            Event::Write {
                path,
                descriptor,
                offset: (name == "pwrite64").then(offset),
                bytes,
            }
        }
        "ftruncate" => Event::Truncate {
            path: opened(arguments).1,
            length: last(arguments),
        },
        "fsync" | "fdatasync" => Event::SyncEnd { thread },
        "link" | "linkat" => Event::Link {
            from: path(0),
            to: path(1),
        },
        "rename" | "renameat" | "renameat2" => Event::Rename {
            from: path(0),
            to: path(1),
        },
        "unlink" | "unlinkat" | "rmdir" => Event::Remove { path: path(0) },
        "mkdir" | "mkdirat" => Event::MakeFolder { path: path(0) },
        _ => panic!("a system call that is not understood: {call}"),
    })
}

/// Returns the number and the path of the descriptor that is the first argument.
fn opened(arguments: &str) -> (u32, PathBuf) {
    let (number, rest) = arguments.split_once('<').unwrap();
    let (name, _) = rest.split_once('>').unwrap();
    (number.parse().unwrap(), path(&hexadecimal(name)))
}

/// Returns the number that is the last argument.
fn last(arguments: &str) -> usize {
    let last = arguments
        .trim_end()
        .trim_end_matches(')')
        .rsplit(", ")
        .next();
    last.unwrap().parse().unwrap()
}

/// Returns the arguments in quotes.
fn strings(arguments: &str) -> Vec<Vec<u8>> {
    let quoted = arguments.split('"').skip(1).step_by(2);
    quoted.map(hexadecimal).collect()
}

/// Reads `\x61\x62`.
fn hexadecimal(text: &str) -> Vec<u8> {
    let bytes = text.split("\\x").skip(1);
    bytes
        .map(|byte| u8::from_str_radix(&byte[..2], 16).unwrap())
        .collect()
}

fn path(bytes: &[u8]) -> PathBuf {
    // A descriptor whose file was removed has it in its name.
    let name = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    Path::new(&OsString::from_vec(name.to_vec())).to_owned()
}
