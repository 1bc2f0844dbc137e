//! Temporary objects of a forwarder: functions that run with the rights of the maintainer do not see them.

use chrono::{Duration, Utc};

use super::{
    Log, activity, event, number,
    roles::{Roles, refused},
};
use crate::support::postgres;

/// Notices whatever is run with the rights of another user.
const SPY: &str = "CREATE FUNCTION pg_temp.spy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF current_user <> session_user THEN RAISE WARNING 'spy runs as %', current_user; END IF; RETURN true; END $$;";

/// Every function that a forwarder may call, on a log of its own.
const CALLS: &str = "SELECT log_number AS log FROM tower_activity.lease_log('a0000000-0000-0000-0000-000000000000',
      'b0000000-0000-0000-0000-000000000000', 'h') \\gset
    BEGIN;
    SELECT * FROM tower_activity.accept_batch(:log, 'b0000000-0000-0000-0000-000000000000', 0, 1, 0, 1, 0, 0, NULL, NULL, NULL, NULL,
      'c0000000-0000-0000-0000-000000000000', NULL);
    COMMIT;
    SELECT * FROM tower_activity.renew_log(:log, 'b0000000-0000-0000-0000-000000000000', 1, 1, 1);
    BEGIN;
    SELECT * FROM tower_activity.begin_fold();
    SELECT tower_activity.end_fold('{1}');
    COMMIT;
    SELECT tower_activity.erase_late(:log, 'b0000000-0000-0000-0000-000000000000', '{a0000000-0000-0000-0000-000000000000}');
    SELECT tower_activity.add_day('activity', 20000);
    SELECT tower_activity.add_days();
    SELECT tower_activity.clean_words();
    SELECT tower_activity.apply_retention(9000000000000000);
    SELECT tower_activity.apply_retention(9000000000000000);
    SELECT tower_activity.apply_retention(9000000000000000);
    SELECT tower_activity.release_log(:log, 'b0000000-0000-0000-0000-000000000000');";

#[test]
fn temporary_objects_of_a_forwarder_run_nothing_with_other_rights() {
    let roles = Roles::new();
    let at = Utc::now() - Duration::days(3);
    let mut log = Log::connect(&roles.forwards, 1);
    log.send(vec![activity(at, 1)], vec![event(at, 1)]);
    log.fold();
    // The roles take it away from all users.
    refused(&roles.forwards, "CREATE TEMP TABLE mine ()");
    let name = roles.url.rsplit('/').next().unwrap();
    postgres::query(
        &roles.url,
        &format!(
            "GRANT TEMPORARY ON DATABASE {name} TO PUBLIC; \
             DO $$ DECLARE last bigint; BEGIN \
               UPDATE tower_activity.mark SET value = value - 1 WHERE name = 'ahead' RETURNING value INTO last; \
               EXECUTE format('DROP TABLE tower_activity.activity_%s, tower_activity.event_%1$s', last); END $$; \
             INSERT INTO tower_activity.retention VALUES ('activities', 86400000000, NULL), ('events', 86400000000, 1000), \
               ('sums', 86400000000, NULL), ('recordings', 86400000000, NULL)"
        ),
    );
    let mut relations = String::new();
    for name in ["pg_class", "pg_am", "pg_inherits", "pg_namespace"] {
        relations += &format!(
            "CREATE TEMP VIEW {name} AS SELECT * FROM pg_catalog.{name} WHERE pg_temp.spy(); GRANT SELECT ON {name} TO PUBLIC;\n"
        );
    }
    for name in ["log", "mark", "batch"] {
        relations += &format!(
            "CREATE TEMP VIEW {name} AS SELECT 1 AS value WHERE pg_temp.spy(); GRANT SELECT ON {name} TO PUBLIC;\n"
        );
    }
    let mut types = String::new();
    for name in ["uuid", "text", "int8", "oid", "regnamespace", "timestamptz"] {
        types +=
            &format!("CREATE DOMAIN pg_temp.{name} AS pg_catalog.{name} CHECK (pg_temp.spy());\n");
    }
    for objects in [&relations, &types] {
        for path in ["", "SET search_path = pg_temp, public;"] {
            let script = format!("{SPY}\n{objects}{path}\n{CALLS}");
            let output = postgres::script(&roles.forwards, &script);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{script}: {message}");
            assert!(!message.contains("spy"), "{script}: {message}");
        }
    }
}

/// A search path without the temporary schema has it first.
#[test]
fn every_function_with_other_rights_searches_temporary_objects_last() {
    let url = postgres::database();
    drop(Log::connect(&url, 1));
    let all = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'tower_activity'::regnamespace AND prosecdef";
    assert!(number(&url, all) > 10);
    let unsafe_ones = "SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'tower_activity'::regnamespace \
         AND (prosecdef OR array_to_string(proconfig, ' ') LIKE '%search_path%') \
         AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY(proconfig), false)";
    assert_eq!(postgres::query(&url, unsafe_ones), "");
}
