//! What was erased stays erased, however it arrives later.

use chrono::{Duration, Utc};
use serde_json::json;
use tower_activity::{
    record::{
        ActivityRecord, ChunkRecord, Codec, EventRecord, Filter, InstanceId, RecordingId,
        RecordingLink, RecordingRecord, RecordingStatus, Status,
    },
    store::{LogState, Source, Store, postgres::PostgresStore},
};

use super::{Log, activity, all, event, number};
use crate::support::postgres;

/// What is left of an actor, in every table that has texts or bodies.
const LEFT: &str = "SELECT (SELECT count(*) FROM tower_activity.activity AS a WHERE a::text LIKE '%secret%' OR actor IS NOT NULL) \
     + (SELECT count(*) FROM tower_activity.event AS e WHERE e::text LIKE '%secret%' OR actor IS NOT NULL) \
     + (SELECT count(*) FROM tower_activity.open AS o WHERE o::text LIKE '%secret%' OR actor IS NOT NULL) \
     + (SELECT count(*) FROM tower_activity.dedup AS d WHERE d::text LIKE '%secret%') \
     + (SELECT count(*) FROM tower_activity.chunk) + (SELECT count(*) FROM tower_activity.recording) \
     + (SELECT count(*) FROM tower_activity.link) \
     + (SELECT count(*) FROM tower_activity.text WHERE value = 'ann' OR value LIKE '%secret%')";

#[test]
fn what_was_erased_stays_erased_when_it_is_forwarded_later() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    let of_ann = |at, number| {
        let mut one = activity(at, number);
        one.scope.actor = Some("ann".to_owned().into());
        one.message = Some("secret".to_owned().into());
        one.status = Status::Failed;
        one.error_type = Some("denied".to_owned().into());
        one.attributes.insert("key".into(), json!("secret"));
        let mut happened = event(at, number);
        happened.scope.actor = Some("ann".to_owned().into());
        happened.summary = Some("secret".to_owned().into());
        (one, happened)
    };
    let (one, happened) = of_ann(at, 1);
    let mut alike = activity(at, 2);
    (alike.status, alike.error_type) = (Status::Failed, one.error_type.clone());
    log.send(vec![one, alike], vec![happened]);
    log.fold();
    let groups = "SELECT count(*) * 100 + sum(count) FROM tower_activity.failure";
    assert_eq!(number(&url, groups), 202);
    let mut maintenance = store.maintenance().unwrap();
    let erasable = maintenance.erasable("ann").unwrap();
    let erased = maintenance.erase("ann", &mut |_| {}).unwrap();
    assert_eq!((erased.activities, erased.events), (1, 1));
    assert_eq!(erased, erasable);
    // Without its message, the failure is one of the group of those that had none.
    assert_eq!(number(&url, groups), 102);
    // Recorded before, forwarded after.
    let (one, happened) = of_ann(at, 3);
    log.send(vec![one], vec![happened]);
    log.fold();
    assert_eq!(number(&url, groups), 103);
    assert_eq!(number(&url, LEFT), 0);
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 3);
    // What is recorded later is of an actor who came back.
    let (one, happened) = of_ann(Utc::now() + Duration::minutes(1), 4);
    log.send(vec![one], vec![happened]);
    assert_eq!(
        number(
            &url,
            "SELECT count(*) FROM tower_activity.activity WHERE actor IS NOT NULL"
        ),
        1
    );
}

/// One thing that is forwarded of a call.
#[derive(Debug, Clone)]
enum Piece {
    /// It runs.
    Open(ActivityRecord),
    /// It has ended.
    Ended(ActivityRecord),
    Event(EventRecord),
    Chunk(RecordingRecord, u64),
    /// Its recording has ended.
    Recording(RecordingRecord),
}

impl Piece {
    /// Everything of a call of Ann, whose recording and log lines do not name her.
    fn all() -> Vec<Piece> {
        let at = Utc::now() - Duration::minutes(1);
        let mut ended = activity(at, 1);
        ended.scope.actor = Some("ann".to_owned().into());
        ended.message = Some("secret".to_owned().into());
        ended.attributes.insert("key".into(), json!("secret"));
        let mut open = ended.clone();
        (open.status, open.duration_ns, open.ended_at) = (Status::Running, None, None);
        let mut line = event(at, 2);
        line.activity = Some(ended.id);
        line.summary = Some("secret line".to_owned().into());
        let mut happened = event(at, 3);
        happened.scope.actor = Some("ann".to_owned().into());
        happened.data = Some(json!({"of": "secret"}));
        happened.dedup_key = Some("secret key".to_owned().into());
        let instance = InstanceId::from_bytes([1; 16]);
        let id = RecordingId::from_bytes(*event(at, 4).id.as_bytes());
        let mut recording = RecordingRecord::new(id, "terminal", at, instance);
        recording.links = vec![RecordingLink::new(ended.id, at, None)];
        let mut complete = recording.clone();
        complete.status = RecordingStatus::Complete;
        vec![
            Piece::Open(open),
            Piece::Ended(ended),
            Piece::Event(line),
            Piece::Event(happened),
            Piece::Chunk(recording.clone(), 0),
            Piece::Chunk(recording, 1),
            Piece::Recording(complete),
        ]
    }

