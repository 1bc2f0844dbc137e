//! Receivers and senders that are processes, and are killed: nothing is missed, nothing comes too early.
//!
//! The test runs itself again as each of them.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tower_activity::{Describe, Outcome, notify::Webhook, record::EventId};

use crate::webhook::{
    delivery::{Place, arrived_in_order, filter, impatient},
    receiver::{Does, Message, Plan, Receiver, anywhere, soon},
};

const JOURNAL: &str = "ACTIVITY_TEST_JOURNAL";
const ADDRESS: &str = "ACTIVITY_TEST_ADDRESS";
const STORE: &str = "ACTIVITY_TEST_STORE";

/// What a receiver that is a process does with its messages, over and over.
const DOES: [Does; 9] = [
    Does::Take,
    Does::Take,
    Does::Answer(500),
    Does::Take,
    Does::Hang,
    Does::Take,
    Does::Later("0"),
    Does::Take,
    Does::Answer(503),
];

/// A process that is killed at the latest when this is dropped.
struct Process {
    child: Child,
    said: String,
}

impl Process {
    /// Runs this program as one of the tests below, until it has said something.
    fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = lines.map_while(Result::ok);
        let said = said.find_map(|line| Some(line.split_once("ready ")?.1.to_owned()));
        Process {
            said: said.unwrap(),
            child,
        }
    }

    fn receiver(journal: &Path, at: SocketAddr) -> Self {
        let journal = journal.to_str().unwrap();
        let variables = [(JOURNAL, journal), (ADDRESS, &at.to_string())];
        Process::start("webhook::killed::receives", &variables)
    }

    fn sender(store: &Path) -> Self {
        Process::start(
            "webhook::killed::sends",
            &[(STORE, store.to_str().unwrap())],
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The other half of the test below: receives, and writes down what before it answers.
#[test]
fn receives() {
    let Ok(journal) = std::env::var(JOURNAL) else {
        return;
    };
    let journal = OpenOptions::new().append(true).open(journal).unwrap();
    let plan = Plan {
        journal: Some(Arc::new(Mutex::new(journal))),
        ..Plan::default()
    };
    for _ in 0..100 {
        plan.then(DOES);
    }
    let address = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let receiver = Receiver::start(&plan, Some(address));
    println!("ready {}", receiver.address);
    thread::park_timeout(Duration::from_secs(300));
}

/// The other half of the test below: sends.
#[test]
fn sends() {
    let Ok(store) = std::env::var(STORE) else {
        return;
    };
    let _delivery = impatient(Path::new(&store)).deliver();
    println!("ready to send");
    thread::park_timeout(Duration::from_secs(300));
}

/// What receivers have written down. Of a line that is being written there is no end yet.
fn messages(journal: &Path) -> Vec<Message> {
    let text = fs::read_to_string(journal).unwrap();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole.map(Message::of).collect()
}

fn taken(journal: &Path) -> Vec<Message> {
    let mut messages = messages(journal);
    messages.retain(|message| message.taken);
    messages
}

#[test]
fn every_event_arrives_in_order_where_receivers_and_senders_are_killed() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    fs::write(&journal, "").unwrap();
    let jobs = ["a", "b", "c"].map(|name| place.log.start(Describe::job(name)));
    let mut meant: Vec<EventId> = Vec::new();
    let mut rounds = |count: usize| {
        for _ in 0..count {
            meant.extend(place.round(&jobs));
        }
        place.log.flush().wait().unwrap();
        meant.len()
    };
    // One more message than there were.
    let goes_on = || {
        let before = taken(&journal).len();
        soon(|| (taken(&journal).len() > before).then_some(()));
    };

    let receiver = Process::receiver(&journal, anywhere());
    let address: SocketAddr = receiver.said.parse().unwrap();
    let webhook = Webhook::events("steps", format!("http://{address}/hook")).unwrap();
    let webhook = webhook.filter(filter("type:step")).allow_private();
    let secret = place.webhooks().add(&webhook).unwrap();
    let sender = Process::sender(&place.path);
    rounds(10);
    goes_on();

    // The receiver is killed, and nobody is there for a while.
    drop(receiver);
    rounds(5);
    soon(|| place.webhooks().list().unwrap()[0].trouble.clone());
    let receiver = Process::receiver(&journal, address);
    goes_on();

    // The sender is killed, as messages go back and forth, and nobody sends for a while.
    drop(sender);
    rounds(5);
    let sender = Process::sender(&place.path);
    goes_on();

    // Both.
    drop((receiver, sender));
    let count = rounds(5);
    let sender = Process::sender(&place.path);
    let receiver = Process::receiver(&journal, address);
    let status = soon(|| {
        let status = place.webhooks().list().unwrap().remove(0);
        (status.behind == 0).then_some(status)
    });
    drop((sender, receiver));

    assert_eq!((status.dead_letters, &status.trouble), (0, &None));
    let taken = taken(&journal);
    assert!(taken.len() >= count);
    let arrived = taken.iter().map(|message| {
        let activity = message.json()["data"]["activity"]
            .as_str()
            .unwrap()
            .to_owned();
        (message.id().to_owned(), activity)
    });
    arrived_in_order(arrived, meant.iter().map(ToString::to_string).collect());
    let verifier = standardwebhooks::Webhook::new(&secret.reveal()).unwrap();
    for message in messages(&journal) {
        verifier.verify(&message.body, &message.headers).unwrap();
    }
    for job in jobs {
        job.end(Outcome::success());
    }
}
