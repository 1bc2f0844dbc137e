//! Receivers and senders as processes that are killed: no event is missed, and the order is kept.
//!
//! The test binary runs itself as each of them.

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
    delivery::{TestLog, arrived_in_order, filter, with_short_timeout},
    receiver::{Message, Receiver, Reply, Script, poll_until, unused_address},
};

const JOURNAL: &str = "ACTIVITY_TEST_JOURNAL";
const ADDRESS: &str = "ACTIVITY_TEST_ADDRESS";
const STORE: &str = "ACTIVITY_TEST_STORE";

/// The replies of the receiver process, in a loop.
const REPLIES: [Reply; 9] = [
    Reply::Accept,
    Reply::Accept,
    Reply::Status(500),
    Reply::Accept,
    Reply::Hang,
    Reply::Accept,
    Reply::RetryAfter("0"),
    Reply::Accept,
    Reply::Status(503),
];

/// A process that is killed on drop.
pub(super) struct Process {
    child: Child,
    ready: String,
}

impl Process {
    /// Runs this binary as one of the tests below, and waits until it is ready.
    fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut output = lines.map_while(Result::ok);
        let ready = output.find_map(|line| Some(line.split_once("ready ")?.1.to_owned()));
        Process {
            ready: ready.unwrap(),
            child,
        }
    }

    fn receiver(journal: &Path, at: SocketAddr) -> Self {
        let journal = journal.to_str().unwrap();
        let variables = [(JOURNAL, journal), (ADDRESS, &at.to_string())];
        Process::start("webhook::killed::receives", &variables)
    }

    /// Starts a sender, with the path of a file or the address of a central store.
    pub(super) fn sender(store: &Path) -> Self {
        Process::start(
            "webhook::killed::sends",
            &[(STORE, store.to_str().unwrap())],
        )
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The receiver process of the test below.
#[test]
fn receives() {
    let Ok(journal) = std::env::var(JOURNAL) else {
        return;
    };
    let journal = OpenOptions::new().append(true).open(journal).unwrap();
    let script = Script {
        journal: Some(Arc::new(Mutex::new(journal))),
        ..Script::default()
    };
    for _ in 0..100 {
        script.then(REPLIES);
    }
    let address = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let receiver = Receiver::start(&script, Some(address));
    println!("ready {}", receiver.address);
    thread::park_timeout(Duration::from_secs(300));
}

/// The sender process of the test below.
#[test]
fn sends() {
    let Ok(store) = std::env::var(STORE) else {
        return;
    };
    let _delivery = with_short_timeout(Path::new(&store)).deliver();
    println!("ready to send");
    thread::park_timeout(Duration::from_secs(300));
}

/// The messages in the journal, without a line that is being written.
fn messages(journal: &Path) -> Vec<Message> {
    let text = fs::read_to_string(journal).unwrap();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole.map(Message::parse).collect()
}

fn accepted(journal: &Path) -> Vec<Message> {
    let mut messages = messages(journal);
    messages.retain(|message| message.accepted);
    messages
}

#[test]
fn every_event_arrives_in_order_when_receivers_and_senders_are_killed() {
    let test = TestLog::new();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    fs::write(&journal, "").unwrap();
    let jobs = ["a", "b", "c"].map(|name| test.log.start(Describe::job(name)));
    let mut expected: Vec<EventId> = Vec::new();
    let mut rounds = |count: usize| {
        for _ in 0..count {
            expected.extend(test.round(&jobs));
        }
        test.log.flush().wait().unwrap();
        expected.len()
    };
    // Waits for another message.
    let wait_for_message = || {
        let before = accepted(&journal).len();
        poll_until(|| (accepted(&journal).len() > before).then_some(()));
    };

    let receiver = Process::receiver(&journal, unused_address());
    let address: SocketAddr = receiver.ready.parse().unwrap();
    let webhook = Webhook::events("steps", format!("http://{address}/hook")).unwrap();
    let webhook = webhook.filter(filter("type:step")).allow_private();
    let secret = test.webhooks().add(&webhook).unwrap();
    let sender = Process::sender(&test.path);
    rounds(10);
    wait_for_message();

    // The receiver is killed, and restarted later.
    drop(receiver);
    rounds(5);
    poll_until(|| test.webhooks().list().unwrap()[0].trouble.clone());
    let receiver = Process::receiver(&journal, address);
    wait_for_message();

    // The sender is killed while sending, and restarted later.
    drop(sender);
    rounds(5);
    let sender = Process::sender(&test.path);
    wait_for_message();

    // Both.
    drop((receiver, sender));
    let count = rounds(5);
    let sender = Process::sender(&test.path);
    let receiver = Process::receiver(&journal, address);
    let status = poll_until(|| {
        let status = test.webhooks().list().unwrap().remove(0);
        (status.behind == 0).then_some(status)
    });
    drop((sender, receiver));

    assert_eq!((status.dead_letters, &status.trouble), (0, &None));
    let accepted = accepted(&journal);
    assert!(accepted.len() >= count);
    let arrived = accepted.iter().map(|message| {
        let activity = message.json()["data"]["activity"]
            .as_str()
            .unwrap()
            .to_owned();
        (message.id().to_owned(), activity)
    });
    arrived_in_order(arrived, expected.iter().map(ToString::to_string).collect());
    let verifier = standardwebhooks::Webhook::new(&secret.reveal()).unwrap();
    for message in messages(&journal) {
        verifier.verify(&message.body, &message.headers).unwrap();
    }
    for job in jobs {
        job.end(Outcome::success());
    }
}