    fn send(&self, log: &mut Log) {
        let mut state = LogState::default();
        match self.clone() {
            Piece::Open(one) => state.open = Some(vec![one]),
            Piece::Ended(one) => return log.send(vec![one], Vec::new()),
            Piece::Event(one) => return log.send(Vec::new(), vec![one]),
            Piece::Recording(one) => state.recordings = vec![one],
            Piece::Chunk(recording, number) => {
                let mut batch = log.batch(Vec::new(), Vec::new());
                batch.up_to.chunk += 1;
                log.places = batch.up_to;
                let at = recording.started_at;
                let chunk = ChunkRecord::new(number, "", at, Codec::Zstd, b"secret".to_vec());
                batch.chunks = vec![(recording.id, chunk)];
                batch.recordings = vec![recording];
                return log.intake.accept(&batch).unwrap();
            }
        }
        log.intake.update(&state).unwrap();
    }
}

#[test]
fn nothing_of_an_erased_actor_is_left_in_whatever_order_it_arrives() {
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let tables = "TRUNCATE tower_activity.activity, tower_activity.event, tower_activity.open, tower_activity.dedup, \
         tower_activity.chunk, tower_activity.recording, tower_activity.link, tower_activity.tombstone, tower_activity.erased, \
         tower_activity.batch, tower_activity.log, tower_activity.text";
    drop(Log::connect(&url, 1));
    for round in 0..12 {
        let mut pieces = Piece::all();
        random.shuffle(&mut pieces);
        let erased_before = random.usize(..=pieces.len());
        let story = format!("round {round}, erased before {erased_before} of {pieces:#?}");
        let mut log = Log::connect(&url, 1);
        let mut maintenance = store.maintenance().unwrap();
        for (at, piece) in pieces.iter().enumerate() {
            if at == erased_before {
                maintenance.erase("ann", &mut |_| {}).unwrap();
            }
            piece.send(&mut log);
            // Some batches are counted only later.
            if random.bool() {
                log.fold();
            }
        }
        if erased_before == pieces.len() {
            maintenance.erase("ann", &mut |_| {}).unwrap();
        }
        assert_eq!(number(&url, LEFT), 0, "{story}");
        // All of it again, from the same file and from a clone.
        let mut clone = Log::connect(&url, 2);
        for piece in &pieces {
            piece.send(&mut log);
            piece.send(&mut clone);
        }
        log.fold();
        assert_eq!(number(&url, LEFT), 0, "again: {story}");
        assert_eq!(all(&mut *store.reader().unwrap()).len(), 1);
        drop((log, clone));
        postgres::query(&url, tables);
    }
}

#[test]
fn what_stays_of_an_erased_record_is_found_by_its_words() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    let mut one = activity(at, 1);
    one.name = "login".to_owned().into();
    one.scope.actor = Some("ann".to_owned().into());
    one.scope.project = Some("acme".to_owned().into());
    let mut happened = event(at, 2);
    happened.scope.actor = Some("ann".to_owned().into());
    let mut line = event(at, 3);
    line.activity = Some(one.id);
    log.send(vec![one], vec![happened, line]);
    let found = |words: &str| {
        let filter = Filter::parse(words, Utc::now()).unwrap();
        let mut reader = store.reader().unwrap();
        let activities = Source::<ActivityRecord>::list(&mut *reader, &filter, None, 10).unwrap();
        let events = Source::<EventRecord>::list(&mut *reader, &filter, None, 10).unwrap();
        (activities.records.len(), events.records.len())
    };
    assert_eq!(
        [found("login"), found("acme"), found("deployment")],
        [(1, 0), (1, 0), (0, 2)]
    );
    store
        .maintenance()
        .unwrap()
        .erase("ann", &mut |_| {})
        .unwrap();
    assert_eq!(
        [found("login"), found("acme"), found("deployment")],
        [(1, 0), (1, 0), (0, 2)]
    );
    assert_eq!(found("ann"), (0, 0));
}
